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

// named is how many modules of a state the summary names.
const named = 4

// Summary writes what became of everything, on one screen. Its numbers are those of all
// reports.
func (x *Index) Summary(w io.Writer, took time.Duration) error {
	p := &printer{w: w}
	c := report.Count(x.Page(""))
	byOwner := map[string]int{}
	for _, m := range x.Modules {
		for _, u := range m.Units {
			if u.Prelude {
				continue
			}
			for _, o := range u.Owners {
				byOwner[o]++
			}
			if len(u.Owners) == 0 {
				byOwner[Unowned]++
			}
		}
	}
	p.line("%s in %s", report.Plural(len(x.Modules), "module"), took.Round(time.Millisecond*100))
	for _, t := range c.ModuleStates {
		p.line("  %-9s %5d  %s", t.Name, t.Count, shortly(report.State(t.Name)))
	}
	if c.Findings > 0 {
		p.line("Findings by tier: %s", tallies(c.Tiers))
		p.line("Findings by rule: %s", tallies(c.Rules))
	}
	if c.Changes > 0 {
		behind := ""
		if c.Preludes > 0 {
			behind = ", behind " + report.Plural(c.Preludes, "prelude")
		}
		p.line("Changes to review: %d, by %s%s", c.Changes, x.By, behind)
		if x.Owners != "" {
			p.line("By owner: %s", counts(byOwner, ", "))
		}
	}
	for _, t := range c.ModuleStates {
		var items []string
		for _, m := range x.Modules {
			if string(m.State) == t.Name && m.Incomplete {
				items = append(items, quote.Name(m.Dir)+": "+firstLine(m.Reason))
			}
		}
		heading := strings.ToUpper(t.Name[:1]) + t.Name[1:]
		if report.State(t.Name) == report.Changed {
			heading += ", and something was refused or not covered"
		}
		p.list(heading+":", items, named)
	}
	var order []string
	for _, m := range x.Modules {
		if len(m.After) > 0 {
			var after []string
			for _, dir := range m.After {
				after = append(after, quote.Name(dir))
			}
			order = append(order, quote.Name(m.Dir)+": after "+strings.Join(after, ", "))
		}
	}
	p.list("Order of the changes, where there is one:", order, rows)
	var notes []string
	for _, n := range x.Notes {
		notes = append(notes, quote.Name(n.Path)+": "+firstLine(n.Detail))
	}
	p.list("Notes:", notes, rows)
	return p.err
}

// shortly is the first clause of what a state means.
func shortly(s report.State) string {
	text := s.Explain()
	if end := strings.IndexAny(text, ";:"); end >= 0 {
		text = text[:end]
	}
	return text
}

func tallies(of []report.Tally) string {
	var out []string
	for _, t := range of {
		out = append(out, fmt.Sprintf("%s %d", t.Name, t.Count))
	}
	return strings.Join(out, ", ")
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
		_, p.err = io.WriteString(p.w, quote.Message(fmt.Sprintf(format+"\n", args...)))
	}
}

// list writes at most most items, and how many more there are.
func (p *printer) list(heading string, items []string, most int) {
	if len(items) > 0 {
		p.line("%s", heading)
	}
	for i, item := range items {
		if i == most && len(items) > most+1 {
			p.line("  and %d more; -format json names them", len(items)-most)
			return
		}
		p.line("  %s", item)
	}
}
