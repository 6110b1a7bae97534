package report

import (
	"fmt"
	"go/token"
	"io"
	"strings"

	"etcdmod/internal/bump"
	"etcdmod/internal/quote"

	"etcdmod/internal/bump/leaks"
	"etcdmod/internal/finding"
	"etcdmod/internal/pipeline"
	"etcdmod/modbump"
	"etcdmod/rewrite"
)

// Text writes one line per finding, "path:line:col: RULE: message (tier)", with the call
// path and the reasons indented below it.
func Text(w io.Writer, res *pipeline.Result) error {
	p := &printer{w: w, res: res}
	for _, b := range res.Bumps {
		p.bump(b)
	}
	for _, f := range res.Findings {
		p.finding(f)
	}
	return p.err
}

// Skipped writes one line for everything that was not covered.
func Skipped(w io.Writer, res *pipeline.Result) error {
	p := &printer{w: w, res: res}
	for _, s := range res.Skipped {
		p.printf("not covered: %s: %s", quote.Name(rel(res, s.Path)), s.Reason)
		if s.Detail != "" {
			p.printf(": %s", indent(s.Detail, 1))
		}
		p.printf("\n")
	}
	return p.err
}

// Problems writes what verification said, one line each.
func Problems(w io.Writer, res *pipeline.Result) error {
	p := &printer{w: w, res: res}
	for _, pr := range res.Failed {
		pr.File = quote.Name(rel(res, pr.File))
		p.printf("%s: %s\n", pr.Phase, indent(pr.String(), 1))
	}
	return p.err
}

// shown is a position as a line of text has it.
func shown(res *pipeline.Result, pos token.Position) string {
	return fmt.Sprintf("%s:%d:%d", quote.Name(rel(res, pos.Filename)), pos.Line, pos.Column)
}

type printer struct {
	w   io.Writer
	res *pipeline.Result
	err error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, quote.Message(fmt.Sprintf(format, args...)))
	}
}

// indent puts n more tabs before every line but the first.
func indent(text string, n int) string {
	return strings.ReplaceAll(text, "\n", "\n"+strings.Repeat("\t", n))
}

func (p *printer) finding(f *finding.Finding) {
	tier := f.Tier.String()
	if f.Tier == finding.Refuse && len(f.Refused) > 0 {
		tier += ": " + string(f.Refused[0].Code)
	}
	p.printf("%s: %s: %s (%s)\n", shown(p.res, f.Pos), f.Rule, f.Message, tier)
	for _, frame := range f.Path {
		p.printf("\t%s: %s\n", shown(p.res, frame.Pos), frame.Call)
	}
	for _, name := range f.Exported {
		p.printf("\tchanges the exported %s\n", name)
	}
	said := map[string]bool{} // of another place; JSON has them all
	for _, d := range f.Differences {
		if text := d.Text(); !said[text] {
			said[text] = true
			p.printf("\tdiffers: %s\n", text)
		}
	}
	p.refused(f.Refused)
	switch {
	case f.NotHigher == nil:
	case f.Tier == finding.Collapse:
		p.reason("not "+rewrite.LockStrategy.String(), *f.NotHigher)
	default:
		p.reason("not "+f.NextTier().String(), *f.NotHigher)
	}
}

// places is how many places a code is shown at for one finding. A mutex that goes into generated mocks is
// refused at hundreds, all for one reason; JSON has them all.
const places = 8

func (p *printer) refused(why []finding.Reason) {
	var order []finding.Code
	of := map[finding.Code]int{}
	for _, r := range why {
		if of[r.Code]++; of[r.Code] <= places {
			p.reason("refused", r)
		} else if of[r.Code] == places+1 {
			order = append(order, r.Code)
		}
	}
	for _, code := range order {
		p.printf("\trefused: %s at %s\n", code, Plural(of[code]-places, "more place"))
	}
}

func (p *printer) reason(why string, r finding.Reason) {
	p.printf("\t%s: %s", why, r.Code)
	if r.Pos.IsValid() {
		p.printf(" at %s", shown(p.res, r.Pos))
	}
	if r.Detail != "" {
		p.printf(": %s", indent(r.Detail, 2))
	}
	p.printf("\n")
}

func (p *printer) bump(b bump.Bump) {
	what := "bump to " + b.Target
	if a := action(b); a != modbump.Bump {
		what = fmt.Sprintf("%s: %s", a, code(b))
	}
	p.printf("%s:%d:%d: %s: %s (%s)\n", quote.Name(rel(p.res, file(p.res, b))), b.Line, b.Col, b.Rule, b.Message, what)
	for _, e := range b.Evidence {
		p.printf("\t%s\n", e)
	}
	for _, e := range b.Remains {
		if b.Target == "" {
			break
		}
		p.printf("\tremains in %s: %s\n", b.Target, e)
	}
	for _, c := range b.Calls {
		p.call(c)
	}
	for _, line := range b.Plan {
		p.printf("\tplan: %s\n", indent(line, 1))
	}
	if b.Refused == nil {
		return
	}
	p.printf("\trefused: %s: %s\n", b.Refused.Code, indent(b.Refused.Detail, 1))
	for _, m := range b.Refused.Wanted {
		p.printf("\tmissing: %s\n", m)
	}
}

// call writes a call that leaks, with the way of its deadline.
func (p *printer) call(c leaks.Call) {
	if !c.Known {
		p.printf("\tmay leak: %s: %s, if its context has a deadline\n", shown(p.res, c.Pos), c.Name)
		return
	}
	p.printf("\tleaks: %s: %s with a deadline\n", shown(p.res, c.Pos), c.Name)
	for _, f := range c.Path {
		p.printf("\t\t%s: %s\n", shown(p.res, f.Pos), f.Call)
	}
}
