package proof

import (
	"go/ast"
	"go/constant"
	"go/types"
	"slices"
	"time"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/flow"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
	"etcdmod/rewrite/internal/tries"
)

// What the helper package does whatever it is given: see its constants.
const (
	leastPause   = 100 * time.Millisecond // of WatchLockRetry, and of a clock that gets a watch
	longestReads = 40 * time.Second       // between two reads beside a watch
)

// A Use is a place that asks a mutex for something that the helper answers otherwise.
type Use struct {
	component *flow.Component
	kind      finding.DifferenceKind
	node      ast.Node
}

// asked are the methods of a mutex, beside TryLock, of which the helper's differ.
var asked = map[string]finding.DifferenceKind{
	"Key": finding.KeyAfterError, "IsOwner": finding.KeyAfterError, "Header": finding.HeaderOfWin, "Lock": finding.LockRepeats,
}

// Uses finds, in all files of a program, what is asked of its mutexes beside TryLock.
func Uses(fl *flow.Flow, p *source.Program) (out []Use) {
	for _, f := range p.Files {
		if f.IsHelper() {
			continue
		}
		for n := range ast.Preorder(f.Syntax) {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok || asked[sel.Sel.Name] == "" || f.Pkg.TypesInfo.Selections[sel] == nil {
				continue
			}
			fn, ok := f.ObjectOf(sel.Sel).(*types.Func)
			if ok && fn.Signature().Recv() != nil && p.IsMutexPtr(fn.Signature().Recv().Type()) {
				out = append(out, Use{fl.ComponentOf(f, sel, ast.Unparen(sel.X)), asked[fn.Name()], sel})
			}
		}
	}
	return out
}

// A differing collects the differences of one finding.
type differing struct {
	*loop.Site
	out []finding.Difference
}

func (d *differing) add(kind finding.DifferenceKind, n ast.Node, value string) {
	diff := finding.Difference{Kind: kind, Value: value, Pos: d.Position(n.Pos())}
	if !slices.Contains(d.out, diff) {
		d.out = append(d.out, diff)
	}
}

func (d *differing) shown(n ast.Node) string { return source.FirstLine(d.Text(n)) }

// Differences returns what the program does otherwise once the loop of s has been given a tier:
// the mutexes of those components are the helper's, and from gate on so is the clock, or the wait
// of c takes the place of the loop.
func Differences(s *loop.Site, tier finding.Tier, components []*flow.Component, uses []Use, c *Collapse) []finding.Difference {
	d := &differing{Site: s}
	if tier < finding.Collapse || !c.Lock {
		d.tries(tier)
	}
	for _, u := range uses {
		if slices.Contains(components, u.component) {
			d.add(u.kind, u.node, d.shown(u.node))
		}
	}
	switch tier {
	case finding.Gate:
		d.clock()
	case finding.Collapse:
		d.wait(c)
	}
	finding.InOrder(d.out)
	return d.out
}

// tries has what the type of the mutex changes.
func (d *differing) tries(tier finding.Tier) {
	kind := finding.TryAsksFirst
	if d.In.Leasing {
		kind = finding.TryAsksLeased
	}
	if !d.Walker.Attempt.IsMethod("TryLock") {
		return
	}
	for _, h := range d.Attempts() {
		shown := "TryLock" // of a mutex that goes into an interface there
		if name := source.NameIn(source.Fun(h.Node)); name != nil && name.Name == shown {
			shown = d.shown(source.Fun(h.Node))
		}
		d.add(kind, h.Node, shown)
		if len(d.out) == 1 {
			d.add(finding.AsksAgain, h.Node, "")
		}
		if call, ok := ast.Unparen(h.Node).(*ast.CallExpr); ok && len(call.Args) == 1 && tier < finding.Collapse {
			if made := tries.Deadline(d.Program, h.File, call, call.Args[0]); made != nil {
				d.add(finding.TryInDeadline, made, d.shown(made))
			}
		}
	}
	if nature := d.Nature(); len(d.out) > 0 && nature.GoesOn() && !nature.Releases() {
		d.add(finding.HeldTryReads, d.Node, "")
	}
}

