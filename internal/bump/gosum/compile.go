package gosum

import (
	"context"

	"etcdmod/internal/gocmd"
)

// Uncompiled returns the packages that do not compile in r.Dir when the go.mod and go.sum
// there are gomod and gosum, dependencies included, with what the go command says. It
// compiles the packages and links nothing.
func Uncompiled(ctx context.Context, r gocmd.Runner, gomod, gosum []byte, packages ...string) (map[string]string, error) {
	s, err := newScratch(r, gomod, gosum)
	if err != nil {
		return nil, err
	}
	defer s.remove()
	overlay, err := s.overlay(r)
	if err != nil {
		return nil, err
	}
	return load(ctx, r, packages, "-mod=readonly", "-export", "-overlay="+overlay)
}
