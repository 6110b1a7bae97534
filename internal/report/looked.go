package report

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

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

// Below writes one line that names the modules below the module, which nobody looked at, and
// the command that does. dir is the directory that commands are given in.
func Below(w io.Writer, res *pipeline.Result, dir string) error {
	const most = 5
	nested := res.Module.Nested
	if !res.Whole || len(nested) == 0 {
		return nil
	}
	var names []string
	for _, name := range nested {
		if to, err := filepath.Rel(dir, name); err == nil {
			name = to
		}
		names = append(names, quote.Name(filepath.ToSlash(name)))
	}
	first, more := names[0], ""
	if n := len(names) - most; n > 0 {
		names, more = names[:most], fmt.Sprintf(" and %d more", n)
	}
	p := &printer{w: w, res: res}
	p.printf("not looked at: %s below this one: %s%s; -C %s looks at one, \"etcdmod rollout\" at all\n", Plural(len(nested), "module"), strings.Join(names, ", "), more, first)
	return p.err
}