// clock has what the mutex's clock changes. Where its interval is too short for a watch, it is that of
// package time.
func (d *differing) clock() {
	k := d.Clocks[0]
	switch {
	case len(k.Places) > 0:
		d.add(finding.SpinWaits, d.Node, spinInterval.String())
		d.failing(finding.LessOften)
	case d.short():
		return
	default:
		d.add(finding.WakesAtRelease, k.Wait, d.every())
		if k.PerWait || k.Kind == loop.After || k.Kind == loop.Timer || d.resets() {
			d.add(finding.IntervalRestart, k.Wait, "")
		}
		d.failing(finding.OnceMore)
		if d.startsEarly() && d.retriesErrors() {
			d.add(finding.StaleWake, k.Wait, "")
		}
		d.lengths()
	}
	d.watch()
}

// short reports whether no wait of the clock is long enough for a watch.
func (d *differing) short() bool {
	v, known := d.interval()
	first := d.Clocks[0].Interval()
	if !known || v >= leastPause || first == nil {
		return false
	}
	begins := d.File.Pkg.TypesInfo.Types[first].Value
	if begins == nil {
		return false
	}
	n, exact := constant.Int64Val(constant.ToInt(begins))
	return exact && time.Duration(n) < leastPause
}

// startsEarly reports whether the clock may run before the try that its wait comes after.
func (d *differing) startsEarly() bool {
	k := d.Clocks[0]
	inRound := source.Within(k.Made, d.Node)
	if r, ok := d.Node.(*ast.RangeStmt); ok && source.Within(k.Made, r.X) {
		inRound = false
	}
	if k.PerWait || inRound && k.Made.Pos() > d.Tries[0].Pos() {
		return false
	}
	return !inRound || slices.ContainsFunc(d.Paths, func(q *loop.Path) bool {
		for _, st := range q.Steps {
			if st.Kind == loop.Waits && st.After {
				return true
			}
		}
		return false
	})
}

// lengths notes where the length of a wait is logged.
func (d *differing) lengths() {
	for _, st := range newMeasuring(d.Site).logged {
		d.add(finding.TellsLess, st, d.shown(st))
	}
}

// resets reports whether rounds that go on start the clock again.
func (d *differing) resets() bool {
	for _, q := range d.Paths {
		for _, st := range q.Steps {
			if q.End == loop.Next && st.Kind == loop.Acts && d.Resets(st.Node) {
				return true
			}
		}
	}
	return false
}

func (d *differing) watch() {
	d.add(finding.HoldsWatch, d.Node, "")
	d.add(finding.SpreadsOut, d.Node, "")
}

// every is the interval of the loop, for people.
func (d *differing) every() string {
	if e := d.Pace(d.Clocks[0]); e != nil {
		return d.shown(e)
	}
	return "its interval"
}

// interval returns the interval of the loop where it is one constant.
func (d *differing) interval() (every time.Duration, known bool) {
	k := d.Clocks[0]
	e := d.Pace(k)
	if e == nil && k.Kind != loop.Timer { // a timer may be set to several
		e = k.Interval()
	}
	if e == nil {
		return 0, false
	}
	v := d.File.Pkg.TypesInfo.Types[e].Value
	if v == nil {
		return 0, false
	}
	n, exact := constant.Int64Val(constant.ToInt(v))
	return time.Duration(n), exact
}

// failing notes what a round does that has met another holder, or failed otherwise, before the
// next one, if others can see it.
func (d *differing) failing(kind finding.DifferenceKind) {
	for _, q := range d.Paths {
		if q.End != loop.Next || q.Outcome != loop.Locked && q.Outcome != loop.Failed {
			continue
		}
		for _, st := range q.Steps {
			if st.Kind != loop.Acts {
				continue
			}
			if _, quiet := d.Inert(st.Node); !quiet {
				d.add(kind, st.Node, d.shown(st.Node))
			}
		}
	}
}

