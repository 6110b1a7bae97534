package rewrite

import (
	"bytes"
	"errors"
	"math/rand"
	"os"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/go/ssa"

	"etcdmod/internal/change"
	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/proof/judge"
)

// A mutant is a right rewrite with one mistake. An operator makes those of one kind: what it
// returns takes the place of a statement or an expression of the function; "" is none.
type operator struct {
	name string
	stmt func(text string) string
	expr func(text string) string
}

func before(stmt string) func(string) string {
	return func(text string) string { return stmt + "\n" + text }
}

func instead(of string, by string) func(string) string {
	return func(text string) string {
		if text != of {
			return ""
		}
		return by
	}
}

// operators are the mistakes that an edit of a loop may have.
var operators = []operator{
	{name: "a statement is lost", stmt: func(string) string { return "{}" }},
	{name: "a statement comes twice", stmt: func(text string) string { return text + "\n" + text }},
	{name: "a statement is deferred", stmt: func(text string) string { return "defer func() {\n" + text + "\n}()" }},
	{name: "a statement runs beside", stmt: func(text string) string { return "go func() {\n" + text + "\n}()" }},
	{name: "a statement depends on the context", stmt: func(text string) string { return "if ctx.Err() == nil {\n" + text + "\n}" }},
	{name: "it returns early", stmt: before("if d > time.Hour {\nreturn nil\n}")},
	{name: "it returns another error", stmt: before("if d > time.Hour {\nreturn errBusy\n}")},
	{name: "it panics", stmt: before("if d > time.Hour {\npanic(d)\n}")},
	{name: "it works once more", stmt: before("work()")},
	{name: "it sends", stmt: before("beats <- 1")},
	{name: "it sleeps", stmt: before("time.Sleep(d)")},
	{name: "it writes what others see", stmt: before("shared.ticker = nil")},
	{name: "it logs", stmt: before("log.Print(d)")},
	{name: "it exits", stmt: before("if d > time.Hour {\nlog.Fatal(d)\n}")},
	{name: "it waits for the context", stmt: before("<-ctx.Done()")},
	{name: "another context", stmt: before("ctx := context.WithoutCancel(ctx)")},
	{name: "a condition is turned round", expr: func(text string) string {
		if strings.Contains(text, " == nil") {
			return strings.Replace(text, " == nil", " != nil", 1)
		}
		if strings.Contains(text, " != nil") {
			return strings.Replace(text, " != nil", " == nil", 1)
		}
		return ""
	}},
	{name: "an error is lost", expr: instead("err", "error(nil)")},
	{name: "another error", expr: instead("err", "errBusy")},
	{name: "success is an error", expr: instead("nil", "errBusy")},
	{name: "the context's error is lost", expr: instead("ctx.Err()", "error(nil)")},
	{name: "the context is another one", expr: instead("ctx", "context.Background()")},
	{name: "the interval is longer", expr: instead("time.Second", "time.Minute")},
	{name: "the interval is shorter", expr: instead("d", "d / 2")},
}

// TestMutants rewrites generated functions, makes mistakes in what comes out, and demands that
// the second proof refuses every one that compiles. A sample of the mistakes is made, or with
// ETCDMOD_E2E_LONG=1 all of them.
func TestMutants(t *testing.T) {
	t.Parallel()
	const gates, collapses, each = 50, 30, 12
	b := newBench(t)
	rnd := rand.New(rand.NewSource(2))
	left := map[finding.Tier]int{finding.Gate: gates, finding.Collapse: collapses}
	compiled, right, lowered := 0, 0, 0
	caught := map[string]int{}
	for _, i := range rnd.Perm(pollings()) {
		if left[finding.Gate]+left[finding.Collapse] == 0 {
			break
		}
		p := pollingAt(i)
		if p.crlf || left[p.max()] == 0 {
			continue
		}
		in, err := b.input([]byte(p.source()))
		if err != nil {
			t.Fatal(err)
		}
		pl := Analyze(in)
		out := rewritten(t, pl)
		if len(pl.Findings) != 1 {
			continue
		}
		f := pl.proposals[0]
		right++
		if p.origin.name == "set-later" {
			// it is not proved that nobody sets it again while the loop waits
		} else if f.NotHigher != nil && f.NotHigher.Code == finding.JudgeDisagrees {
			lowered++
			t.Logf("%v is lowered: %s", p, f.NotHigher.Detail)
		}
		if left[f.Tier] == 0 || !f.judged() {
			continue
		}
		left[f.Tier]--
		m := &mutated{b: b, pl: pl, f: f, old: in.Packages[0]}
		if o, err := m.judge(out); err != nil || o != nil {
			t.Fatalf("%v does not pass as it is: %v %v", p, o, err)
		}
		all := mutantsOf(out)
		if os.Getenv("ETCDMOD_E2E_LONG") == "" {
			rnd.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
			all = all[:min(each, len(all))]
		}
		for _, mu := range all {
			o, err := m.judge(mu.text)
			switch {
			case err != nil: // it does not compile, or it is the same program
			case o == nil && allowed[mu.operator][strings.Join(strings.Fields(mu.of), " ")] != "":
			case o == nil:
				t.Errorf("%v, %v, survives: %s: %q\n%s", p, f.Tier, mu.operator, mu.of, mu.text)
			default:
				compiled++
				caught[mu.operator]++
			}
		}
	}
	t.Logf("%d mutants of %d operators are refused; %d of %d right ones are lowered", compiled, len(caught), lowered, right)
	if left[finding.Gate]+left[finding.Collapse] > 0 || compiled < 3*(gates+collapses) {
		t.Errorf("too few to say much: %v are missing", left)
	}
	if lowered*50 > right {
		t.Errorf("%d of %d right ones are lowered", lowered, right)
	}
}

