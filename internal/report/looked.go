package report

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"etcdmod/internal/finding"
	"etcdmod/internal/modules"
	"etcdmod/internal/pipeline"
	"etcdmod/internal/quote"
	"etcdmod/modbump"
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

// NothingToBump reports whether a bump of the module has nothing to say: no client that is built has
// a fault that the policy acts on, and no file has to follow another module.
func NothingToBump(res *pipeline.Result) bool {
	return len(res.Bumps)+len(res.Changes)+len(res.Refresh) == 0 && !res.Incomplete && len(res.Failed) == 0
}

// LookedAtModule writes one line that says what a bump has looked at, where it has nothing else to say.
func LookedAtModule(w io.Writer, res *pipeline.Result) error {
	if !NothingToBump(res) {
		return nil
	}
	p := &printer{w: w, res: res}
	p.printf("nothing to bump in %s: looked at %s\n", quote.Name(res.Module.Path), lookedAt(res))
	return p.err
}

// LookedAtModules is [LookedAtModule] for those of several modules in which there is nothing to bump, which
// are named by their directories; dir is the one that commands are given in.
func LookedAtModules(w io.Writer, roots []string, all int, dir string) error {
	if len(roots) == 0 {
		return nil
	}
	p := &printer{w: w}
	p.printf("nothing to bump in %d of %s: looked at go.mod and at what else is built in %s\n", len(roots), Plural(all, "module"), named(roots, dir))
	return p.err
}

// lookedAt names the go.mod, and the clients of etcd that it requires.
func lookedAt(res *pipeline.Result) string {
	file, err := modules.ParseGoMod(res.Module.GoModFile, res.Module.GoMod)
	if err != nil {
		return "go.mod"
	}
	var clients []string
	for _, r := range file.Require {
		if client := quote.Name(r.String()); modbump.KnownPath(r.Path) && !slices.Contains(clients, client) {
			clients = append(clients, client)
		}
	}
	if len(clients) == 0 {
		return "go.mod, which requires no client of etcd, and at what else is built"
	}
	return "go.mod, which requires " + strings.Join(clients, " and ") + ", and at what else is built"
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
// the command that looks at all, and one that names git repositories there. dir is the directory that commands are given in.
func Below(w io.Writer, res *pipeline.Result, dir, all string) error {
	nested, apart := res.Module.Nested, res.Module.Apart
	p := &printer{w: w, res: res}
	if res.Whole && len(nested) > 0 {
		p.printf("not looked at: %s\n", Modules(nested, dir, "this one", all))
	}
	if res.Whole && len(apart) > 0 {
		p.printf("not looked at: what has a git repository of its own: %s; run there\n", named(apart, dir))
	}
	return p.err
}

// Modules names modules below something, and says how to look at them: at one with -C, at all with
// a command. dir is the directory that commands are given in.
func Modules(below []string, dir, something, all string) string {
	return fmt.Sprintf("%s below %s: %s; -C %s looks at one, %q at all", Plural(len(below), "module"), something, named(below, dir), from(below[0], dir), all)
}

// named names the first of some directories.
func named(roots []string, dir string) string {
	const most = 5
	var names []string
	for _, root := range roots[:min(most, len(roots))] {
		names = append(names, from(root, dir))
	}
	more := ""
	if n := len(roots) - most; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return strings.Join(names, ", ") + more
}

// from is the name of a directory for who is in another one.
func from(name, dir string) string {
	if to, err := filepath.Rel(dir, name); err == nil {
		name = to
	}
	return quote.Name(filepath.ToSlash(name))
}