// retriesErrors reports whether the loop goes on after an error other than ErrLocked.
func (d *differing) retriesErrors() bool {
	return slices.ContainsFunc(d.Paths, func(q *loop.Path) bool { return q.Outcome == loop.Failed && q.End == loop.Next })
}

// HearsContext reports whether the end of a context ends the wait of the loop: the same select
// receives from both.
func (c *Collapse) HearsContext() bool {
	for n := range ast.Preorder(c.Site.Node) {
		sel, ok := n.(*ast.SelectStmt)
		if !ok {
			continue
		}
		waits, hears := false, false
		for _, clause := range sel.Body.List {
			comm := clause.(*ast.CommClause).Comm
			if comm == nil {
				continue // the default
			}
			waits = waits || source.Within(c.Site.Clocks[0].Wait, comm)
			if u := loop.Received(comm); u != nil {
				hears = hears || loop.IsDone(c.Site.File, u)
			}
		}
		if waits && hears {
			return true
		}
	}
	return false
}

// wait has what a wait in the place of the loop changes.
func (d *differing) wait(c *Collapse) {
	k := d.Clocks[0]
	every := "the next event"
	if c.Storm {
		d.add(finding.OtherEvents, k.Wait, "")
		d.add(finding.WatchEnds, k.Wait, "")
	} else {
		every = d.every()
		d.add(finding.TriesAtRelease, k.Wait, every)
		d.lengths()
		if v, known := d.interval(); !c.Lock && (!known || v < longestReads) {
			d.add(finding.MuteWatch, k.Wait, every)
		}
	}
	if v, known := d.interval(); loop.WaitsFirst(c.Site) && (!known || v > 0) {
		d.add(finding.FirstTryAtOnce, k.Wait, every)
	}
	d.errors(c, every)
	d.ends(c)
	if c.Lock {
		d.add(finding.QueueOrder, d.Node, "")
	} else {
		d.watch()
	}
}

// errors has what becomes of other errors than ErrLocked.
func (d *differing) errors(c *Collapse, every string) {
	k := d.Clocks[0]
	switch v, known := d.interval(); {
	case !c.Retry:
		d.add(finding.ErrorsUnseen, d.Tries[0], "")
	case c.Storm:
		d.add(finding.RetryPause, k.Wait, "")
	case known && v < leastPause:
		d.add(finding.RetryFloor, k.Wait, every)
	case !known && (k.PerWait || source.Within(k.Made, d.Node)) && d.shared(k.Interval()):
		d.add(finding.IntervalOnce, k.Interval(), every)
	}
}

// shared reports whether an expression reads a field or a package variable.
func (d *differing) shared(e ast.Expr) bool {
	for n := range ast.Preorder(e) {
		if id, ok := n.(*ast.Ident); ok {
			if v, ok := d.File.ObjectOf(id).(*types.Var); ok && (v.IsField() || source.IsPackageLevel(v)) {
				return true
			}
		}
	}
	return false
}

// ends has what becomes of the ends of the session and of the context: a loop that did not hear the
// context while it waited noticed its end when the interval was over.
func (d *differing) ends(c *Collapse) {
	switch {
	case c.Lock:
		d.add(finding.SessionEndLate, d.Tries[0], "")
	case c.Retry:
		way := c.done[len(c.done)-1]
		d.add(finding.SessionEndTold, way, d.shown(way))
	default:
		d.add(finding.SessionEndError, d.Tries[0], "")
	}
	if c.ctxObj == nil {
		return // context.Background or TODO: it does not end
	}
	if !c.HearsContext() {
		d.add(finding.CancelAtOnce, d.Tries[0].Args[0], c.ctx)
	}
	if c.Lock {
		d.add(finding.QueueCleanUp, d.Tries[0].Args[0], c.ctx)
	} else {
		d.add(finding.CancelLate, d.Tries[0].Args[0], c.ctx)
	}
}
