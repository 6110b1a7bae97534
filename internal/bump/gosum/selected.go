package gosum

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"etcdmod/internal/gocmd"
)

// Selected returns the version of the module path that the go command selects
// in r.Dir when the go.mod and go.sum there are gomod and gosum; nil gosum is
// none. Within a workspace that is what the workspace selects, unless the
// environment of r turns it off.
//
// A selected version that is not built since something replaces it is returned
// together with a [*ReplacedError]. A module outside the build list is
// [ErrNotSelected].
func Selected(ctx context.Context, r gocmd.Runner, gomod, gosum []byte, path string) (version string, err error) {
	s, err := newScratch(r, gomod, gosum)
	if err != nil {
		return "", err
	}
	defer s.remove()
	overlay, err := s.overlay(r)
	if err != nil {
		return "", err
	}
	out, err := r.Run(ctx, "list", "-m", "-json", "-mod=readonly", "-overlay="+overlay, "--", path)
	if err != nil {
		var cmd *gocmd.Error
		if errors.As(err, &cmd) && strings.Contains(cmd.Stderr, "not a known dependency") {
			return "", fmt.Errorf("%s: %w", path, ErrNotSelected)
		}
		return "", explain(err)
	}
	var mod struct {
		Version string
		Replace *struct{ Path, Version string }
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		return "", fmt.Errorf("go list -m -json %s: %w", path, err)
	}
	if mod.Replace != nil {
		by := strings.TrimSpace(mod.Replace.Path + " " + mod.Replace.Version)
		return mod.Version, &ReplacedError{Path: path, Version: mod.Version, By: by}
	}
	return mod.Version, nil
}

// overlay writes the file for -overlay that puts the scratch files in the place of those in
// r.Dir, over the layer of r, and returns its name.
func (s *scratch) overlay(r gocmd.Runner) (string, error) {
	dir, err := filepath.Abs(r.Dir)
	if err != nil {
		return "", err
	}
	gosum := s.sumfile()
	if _, err := os.Stat(gosum); err != nil {
		gosum = "" // as if it was not there
	}
	name := filepath.Join(s.dir, "overlay.json")
	return name, gocmd.WriteOverlay(name, r.Layer.Over(map[string]string{
		filepath.Join(dir, "go.mod"): s.modfile(),
		filepath.Join(dir, "go.sum"): gosum,
	}))
}
