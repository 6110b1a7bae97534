package loop

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"etcdmod/rewrite/internal/source"
)

// Tried is how messages begin: who tries what, and how often.
func (s *Site) Tried(verb string) string {
	what := ""
	if len(s.Calls) > 0 {
		what = fmt.Sprintf("%s TryLock through %s", verb, s.described(s.Calls[0].Fun))
	} else {
		what = fmt.Sprintf("%s %s", verb, source.FirstLine(s.Text(s.Tries[0].Fun)))
	}
	if len(s.Clocks) == 1 && !s.repeats(s.Clocks[0].Wait) {
		if d := s.Pace(s.Clocks[0]); d != nil {
			what += " every " + source.FirstLine(s.Text(d))
		}
	}
	return s.Name + " " + what
}

// described returns the text of an expression for a message, or what it is.
func (s *Site) described(e ast.Expr) string {
	if _, ok := ast.Unparen(e).(*ast.FuncLit); ok {
		return "a function literal"
	}
	return source.FirstLine(s.Text(e))
}

// Pace returns the interval of a clock between rounds, or nil where there is not one: a
// timer that the loop sets again has that of the Reset, not the one it was made with.
func (s *Site) Pace(c *Clock) (d ast.Expr) {
	several := false
	if c.Var != nil {
		ast.Inspect(s.Node, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 1 {
				return true
			}
			sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
			if !ok || sel.Sel.Name != "Reset" {
				return true
			}
			if s.File.VariableOf(ast.Unparen(sel.X)) == c.Var {
				several = several || d != nil && s.Text(d) != s.Text(call.Args[0])
				d = call.Args[0]
			}
			return true
		})
	}
	if d == nil {
		d = c.Interval()
	}
	if d == nil || several {
		return nil
	}
	if v := s.File.Pkg.TypesInfo.Types[d].Value; v != nil && v.String() == "0" {
		return nil
	}
	if !source.IsNamed(s.File.TypeOf(d), "time", "Duration") {
		return nil // what a clock of another package is made from
	}
	return d
}

// repeats reports whether a loop within the site's loop repeats n, so that a round has any
// number of them.
func (s *Site) repeats(n ast.Node) bool {
	found := false
	ast.Inspect(s.Node, func(m ast.Node) bool {
		switch m := m.(type) {
		case *ast.ForStmt:
			found = found || ast.Stmt(m) != s.Node && n != nil && source.Within(n, m.Body)
		case *ast.RangeStmt:
			found = found || ast.Stmt(m) != s.Node && n != nil && source.Within(n, m.Body)
		}
		return !found
	})
	return found
}

// A Nature is a site with what a round of its loop does, as far as that can be told: the rules
// ask it.
type Nature struct {
	*Site
	Paths []*Path // its outline
}

// Nature returns that of a site.
func (s *Site) Nature() Nature { return Nature{s, s.Outline()} }

// Outline returns the paths of a site: those that were walked exactly, or else those of a
// walk that takes nested loops for plain statements, or of the nested loop that tries. It
// returns nil where not even that is possible.
func (s *Site) Outline() []*Path {
	if s.Walker.Bad == nil {
		return s.Paths
	}
	for _, loop := range []ast.Stmt{s.Node, s.innermost(slices.Concat(s.Tries, s.Calls)[0])} {
		t := *s.Walker
		t.Loop, t.Bad, t.rough = loop, nil, true
		if paths := t.round(); t.Bad == nil {
			return paths
		}
	}
	return nil
}

