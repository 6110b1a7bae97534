package rewrite

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"etcdmod/rewrite/internal/source"
)

// tried is how messages begin: who tries what, and how often.
func (s *site) tried(verb string) string {
	what := ""
	if len(s.calls) > 0 {
		what = fmt.Sprintf("%s TryLock through %s", verb, source.FirstLine(s.Text(s.calls[0].Fun)))
	} else {
		what = fmt.Sprintf("%s %s", verb, source.FirstLine(s.Text(s.tries[0].Fun)))
	}
	if len(s.clock) == 1 && !s.repeats(s.clock[0].wait) {
		if d := s.clock[0].interval(); d != nil {
			what += " every " + source.FirstLine(s.Text(d))
		}
	}
	return s.name + " " + what
}

// repeats reports whether a loop within the site's loop repeats n, so that a round has any
// number of them.
func (s *site) repeats(n ast.Node) bool {
	found := false
	ast.Inspect(s.loop, func(m ast.Node) bool {
		switch m := m.(type) {
		case *ast.ForStmt:
			found = found || ast.Stmt(m) != s.loop && n != nil && source.Within(n, m.Body)
		case *ast.RangeStmt:
			found = found || ast.Stmt(m) != s.loop && n != nil && source.Within(n, m.Body)
		}
		return !found
	})
	return found
}

// outline returns the paths of a site: those that were walked exactly, or else those of a
// walk that takes nested loops for plain statements, or of the nested loop that tries. It
// returns nil where not even that is possible.
func (s *site) outline() []*path {
	if s.trace.bad == nil {
		return s.paths
	}
	for _, loop := range []ast.Stmt{s.loop, s.innermost()} {
		t := *s.trace
		t.loop, t.bad, t.rough = loop, nil, true
		if paths := t.round(); t.bad == nil {
			return paths
		}
	}
	return nil
}

// innermost returns the innermost loop around the first try, which may be nested in the
// loop of the site: a round of that goes over several locks.
func (s *site) innermost() ast.Stmt {
	loop := s.loop
	for _, call := range append(s.tries, s.calls...)[:1] {
		ast.Inspect(s.loop, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncLit:
				return false
			case *ast.ForStmt:
				if source.Within(call, n.Body) {
					loop = n
				}
			case *ast.RangeStmt:
				if source.Within(call, n.Body) {
					loop = n
				}
			}
			return true
		})
	}
	return loop
}

// goesOn reports whether the loop goes on trying after a try that succeeded: nothing but
// an error, or the end of a context or channel, ends it then.
func (s *site) goesOn(paths []*path) bool {
	again := false
	for _, q := range paths {
		if q.outcome != won {
			continue
		}
		switch q.end {
		case next:
			again = true
		case outward:
			return false
		default:
			if !stopped(q) && !s.fails(q) {
				return false
			}
		}
	}
	return again
}

// heeds reports whether the loop itself tries, or looks at the outcome of what does.
func (s *site) heeds() bool {
	heeds := len(s.calls) == 0
	for _, call := range s.calls {
		discarded := false
		ast.Inspect(s.loop, func(n ast.Node) bool {
			if e, ok := n.(*ast.ExprStmt); ok {
				discarded = discarded || ast.Unparen(e.X) == call
			}
			return !discarded
		})
		heeds = heeds || !discarded
	}
	return heeds
}

// stopped reports whether a path ends after it has received from somebody who may tell it
// to: a context, or a channel that is no clock.
func stopped(q *path) bool {
	for _, st := range q.steps {
		if st.after && (st.kind == doneRecv || st.kind == recv) {
			return true
		}
	}
	return false
}

// fails reports whether a path that has won returns an error, or ends the program.
func (s *site) fails(q *path) bool {
	switch end := q.endStmt.(type) {
	case *ast.ReturnStmt:
		if len(end.Results) == 0 {
			return false
		}
		last := end.Results[len(end.Results)-1]
		if s.trace.isErr(last, q) {
			return false // nil, on a path that has won
		}
		t := s.file.TypeOf(last)
		return t != nil && !source.IsNilExpr(s.file, last) && (source.IsError(t) || types.Implements(t, types.Universe.Lookup("error").Type().Underlying().(*types.Interface)))
	case *ast.ExprStmt: // panic, os.Exit
		return true
	}
	return false
}

// releases reports whether the lock is given back before the next round: on a path that
// has won, or in a function on the way to TryLock.
func (s *site) releases(paths []*path) bool {
	for _, q := range paths {
		if q.outcome != won || q.end != next {
			continue
		}
		for _, st := range q.steps {
			if st.after && s.unlocks(s.file, st.node, map[ast.Node]bool{}) {
				return true
			}
		}
	}
	for i, h := range s.trail {
		if fn := s.FuncAround(h.node); i > 0 && fn != nil && fn != s.fn && s.unlocksWon(s.trace.attempt, h, fn) {
			return true
		}
	}
	return false
}

