package rewrite

import (
	"bytes"
	"go/token"
	pathpkg "path"
	"path/filepath"
	"slices"
	"strings"

	"etcdmod/internal/change"
	"etcdmod/internal/finding"
	"etcdmod/internal/helper"
	"etcdmod/internal/importpath"
	"etcdmod/rewrite/internal/source"
)

// HelperImport is the import path of the helper package.
func (pl *Plan) HelperImport() string { return pl.p.In.HelperImport() }

// helperFits refuses what the helper package cannot serve: mutexes of another client than
// an existing helper is for, and code that may not import the package.
func (pl *Plan) helperFits() {
	h, path := pl.p.In.Helper, pl.HelperImport()
	for _, f := range pl.proposals {
		if f.Tier == finding.Refuse {
			continue
		}
		if h != nil && f.client != h.Client {
			f.Refuse(finding.Reason{Code: finding.HelperClient, Detail: h.Import + " is for " + h.Client, Pos: f.Pos})
			continue
		}
		imported := func(file *source.File, at token.Pos) {
			if from := strings.TrimSuffix(file.Pkg.PkgPath, "_test"); f.Tier > finding.Refuse && !importpath.MayImport(from, path) {
				f.Refuse(finding.Reason{Code: finding.HelperInternal, Detail: from + " may not import " + path, Pos: pl.p.Position(at)})
			}
		}
		for _, c := range f.components {
			for _, s := range c.Node.Spelled {
				imported(s.File, s.Sel.Pos())
			}
		}
		for _, r := range f.replaced {
			imported(r.in(), r.pos())
		}
	}
}

// helperTaken refuses everything when the helper's directory holds somebody's package, or
// a file of theirs where one of the helper's has to go. Files beside the helper's are fine.
func (pl *Plan) helperTaken() {
	if pl.p.In.Helper != nil {
		return
	}
	if why := pl.p.In.NoHelper; why != "" {
		for _, f := range pl.proposals {
			if f.Tier > finding.Refuse {
				f.Refuse(finding.Reason{Code: finding.HelperNowhere, Detail: why})
			}
		}
		return
	}
	files := pl.p.In.HelperFiles
	if name, state := helper.Worst(files, pl.p.In.Version); state == helper.Edited {
		for _, f := range pl.proposals {
			if f.Tier > finding.Refuse {
				f.Refuse(finding.Reason{Code: finding.HelperEdited, Detail: pathpkg.Join(pl.p.In.HelperDir, name)})
			}
		}
		return
	}
	taken := ""
	for _, name := range source.SortedNames(files) {
		ours := slices.Contains(helper.Files, name)
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
			f.Refuse(finding.Reason{Code: finding.HelperTaken, Detail: pathpkg.Join(pl.p.In.HelperDir, taken)})
		}
	}
}

// helperChanges brings the helper package up to date, unless an existing one is used.
func (pl *Plan) helperChanges(client string, needs helper.Parts) ([]change.Change, error) {
	in := pl.p.In
	if in.Helper != nil {
		return nil, nil
	}
	_, state := helper.Worst(in.HelperFiles, in.Version)
	_, earlier := in.HelperFiles[helper.EarlierFile]
	if state == helper.Newer {
		return nil, nil // it has what this version's has, and more
	}
	want := helper.Config{
		Package: pathpkg.Base(in.HelperDir), Concurrency: client, Client: pl.p.ClientBeside(client),
		Parts:   needs | helper.PartsOf(in.HelperFiles), // code that was rewritten earlier needs what there is
		Version: in.Version, Earlier: earlier || state == helper.Earlier, Header: in.HelperHeader,
	}
	if want.Header == nil { // that of the files that are there stays, and is that of new ones
		for _, name := range helper.Files {
			if header, _ := helper.Header(in.HelperFiles[name]); len(want.Header) == 0 {
				want.Header = header
			}
		}
	}
	files, err := helper.Generate(want)
	if err != nil {
		return nil, err
	}
	var out []change.Change
	for _, name := range helper.Files {
		src, ok := files[name]
		if !ok {
			continue
		}
		old, exists := in.HelperFiles[name]
		if exists && bytes.Equal(old, src) {
			continue
		}
		out = append(out, change.Change{
			Path:      filepath.Join(in.ModuleDir, filepath.FromSlash(in.HelperDir), name),
			Old:       old,
			New:       src,
			Created:   !exists,
			Generated: true,
		})
	}
	return out, nil
}
