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
	// Rules, Tiers and Codes count findings, States and Owners units. Rules and states are in
	// the order of the page's topics and of [Error] to [Clean], tiers from the weakest; codes
	// and owners are in falling order.
	Rules, Tiers, Codes, States, Owners []Tally
	// Matrix has the findings by rule and tier.
	Matrix map[string]map[string]int
}

var (
	states = []State{Error, Failed, Refused, Found, Held, Ready, Published, Written, Uncovered, Clean}
	tiers  = []string{"refuse", "report", "bump", "guard", "gate", "collapse"}
)

// Count sums up a page.
func Count(page Page) Counts {
	c := Counts{Units: len(page.Units), Matrix: map[string]map[string]int{}}
	modules := map[[2]string]bool{}
	ruleCount, tierCount, codeCount := map[string]int{}, map[string]int{}, map[string]int{}
	stateCount, ownerCount := map[string]int{}, map[string]int{}
	for _, u := range page.Units {
		modules[[2]string{u.Module, u.Dir}] = true
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
	c.Modules = len(modules) + len(page.Clean)
	var rules, stateNames []string
	for _, t := range page.Topics {
		if t.Rule {
			rules = append(rules, t.Name)
		}
	}
	for _, s := range states {
		stateNames = append(stateNames, string(s))
	}
	c.Rules, c.Tiers, c.States = inOrder(ruleCount, rules), inOrder(tierCount, tiers), inOrder(stateCount, stateNames)
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
