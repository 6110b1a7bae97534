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

// Top is the strongest tier that a finding of a rule may get.
func Top(id string) finding.Tier {
	for _, r := range rules {
		if r.id == id {
			return r.top
		}
	}
	return finding.Refuse
}

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
