package rollout

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"etcdmod/internal/quote"
	"etcdmod/internal/report"
)

// rows is how many lines a list of the summary has before it is cut: the whole has to fit
// on a screen.
const rows = 6

// Summary writes what became of everything, on one screen.
func (x *Index) Summary(w io.Writer, took time.Duration) error {
	p := &printer{w: w}
	states, kinds := map[State]int{}, map[string]int{}
	units, preludes, incomplete, findings := 0, 0, 0, map[string]int{}
	byOwner := map[string]int{}
	var failed []string
	for _, m := range x.Modules {
		states[m.State]++
		if m.Incomplete {
			incomplete++
		}
		for _, f := range m.Findings {
			findings[f.Tier]++
			kinds[f.Rule]++
		}
		for _, u := range m.Units {
			if u.Prelude {
				preludes++
				continue
			}
			units++
			for _, o := range u.Owners {
				byOwner[o]++
			}
			if len(u.Owners) == 0 {
				byOwner[Unowned]++
			}
		}
		if m.Failure != nil {
			failed = append(failed, fmt.Sprintf("%s: %s: %s", quote.Name(m.Dir), m.Failure.Kind, firstLine(m.Failure.Message)))
		}
	}
	p.line("%s in %s", report.Plural(len(x.Modules), "module"), took.Round(time.Millisecond*100))
	for _, s := range []State{Changed, Reported, Clean, Uncovered, Rejected, Failed} {
		if n := states[s]; n > 0 {
			p.line("  %-9s %5d  %s", s, n, stateText[s])
		}
	}
	if incomplete > 0 {
		p.line("In %s something was refused or not covered.", report.Plural(incomplete, "module"))
	}
	if len(kinds) > 0 {
		var tiers []string
		for _, t := range []string{"collapse", "gate", "guard", "bump", "report", "refuse"} {
			if n := findings[t]; n > 0 {
				tiers = append(tiers, fmt.Sprintf("%s %d", t, n))
			}
		}
		p.line("Findings by tier: %s", strings.Join(tiers, ", "))
		p.line("Findings by rule: %s", counts(kinds, ", "))
	}
	if units > 0 {
		p.line("Changes to review: %d, by %s, behind %s", units, x.By, report.Plural(preludes, "prelude"))
		if x.Owners != "" {
			p.line("By owner: %s", counts(byOwner, ", "))
		}
	}
	p.list("Nothing can be said about:", failed)
	var notes []string
	for _, n := range x.Notes {
		notes = append(notes, quote.Name(n.Path)+": "+firstLine(n.Detail))
	}
	p.list("Notes:", notes)
	return p.err
}

var stateText = map[State]string{
	Changed:   "have changes to review",
	Reported:  "have findings that nothing is done about",
	Clean:     "have nothing to find",
	Uncovered: "have nothing to find in what could be looked at",
	Rejected:  "have changes that verification does not accept",
	Failed:    "could not be analysed",
}

// counts gives the biggest numbers first.
func counts(of map[string]int, sep string) string {
	names := slices.SortedFunc(maps.Keys(of), func(a, b string) int { return cmp.Or(cmp.Compare(of[b], of[a]), cmp.Compare(a, b)) })
	var out []string
	for i, name := range names {
		if i == rows && len(names) > rows+1 {
			out = append(out, fmt.Sprintf("and %d more", len(names)-rows))
			break
		}
		out = append(out, fmt.Sprintf("%s %d", name, of[name]))
	}
	return strings.Join(out, sep)
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, quote.Visible(fmt.Sprintf(format+"\n", args...)))
	}
}

func (p *printer) list(heading string, items []string) {
	if len(items) > 0 {
		p.line("%s", heading)
	}
	for i, item := range items {
		if i == rows && len(items) > rows+1 {
			p.line("  and %d more", len(items)-rows)
			return
		}
		p.line("  %s", item)
	}
}
