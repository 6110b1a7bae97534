package judge

import (
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// maxRefused is how many tries in a row are refused, at most, before something else comes.
const maxRefused = 3

// Collapse judges that a wait of the helper may stand in the place of the loop around try, which
// is a call in the old function or in a literal in it. Both functions are run in scenarios: so
// many tries are refused, then one succeeds or fails, or the context ends, or the session does.
// What the new one does has to be something that the old one does.
func (j *Judge) Collapse(old, new *ssa.Function, try *ssa.Call) (v Verdict) {
	v.Against = j.collapse(old, new, try, &v.Facts)
	return v
}

func (j *Judge) collapse(old, new *ssa.Function, try *ssa.Call, facts *Facts) *Objection {
	fo, fn := try.Parent(), new
	if fo != old {
		if fn = j.literal(old, new, fo); fn == nil {
			return objection(try.Pos(), "the function around the literal that waits is another one")
		}
	}
	var wait *ssa.Call
	for in := range instructions(fn) {
		if in.Parent() == fn && j.waitCalled(in) != nil {
			if wait != nil {
				return objection(try.Pos(), "the function waits in several places")
			}
			wait = in.(*ssa.Call)
		}
	}
	if wait == nil {
		return objection(try.Pos(), "the new function does not wait")
	}
	if len(wait.Call.Args) > 2 && len(mayBeNil(wait.Call.Args[2], wait)) > 0 {
		return objection(try.Pos(), "the interval is looked up before the first try, through a pointer that may be nil")
	}
	c := &collapse{j: j, old: fo, new: fn, try: try, wait: wait, inner: cycle(try.Block()), axiom: j.waitCalled(wait), facts: facts}
	if len(c.inner) == 0 {
		return objection(try.Pos(), "the try is in no loop of its function")
	}
	if j.counts(try.Call.Args[1], 0) {
		return objection(try.Pos(), "the context of the try may be one that writes something when it is asked")
	}
	return c.judge()
}

// literal returns what a literal has become, if all around it is as it was.
func (j *Judge) literal(old, new, lit *ssa.Function) *ssa.Function {
	m := j.newMatch(old, new, nil)
	m.skip = lit
	if !m.pair(old, new) || !m.settle() {
		return nil
	}
	for g := lit; g != old; g = g.Parent() {
		if g.Parent() == nil {
			return nil
		}
	}
	var find func(f *ssa.Function) *ssa.Function
	find = func(f *ssa.Function) *ssa.Function {
		if f == old {
			return new
		}
		around := find(f.Parent())
		i := slices.Index(f.Parent().AnonFuncs, f)
		if around == nil || i >= len(around.AnonFuncs) {
			return nil
		}
		return around.AnonFuncs[i]
	}
	return find(lit)
}

// A collapse is one that is judged.
type collapse struct {
	j         *Judge
	old, new  *ssa.Function
	try, wait *ssa.Call
	inner     map[*ssa.BasicBlock]bool
	axiom     *waitAxiom
	ctx       string
	waited    map[string]bool // the intervals of the old loop
	every     map[string]bool // what the wait is given
	facts     *Facts
}

func (c *collapse) judge() *Objection {
	if _, o := c.after(errNone); o != nil { // which context it is
		return o
	}
	won, o := c.after(errNone)
	if o != nil {
		return o
	}
	if !waits(won) {
		return objection(c.try.Pos(), "the new function never waits")
	}
	was, o := c.each(0, errNone) // one of none tells whether a first try came after a wait
	if o != nil {
		return o
	}
	if o := c.among(won, was[1:], "when the lock is got"); o != nil {
		return o
	}
	failed, o := c.each(0, errOther)
	if o != nil {
		return o
	}
	if c.axiom.retries {
		for _, t := range union(failed) {
			if t.waited < 0 {
				continue // it has not tried
			}
			if t.ended != "goes on" || slices.ContainsFunc(t.events[t.waited:], func(e string) bool { return !strings.HasPrefix(e, "wait for the clock ") }) {
				return objection(c.try.Pos(), "another error was not only waited for: %s", shown(t))
			}
		}
	} else {
		traces, o := c.after(errOther)
		if o != nil {
			return o
		}
		if o := c.among(traces, failed[1:], "when a try fails otherwise"); o != nil {
			return o
		}
	}
	ended, o := c.after(errContext)
	if o != nil {
		return o
	}
	stopped, o := c.each(1, inWait)
	if o != nil {
		return o
	}
	if o := c.among(ended, stopped, "when the context ends"); o != nil {
		return o
	}
	// where it has ended before, the loop may have said so after a try
	early, o := c.after(atOnce)
	if o != nil {
		return o
	}
	before, o := c.before(0, atOnce)
	if o != nil {
		return o
	}
	maps.Copy(before, union(stopped))
	if o := subset(c.try.Pos(), early, before, "when the context has ended before"); o != nil {
		return o
	}
	if c.axiom.retries && !maps.Equal(c.waited, c.every) && !maps.Equal(c.waited, map[string]bool{event: true}) {
		return objection(c.try.Pos(), "the interval is another one")
	}
	if o := c.session(union(failed), union(stopped)); o != nil || c.waited[event] {
		return o
	}
	l := c.j.loopOf(c.try)
	for b := range l.blocks {
		for _, in := range b.Instrs {
			if redraws(l, in) {
				return objection(where(in), "%s", redrawn)
			}
		}
	}
	told, bad, why := l.lapses()
	if c.facts.TellsLess = told; bad != nil {
		return objection(where(bad), "%s", why)
	}
	return nil
}

// session judges the end of the session, after which a loop that retried every error would have
// gone on for ever: it is told as an error, and runs nothing that belongs to another end.
func (c *collapse) session(failed, stopped map[string]*outcomeOf) *Objection {
	traces, o := c.after(errSession)
	if o != nil {
		return o
	}
	for _, t := range traces {
		if t.waited < 0 {
			continue // it has not waited
		}
		as := strings.ReplaceAll(t.String(), errSession, errOther)
		if _, ok := failed[as]; ok && !c.axiom.retries {
			continue
		}
		end := t.deferred()
		for _, e := range t.events[t.waited:end] {
			if !strings.HasPrefix(e, "log ") && !isCancel(e) && !isAnswer(e) {
				return objection(c.try.Pos(), "when only the session ends, what belongs to another end is done: %s", e)
			}
		}
		if t.ended != "returns" || !c.told(t) {
			return objection(c.try.Pos(), "the end of the session is not told as an error: %s", shown(t))
		}
		same := false
		for _, s := range stopped {
			same = same || slices.EqualFunc(done(s.events[s.deferred():]), done(t.events[end:]), func(a, b string) bool {
				return a == strings.ReplaceAll(b, errSession, errContext)
			})
		}
		if !same {
			return objection(c.try.Pos(), "when only the session ends, deferred calls do something else")
		}
	}
	return nil
}

// isAnswer reports whether an event says no more than which way a condition went.
func isAnswer(e string) bool {
	return strings.HasSuffix(e, " is true") || strings.HasSuffix(e, " is false")
}

// done are the events without the answers that led to them.
func done(events []string) []string { return slices.DeleteFunc(slices.Clone(events), isAnswer) }

// isCancel reports whether an event is that a context is cancelled that the function has derived.
func isCancel(e string) bool {
	return strings.HasPrefix(e, "context context.With") && strings.HasSuffix(e, "()")
}

// told reports whether the results say that the lock is not held.
func (c *collapse) told(t *outcomeOf) bool {
	hasError, err := false, false
	isFalse := false
	for i, r := range t.results {
		switch typ := c.new.Signature.Results().At(i).Type(); {
		case types.Identical(typ, types.Universe.Lookup("error").Type()):
			hasError = true
			err = err || isErr(r)
		case r == "false":
			isFalse = true
		}
	}
	return err || !hasError && isFalse
}

// each runs the old function with so many refused tries, and more, up to maxRefused.
func (c *collapse) each(from int, last string) (out []map[string]*outcomeOf, o *Objection) {
	for k := from; k <= maxRefused; k++ {
		traces, o := c.before(k, last)
		if o != nil {
			return nil, o
		}
		out = append(out, traces)
	}
	return out, nil
}

func union(some []map[string]*outcomeOf) map[string]*outcomeOf {
	all := map[string]*outcomeOf{}
	for _, traces := range some {
		maps.Copy(all, traces)
	}
	return all
}

// among judges that all new traces are traces of the old function, however many tries were
// refused: the wait does not tell.
func (c *collapse) among(traces map[string]*outcomeOf, old []map[string]*outcomeOf, when string) *Objection {
	for _, some := range old {
		if o := subset(c.try.Pos(), traces, some, when); o != nil {
			return o
		}
	}
	return nil
}

func subset(at token.Pos, traces, old map[string]*outcomeOf, when string) *Objection {
	if len(traces) == 0 {
		return objection(at, "nothing is left %s", when)
	}
	for _, k := range slices.Sorted(maps.Keys(traces)) {
		if _, ok := old[k]; !ok {
			was := "nothing"
			for _, o := range slices.Sorted(maps.Keys(old)) {
				if old[o].waited >= 0 {
					was = shown(old[o])
					break
				}
			}
			return objection(at, "%s, the loop did %q, and the wait does %q", when, was, shown(traces[k]))
		}
	}
	return nil
}

// waits reports whether any of the ways comes to the wait.
func waits(traces map[string]*outcomeOf) bool {
	for _, t := range traces {
		if t.waited >= 0 {
			return true
		}
	}
	return false
}

// shown is a trace from the end of the wait on.
func shown(t *outcomeOf) string {
	from := max(t.waited, 0)
	parts := append(slices.Clone(t.events[from:]), strings.TrimSpace(t.ended+" "+strings.Join(t.results, ", ")))
	return strings.Join(parts, "; ")
}

// before runs the old function.
func (c *collapse) before(refused int, last string) (map[string]*outcomeOf, *Objection) {
	r := &runner{j: c.j, try: c.try, inner: c.inner, ctx: c.ctx, sc: scenario{refused, last}}
	r.start(c.old)
	c.facts.Retries = c.axiom.retries
	c.facts.Deaf = c.facts.Deaf || r.deaf
	if refused == 0 && last == errNone {
		c.facts.WaitsFirst = r.early[true] && !r.early[false]
	}
	if r.why != "" {
		at := c.try.Pos()
		if r.at != nil {
			at = where(r.at)
		}
		return nil, objection(at, "%s", r.why)
	}
	if c.waited == nil {
		c.waited = map[string]bool{}
	}
	maps.Copy(c.waited, r.paces)
	return r.traces, nil
}

// after runs the new function.
func (c *collapse) after(last string) (map[string]*outcomeOf, *Objection) {
	r := &runner{j: c.j, wait: c.wait, ctx: c.ctx, sc: scenario{0, last}}
	r.start(c.new)
	if r.why != "" {
		return nil, objection(c.try.Pos(), "%s", r.why)
	}
	c.ctx, c.every = r.ctx, r.paces
	return r.traces, nil
}
