package gosum

import (
	"context"
	"os"

	"etcdmod/internal/gocmd"
	"etcdmod/internal/modules"
)

// Tidy returns the go.mod and go.sum that "go mod tidy" makes of those given, for the
// module in r.Dir. Unlike the rest of the package it gives out what the go command makes of
// the go.mod: with another formatting, and maybe with another go line.
func Tidy(ctx context.Context, r gocmd.Runner, gomod, gosum []byte) (newMod, newSum []byte, err error) {
	if _, err := modules.ParseGoMod("go.mod", gomod); err != nil {
		return nil, nil, err
	}
	s, err := newScratch(r, gomod, gosum)
	if err != nil {
		return nil, nil, err
	}
	defer s.remove()
	if _, err := r.With("GOWORK=off").Run(ctx, "mod", "tidy", "-modfile="+s.modfile()); err != nil {
		return nil, nil, explain(err)
	}
	if newMod, err = os.ReadFile(s.modfile()); err != nil {
		return nil, nil, err
	}
	newSum, err = s.gosum()
	return newMod, newSum, err
}
