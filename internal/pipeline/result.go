package pipeline

import (
	"context"
	"path/filepath"

	"etcdmod/internal/bump"
	"etcdmod/internal/change"
	"etcdmod/internal/discover"
	"etcdmod/internal/finding"
	"etcdmod/internal/pathname"
)

// A Result is what became of a module.
type Result struct {
	Module   *discover.Module
	Packages int  // how many were asked for
	Whole    bool // the packages are those of the whole module
	Findings []*finding.Finding
	Ignored  []*finding.Finding // as comments in the source ask for
	// Unselected is how many findings Options.Only has left out.
	Unselected int
	Tries      []finding.Try // the places that try a lock, each with a finding or a verdict
	Bumps      []bump.Bump
	Changes    []change.Change // verified, sorted by path
	// Refresh is what goes before the changes, in a patch of its own: a vendor directory as the
	// go.mod before asks for it. It is sorted by path.
	Refresh []change.Change
	Skipped []finding.Skip
	// Awaits says that the changes were verified on top of [Options.Awaited].
	Awaits bool
	// Incomplete says that something was refused or not covered.
	Incomplete bool
	// Failed holds what verification said when it accepted nothing of what was proposed.
	Failed []finding.Problem

	part func(context.Context, []change.Change) ([]finding.Problem, error)
}

// Part verifies some of the changes without the others, as all of them were, and returns
// the problems that they bring.
func (res *Result) Part(ctx context.Context, some []change.Change) ([]finding.Problem, error) {
	return res.part(ctx, some)
}

// Written are the changes of files as they are on disk: those of the refresh and, on top of them,
// the others.
func (res *Result) Written() []change.Change { return change.Compose(res.Refresh, res.Changes) }

// Home is the directory that all changes lie below: that of the module, or of the workspace whose
// vendor directory changes with it.
func (res *Result) Home() string {
	for _, c := range res.Written() {
		if !pathname.Below(res.Module.Root, c.Path) {
			return filepath.Dir(res.Module.Workspace)
		}
	}
	return res.Module.Root
}

// homes are the directories that changes of a module may lie below.
func homes(mod *discover.Module) []string {
	dirs := []string{mod.Root}
	if mod.Workspace != "" && filepath.Dir(mod.Workspace) != mod.Root {
		dirs = append(dirs, filepath.Dir(mod.Workspace))
	}
	return dirs
}
