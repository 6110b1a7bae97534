package pipeline

import (
	"slices"

	"etcdmod/internal/bump"
	"etcdmod/internal/finding"
)

// module is what is bumped.
func (r *run) module() bump.Module {
	first := r.Configurations[0]
	m := bump.Module{Module: r.mod, Go: r.goCmd, List: r.goFor(first), Flags: r.flagsFor(first), Verify: r.judge, Log: r.log}
	if !r.Awaited.Empty() {
		m.Go.Layer, m.List.Layer = r.Awaited, r.Awaited
	}
	return m
}

// settle decides whether rewrites are verified with what is awaited. Where the requirements of
// the module could not follow that, it does not load there, and the rewrites stand alone.
func (r *run) settle(made *bump.Made) {
	if slices.ContainsFunc(made.Skipped, func(s finding.Skip) bool { return s.Reason == finding.SkipNotRefreshed }) {
		r.awaited = nil
	}
	r.res.Awaits = len(r.awaited) > 0
}
