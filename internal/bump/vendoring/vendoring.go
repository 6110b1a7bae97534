// Package vendoring makes a vendor directory again after a go.mod changed: that of a module, or
// the one that a workspace has for all of its modules.
//
// It takes the go.mod and go.sum before and after, and gives the files below vendor that
// differ. It never writes to the module: the go command writes to a scratch directory. What
// makes a vendor directory otherwise than the go command makes it of the go.mod before is given
// apart: the go command of today writes modules.txt in another order and with more in it than
// that of go 1.11 did, and leaves out files that no build reads, and a go.mod may have been
// edited without it. That is refreshed first, where all of it is what some go command made:
// what the modules hold that modules.txt names. What differs otherwise was edited by hand, and
// is an error.
package vendoring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"etcdmod/internal/change"
	"etcdmod/internal/gocmd"
	"etcdmod/internal/modules"
	"etcdmod/internal/rooted"
)

// A State is a go.mod with its go.sum; a nil go.sum is none.
type State struct{ GoMod, GoSum []byte }

// A Directory is a vendor directory, and what makes it.
type Directory struct {
	// Home is the directory that it is in: that of the go.mod, or of the go.work.
	Home string
	// Work is the go.work that it is for; "" for that of a module alone.
	Work string
	// Go runs in the root directory of the module whose go.mod changes. What its layer has counts
	// as what is on disk.
	Go gocmd.Runner
}

// Command is what makes the directory.
func (d Directory) Command() string {
	if d.Work != "" {
		return "go work vendor"
	}
	return "go mod vendor"
}

// A Result is what becomes of a vendor directory.
type Result struct {
	// Refresh makes of it what the go command makes of the go.mod before, and Changes make of
	// that what it makes of the one after. Both are sorted by path, which is absolute.
	Refresh, Changes []change.Change
	// Edited are files that a build reads, that the go command makes otherwise, or not at
	// all, and that stay as they are: what was compiled does not have them.
	Edited []string
}

// Changes returns what the go command would change in the directory. It downloads the
// modules that are vendored.
func (d Directory) Changes(ctx context.Context, before, after State) (*Result, error) {
	c := comparison{Directory: d}
	var err error
	if c.present, err = d.read(); err != nil {
		return nil, err
	}
	if c.is, err = d.make(ctx, after); err != nil {
		return nil, fmt.Errorf("the vendor directory cannot be made for the edited go.mod: %w", err)
	}
	c.origins = newOrigins(d, c.present)
	defer c.origins.close()
	if c.was, err = d.make(ctx, before); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		// Where it is whole, it says itself what was built.
		if c.was = c.present; !c.origins.whole(ctx, c.is) {
			return nil, fmt.Errorf("the vendor directory cannot be compared with go.mod: %w", err)
		}
	}
	return c.result(ctx)
}

// A comparison holds what is vendored, by the names of the files below vendor: what is there, and
// what the go command makes before and after.
type comparison struct {
	Directory
	present, was, is map[string][]byte
	origins          *origins
}

func (c *comparison) result(ctx context.Context) (*Result, error) {
	names := maps.Clone(c.was)
	maps.Copy(names, c.is)
	maps.Copy(names, c.present)
	changing := map[string]bool{} // directories
	for name := range names {
		changing[filepath.Dir(name)] = changing[filepath.Dir(name)] || !same(c.was, c.is, name)
	}
	res := &Result{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		old, there := c.present[name]
		made, had := c.was[name]
		new, has := c.is[name]
		path := filepath.Join(c.Home, "vendor", name)
		changes := !same(c.was, c.is, name)
		stale := !same(c.present, c.was, name)
		switch {
		case stale && c.refreshed(ctx, name, changing[filepath.Dir(name)]):
			res.Refresh = append(res.Refresh, change.Change{Path: path, Old: old, New: made, Created: !there, Deleted: !had})
		case stale && changes:
			return nil, fmt.Errorf("%s is not what \"%s\" makes of the go.mod as it is; run \"%[2]s\" first, or bump by hand if vendor has changes of its own", filepath.Join("vendor", name), c.Command())
		case stale && (there && compiled(name, old) || !there && compiled(name, made)):
			res.Edited = append(res.Edited, path)
		}
		if changes {
			res.Changes = append(res.Changes, change.Change{Path: path, Old: made, New: new, Created: !had, Deleted: !has})
		}
	}
	return res, ctx.Err()
}

// refreshed reports whether a file that is not as the go command makes it now is as one made it
// once. changing says that the directory is another one afterwards.
func (c *comparison) refreshed(ctx context.Context, name string, changing bool) bool {
	if name == list {
		_, there := c.present[list]
		return there && (sameModules(c.present[list], c.was[list]) || c.origins.listed(ctx, c.was))
	}
	_, had := c.was[name]
	if text, there := c.present[name]; changing && there && !had && leftOut(name, text) {
		return true // an earlier go command vendored it
	}
	return c.origins.made(ctx, name)
}

// same reports whether two vendor directories have the same file of a name, or none.
func same(a, b map[string][]byte, name string) bool {
	x, inA := a[name]
	y, inB := b[name]
	return inA == inB && bytes.Equal(x, y)
}

// read returns the files below the vendor directory, as the layer has them.
func (d Directory) read() (map[string][]byte, error) {
	top := filepath.Join(d.Home, "vendor")
	within, below := modules.Boundary(top)
	dir, err := rooted.Open(within)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	files := map[string][]byte{}
	err = filepath.WalkDir(top, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || d.Go.Layer.Gone(name) {
			return err
		}
		rel, err := filepath.Rel(top, name)
		if err != nil {
			return err
		}
		files[rel], err = dir.ReadFile(filepath.Join(below, rel), rooted.SumFile)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	laid, err := d.Go.Layer.Files()
	for name, text := range laid {
		if rel, err := filepath.Rel(top, name); err == nil && filepath.IsLocal(rel) {
			files[rel] = text
		}
	}
	return files, err
}
