// Package shadow runs the go command over edited files, without a write below the module.
//
// The edits reach the go command through an overlay; what cannot run under an overlay
// runs in a scratch copy. There is a side before and a side after the edits, and what a
// go command prints is given back with the names of the user's own files. A workspace is
// run from a copy of its go.work, and the toolchain is the one that the edited files ask
// for. What a difference between the sides means is not known here.
package shadow

import (
	"context"
	"maps"
	"path/filepath"

	"etcdmod/internal/gocmd"
)

// A Request is what a shadow is made of.
type Request struct {
	// Go runs the go command. Go.Dir is the root directory of the module; Go.Env is
	// the environment of the user, GOWORK included. What its layer has counts as the
	// original.
	Go gocmd.Runner
	// Edits give the new content of every edited and every new file by absolute path.
	Edits map[string][]byte
	// Patterns are packages that are listed beside those of the main modules.
	Patterns []string
	// Flags are build flags, and flags that only "go test" knows.
	Flags []string
}

// A Shadow is a module before and after edits.
type Shadow struct {
	Before, After *Side

	req      Request
	settings *settings
	edits    map[string][]byte
	tmp      string  // holds everything that is written; removed at the end
	places   *Places // where the files in messages really are
}

// Open makes a shadow. It fails when the directory is not the root of a module.
func Open(ctx context.Context, req Request) (_ *Shadow, err error) {
	set, err := readSettings(ctx, req)
	if err != nil {
		return nil, err
	}
	w := &Shadow{req: req, settings: set, edits: set.spell(req.Edits)}
	// What is compiled there, the build cache knows by its directory.
	if w.tmp, err = req.Go.TempFor("etcdmod-verify-", set.root); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.Close()
		}
	}()
	// The go command may resolve symbolic links on the way to it, and messages must match.
	if real, err := filepath.EvalSymlinks(w.tmp); err == nil {
		w.tmp = real
	}
	w.places = NewPlaces(set.root, map[string]string{})
	laid, err := req.Go.Layer.Files()
	if err != nil {
		return nil, err
	}
	var base *overlay
	if len(laid) > 0 {
		if base, err = w.newOverlay(laid); err != nil {
			return nil, err
		}
	}
	maps.Copy(laid, w.edits)
	over, err := w.newOverlay(laid)
	if err != nil {
		return nil, err
	}
	if w.Before, err = w.newSide("before", base); err != nil {
		return nil, err
	}
	if w.After, err = w.newSide("after", over); err != nil {
		return nil, err
	}
	return w, nil
}

// Close removes what was written.
func (w *Shadow) Close() { removeAll(w.tmp) }

// Root gives the module directory as the caller spells it.
func (w *Shadow) Root() string { return w.settings.root }

// Edits give the edited content by absolute path below [Shadow.Root].
func (w *Shadow) Edits() map[string][]byte { return w.edits }

// Places give the places of what is printed under the overlay.
func (w *Shadow) Places() *Places { return w.places }

// GOARCH gives the architecture that is built for.
func (w *Shadow) GOARCH() string { return w.settings.GOARCH }

// TestFlags give those of the flags that only "go test" knows.
func (w *Shadow) TestFlags() []string { return w.settings.test }

// VetsOverlays reports whether "go vet" reads the edits. That of go 1.21 still read the
// files on disk under an overlay, and saw nothing of an edit; that of go 1.24 does not.
func (w *Shadow) VetsOverlays() bool { return w.settings.atLeast("go1.24") }
