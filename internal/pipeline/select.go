package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"etcdmod/internal/finding"
	"etcdmod/modbump"
	"etcdmod/rewrite"
)

// A Selection says which findings are reported, and rewritten where that is asked for. Each part
// that is not empty has to hold.
type Selection struct {
	Rules []string // names of rules
	Tiers []string // names of tiers, as they are once Options.Tier has capped them
	// Findings are IDs, or positions as reports have them: file:line or file:line:column, with a
	// file relative to Options.Repo.
	Findings []string
}

// bumps reports whether findings about go.mod are wanted. They have no tier and no ID.
func (s Selection) bumps() bool {
	return len(s.Tiers)+len(s.Findings) == 0 && (len(s.Rules) == 0 || slices.Contains(s.Rules, modbump.Rule))
}

// apply leaves the other findings out of a plan. It fails where one that is named is not there.
func (s Selection) apply(r *run, plan *rewrite.Plan) error {
	used := map[string]bool{}
	r.res.Unselected += plan.Select(func(f *finding.Finding) bool {
		at := fmt.Sprintf("%s:%d", r.mod.Rel(f.Pos.Filename), f.Pos.Line)
		named := len(s.Findings) == 0
		for _, want := range s.Findings {
			if slices.Contains([]string{f.ID, at, fmt.Sprintf("%s:%d", at, f.Pos.Column)}, strings.TrimPrefix(want, "./")) {
				used[want], named = true, true
			}
		}
		return named &&
			(len(s.Rules) == 0 || slices.Contains(s.Rules, f.Rule)) &&
			(len(s.Tiers) == 0 || slices.Contains(s.Tiers, f.Tier.String()))
	})
	return s.missing(used)
}

// missing is the error for findings that are named and not there.
func (s Selection) missing(used map[string]bool) error {
	for _, want := range s.Findings {
		if !used[want] {
			return fmt.Errorf("there is no finding %s; \"etcdmod check -json\" shows the ID of each, and \"etcdmod check\" where it is", want)
		}
	}
	return nil
}
