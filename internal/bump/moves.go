package bump

import (
	"bytes"
	"context"
	"slices"

	"etcdmod/internal/bump/gosum"
)

// moves notes which other modules are built in another version than before, as far as the
// diff of go.mod does not show it. Modules of which no package is needed have no content in
// go.sum, and are of no interest.
func (a *attempt) moves(ctx context.Context) {
	if a.policy.Build == nil && !a.amended && !a.opts.Tidy {
		return
	}
	before, err1 := gosum.BuildList(ctx, a.Go, a.GoMod, a.oldSum)
	after, err2 := gosum.BuildList(ctx, a.Go, a.gomod, a.gosum)
	if err1 != nil || err2 != nil {
		return
	}
	is := func(m gosum.Module) string {
		if m.Replace != nil {
			return m.Replace.Path + " " + m.Replace.Version
		}
		return m.Version
	}
	was := map[string]string{}
	for _, m := range before {
		was[m.Path] = is(m)
	}
	edited := requirements(a.gomod)
	for path, version := range requirements(a.GoMod) {
		if edited[path] == version {
			delete(edited, path) // what is left changes in go.mod
		}
	}
	for _, m := range after {
		shown := edited[m.Path] != "" || slices.ContainsFunc(a.bumps, func(b Bump) bool { return b.Module == m.Path })
		needed := bytes.Contains(a.gosum, []byte(m.Path+" "+m.Version+" h1:"))
		if m.Path == "google.golang.org/grpc" {
			a.movedGRPC = m.Version
			if m.Replace != nil {
				a.movedGRPC = m.Replace.Version
			}
		}
		if old, ok := was[m.Path]; ok && old != is(m) && needed && !shown {
			a.note("also moves: %s from %s to %s", m.Path, old, is(m))
		}
	}
}
