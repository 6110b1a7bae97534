package loop

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"sort"

	"golang.org/x/tools/go/ssa"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/callgraph"
	"etcdmod/rewrite/internal/source"
)

// Reach.
//
// Not every loop calls TryLock itself. It may call a function of the module that does,
// a function literal, a method value, or a method of an interface that the mutex, or a
// type around it, was converted to. The call graph has these ways. All functions are named
// by the position of their declaration, method values by that of the method's name.
// reach is the set of positions from which one call leads to a TryLock. It errs on the
// side of too many: such a site gets no more than a guard, which is the same edit whoever
// calls TryLock.

// A Hop is one step on the way to TryLock: a call, a function value, or a mutex that is
// converted to an interface.
type Hop struct {
	File *source.File
	Node ast.Expr
	To   token.Pos // what it leads to; not valid where Node has the mutex itself
}

// Mutex returns the expression for the mutex at the end of a way.
func (h Hop) Mutex() ast.Expr {
	e := ast.Unparen(h.Node)
	if call, ok := e.(*ast.CallExpr); ok {
		if mutex := h.File.Tried(call); mutex != nil {
			return mutex
		}
		e = ast.Unparen(call.Fun)
	}
	if sel, ok := e.(*ast.SelectorExpr); ok && (sel.Sel.Name == "TryLock" || h.File.NamesLock(sel)) {
		return ast.Unparen(sel.X)
	}
	return ast.Unparen(h.Node)
}

type reach struct {
	p       *Finder
	attempt *Attempt
	ways    *ways
	hops    map[token.Pos][]Hop
	// answered are the replies that are known; see reply.go.
	answered map[token.Pos]reply
}

func newReach(p *Finder, a *Attempt, w *ways) *reach {
	r := &reach{p: p, attempt: a, ways: w, hops: map[token.Pos][]Hop{}, answered: map[token.Pos]reply{}}
	if a.method == "" {
		return r
	}
	for at, pl := range w.names {
		m, ok := pl.file.ObjectOf(pl.node.(*ast.SelectorExpr).Sel).(*types.Func)
		if !ok || !isAbstract(m.Signature().Recv().Type()) {
			r.add(at, Hop{File: pl.file, Node: pl.node})
			continue
		}
		for _, h := range r.converted(at) {
			r.add(at, h)
		}
	}
	for at, pl := range w.calls {
		if w.tries[at] {
			continue
		}
		m, ok := pl.file.Callee(pl.node.(*ast.CallExpr)).(*types.Func)
		if !ok || m.Name() != a.method || m.Signature().Recv() == nil || !isAbstract(m.Signature().Recv().Type()) {
			continue
		}
		for _, h := range r.converted(at) {
			r.add(at, h)
		}
	}
	return r
}

// converted returns the mutexes that may be behind the interface, or type parameter, whose
// method a call calls: those that are converted where the values come from that reach the
// call, or all where that is not known.
func (r *reach) converted(at token.Pos) []Hop {
	var boxed []ssa.Value
	known := true
	for _, in := range r.ways.graph.At(at) {
		var holder ssa.Value
		switch in := in.(type) {
		case ssa.CallInstruction:
			if in.Common().IsInvoke() {
				holder = in.Common().Value
			}
		case *ssa.MakeClosure: // a method value
			if len(in.Bindings) == 1 {
				holder = in.Bindings[0]
			}
		}
		if holder == nil {
			known = false
			continue
		}
		held := r.ways.graph.Holds(holder)
		boxed = append(boxed, held.Boxed...)
		for _, from := range held.From {
			_, own := r.p.ConcurrencyPath(from) // which makes mutexes, and keeps none
			known = known && own
		}
	}
	var some []Hop
	all := r.conversions(r.demands)
	for _, v := range boxed {
		if !r.p.IsMutexPtr(v.Type()) {
			continue // of another type, such as that of a loop that is rewritten already
		}
		hops := r.boxings(v)
		known = known && len(hops) > 0
		for _, h := range hops {
			if !slices.Contains(some, h) {
				some = append(some, h)
			}
		}
	}
	if known && len(boxed) > 0 || len(all) == 0 {
		return some
	}
	return all
}

// demands reports whether an interface has the method of the attempt.
func (r *reach) demands(i *types.Interface) bool {
	return slices.ContainsFunc(slices.Collect(i.Methods()), func(m *types.Func) bool { return m.Name() == r.attempt.method })
}

// conversions returns the mutexes that are converted to interfaces for which f holds.
func (r *reach) conversions(f func(*types.Interface) bool) (out []Hop) {
	for _, c := range r.p.Flow.Ifaces {
		if r.p.ByName[c.File.Name] == c.File && f(c.Iface) { // and not of another build configuration
			out = append(out, Hop{File: c.File, Node: c.Src})
		}
	}
	return out
}

