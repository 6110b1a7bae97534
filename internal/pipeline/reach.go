package pipeline

import (
	"context"

	"etcdmod/internal/load"
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
	var dirs []string
	for _, p := range r.mod.Importers(modbump.ClientImports()...) {
		if len(p.Files) > 0 {
			dirs = append(dirs, p.Dir)
		}
	}
	if len(dirs) == 0 {
		return nil
	}
	r.log("looking for calls that leak in %d packages", len(dirs))
	prog, err := load.Load(ctx, r.goCmd, dirs, r.flags)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		r.log("they cannot be told: %v", err)
		return nil
	}
	calls := reach.Calls(prog.Fset, prog.Packages)
	for _, i := range leaking {
		r.res.Bumps[i].Calls = calls
	}
	return nil
}
