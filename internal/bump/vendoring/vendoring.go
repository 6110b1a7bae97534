// Package vendoring makes the vendor directory of a module again after its go.mod changed.
//
// It takes the go.mod and go.sum before and after, and gives the files below vendor that
// differ. It never writes to the module: "go mod vendor" writes to a scratch directory. A
// vendor directory that is not what "go mod vendor" made of the go.mod before is an error
// where it would be changed, since somebody edited it by hand.
package vendoring

import (
	"bytes"
	"context"
	"errors"
	"etcdmod/internal/modules"
	"etcdmod/internal/rooted"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"etcdmod/internal/change"
	"etcdmod/internal/gocmd"
)

// A State is a go.mod with its go.sum; a nil go.sum is none.
type State struct{ GoMod, GoSum []byte }

// Changes returns what "go mod vendor" would change in the module in root, sorted by path.
// It downloads the modules that are vendored.
func Changes(ctx context.Context, r gocmd.Runner, root string, before, after State) ([]change.Change, error) {
	was, err := vendor(ctx, r, before)
	if err != nil {
		return nil, fmt.Errorf("the vendor directory cannot be compared with go.mod: %w", err)
	}
	is, err := vendor(ctx, r, after)
	if err != nil {
		return nil, fmt.Errorf("the vendor directory cannot be made for the edited go.mod: %w", err)
	}
	names := maps.Clone(was)
	maps.Copy(names, is)
	var changes []change.Change
	for _, name := range slices.Sorted(maps.Keys(names)) {
		old, had := was[name]
		new, has := is[name]
		if had == has && bytes.Equal(old, new) {
			continue
		}
		path := filepath.Join(root, "vendor", name)
		present, err := modules.ReadFile(path, rooted.SumFile)
		switch there := !errors.Is(err, fs.ErrNotExist); {
		case there && err != nil:
			return nil, err
		case there != had || there && !bytes.Equal(present, old):
			return nil, fmt.Errorf("%s is not what \"go mod vendor\" makes of the go.mod as it is; run \"go mod vendor\" first, or bump by hand if vendor has changes of its own", filepath.Join("vendor", name))
		}
		changes = append(changes, change.Change{Path: path, Old: old, New: new, Created: !had, Deleted: !has})
	}
	return changes, nil
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