// boxings returns the conversions that may be that of a value: the one that it is made in, or else
// all in its function, to interfaces that have the method before those of which an assertion may demand it.
func (r *reach) boxings(v ssa.Value) (out []Hop) {
	if call, ok := v.(*ssa.Call); ok {
		for _, h := range r.conversions(func(*types.Interface) bool { return true }) {
			if source.PosWithin(call.Pos(), h.Node) {
				return []Hop{h}
			}
		}
	}
	fn := v.Parent()
	for _, f := range []func(*types.Interface) bool{r.demands, func(i *types.Interface) bool { return i.NumMethods() == 0 }} {
		for _, h := range r.conversions(f) {
			if fn == nil || fn.Syntax() == nil || source.Within(h.Node, fn.Syntax()) {
				out = append(out, h)
			}
		}
		if len(out) > 0 {
			break
		}
	}
	return out
}

// targets returns the positions in reach that a call leads to: those of the functions it
// runs, or of those that it gives to code without a body, which will call them.
func (r *reach) targets(call *ast.CallExpr) []token.Pos {
	pl, _ := r.ways.place(call.Lparen)
	f := pl.file
	if f == nil || r.ways.tries[call.Lparen] {
		return nil // the attempt itself
	}
	if fn, ok := f.Callee(call).(*types.Func); ok && fn.Pkg() != nil && f.IsClientPath(fn.Pkg().Path()) {
		return nil // whatever stands in for the client does as the client does
	}
	return r.from(call.Lparen)
}

func (r *reach) from(at token.Pos) (out []token.Pos) {
	pl, _ := r.ways.place(at)
	r.ways.each(at, func(e *callgraph.Edge, to token.Pos) {
		if len(r.hops[to]) == 0 {
			return
		}
		if e.Kind == callgraph.Handed {
			call, ok := pl.node.(*ast.CallExpr)
			if !ok || IsRepeater(r.p.Program, e.To) || source.IsObject(e.To, "time", "AfterFunc") && r.setsAgain(e) {
				return
			}
			if h := r.given(pl.file, call, e, to); h.To.IsValid() && h.Node != ast.Expr(call) {
				if _, isLit := ast.Unparen(h.Node).(*ast.FuncLit); !isLit {
					to = h.Node.Pos() // the argument stands for what it is
					r.add(to, h)
				}
			}
		}
		if !slices.Contains(out, to) {
			out = append(out, to)
		}
	})
	return out
}

// add notes a way from the function declared at from. It reports whether it is new.
func (r *reach) add(from token.Pos, h Hop) bool {
	if slices.Contains(r.hops[from], h) {
		return false
	}
	r.hops[from] = append(r.hops[from], h)
	return true
}

// sites finds the loops that reach TryLock through calls. The hops of functions that
// try outside a retry loop have been added.
func (r *reach) sites() []*Site {
	if len(r.hops) == 0 {
		return nil
	}
	var out []*Site
	for {
		grown := false
		out = nil
		clear(r.answered) // more calls lead to a try than before
		for _, f := range r.p.Files {
			if f.IsHelper() {
				continue
			}
			isTry := func(call *ast.CallExpr) bool { return len(r.targets(call)) > 0 }
			hides := func(call *ast.CallExpr) bool {
				return slices.ContainsFunc(r.targets(call), func(to token.Pos) bool { return r.hides(to, map[token.Pos]bool{}) })
			}
			found, rest := r.p.sitesIn(search{file: f, attempt: r.attempt, isTry: isTry, hides: hides, replies: r.replies, ways: r.ways, judged: r.p.Judged})
			for _, fn := range sorted(rest) {
				if r.p.givesUp(r.attempt, f, r.ways.bodies[fn], isTry) {
					r.p.Stops[fn] = true
					continue
				}
				for _, call := range rest[fn] {
					for _, to := range r.targets(call) {
						if to != fn && r.add(fn, Hop{f, call, to}) {
							grown = true
						}
					}
				}
			}
			for _, s := range found {
				if r.follow(s); r.polls(s) {
					out = append(out, s)
				} else if s.Blocks() {
					r.p.Judged.Dismiss(s.Node.Pos(), s.Calls, finding.PerRequest, "the loop waits for others, and goes round whatever came of the try")
				} else {
					r.p.Judged.Dismiss(s.Node.Pos(), s.Calls, finding.Once, "the loop goes round whatever came of the try, and nothing paces it")
				}
			}
			sent, more := r.sent(f, out)
			out, grown = append(out, sent...), grown || more
		}
		if !grown {
			break
		}
	}
	return append(out, r.repeated()...)
}

// hides reports whether a function that tries may return no error although another session
// holds the lock: a job that is skipped then. To its caller that looks like success.
func (r *reach) hides(fn token.Pos, seen map[token.Pos]bool) bool {
	var body *ast.BlockStmt
	switch decl := r.ways.bodies[fn].(type) {
	case *ast.FuncDecl:
		body = decl.Body
	case *ast.FuncLit:
		body = decl.Body
	}
	if body == nil || seen[fn] {
		return false
	}
	seen[fn] = true
	f := r.ways.owner[fn]
	isTry := func(call *ast.CallExpr) bool {
		return f.Tried(call) != nil || len(r.targets(call)) > 0
	}
	t := &Walker{Fns: r.p.Functions, Attempt: r.attempt, File: f, Loop: body, IsTry: isTry, rough: true}
	paths := t.Block(body.List, []*Path{{Errs: map[types.Object]bool{}, Bools: map[types.Object]Tristate{}}})
	if t.Bad != nil {
		return true // nobody knows
	}
	for _, q := range paths {
		ret, ok := q.EndStmt.(*ast.ReturnStmt)
		if !ok || q.End != Left || len(ret.Results) == 0 {
			continue
		}
		if last := ret.Results[len(ret.Results)-1]; q.Outcome == Locked && source.IsNilExpr(f, ast.Unparen(last)) {
			return true
		}
	}
	for _, h := range r.hops[fn] {
		if r.hides(h.To, seen) {
			return true
		}
	}
	return false
}