// unlocksWon reports whether a function gives the lock back after a try that succeeded, as
// far as its ways can be told apart.
func (p *functions) unlocksWon(a *attempt, try hop, fn ast.Node) bool {
	list := source.Body(fn)
	t := &tracer{
		fns: p, attempt: a, file: try.file, loop: &ast.BlockStmt{List: list}, rough: true,
		isTry: func(c *ast.CallExpr) bool { return ast.Expr(c) == ast.Unparen(try.node) },
	}
	paths := t.block(list, []*path{{errs: map[types.Object]bool{}, bools: map[types.Object]tristate{}}})
	if _, ok := ast.Unparen(try.node).(*ast.CallExpr); !ok || t.bad != nil {
		return p.unlocks(try.file, fn, map[ast.Node]bool{})
	}
	for _, q := range paths {
		if q.outcome != won {
			continue
		}
		for _, st := range append(q.steps, step{node: q.endStmt}) {
			if p.unlocks(try.file, st.node, map[ast.Node]bool{}) {
				return true
			}
		}
	}
	return false
}

// unlocks reports whether n calls Unlock of an etcd mutex, itself or through functions of
// the module.
func (p *functions) unlocks(f *source.File, n ast.Node, seen map[ast.Node]bool) bool {
	if n == nil || seen[n] {
		return false
	}
	seen[n] = true
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || found {
			return !found
		}
		fn, ok := f.Callee(call).(*types.Func)
		if !ok {
			return true
		}
		if recv := fn.Signature().Recv(); fn.Name() == "Unlock" && recv != nil && (p.IsMutexPtr(recv.Type()) || p.IsHelperMutex(recv.Type())) {
			found = true
		}
		for _, decl := range p.DeclsOf(fn) {
			found = found || p.unlocks(p.FileAt(decl.Pos()), decl, seen)
		}
		return !found
	})
	return found
}

// limit says what ends a retry that goes on in vain, other than a context or a channel: a
// number of tries, or a deadline. It returns "" where nothing does.
func (s *site) limit(paths []*path) string {
	const attempts, deadline = "a limited number of times", "until a deadline"
	if _, ok := s.loop.(*ast.RangeStmt); ok && len(s.clock) > 0 && s.clock[0].wait == s.loop.(*ast.RangeStmt).X {
		// over the ticks of a clock
	} else if r, ok := s.loop.(*ast.RangeStmt); ok {
		if _, isChan := source.Under(s.file.TypeOf(r.X)).(*types.Chan); !isChan && s.iterator() <= promptPacing {
			return attempts
		}
	}
	counters := s.counters()
	counts := func(e ast.Expr) bool {
		for obj := range counters {
			if isNumber(obj.Type()) && s.file.Mentions(e, obj) {
				return true
			}
		}
		return false
	}
	bounds := func(e ast.Expr) string {
		switch {
		case e == nil:
		case counts(e):
			return attempts
		case readsClock(s.file, e):
			return deadline
		}
		return ""
	}
	if loop, ok := s.loop.(*ast.ForStmt); ok {
		if l := bounds(loop.Cond); l != "" {
			return l
		}
	}
	for _, q := range paths {
		if q.outcome == won || q.end != left && q.end != broke {
			continue
		}
		for _, st := range q.steps {
			switch {
			case st.kind == waits && !slices.Contains(s.clock, st.clock), st.kind == recv && isTime(s.file, st.node):
				return deadline
			}
		}
		if cond := s.guardOf(q.endStmt); cond != nil {
			if l := bounds(cond); l != "" {
				return l
			}
		}
	}
	return ""
}

// guardOf returns the condition of the innermost if around a statement of the loop.
func (s *site) guardOf(n ast.Stmt) (cond ast.Expr) {
	if n == nil {
		return nil
	}
	ast.Inspect(s.loop, func(m ast.Node) bool {
		if i, ok := m.(*ast.IfStmt); ok && source.Within(n, i) {
			cond = i.Cond
		}
		return m != nil
	})
	return cond
}

// readsClock reports whether e compares the time: time.Since(start) > d, or
// time.Now().After(end).
func readsClock(f *source.File, e ast.Expr) bool {
	found := false
	ast.Inspect(e, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if fn, ok := f.Callee(call).(*types.Func); ok {
				switch fn.Name() {
				case "Now", "Since", "Until":
					found = found || source.IsObject(fn, "time", fn.Name())
				}
			}
		}
		return !found
	})
	return found
}

// isTime reports whether n receives a time.
func isTime(f *source.File, n ast.Node) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		if u, ok := n.(*ast.UnaryExpr); ok && u.Op == token.ARROW {
			found = found || source.IsNamed(f.TypeOf(u), "time", "Time")
		}
		return !found
	})
	return found
}

// watches reports whether the loop is paced by the events of an etcd watch alone.
func (s *site) watches() bool {
	return len(s.clock) == 1 && s.clock[0].kind == watchClock
}

// isNumber reports whether values of type t are numbers, and so may count.
func isNumber(t types.Type) bool {
	b, ok := source.Under(t).(*types.Basic)
	return ok && b.Info()&types.IsNumeric != 0
}
