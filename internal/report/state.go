package report

import "slices"

// A State is what has become of a module, or of a change to one. Every report, the index of a
// rollout and the documentation use these words and no others.
type State string

// The states of modules, the worst first. What no change of a module is about has one of them
// as well.
const (
	Failed    State = "failed"
	Rejected  State = "rejected"
	Refused   State = "refused"
	Reported  State = "reported"
	Uncovered State = "uncovered"
	Changed   State = "changed"
	Clean     State = "clean"
)

// The states of changes. A module that has one is changed.
const (
	Held      State = "held"
	Ready     State = "ready"
	Published State = "published"
	Written   State = "written"
)

// States explains every state, those that need a person first.
var States = []struct {
	State State
	Text  string
}{
	{Failed, "nothing can be said about the module; the reason is with it"},
	{Rejected, "there are changes, and verification accepted none of them"},
	{Refused, "something was found, and nothing of it can be changed"},
	{Reported, "something was found and nothing is changed: no change was asked for, or it is for a person to decide"},
	{Uncovered, "nothing was found, but not all was looked at"},
	{Held, "the change is made and verified, and has no branch or was not published; the reason is with it"},
	{Ready, "the change is made and verified, and not written"},
	{Published, "the change was handed over to where it is reviewed"},
	{Written, "the change is written into the files"},
	{Changed, "the module has changes"},
	{Clean, "all was looked at, and nothing was found"},
}

// Explain says what a state means; it is empty for what is none.
func (s State) Explain() string {
	for _, row := range States {
		if row.State == s {
			return row.Text
		}
	}
	return ""
}

// Unchanged is the state of what was found where nothing is changed and nothing failed.
// incomplete says that not all was looked at.
func Unchanged(findings []Finding, incomplete bool) State {
	of := func(tiers ...string) bool {
		return slices.ContainsFunc(findings, func(f Finding) bool { return slices.Contains(tiers, f.Tier) })
	}
	switch {
	case of("refuse") && !of("bump", "guard", "gate", "collapse"):
		return Refused
	case len(findings) > 0:
		return Reported
	case incomplete:
		return Uncovered
	}
	return Clean
}

// tierTexts say what becomes of a finding of a tier.
var tierTexts = map[string]string{
	"refuse":   "nothing is changed, for the reason that is given",
	"report":   "only reported: whether and how to change it is for a person to decide",
	"bump":     "the version that is built is raised",
	"guard":    "the lock, the session, the call or the transaction is swapped for the helper's, which asks before it writes; control flow and pace stay",
	"gate":     "as guard, and the loop's wait also ends when the lock is released",
	"collapse": "the loop becomes one call that waits",
}

// TierText says what becomes of a finding of a tier; it is empty for what is none.
func TierText(tier string) string { return tierTexts[tier] }
