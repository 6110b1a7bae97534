package proof

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"etcdmod/rewrite/internal/source"
)

// starters are functions that start a clock: a timer, or a context that ends.
var starters = map[string][]string{
	"time":    {"After", "AfterFunc", "NewTicker", "NewTimer", "Tick"},
	"context": {"WithDeadline", "WithDeadlineCause", "WithTimeout", "WithTimeoutCause"},
}

// An asking is about clocks that were started before the loop, by variables and fields.
type asking struct {
	*measuring
	started map[any]bool
}

func newAsking(m *measuring) *asking {
	a := &asking{measuring: m}
	a.started = a.clocks()
	return a
}

// clocks returns the clocks that were started before the loop: variables by their objects, and fields by their text.
// Those of others may have been: of parameters, fields, and functions that give one. A context that the rounds know ends
// them, too, and says no more than that; a way out knows nothing of the rounds.
func (m *asking) clocks() map[any]bool {
	out, ends, ended := map[any]bool{}, map[any][]ast.Node{}, map[any]any{}
	past := func(n ast.Node) bool { return n.End() <= m.Node.Pos() || !source.Within(n, m.Func) }
	for n := range ast.Preorder(m.top()) {
		if e, ok := n.(ast.Expr); ok && source.Within(n, m.Func) && m.ticks(m.File.TypeOf(e)) && m.others(e) {
			out[m.key(e)] = true
		}
		if source.Within(n, m.Node) || m.inside(n) {
			continue
		}
		var to, from []ast.Expr
		switch n := n.(type) {
		case *ast.AssignStmt:
			to, from = n.Lhs, n.Rhs
		case *ast.ValueSpec:
			for _, name := range n.Names {
				to = append(to, name)
			}
			from = n.Values
		case *ast.CallExpr:
			if past(n) && source.IsObject(m.File.Callee(n), "time", "AfterFunc") {
				for x := range ast.Preorder(n.Args[1]) { // which ends a context
					if e, ok := x.(ast.Expr); ok && ended[m.key(e)] != nil {
						ends[ended[m.key(e)]] = append(ends[ended[m.key(e)]], n)
					}
				}
			}
		}
		if len(from) != 1 || len(to) == 0 {
			continue
		}
		if len(to) == 2 && source.IsNamed(m.File.TypeOf(to[0]), "context", "Context") && !source.IsBlank(to[1]) {
			ended[m.key(to[1])] = m.key(to[0])
		}
		early := past(n)
		if call, ok := ast.Unparen(from[0]).(*ast.CallExpr); ok && early && !source.IsBlank(to[0]) && (m.ticks(m.File.TypeOf(to[0])) || m.starts(call, "time")) {
			out[m.key(to[0])] = true
		}
		for _, to := range to {
			if t := m.File.TypeOf(to); t != nil && !source.IsBlank(to) && (source.IsNamed(t, "context", "Context") || mayStop(t)) {
				ends[m.key(to)] = append(ends[m.key(to)], m.endOf(from[0], early, ends)...)
			}
		}
	}
	var known []ast.Node
	var comms []ast.Stmt
	for n := range ast.Preorder(m.rounded()) {
		if c, ok := n.(*ast.CommClause); ok && c.Comm != nil {
			comms = append(comms, c.Comm)
		}
		waitsFor := slices.ContainsFunc(comms, func(c ast.Stmt) bool { return source.Within(n, c) })
		if m.onWayOut(n) && !waitsFor {
			continue
		}
		if e, ok := n.(ast.Expr); ok && source.IsNamed(m.File.TypeOf(e), "context", "Context") {
			known = append(known, ends[m.key(e)]...)
		}
	}
	for k, by := range ends {
		if slices.ContainsFunc(by, func(n ast.Node) bool { return !slices.Contains(known, n) }) {
			out[k] = true
		}
	}
	return out
}

// starts reports whether a call is of a function of a package that starts a clock.
func (m *asking) starts(call *ast.CallExpr, path string) bool {
	fn := m.File.Callee(call)
	return fn != nil && fn.Pkg() != nil && fn.Pkg().Path() == path && slices.Contains(starters[path], fn.Name())
}

// endOf returns the calls that say when a context ends which comes from e: its own, and those of contexts that it
// is derived from.
func (m *asking) endOf(e ast.Expr, early bool, ends map[any][]ast.Node) (out []ast.Node) {
	for n := range ast.Preorder(e) {
		if call, ok := n.(*ast.CallExpr); ok {
			if source.IsObject(m.File.Callee(call), "context", "WithoutCancel") {
				return nil
			}
			if early && m.starts(call, "context") {
				out = append(out, call)
			}
		}
		if x, ok := n.(ast.Expr); ok && source.IsNamed(m.File.TypeOf(x), "context", "Context") {
			out = append(out, ends[m.key(x)]...)
		}
	}
	return out
}

// mayStop reports whether t may be that of what context.AfterFunc returns.
func mayStop(t types.Type) bool {
	sig, ok := t.Underlying().(*types.Signature)
	return ok && sig.Params().Len() == 0 && sig.Results().Len() == 1 && source.IsBool(sig.Results().At(0).Type())
}

