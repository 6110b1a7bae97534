package verify

import "etcdmod/internal/finding"

// A Judgement is what verification says of some changes in all build configurations.
type Judgement struct {
	Problems []finding.Problem // that are new; without any the changes are accepted
	Skipped  []finding.Skip    // what an acceptance says nothing about
	// Old are the problems that were there before, Still those that are there after as well.
	Old, Still []finding.Problem
	// Unjudged are packages of other modules, by import path, and modules, by directory, of which it
	// cannot be told whether they build with the changes, each with the reason.
	Unjudged map[string]string
}
