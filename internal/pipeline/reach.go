package pipeline

import (
	"cmp"
	"context"
	"go/token"
	"slices"
	"strings"

	"etcdmod/internal/reach"
	"etcdmod/modbump"
)

// reachLeaks finds the calls that make the leak of a client real. Packages that do not
// load have no calls; what is bumped does not depend on them.
func (r *run) reachLeaks(ctx context.Context) error {
	var leaking []int
	for i, b := range r.res.Bumps {
		if b.Leaks && !b.Harmless {
			leaking = append(leaking, i)
		}
	}
	if len(leaking) == 0 {
		return nil
	}
	r.log("looking for calls that leak")
	progs, err := r.load(ctx, r.mod, r.mod.Importers(modbump.ClientImports()...))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		r.log("they cannot be told: %v", err)
		return nil
	}
	var calls []reach.Call
	seen := map[token.Position]bool{}
	for _, prog := range progs {
		for _, c := range reach.Calls(prog.Fset, prog.Packages) {
			if !seen[c.Pos] {
				seen[c.Pos] = true
				calls = append(calls, c)
			}
		}
	}
	slices.SortStableFunc(calls, func(a, b reach.Call) int {
		return cmp.Or(strings.Compare(a.Pos.Filename, b.Pos.Filename), cmp.Compare(a.Pos.Offset, b.Pos.Offset))
	})
	for _, i := range leaking {
		r.res.Bumps[i].Calls = calls
	}
	return nil
}