// allowed are mistakes that are none, by operator and text, with the reason.
var allowed = map[string]map[string]string{
	"a statement comes twice": {
		"log.Fatal(err)": "the first one has ended the program",
		"if ctx.Err() != nil { return ctx.Err() }": "the context has been asked just before",
	},
	"a statement is deferred": {
		"work()":         "nothing but the return comes behind it",
		"log.Fatal(err)": "nothing but the return comes behind it",
	},
	"a statement is lost":                {"mu.Sleep(100 * time.Millisecond)": "a wait that was put into a loop without one, which spins as before"},
	"a statement depends on the context": {"log.Fatal(err)": "the context has been asked just before"},
}

type mutant struct {
	operator, of string
	text         []byte
}

// mutantsOf makes all mistakes in the function that polls.
func mutantsOf(src []byte) (out []mutant) {
	p := takeApart(src)
	start := bytes.Index(src, []byte("\nfunc poll("))
	end := start + bytes.Index(src[start:], []byte("\n}\n"))
	head := start + bytes.IndexByte(src[start+1:], '\n') + 1
	add := func(op operator, s span, f func(string) string) {
		if f == nil || s.start < head || s.end > end {
			return
		}
		if text := f(p.text(s)); text != "" {
			out = append(out, mutant{op.name, p.text(s), p.put(s, text)})
		}
	}
	for _, op := range operators {
		for _, s := range p.stmts {
			if p.text(s) != "_, _ = held, n" { // says nothing
				add(op, s, op.stmt)
			}
		}
		for _, s := range p.exprs {
			add(op, s, op.expr)
		}
	}
	return out
}

// A mutated is a finding whose rewrite is given to the second proof with mistakes in it.
type mutated struct {
	b   *bench
	pl  *Plan
	f   *proposal
	old *packages.Package
	ssa string // of the function as it should be
}

// judge returns what stands against a text, or an error if it does not compile.
func (m *mutated) judge(text []byte) (*judge.Objection, error) {
	a := m.pl.finders[0]
	j := &judging{plan: m.pl, finder: a, client: m.f.client, whole: m.pl.after(a, []change.Change{{Path: "/m/p/p.go", New: text}}, m.f.client)}
	j.add(m.f)
	fn := j.funcs[0]
	now, err := j.whole.Function(fn)
	if err != nil {
		return nil, err
	}
	if text := printed(now); m.ssa == "" {
		m.ssa = text
	} else if text == m.ssa {
		return nil, errSame
	}
	graph := a.CallGraph()
	p := judge.New(m.b.Fset, graph.All(), false, m.pl.HelperImport(), j.client)
	tries := j.tries[fn]
	if m.f.Tier == finding.Gate {
		return p.Gates(fn, now, tries)[tries[0]].Against, nil
	}
	return p.Collapse(fn, now, tries[0]).Against, nil
}

var errSame = errors.New("the compiler sees no difference")

// printed is a function with its literals, without positions.
func printed(f *ssa.Function) string {
	var b bytes.Buffer
	f.WriteTo(&b)
	text := b.String()
	if i := strings.Index(text, "# Location:"); i >= 0 {
		text = text[:i] + text[i+strings.IndexByte(text[i:], '\n'):]
	}
	for _, a := range f.AnonFuncs {
		text += printed(a)
	}
	return text
}
