package report

import (
	"bytes"
	"fmt"
	"io"
)

// summaryRows is how many rows a list of a summary has at the most. Rules and tiers are few;
// with states, codes and owners this fits on a screen.
const summaryRows = 5

// Summary writes the counts of a page on one screen: findings by rule and tier, units by state,
// and the most frequent reasons and owners.
func Summary(w io.Writer, page Page) error {
	c := Count(page)
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s in %s", Plural(c.Findings, "finding"), Plural(c.Modules, "module"))
	if c.Units != c.Modules {
		fmt.Fprintf(&b, ", %s", Plural(c.Units, "unit"))
	}
	if c.Skipped > 0 {
		fmt.Fprintf(&b, "; not covered: %s", Plural(c.Skipped, "place"))
	}
	b.WriteString("\n")
	if c.Findings > 0 {
		b.WriteString("\n")
		c.matrix(&b)
	}
	list(&b, "state", "units", c.States)
	list(&b, "reason", "findings", c.Codes)
	list(&b, "owner", "units", c.Owners)
	_, err := w.Write(b.Bytes())
	return err
}

// matrix writes the findings by rule and tier.
func (c Counts) matrix(b *bytes.Buffer) {
	width := len("rule")
	for _, r := range c.Rules {
		width = max(width, len(r.Name))
	}
	row := func(name string, cell func(tier string) string) {
		fmt.Fprintf(b, "%-*s", width, name)
		for _, head := range append([]string{"findings"}, names(c.Tiers)...) {
			fmt.Fprintf(b, "  %*s", len(head), cell(head))
		}
		b.WriteString("\n")
	}
	row("rule", func(head string) string { return head })
	all := map[string]int{"findings": c.Findings}
	for _, t := range c.Tiers {
		all[t.Name] = t.Count
	}
	for _, r := range c.Rules {
		row(r.Name, func(head string) string {
			if head == "findings" {
				return fmt.Sprint(r.Count)
			}
			return dash(c.Matrix[r.Name][head])
		})
	}
	if len(c.Rules) > 1 {
		row("all", func(head string) string { return fmt.Sprint(all[head]) })
	}
}

func names(tallies []Tally) (out []string) {
	for _, t := range tallies {
		out = append(out, t.Name)
	}
	return out
}

// list writes the first rows of a list, and what they leave out.
func list(b *bytes.Buffer, name, of string, rows []Tally) {
	if len(rows) == 0 {
		return
	}
	width := len(name)
	for _, r := range rows {
		width = max(width, len(r.Name))
	}
	fmt.Fprintf(b, "\n%-*s  %s\n", width, name, of)
	for i, r := range rows {
		if i == summaryRows && len(rows) > summaryRows+1 {
			fmt.Fprintf(b, "%-*s  and %d more\n", width, "...", len(rows)-i)
			return
		}
		fmt.Fprintf(b, "%-*s  %*d\n", width, r.Name, len(of), r.Count)
	}
}

func dash(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

// Plural counts things whose plural has an s.
func Plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