// innermost returns the innermost loop around a try, which may be nested in the loop of the
// site: a round of that goes over several locks.
func (s *Site) innermost(call *ast.CallExpr) ast.Stmt {
	loop := s.Node
	ast.Inspect(s.Node, func(n ast.Node) bool {
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
	return loop
}

// GoesOn reports whether the loop goes on trying after a try that succeeded: nothing but
// an error, or the end of a context or channel, ends it then.
func (s Nature) GoesOn() bool {
	if _, sends := s.Walker.Bad.(*ast.SendStmt); s.fed || sends {
		return false // a try that failed makes it go on, or whoever is sent how it ended decides that
	}
	again := false
	for _, q := range s.Paths {
		if q.Outcome != Won {
			continue
		}
		switch q.End {
		case Next:
			if endedByRounds(s.Site, q) {
				return false
			}
			again = true
		case Outward:
			return false
		default:
			if !stopped(q) && !s.fails(q) {
				return false
			}
		}
	}
	return again
}

// endedByRounds reports whether the condition of the loop may end it behind a path, by what rounds
// have set: whether it does could not be told.
func endedByRounds(s *Site, q *Path) bool {
	loop, ok := s.Node.(*ast.ForStmt)
	if !ok || loop.Cond == nil || s.Walker.Eval(loop.Cond, q) != Unknown {
		return false
	}
	for n := range ast.Preorder(loop.Cond) {
		if id, ok := n.(*ast.Ident); ok {
			if v, ok := s.File.ObjectOf(id).(*types.Var); ok && s.File.AssignedIn(v, loop.Body) {
				return true
			}
		}
	}
	return false
}

// Heeds reports whether the loop itself tries, or looks at the outcome of what does.
func (s Nature) Heeds() bool {
	heeds := len(s.Calls) == 0
	for _, call := range s.Calls {
		discarded := false
		ast.Inspect(s.Node, func(n ast.Node) bool {
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
func stopped(q *Path) bool {
	for _, st := range q.Steps {
		if st.After && (st.Kind == ReceivesDone || st.Kind == Receives) {
			return true
		}
	}
	return false
}

// fails reports whether a path that has won returns an error, or ends the program.
func (s Nature) fails(q *Path) bool {
	switch end := q.EndStmt.(type) {
	case *ast.ReturnStmt:
		if len(end.Results) == 0 {
			return false
		}
		last := end.Results[len(end.Results)-1]
		if s.Walker.isErr(last, q) {
			return false // nil, on a path that has won
		}
		t := s.File.TypeOf(last)
		return t != nil && !source.IsNilExpr(s.File, last) && (source.IsError(t) || types.Implements(t, types.Universe.Lookup("error").Type().Underlying().(*types.Interface)))
	case *ast.ExprStmt: // panic, os.Exit
		return true
	}
	return false
}

// Releases reports whether the lock is given back before the next round: on a path that
// has won, or in a function on the way to TryLock.
func (s Nature) Releases() bool {
	for _, q := range s.Paths {
		if q.Outcome != Won || q.End != Next {
			continue
		}
		for _, st := range q.Steps {
			if st.After && s.unlocks(s.File, st.Node, map[ast.Node]bool{}) {
				return true
			}
		}
	}
	return s.ReleasesBelow()
}

// ReleasesBelow reports whether a function on the way to TryLock gives the lock back.
func (s Nature) ReleasesBelow() bool {
	for _, h := range s.Onward() {
		if fn := s.FuncAround(h.Node); fn != nil && fn != s.Func && s.unlocksWon(s.Walker.Attempt, h, fn) {
			return true
		}
	}
	return false
}

// unlocksWon reports whether a function gives the lock back after a try that succeeded, as
// far as its ways can be told apart.
func (p *Functions) unlocksWon(a *Attempt, try Hop, fn ast.Node) bool {
	list := source.Body(fn)
	t := &Walker{
		Fns: p, Attempt: a, File: try.File, Loop: &ast.BlockStmt{List: list}, rough: true,
		IsTry: func(c *ast.CallExpr) bool { return ast.Expr(c) == ast.Unparen(try.Node) },
	}
	paths := t.Block(list, []*Path{{Errs: map[types.Object]bool{}, Bools: map[types.Object]Tristate{}}})
	if _, ok := ast.Unparen(try.Node).(*ast.CallExpr); !ok || t.Bad != nil {
		return p.unlocks(try.File, fn, map[ast.Node]bool{})
	}
	for _, q := range paths {
		if q.Outcome != Won {
			continue
		}
		for _, st := range append(q.Steps, step{Node: q.EndStmt}) {
			if p.unlocks(try.File, st.Node, map[ast.Node]bool{}) {
				return true
			}
		}
	}
	return false
}

// unlocks reports whether n calls Unlock of an etcd mutex, itself or through functions of
// the module.
func (p *Functions) unlocks(f *source.File, n ast.Node, seen map[ast.Node]bool) bool {
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

// Limit says what ends a retry that goes on in vain, other than a context or a channel: a
// number of tries, or a deadline. It returns "" where nothing does.
func (s Nature) Limit() string {
	const attempts, deadline = "a limited number of times", "until a deadline"
	if _, ok := s.Node.(*ast.RangeStmt); ok && len(s.Clocks) > 0 && s.Clocks[0].Wait == s.Node.(*ast.RangeStmt).X {
		// over the ticks of a clock
	} else if r, ok := s.Node.(*ast.RangeStmt); ok {
		if _, isChan := source.Under(s.File.TypeOf(r.X)).(*types.Chan); !isChan && s.Iterator() <= promptPacing {
			return attempts
		}
	}
	counters := s.Counters()
	counts := func(e ast.Expr) bool {
		for obj := range counters {
			if s.File.Mentions(e, obj) && s.isCount(obj, counters) {
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
		case readsClock(s.File, e):
			return deadline
		}
		return ""
	}
	if loop, ok := s.Node.(*ast.ForStmt); ok && !s.lifted(loop.Cond, token.LOR) {
		if l := bounds(loop.Cond); l != "" {
			return l
		}
	}
	for _, q := range s.Paths {
		if q.Outcome == Won || q.End != Left && q.End != Broke {
			continue
		}
		for _, st := range q.Steps {
			switch {
			case st.Kind == Waits && !slices.Contains(s.Clocks, st.clock), st.Kind == Receives && isTime(s.File, st.Node):
				return deadline
			}
		}
		if cond := s.guardOf(q.EndStmt); cond != nil && !s.lifted(cond, token.LAND) {
			if l := bounds(cond); l != "" {
				return l
			}
		}
	}
	return ""
}

// lifted reports whether a condition asks for a setting besides, which no round changes, such as
// a number of tries of which zero means without end: operands of op decide it alone.
func (s Nature) lifted(cond ast.Expr, op token.Token) bool {
	e, ok := ast.Unparen(cond).(*ast.BinaryExpr)
	if cond == nil || !ok {
		return false
	}
	if e.Op == op {
		return s.lifted(e.X, op) || s.lifted(e.Y, op)
	}
	if e.Op == token.LAND || e.Op == token.LOR || source.HasCall(e) {
		return false
	}
	variables := 0
	for n := range ast.Preorder(e) {
		id, ok := n.(*ast.Ident)
		if !ok {
			continue
		}
		v, ok := s.File.ObjectOf(id).(*types.Var)
		if !ok {
			continue
		}
		if source.IsError(v.Type()) || s.File.AssignedIn(v, s.Node) || source.PosWithin(v.Pos(), s.Node) {
			return false
		}
		variables++
	}
	return variables > 0
}

// guardOf returns the condition of the innermost if around a statement of the loop.
func (s Nature) guardOf(n ast.Stmt) (cond ast.Expr) {
	if n == nil {
		return nil
	}
	ast.Inspect(s.Node, func(m ast.Node) bool {
		if i, ok := m.(*ast.IfStmt); ok && source.Within(n, i) {
			cond = i.Cond
		}
		return m != nil
	})
	return cond
}

// readsClock reports whether e compares the time: time.Since(start) > d, or now.After(end).
func readsClock(f *source.File, e ast.Expr) bool {
	found := false
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if fn, ok := f.Callee(n).(*types.Func); ok {
				found = found || source.IsObject(fn, "time", "Since") || source.IsObject(fn, "time", "Until")
			}
		case *ast.SelectorExpr: // a method of a time
			found = found || source.IsNamed(f.TypeOf(n.X), "time", "Time")
		}
		return !found
	})
	return found
}

// TellsTime reports whether rounds ask what time it is before they try, and go round without
// a try where it is too early. That wait is one although nothing stops.
func (s Nature) TellsTime() bool {
	return slices.ContainsFunc(s.Paths, func(q *Path) bool {
		return q.Outcome == Untried && q.End == Next && s.asksTime()
	})
}

// asksTime reports whether a condition of the loop, which decides whether a round tries,
// compares times.
func (s Nature) asksTime() bool {
	found := false
	ast.Inspect(s.Node, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.IfStmt:
			last := ast.Stmt(nil)
			if k := len(n.Body.List); k > 0 {
				last = n.Body.List[k-1]
			}
			b, isBranch := last.(*ast.BranchStmt)
			around := slices.ContainsFunc(s.Tries, func(c *ast.CallExpr) bool { return source.Within(c, n.Body) })
			found = found || (around || isBranch && b.Tok == token.CONTINUE) && readsClock(s.File, n.Cond)
		case *ast.CaseClause:
			around := slices.ContainsFunc(s.Tries, func(c *ast.CallExpr) bool { return source.Within(c, n) })
			found = found || around && slices.ContainsFunc(n.List, func(e ast.Expr) bool { return readsClock(s.File, e) })
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

// isCount reports whether a counter counts: it is a number that no function gives, or says how
// one compares.
func (s Nature) isCount(obj types.Object, counters map[types.Object]bool) bool {
	if isNumber(obj.Type()) {
		return !s.isGiven(obj)
	}
	for n := range ast.Preorder(s.Node) {
		a, ok := n.(*ast.AssignStmt)
		if !ok || len(a.Lhs) != len(a.Rhs) {
			continue
		}
		for i, l := range a.Lhs {
			b, compares := ast.Unparen(a.Rhs[i]).(*ast.BinaryExpr)
			if !compares || s.Walker.Variable(l) != obj {
				continue
			}
			for c := range counters {
				if isNumber(c.Type()) && s.File.Mentions(b, c) {
					return true
				}
			}
		}
	}
	return false
}

// isGiven reports whether a round assigns to a variable what a function of the program says.
func (s Nature) isGiven(obj types.Object) bool {
	for n := range ast.Preorder(s.Node) {
		a, ok := n.(*ast.AssignStmt)
		if !ok || a.Tok != token.ASSIGN {
			continue
		}
		for i, l := range a.Lhs {
			if s.Walker.Variable(l) == obj && source.HasCall(a.Rhs[min(i, len(a.Rhs)-1)]) {
				return true
			}
		}
	}
	return false
}

// isNumber reports whether values of type t are numbers, and so may count.
func isNumber(t types.Type) bool {
	b, ok := source.Under(t).(*types.Basic)
	return ok && b.Info()&types.IsNumeric != 0
}
