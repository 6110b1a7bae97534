package bump

import (
	"context"
	"maps"
	"slices"
	"strings"

	"etcdmod/internal/bump/gosum"
	"etcdmod/internal/finding"
	"etcdmod/internal/modules"
	"etcdmod/internal/verify"
)

// hasTools reports whether the go.mod has tool directives: what they name is built with
// the same versions as the packages of the module.
func (m Module) hasTools() bool {
	file, err := modules.ParseGoMod(m.GoModFile, m.GoMod)
	return err == nil && file.Tools
}

// tools returns the packages that do not compile with the bumps and are part of a tool
// that does without them. Verification looks at the packages of the module alone.
func (a *attempt) tools(ctx context.Context) ([]finding.Problem, error) {
	if !a.hasTools() {
		return nil, nil
	}
	a.Log("compiling the tools")
	after, err := gosum.Uncompiled(ctx, a.Go, a.gomod, a.gosum, "tool")
	if err != nil || len(after) == 0 {
		return nil, err
	}
	before, err := gosum.Uncompiled(ctx, a.Go, a.GoMod, a.oldSum, "tool")
	if err != nil {
		return nil, ctx.Err() // it did not load before either
	}
	var worse []finding.Problem
	for _, path := range slices.Sorted(maps.Keys(after)) {
		if _, had := before[path]; !had {
			said := strings.Join(strings.Fields(after[path]), " ")
			worse = append(worse, finding.Problem{Package: path, Message: "of a tool: " + a.Local(said), Phase: verify.PhaseBuild})
		}
	}
	return worse, nil
}
