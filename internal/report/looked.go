package report

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"etcdmod/internal/finding"
	"etcdmod/internal/pipeline"
	"etcdmod/internal/quote"
)

// Looked writes one line that says what was looked at where that is all there is to say:
// nothing was found, and nothing was left out.
func Looked(w io.Writer, res *pipeline.Result) error {
	if len(res.Findings)+len(res.Bumps)+res.Unselected > 0 || res.Incomplete {
		return nil
	}
	seen := "go.mod, " + Plural(res.Packages, "package")
	if n := len(res.Tries); n > 0 {
		seen += ", " + countTries(n) + " of a lock"
	}
	if n := len(res.Ignored); n > 0 {
		seen += ", " + Plural(n, "finding") + " that comments ask to ignore"
	}
	p := &printer{w: w, res: res}
	p.printf("nothing to do in %s: looked at %s\n", quote.Name(res.Module.Path), seen)
	return p.err
}

// Unselected writes one line that says how many findings the flags have left out.
func Unselected(w io.Writer, res *pipeline.Result) error {
	p := &printer{w: w, res: res}
	if n := res.Unselected; n > 0 {
		p.printf("left out by -finding, -rule or -only-tier: %s\n", Plural(n, "finding"))
	}
	return p.err
}

// Ways writes the comments that ignore the findings, where none of these can be rewritten. With
// such a comment, and a reason in it, the next run reports nothing.
func Ways(w io.Writer, res *pipeline.Result) error {
	const most = 5
	var lines []string
	for _, f := range res.Findings {
		if f.Tier != finding.Refuse || len(res.Failed) > 0 {
			return nil
		}
		if f.Rule != finding.IgnoreRule && f.Counts() && len(f.Refused) > 0 {
			lines = append(lines, fmt.Sprintf("%s:%d: //etcdmod:ignore %s reviewed: %s", quote.Name(rel(res, f.Pos.Filename)), f.Pos.Line, f.Rule, f.Refused[0].Code))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	p := &printer{w: w, res: res}
	p.printf("nothing here can be rewritten; where that is as it should be, this comment above the line says so, with your reason:\n")
	for i, line := range lines {
		if i == most && len(lines) > most+1 {
			p.printf("\tand %d more\n", len(lines)-most)
			break
		}
		p.printf("\t%s\n", line)
	}
	return p.err
}

// Below writes one line that names the modules below the module, which nobody looked at, and
// the command that does. dir is the directory that commands are given in.
func Below(w io.Writer, res *pipeline.Result, dir string) error {
	nested := res.Module.Nested
	if !res.Whole || len(nested) == 0 {
		return nil
	}
	p := &printer{w: w, res: res}
	p.printf("not looked at: %s\n", Modules(nested, dir, "this one", "etcdmod rollout"))
	return p.err
}

// Modules names modules below something, and says how to look at them: at one with -C, at all with
// a command. dir is the directory that commands are given in.
func Modules(below []string, dir, something, all string) string {
	const most = 5
	var names []string
	for _, name := range below {
		if to, err := filepath.Rel(dir, name); err == nil {
			name = to
		}
		names = append(names, quote.Name(filepath.ToSlash(name)))
	}
	first, more := names[0], ""
	if n := len(names) - most; n > 0 {
		names, more = names[:most], fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("%s below %s: %s%s; -C %s looks at one, %q at all", Plural(len(below), "module"), something, strings.Join(names, ", "), more, first, all)
}
