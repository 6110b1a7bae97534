// Package vendoring makes the vendor directory of a module again after its go.mod changed.
//
// It takes the go.mod and go.sum before and after, and gives the files below vendor that
// differ. It never writes to the module: "go mod vendor" writes to a scratch directory. A
// vendor directory has to mean what "go mod vendor" makes of the go.mod before, where it would
// be changed: the go command of today writes modules.txt in another order and with more in it
// than that of go 1.11 did, and leaves out files that no build reads. What differs otherwise
// was edited by hand, and is an error.
package vendoring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"etcdmod/internal/modules"
	"etcdmod/internal/rooted"

	"etcdmod/internal/change"
	"etcdmod/internal/gocmd"
)

// A State is a go.mod with its go.sum; a nil go.sum is none.
type State struct{ GoMod, GoSum []byte }

// A Result is what becomes of a vendor directory.
type Result struct {
	Changes []change.Change // sorted by path
	// Edited are files that a build reads, that "go mod vendor" makes otherwise, or not at
	// all, and that stay as they are: what was compiled does not have them.
	Edited []string
}

// Changes returns what "go mod vendor" would change in the module in root. It downloads the
// modules that are vendored.
func Changes(ctx context.Context, r gocmd.Runner, root string, before, after State) (*Result, error) {
	was, err := vendor(ctx, r, before)
	if err != nil {
		return nil, fmt.Errorf("the vendor directory cannot be compared with go.mod: %w", err)
	}
	is, err := vendor(ctx, r, after)
	if err != nil {
		return nil, fmt.Errorf("the vendor directory cannot be made for the edited go.mod: %w", err)
	}
	present, err := read(root)
	if err != nil {
		return nil, err
	}
	names := maps.Clone(was)
	maps.Copy(names, is)
	maps.Copy(names, present)
	changing := map[string]bool{} // directories
	for name := range names {
		changing[filepath.Dir(name)] = changing[filepath.Dir(name)] || !same(was, is, name)
	}
	res := &Result{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		old, there := present[name]
		made, had := was[name]
		new, has := is[name]
		path := filepath.Join(root, "vendor", name)
		asMade := same(present, was, name) || name == list && there && had && sameModules(old, made)
		switch {
		case !same(was, is, name) && !asMade:
			return nil, fmt.Errorf("%s is not what \"go mod vendor\" makes of the go.mod as it is; run \"go mod vendor\" first, or bump by hand if vendor has changes of its own", filepath.Join("vendor", name))
		case !same(was, is, name):
			res.Changes = append(res.Changes, change.Change{Path: path, Old: old, New: new, Created: !there, Deleted: !has})
		case asMade:
		case !had && !has && changing[filepath.Dir(name)] && leftOut(name, old):
			// An earlier go command vendored it.
			res.Changes = append(res.Changes, change.Change{Path: path, Old: old, Deleted: true})
		case there && compiled(name, old) || !there && compiled(name, made):
			res.Edited = append(res.Edited, path)
		}
	}
	return res, nil
}

// same reports whether two vendor directories have the same file of a name, or none.
func same(a, b map[string][]byte, name string) bool {
	x, inA := a[name]
	y, inB := b[name]
	return inA == inB && bytes.Equal(x, y)
}

// read returns the files below the vendor directory of a module.
func read(root string) (map[string][]byte, error) {
	top := filepath.Join(root, "vendor")
	within, below := modules.Boundary(top)
	dir, err := rooted.Open(within)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	files := map[string][]byte{}
	err = filepath.WalkDir(top, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(top, name)
		if err != nil {
			return err
		}
		files[rel], err = dir.ReadFile(filepath.Join(below, rel), rooted.SumFile)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return files, nil
	}
	return files, err
}

// vendor runs "go mod vendor" and returns the files that it makes by their names below
// vendor.
func vendor(ctx context.Context, r gocmd.Runner, s State) (map[string][]byte, error) {
	dir, err := r.MkdirTemp("etcdmod-vendor-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	mod := filepath.Join(dir, "go.mod")
	if err := os.WriteFile(mod, s.GoMod, 0o600); err != nil {
		return nil, err
	}
	if s.GoSum != nil {
		if err := os.WriteFile(filepath.Join(dir, "go.sum"), s.GoSum, 0o600); err != nil {
			return nil, err
		}
	}
	out := filepath.Join(dir, "vendor")
	if _, err := r.With("GOWORK=off").Run(ctx, "mod", "vendor", "-modfile="+mod, "-o", out); err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	err = filepath.WalkDir(out, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(out, name)
		if err != nil {
			return err
		}
		files[rel], err = os.ReadFile(name)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return files, nil // nothing to vendor
	}
	return files, err
}
