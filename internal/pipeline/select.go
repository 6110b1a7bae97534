package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"etcdmod/internal/bump"
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

// bumps reports whether findings about go.mod may be wanted. They have no tier.
func (s Selection) bumps() bool {
	return len(s.Tiers) == 0 && (len(s.Rules) == 0 || slices.Contains(s.Rules, modbump.Rule))
}

// chooser leaves out what a Selection does not want, and remembers which of the findings that it
// names are there.
type chooser struct {
	Selection
	rel  func(file string) string
	used map[string]bool
}

// names reports whether a finding is among those that are named, or none are.
func (c *chooser) names(id, file string, line, col int) bool {
	at := fmt.Sprintf("%s:%d", c.rel(file), line)
	named := len(c.Findings) == 0
	for _, want := range c.Findings {
		if slices.Contains([]string{id, at, fmt.Sprintf("%s:%d", at, col)}, strings.TrimPrefix(want, "./")) {
			c.used[want], named = true, true
		}
	}
	return named
}

// bump reports whether a finding in the go.mod with a name is wanted.
func (c *chooser) bump(b bump.Bump, gomod string) bool {
	return c.names(b.ID, gomod, b.Line, b.Col) && c.bumps()
}

// apply leaves the other findings out of a plan, and returns how many those are.
func (c *chooser) apply(plan *rewrite.Plan) (left int) {
	return plan.Select(func(f *finding.Finding) bool {
		return c.names(f.ID, f.Pos.Filename, f.Pos.Line, f.Pos.Column) &&
			(len(c.Rules) == 0 || slices.Contains(c.Rules, f.Rule)) &&
			(len(c.Tiers) == 0 || slices.Contains(c.Tiers, f.Tier.String()))
	})
}

// missing is the error for findings that are named and not there.
func (c *chooser) missing() error {
	for _, want := range c.Findings {
		if !c.used[want] {
			return fmt.Errorf("there is no finding %s; \"etcdmod check -json\" shows the ID of each, and \"etcdmod check\" where it is", want)
		}
	}
	return nil
}
