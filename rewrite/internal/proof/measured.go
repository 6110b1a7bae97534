package proof

import (
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"slices"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// measured reports that the length of a wait is measured, and that something depends on it: a wait
// that ends early is shorter. What is only logged is a difference.
//
// A moment is taken before the loop or in a round, and compared with a later one when the clock has
// been waited for in between. Nobody can tell a wait from how late it is by the clock on the wall:
// what the loop does when a time has passed that began before it, it still does. But it may not leave
// because too little time has passed.
func measured(s *loop.Site) *finding.Reason {
	for _, q := range s.Paths {
		waited := false
		for _, st := range q.Steps {
			waited = waited || st.Kind == loop.Waits
			if waited && st.Kind == loop.TakesDefault && q.End != loop.Next && q.Outcome != loop.Won && (st.After || q.Outcome == loop.Untried) {
				return &finding.Reason{Code: finding.WaitMeasured, Detail: source.FirstLine(s.Text(st.Node)), Pos: s.Position(st.Node.Pos())}
			}
		}
	}
	if n := unended(s); n != nil {
		return &finding.Reason{Code: finding.WaitMeasured, Detail: source.FirstLine(s.Text(n)), Pos: s.Position(n.Pos())}
	}
	if m := newMeasuring(s); m.used != nil {
		return &finding.Reason{Code: finding.WaitMeasured, Detail: source.FirstLine(m.Text(m.used)), Pos: m.Position(m.used.Pos())}
	}
	return nil
}

// An age says when the moments were taken that an expression comes from.
type age int

const (
	within  age = 1 << iota // in this round, and no wait has come since
	before                  // before the loop, and no wait has come since
	waited                  // in the loop, before a wait
	without                 // before the loop, and before a wait
	others                  // by others, maybe before the function began
)

// later is an age after a wait.
func (a age) later() age {
	return a&(waited|without|others) | a&within*waited/within | a&before*without/before
}

// A measuring follows the moments of a function and what is made of them.
type measuring struct {
	*loop.Site
	frame   *frame // nil where Site is the loop itself
	parents map[ast.Node]ast.Node
	ages    map[any]age // of variables, by their objects, and of fields, by their text
	// spans are the expressions that say how long a wait took: true where the time began in the loop.
	spans  map[ast.Expr]bool
	seen   map[lengthOf]bool
	ways   map[ast.Node]bool
	beside *beside
	used   ast.Node   // what depends on such a length
	logged []ast.Stmt // what only logs it
}

// A lengthOf is a variable that holds a length, of a time that began in the loop or before it.
type lengthOf struct {
	v      types.Object
	inLoop bool
}

// newMeasuring follows the moments of the function of a loop, and of those around it that wait for it.
func newMeasuring(s *loop.Site) *measuring {
	m := measure(s, nil)
	for _, f := range framesOf(s) {
		around := measure(f.Site, f)
		if m.used == nil {
			m.used = around.used
		}
		m.logged = append(m.logged, around.logged...)
	}
	slices.SortFunc(m.logged, func(a, b ast.Stmt) int { return int(a.Pos() - b.Pos()) })
	m.logged = slices.Compact(m.logged)
	return m
}

func measure(s *loop.Site, f *frame) *measuring {
	m := &measuring{Site: s, frame: f, parents: source.Parents(s.Func), ages: map[any]age{}, spans: map[ast.Expr]bool{}, seen: map[lengthOf]bool{}}
	m.ways = waysOut(s)
	asking := newAsking(m)
	beside := runsBeside(asking)
	m.beside = beside
	if len(asking.started) == 0 && len(beside.changed) == 0 && !m.takes(s.Func) && !m.compares(s.Func) {
		return m
	}
	m.foreign()
	for n := range ast.Preorder(s.Func) {
		switch {
		case m.inside(n):
			if n.End() <= m.rounded().Pos() {
				m.assigns(n, before)
			} else if source.Within(n, m.rounded()) {
				m.assigns(n, within)
			}
		case n.End() <= s.Node.Pos():
			m.assigns(n, before)
			if d, ok := n.(*ast.DeferStmt); ok && m.handed(d.Call, within|before) {
				m.uses(d)
			}
		}
	}
	m.rounds()
	if f == nil {
		asking.tooEarly()
	}
	for n := range ast.Preorder(s.Func) {
		if m.inside(n) { // it is looked at as the loop itself is
			if n.Pos() > m.rounded().End() {
				m.assigns(n, within)
			}
			continue
		}
		behind := !source.Within(n, s.Node) && (n.Pos() > s.Node.End() || m.inLiteral(n))
		if behind {
			m.look(n, true)
		}
		if behind || m.onWayOut(n) {
			asking.asked(n)
			beside.reads(n)
		}
		if behind {
			m.assigns(n, within)
		}
	}
	for e, inLoop := range m.spans {
		m.flows(e, inLoop)
	}
	return m
}

// waysOut returns the statements of the loop that paths come to: true where no other round comes behind them.
func waysOut(s *loop.Site) map[ast.Node]bool {
	out := map[ast.Node]bool{}
	for _, q := range s.Paths {
		ends := q.End != loop.Next
		for _, st := range q.Steps {
			was, seen := out[st.Node]
			out[st.Node] = ends && (was || !seen)
		}
		if q.EndStmt != nil && q.End == loop.Left {
			out[q.EndStmt] = true
		}
	}
	return out
}

// onWayOut reports whether n stands in the loop, in a statement behind which no other round comes.
func (m *measuring) onWayOut(n ast.Node) bool {
	found := false
	for st, ends := range m.ways {
		if source.Within(n, st) {
			if !ends {
				return false
			}
			found = true
		}
	}
	return found
}

// takes reports whether n takes a moment.
func (m *measuring) takes(n ast.Node) bool {
	for x := range ast.Preorder(n) {
		if call, ok := x.(*ast.CallExpr); ok && (source.IsObject(m.File.Callee(call), "time", "Now") || m.gives(call)) {
			return true
		}
		if e, ok := x.(*ast.UnaryExpr); ok && e.Op == token.ARROW && source.IsNamed(m.File.TypeOf(e), "time", "Time") {
			return true
		}
	}
	return false
}

func (m *measuring) inLiteral(n ast.Node) bool {
	for p := m.parents[n]; p != nil && p != m.Func; p = m.parents[p] {
		if _, ok := p.(*ast.FuncLit); ok {
			return true
		}
	}
	return false
}

// rounds follows the moments through the rounds, until no more of them are found to be old.
func (m *measuring) rounds() {
	start := m.ages
	for {
		joined := maps.Clone(start)
		for _, q := range m.Paths {
			m.ages = maps.Clone(start)
			m.round(q)
			for k, a := range m.ages {
				joined[k] |= a
			}
		}
		if m.ages = joined; maps.Equal(joined, start) {
			return
		}
		start = joined
	}
}

// round follows one way through a round.
func (m *measuring) round(q *loop.Path) {
	for _, st := range q.Steps {
		if st.Kind == loop.Waits || st.Kind == loop.ReceivesDone && m.blocks(st.Node) {
			for k, a := range m.ages {
				m.ages[k] = a.later()
			}
			if a, ok := m.parents[st.Node].(*ast.AssignStmt); ok {
				m.ages[m.key(a.Lhs[0])] = within
			}
			continue
		}
		m.step(st.Node)
	}
	if q.EndStmt != nil {
		m.step(q.EndStmt)
	}
}

// blocks reports whether a receive stands in a select that waits.
func (m *measuring) blocks(receive ast.Node) bool {
	for n := m.parents[receive]; n != nil; n = m.parents[n] {
		if sel, ok := n.(*ast.SelectStmt); ok {
			return !slices.ContainsFunc(sel.Body.List, func(c ast.Stmt) bool { return c.(*ast.CommClause).Comm == nil })
		}
	}
	return true
}

func (m *measuring) step(n ast.Node) {
	for x := range ast.Preorder(n) {
		m.look(x, false)
	}
	for x := range ast.Preorder(n) {
		m.assigns(x, within)
	}
}

// key stands for a variable or a field.
func (m *measuring) key(e ast.Expr) any {
	if obj := m.Walker.Variable(e); obj != nil {
		return obj
	}
	return m.Text(e)
}

// assigns notes moments that are assigned. Where a branch of what comes behind the loop assigns one,
// the old one stays, too.
func (m *measuring) assigns(n ast.Node, taken age) {
	set := func(to, from ast.Expr) {
		a := m.age(from)
		if m.takes(from) {
			a = a&^within | taken
		}
		if m.length(from) {
			a = 0
		}
		stmt, _ := n.(ast.Stmt)
		if stmt != nil && n.Pos() > m.Node.End() && !slices.Contains(source.Siblings(m.Func, m.Node), stmt) {
			a |= m.ages[m.key(to)]
		}
		if a != 0 {
			m.ages[m.key(to)] = a
		} else if !source.IsBlank(to) {
			delete(m.ages, m.key(to))
		}
	}
	switch n := n.(type) {
	case *ast.AssignStmt:
		for i, l := range n.Lhs {
			if len(n.Lhs) == len(n.Rhs) {
				set(l, n.Rhs[i])
			} else if source.IsNamed(m.File.TypeOf(l), "time", "Time") && !source.IsBlank(l) {
				m.ages[m.key(l)] = taken | others
			}
		}
	case *ast.ValueSpec:
		for i, name := range n.Names {
			if len(n.Names) == len(n.Values) {
				set(name, n.Values[i])
			}
		}
	}
}

// length reports whether e is a length of time, and no moment.
func (m *measuring) length(e ast.Expr) bool {
	for n := range ast.Preorder(e) {
		if call, ok := n.(*ast.CallExpr); ok {
			if x, _ := m.compared(call); x != nil {
				return true
			}
		}
	}
	return source.IsNamed(m.File.TypeOf(e), "time", "Duration")
}

// age is that of the moments which e comes from.
func (m *measuring) age(e ast.Expr) (a age) {
	if e == nil {
		return within // now
	}
	if m.takes(e) {
		a = within
	}
	for n := range ast.Preorder(e) {
		switch x := n.(type) {
		case *ast.CallExpr:
			a |= m.calledAge(x)
		case *ast.SelectorExpr, *ast.IndexExpr:
			a |= m.ages[m.Text(x)]
		case *ast.UnaryExpr:
			if x.Op == token.ARROW && m.Walker.Clocks[x] == nil && source.IsNamed(m.File.TypeOf(x), "time", "Time") {
				a |= others
			}
		case *ast.Ident:
			if obj := m.File.ObjectOf(x); obj != nil {
				a |= m.ages[obj]
			}
		}
	}
	return a
}

// look notes whether an expression compares moments before and behind a wait. behind says that it
// stands behind the loop.
func (m *measuring) look(n ast.Node, behind bool) {
	e, ok := n.(ast.Expr)
	if !ok {
		return
	}
	if call, ok := e.(*ast.CallExpr); ok && m.handed(call, waited|without) {
		m.uses(call)
	}
	x, y := m.compared(e)
	if x == nil {
		return
	}
	a, b := m.age(x), m.age(y)
	if _, numbers := e.(*ast.BinaryExpr); numbers {
		a, b = m.orOthers(x, a), m.orOthers(y, b)
	}
	const old = without | others
	if a == 0 || b == 0 || (a|b)&(waited|old) == 0 || (a|b)&^old == 0 {
		return
	}
	m.spans[e] = m.spans[e] || (a|b)&waited != 0
}
