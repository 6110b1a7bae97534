package report

import (
	"cmp"
	"maps"
	"slices"
)

// A Tally is how many there are of something.
type Tally struct {
	Name  string
	Count int
}

// Counts sums up a page.
type Counts struct {
	Modules, Units, Findings, Ignored, Skipped, Problems int
	// Changes are units that change something; Preludes are not among them.
	Changes, Preludes int
	// Rules, Tiers and Codes count findings, ModuleStates modules, States and Owners units.
	// Rules and states are in the order of the page's topics and of [States], tiers from the
	// weakest; codes and owners are in falling order.
	Rules, Tiers, Codes, ModuleStates, States, Owners []Tally
	// Matrix has the findings by rule and tier.
	Matrix map[string]map[string]int
}

var tiers = []string{"refuse", "report", "bump", "guard", "gate", "collapse"}

// Count sums up a page.
func Count(page Page) Counts {
	c := Counts{Modules: len(page.Modules), Units: len(page.Units), Matrix: map[string]map[string]int{}}
	ruleCount, tierCount, codeCount := map[string]int{}, map[string]int{}, map[string]int{}
	moduleCount, stateCount, ownerCount := map[string]int{}, map[string]int{}, map[string]int{}
	for _, m := range page.Modules {
		moduleCount[string(m.State)]++
	}
	for _, u := range page.Units {
		switch {
		case u.Prelude:
			c.Preludes++
		case slices.Contains([]State{Held, Ready, Published, Written}, u.State):
			c.Changes++
		}
		stateCount[string(u.State)]++
		for _, o := range u.Owners {
			ownerCount[o]++
		}
		c.Findings += len(u.Findings)
		c.Skipped += len(u.Skipped)
		c.Ignored += len(u.Ignored)
		c.Problems += len(u.Problems)
		for _, f := range u.Findings {
			ruleCount[f.Rule]++
			tierCount[f.Tier]++
			if c.Matrix[f.Rule] == nil {
				c.Matrix[f.Rule] = map[string]int{}
			}
			c.Matrix[f.Rule][f.Tier]++
			for _, code := range f.codes() {
				codeCount[code]++
			}
		}
	}
	var rules, stateNames []string
	for _, t := range page.Topics {
		if t.Rule {
			rules = append(rules, t.Name)
		}
	}
	for _, s := range States {
		stateNames = append(stateNames, string(s.State))
	}
	c.Rules, c.Tiers = inOrder(ruleCount, rules), inOrder(tierCount, tiers)
	c.ModuleStates, c.States = inOrder(moduleCount, stateNames), inOrder(stateCount, stateNames)
	c.Codes, c.Owners = byCount(codeCount), byCount(ownerCount)
	return c
}

// codes lists, each once, the codes of the reasons of a finding.
func (f Finding) codes() []string {
	var codes []string
	for _, r := range f.reasons() {
		if !slices.Contains(codes, r.Code) {
			codes = append(codes, r.Code)
		}
	}
	return codes
}

// inOrder lists what was counted: the names that are known first, in their order.
func inOrder(count map[string]int, known []string) []Tally {
	var out []Tally
	for _, name := range known {
		if count[name] > 0 {
			out = append(out, Tally{name, count[name]})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(count)) {
		if !slices.Contains(known, name) {
			out = append(out, Tally{name, count[name]})
		}
	}
	return out
}

// byCount lists what was counted, the most frequent first.
func byCount(count map[string]int) []Tally {
	out := inOrder(count, nil)
	slices.SortStableFunc(out, func(a, b Tally) int { return cmp.Compare(b.Count, a.Count) })
	return out
}