// ticks reports whether t is that of a timer, or of the channel of one.
func (m *asking) ticks(t types.Type) bool {
	if t == nil {
		return false
	}
	if ch, ok := t.Underlying().(*types.Chan); ok {
		return source.IsNamed(ch.Elem(), "time", "Time")
	}
	return source.IsNamed(t, "time", "Timer") || source.IsNamed(t, "time", "Ticker")
}

// others reports whether e is a field, or a variable that the function does not declare.
func (m *asking) others(e ast.Expr) bool {
	switch x := e.(type) {
	case *ast.SelectorExpr:
		v, ok := m.File.ObjectOf(x.Sel).(*types.Var)
		return ok && v.IsField() && !m.ticks(m.File.TypeOf(x.X))
	case *ast.Ident:
		v, ok := m.File.ObjectOf(x).(*types.Var)
		return ok && !v.IsField() && (isParameter(m.Func, v) || !source.PosWithin(v.Pos(), m.Func))
	}
	return false
}

// asked looks whether a clock that was started before the loop is asked behind it whether it has run out: that
// measures the wait as moments do.
func (m *asking) asked(n ast.Node) {
	runs := func(e ast.Expr) bool { return m.started[m.key(ast.Unparen(e))] }
	switch n := n.(type) {
	case *ast.CallExpr:
		switch fun := ast.Unparen(n.Fun).(type) {
		case *ast.Ident:
			if b, ok := m.File.ObjectOf(fun).(*types.Builtin); ok && b.Name() == "len" {
				if ch := m.channel(n.Args[0]); ch != nil && runs(ch) {
					m.spans[n] = false
				}
			} else if runs(fun) {
				m.spans[n] = false // what context.AfterFunc returned
			}
		case *ast.SelectorExpr:
			fn, ok := m.File.Callee(n).(*types.Func)
			if !ok || fn.Pkg() == nil {
				return
			}
			of := fun.X
			if source.IsObject(fn, "context", "Cause") {
				of = n.Args[0]
			}
			switch fn.Pkg().Path() + "." + fn.Name() {
			case "time.Stop", "time.Reset", "context.Err", "context.Cause":
				if runs(of) && !m.drains(n) {
					m.spans[n] = false
				}
			}
		}
	case *ast.SelectStmt:
		if slices.ContainsFunc(m.polled(n), func(c ast.Expr) bool { ch := m.channel(c); return ch != nil && runs(ch) }) {
			m.chooses(n)
		}
	}
}

// polled returns the channels that a select receives from if they are ready.
func (m *asking) polled(n *ast.SelectStmt) (out []ast.Expr) {
	if !slices.ContainsFunc(n.Body.List, func(c ast.Stmt) bool { return c.(*ast.CommClause).Comm == nil }) {
		return nil
	}
	for _, c := range n.Body.List {
		comm := c.(*ast.CommClause).Comm
		if comm == nil {
			continue
		}
		for x := range ast.Preorder(comm) {
			if recv, ok := x.(*ast.UnaryExpr); ok && recv.Op == token.ARROW {
				out = append(out, recv.X)
			}
		}
	}
	return out
}

// channel returns the timer, the channel or the context that a channel belongs to, or nil.
func (m *asking) channel(e ast.Expr) ast.Expr {
	e = ast.Unparen(e)
	switch x := e.(type) {
	case *ast.SelectorExpr:
		if t := m.File.TypeOf(x.X); t != nil && x.Sel.Name == "C" && (source.IsNamed(t, "time", "Timer") || source.IsNamed(t, "time", "Ticker")) {
			return x.X
		}
	case *ast.CallExpr:
		if sel, ok := ast.Unparen(x.Fun).(*ast.SelectorExpr); ok && source.IsNamed(m.File.TypeOf(sel.X), "context", "Context") {
			return sel.X
		}
		return nil
	}
	return e
}

// drains reports whether the result of Stop only says whether the timer's channel has to be emptied.
func (m *asking) drains(call *ast.CallExpr) bool {
	var at ast.Node = call
	for {
		up := m.parents[at]
		switch x := up.(type) {
		case *ast.ParenExpr:
		case *ast.UnaryExpr:
			if x.Op != token.NOT {
				return false
			}
		case *ast.IfStmt:
			return x.Cond == at && x.Else == nil && len(x.Body.List) == 1 && m.empties(x.Body.List[0])
		default:
			return false
		}
		at = up
	}
}

// empties reports whether a statement receives a tick, and drops it.
func (m *asking) empties(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.ExprStmt:
		recv, ok := ast.Unparen(s.X).(*ast.UnaryExpr)
		return ok && recv.Op == token.ARROW && source.IsNamed(m.File.TypeOf(recv), "time", "Time")
	case *ast.SelectStmt:
		return !slices.ContainsFunc(s.Body.List, func(c ast.Stmt) bool {
			clause := c.(*ast.CommClause)
			return len(clause.Body) > 0 || clause.Comm != nil && !m.empties(clause.Comm)
		})
	}
	return false
}

// chooses judges a select that does not wait.
func (m *asking) chooses(n *ast.SelectStmt) {
	logged := false
	for _, c := range n.Body.List {
		for _, s := range c.(*ast.CommClause).Body {
			if _, calls := s.(*ast.ExprStmt); !calls || !inert(m, s) {
				m.uses(n)
				return
			}
			logged = true
		}
	}
	if logged {
		m.logs(n)
	}
}

func inert(m *asking, s ast.Stmt) bool { ok, _ := m.Inert(s); return ok }
