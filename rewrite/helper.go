package rewrite

import (
	"bytes"
	pathpkg "path"
	"path/filepath"
	"sort"
	"strings"

	"etcdmod/internal/change"
	"etcdmod/internal/finding"
	"etcdmod/internal/helper"
)

// A Helper is a helper package that etcdmod has generated before, in this module or in
// another one.
type Helper struct {
	Import string // import path
	Name   string // package name
	Client string // import path of the package concurrency that it is for
	Clocks bool   // it has the clocks that a gate needs
}

// hasClocks reports whether the helper package has the clocks, or can be given them.
func (in *Input) hasClocks() bool { return in.Helper == nil || in.Helper.Clocks }

// helperName is the name of the helper package.
func (in *Input) helperName() string {
	if in.Helper != nil {
		return in.Helper.Name
	}
	return pathpkg.Base(in.HelperDir)
}

// HelperImport is the import path of the helper package.
func (pl *Plan) HelperImport() string { return pl.p.in.helperImport() }

func (in *Input) helperImport() string {
	if in.Helper != nil {
		return in.Helper.Import
	}
	return pathpkg.Join(in.ModulePath, in.HelperDir)
}

// helperFits refuses what the helper package cannot serve: mutexes of another client than
// an existing helper is for, and code that may not import the package.
func (pl *Plan) helperFits() {
	h, path := pl.p.in.Helper, pl.HelperImport()
	for _, f := range pl.proposals {
		if f.Tier == finding.Refuse {
			continue
		}
		if h != nil && f.component.path != h.Client {
			f.Refuse(finding.Reason{Code: finding.HelperClient, Detail: h.Import + " is for " + h.Client, Pos: f.Pos})
			continue
		}
		for _, c := range f.components {
			for _, s := range c.node.spelled {
				if from := strings.TrimSuffix(s.file.pkg.PkgPath, "_test"); f.Tier > finding.Refuse && !mayImport(from, path) {
					f.Refuse(finding.Reason{Code: finding.HelperInternal, Detail: from + " may not import " + path, Pos: pl.p.position(s.sel.Pos())})
				}
			}
		}
	}
}

// mayImport reports whether the rule for internal directories lets the package from
// import path: what lies below a directory named internal is for the tree around it.
func mayImport(from, path string) bool {
	i := strings.LastIndex("/"+path+"/", "/internal/")
	if i <= 0 {
		return i < 0
	}
	root := path[:i-1]
	return from == root || strings.HasPrefix(from, root+"/")
}

// helperTaken refuses everything when the helper's directory holds somebody's package, or
// a file of theirs where one of the helper's has to go. Files beside the helper's are fine.
func (pl *Plan) helperTaken() {
	if pl.p.in.Helper != nil {
		return
	}
	files := pl.p.in.HelperFiles
	taken := ""
	for _, name := range sortedNames(files) {
		ours := name == helper.MutexFile || name == helper.ClocksFile
		if filepath.Ext(name) == ".go" && !helper.IsGenerated(files[name]) && (ours || !helper.IsGenerated(files[helper.MutexFile])) {
			taken = name
			break
		}
	}
	if taken == "" {
		return
	}
	for _, f := range pl.proposals {
		if f.Tier > finding.Refuse {
			f.Refuse(finding.Reason{Code: finding.HelperTaken, Detail: pathpkg.Join(pl.p.in.HelperDir, taken)})
		}
	}
}

func sortedNames(files map[string][]byte) []string {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// helperChanges brings the helper package up to date, unless an existing one is used.
func (pl *Plan) helperChanges(client string, clocks bool) ([]change.Change, error) {
	in := pl.p.in
	if in.Helper != nil {
		return nil, nil
	}
	if _, ok := in.HelperFiles[helper.ClocksFile]; ok {
		clocks = true // code that was rewritten earlier needs them
	}
	files, err := helper.Generate(helper.Config{
		Package:     pathpkg.Base(in.HelperDir),
		Concurrency: client,
		Client:      pl.p.clientBeside(client),
		Version:     in.Version,
		Clocks:      clocks,
	})
	if err != nil {
		return nil, err
	}
	var out []change.Change
	for _, name := range []string{helper.ClocksFile, helper.MutexFile} {
		src, ok := files[name]
		if !ok {
			continue
		}
		old, exists := in.HelperFiles[name]
		if exists && bytes.Equal(old, src) {
			continue
		}
		out = append(out, change.Change{
			Path:    filepath.Join(in.ModuleDir, filepath.FromSlash(in.HelperDir), name),
			Old:     old,
			New:     src,
			Created: !exists,
		})
	}
	return out, nil
}
