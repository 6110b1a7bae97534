package pipeline

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"

	"etcdmod/internal/discover"
	"etcdmod/internal/finding"
	"etcdmod/internal/modules"
	"etcdmod/internal/rooted"
)

// why says why no build of a package has a file.
func why(p *discover.Package, name string) string {
	if len(p.Files) > 0 && !p.Main && packageOf(name) == "main" {
		return "it is a program of its own beside the package of its directory, in no build of that"
	}
	return "no build configuration of this run has it; name one that does with -config or -tags"
}

// leftOut names the files of other build configurations that try a mutex, and those of directories that
// no build leads to.
func (r *run) leftOut(chosen []*discover.Package) {
	reaches := map[string]bool{}
	for _, ip := range r.paths() {
		reaches[ip] = true
	}
	for _, p := range chosen {
		reaches[p.Path] = true
	}
	notable, _ := words()
	tries := func(f discover.Ignored, concerned bool) bool {
		concerned = concerned || slices.ContainsFunc(f.Imports, func(path string) bool { return reaches[path] })
		return concerned && slices.ContainsFunc(notable, func(w string) bool { return f.Mention[w] })
	}
	for _, p := range r.mod.Packages {
		for _, f := range p.Ignored {
			if tries(f, reaches[p.Path]) {
				r.skip(f.Name, finding.SkipConstraints, why(p, f.Name))
			}
		}
	}
	for _, f := range r.mod.Hidden {
		if tries(f, false) && runs(r.mod, f) {
			r.skip(f.Name, finding.SkipConstraints, "\"./...\" does not lead to its directory, and nothing of the module imports it; whoever names the directory builds it")
		}
	}
}

// runs reports whether a file of a directory that no build leads to belongs to a program, or to what
// another such file imports.
func runs(mod *discover.Module, f discover.Ignored) bool {
	path := importPath(mod, filepath.Dir(f.Name))
	return packageOf(f.Name) == "main" || slices.ContainsFunc(mod.Hidden, func(g discover.Ignored) bool { return slices.Contains(g.Imports, path) })
}

// packageOf returns what the package clause of a file says, or "".
func packageOf(name string) string {
	src, err := modules.ReadFile(name, rooted.GoFile)
	if err != nil {
		return ""
	}
	f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.PackageClauseOnly)
	if err != nil {
		return ""
	}
	return f.Name.Name
}