func sorted(m map[token.Pos][]*ast.CallExpr) []token.Pos {
	out := make([]token.Pos, 0, len(m))
	for pos := range m {
		out = append(out, pos)
	}
	sort.Slice(out, func(i, j int) bool { return out[i] < out[j] })
	return out
}

// follow turns the tries of a site, which are calls of functions, into the way to
// TryLock and all its ends.
func (r *reach) follow(s *Site) {
	s.Calls, s.Tries = s.Tries, nil
	var first []Hop
	for _, call := range s.Calls {
		for _, to := range r.targets(call) {
			first = append(first, Hop{s.File, call, to})
		}
	}
	r.way(s, first)
}

// way notes the ways that begin with the first hops, and where they end: one way to each
// end.
func (r *reach) way(s *Site, first []Hop) {
	before := map[Hop]*Hop{}
	for queue := slices.Clone(first); len(queue) > 0; queue = queue[1:] {
		h := queue[0]
		if !h.To.IsValid() {
			s.Ends = append(s.Ends, h)
			continue
		}
		for _, next := range r.hops[h.To] {
			if _, seen := before[next]; !seen && !slices.Contains(first, next) {
				before[next] = &h
				queue = append(queue, next)
			}
		}
	}
	s.passed = slices.Clone(first)
	for h := range before {
		s.passed = append(s.passed, h)
	}
	for _, end := range s.Ends {
		way := Chain{end}
		for h := before[end]; h != nil; h = before[*h] {
			way = append(way, *h)
		}
		slices.Reverse(way)
		s.Ways = append(s.Ways, way)
	}
	if len(s.Ways) > 0 {
		s.Chain = s.Ways[0]
	}
}

// Onward returns the calls on the way to the try that are executed in functions on the way:
// all but the one in the cycle, and the values that are handed on or converted elsewhere.
func (s *Site) Onward() (out []Hop) {
	for i, h := range s.Chain {
		call, ok := ast.Unparen(h.Node).(*ast.CallExpr)
		if i > 0 && ok && (h.To.IsValid() || s.Walker.Attempt.Is(h.File, call)) {
			out = append(out, h)
		}
	}
	return out
}

// polls tells a loop that retries from one that happens to call a function that tries,
// such as one that accepts requests: a clock paces it, or nothing does, or only success
// ends it, or it does nothing but call what waits by itself.
func (r *reach) polls(s *Site) bool {
	if len(s.Clocks) > 0 || s.Pausing() != nil || r.isMutex(s) || r.ticked(s) {
		return true
	}
	if _, overItems := s.Node.(*ast.RangeStmt); !overItems && !s.Blocks() {
		return true
	}
	if s.Kind == GotoLoop {
		return true
	}
	if s.Walker.Bad != nil {
		return false
	}
	ends, goesOn, idle := false, false, true
	for _, q := range s.Paths {
		if q.Outcome == Won {
			ends = ends || q.End == Broke || q.End == Left
			goesOn = goesOn || q.End == Next
		}
		for _, st := range q.Steps {
			if st.Kind == Acts && q.End == Next {
				quiet, _ := s.Inert(st.Node)
				idle = idle && quiet
			} else if st.Kind == Receives {
				idle = false
			}
		}
	}
	if ends && !goesOn {
		return true
	}
	return idle && r.waits(s)
}

// ticked reports whether the loop waits for a channel to which others send at the pace of a
// clock, or that it feeds itself.
func (r *reach) ticked(s *Site) bool {
	return slices.ContainsFunc(s.Calls, func(call *ast.CallExpr) bool { return r.ways.feeds(s, call) })
}

// isMutex reports whether the loop calls TryLock of an interface that may be the mutex.
func (r *reach) isMutex(s *Site) bool {
	for _, call := range s.Calls {
		for _, to := range r.targets(call) {
			for _, h := range r.hops[to] {
				if !h.To.IsValid() && h.File.IsMutexPtr(h.File.TypeOf(h.Node)) {
					return true
				}
			}
		}
	}
	return false
}

// waits reports whether a function on the way waits for a clock.
func (r *reach) waits(s *Site) bool {
	for _, h := range s.Chain {
		var body *ast.BlockStmt
		switch fn := r.ways.bodies[h.To].(type) {
		case *ast.FuncDecl:
			body = fn.Body
		case *ast.FuncLit:
			body = fn.Body
		}
		if body != nil && len(r.p.clocksOf(r.ways.owner[h.To], r.ways.bodies[h.To], body)) > 0 {
			return true
		}
	}
	return false
}
