package rewrite

import (
	"embed"
	"slices"
	"strings"

	"etcdmod/internal/finding"
)

// rules are all rules of this package. The first one that matches a loop decides, and those
// that stand beside it are added. What is worst comes first: a storm and a spin write without
// end, a loop that goes on after success does so in every replica for ever, and the others
// end with the lock.
var rules = []*rule{
	forkedMutex,
	watchStorm,
	trylockSpin,
	periodicJob,
	leaderCheck,
	boundedRetry,
	trylockPoll,
	sessionPerTry,
	timedLock,
	timedCampaign,
	txnPoll,
	ignoreDirective,
}

// searches are the kinds of attempts that the rules are about, in the order of the table.
func searches() (out []*try) {
	for _, r := range rules {
		for _, t := range r.tries {
			if !slices.Contains(out, t) {
				out = append(out, t)
			}
		}
	}
	return out
}

// Needs lists what the rules need, each once. A module that has none of it has no findings.
func Needs() (out []Need) {
	for _, r := range rules {
		if len(r.words.Words) > 0 && !slices.ContainsFunc(out, r.words.same) {
			out = append(out, r.words)
		}
	}
	return out
}

// named returns the rule with an id; one that gets nothing where there is none.
func named(id string) *rule {
	if i := slices.IndexFunc(rules, func(r *rule) bool { return r.id == id }); i >= 0 {
		return rules[i]
	}
	return &rule{}
}

// MayEarn reports whether a finding of a rule may get a stronger tier than one, once what keeps it
// there is mended.
func MayEarn(id string, tier finding.Tier, why finding.Code) bool {
	r := named(id)
	return tier < r.top || r.outgrown != "" && why == r.outgrown
}

// Skips reports whether a round of a loop under a rule which does not get the lock is one without the
// work: nothing waits for it.
func Skips(id string) bool { return named(id).skips }

//go:embed rule_*.go
var ruleFiles embed.FS

// Rules lists the rules of this package by id.
var Rules = documented()

func documented() (out []finding.Rule) {
	for _, r := range rules {
		text, err := ruleFiles.ReadFile("rule_" + strings.ReplaceAll(r.id, "-", "_") + ".go")
		if err != nil {
			panic(err) // it is part of the binary
		}
		out = append(out, newRule(r.id, string(text)))
	}
	slices.SortFunc(out, func(a, b finding.Rule) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// newRule takes a rule's documentation from the comment that opens its source file: the
// text cannot drift from the code below it.
func newRule(id, text string) finding.Rule {
	var lines []string
	for line := range strings.Lines(text) {
		comment, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "//")
		if !ok {
			break
		}
		lines = append(lines, strings.TrimPrefix(comment, " "))
	}
	title, doc, _ := strings.Cut(strings.Join(lines, "\n"), "\n")
	title = strings.TrimSuffix(strings.TrimPrefix(title, id+": "), ".")
	return finding.Rule{ID: id, Title: title, Doc: strings.TrimSpace(doc)}
}
