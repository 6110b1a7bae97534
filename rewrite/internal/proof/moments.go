package proof

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// foreign notes the moments that others have taken: parameters, fields and variables of functions around
// and of packages.
func (m *measuring) foreign() {
	for n := range ast.Preorder(m.Func) {
		e, ok := n.(ast.Expr)
		if !ok || !source.IsNamed(m.File.TypeOf(e), "time", "Time") {
			continue
		}
		switch x := e.(type) {
		case *ast.SelectorExpr:
			if _, field := m.File.ObjectOf(x.Sel).(*types.Var); field {
				m.ages[m.key(x)] = others
			}
		case *ast.Ident:
			if v, ok := m.File.ObjectOf(x).(*types.Var); ok && !v.IsField() && (isParameter(m.Func, v) || !source.PosWithin(v.Pos(), m.Func)) {
				m.ages[v] = others
			}
		}
	}
}

// isParameter reports whether a function, or a literal in it, has v as a parameter.
func isParameter(fn ast.Node, v *types.Var) (found bool) {
	for n := range ast.Preorder(fn) {
		if t, ok := n.(*ast.FuncType); ok && t.Params != nil {
			found = found || source.PosWithin(v.Pos(), t.Params)
		}
		if d, ok := n.(*ast.FuncDecl); ok && d.Recv != nil {
			found = found || source.PosWithin(v.Pos(), d.Recv)
		}
	}
	return found
}

// moment reports whether e is a moment, the comparisons of which are judged where they stand.
func (m *measuring) moment(e ast.Expr) bool {
	return m.takes(e) || source.IsNamed(m.File.TypeOf(e), "time", "Time")
}

// compares reports whether n compares a moment with now.
func (m *measuring) compares(n ast.Node) bool {
	for x := range ast.Preorder(n) {
		if call, ok := x.(*ast.CallExpr); ok && (source.IsObject(m.File.Callee(call), "time", "Since") || source.IsObject(m.File.Callee(call), "time", "Until")) {
			return true
		}
	}
	return false
}

// gives reports whether a call that is none of package time gives a moment: that of the call, or an
// older one.
func (m *measuring) gives(call *ast.CallExpr) bool {
	if fn := m.File.Callee(call); m.File.Pkg.TypesInfo.Types[call.Fun].IsType() || fn != nil && fn.Pkg() != nil && fn.Pkg().Path() == "time" {
		return false
	}
	typ := m.File.TypeOf(call)
	if several, ok := typ.(*types.Tuple); ok {
		for v := range several.Variables() {
			if source.IsNamed(v.Type(), "time", "Time") {
				return true
			}
		}
		return false
	}
	return typ != nil && source.IsNamed(typ, "time", "Time")
}

// calledAge is that of the moment which a call gives, beside those that it is given.
func (m *measuring) calledAge(call *ast.CallExpr) (a age) {
	if m.gives(call) {
		return within | others
	}
	if fn, ok := m.File.Callee(call).(*types.Func); ok && fn.Pkg() != nil && fn.Pkg().Path() == "time" && strings.HasPrefix(fn.Name(), "Unix") && fn.Signature().Recv() == nil {
		for _, x := range call.Args {
			a |= m.orOthers(x, 0)
		}
	}
	return a
}

// orOthers returns a, or where that is none, the age of a number that may be a moment of others: one
// that is no constant.
func (m *measuring) orOthers(e ast.Expr, a age) age {
	if a != 0 || e == nil || m.File.Pkg.TypesInfo.Types[e].Value != nil || !isInteger(m.File.TypeOf(e)) {
		return a
	}
	return others
}

func isInteger(typ types.Type) bool {
	b, ok := source.Under(typ).(*types.Basic)
	return ok && b.Info()&types.IsInteger != 0
}

// handed reports whether a call that may compare it with now is given a moment of those ages, which this
// function has taken.
func (m *measuring) handed(call *ast.CallExpr, ages age) bool {
	fn := m.File.Callee(call)
	if m.File.Pkg.TypesInfo.Types[call.Fun].IsType() || fn != nil && fn.Pkg() != nil && (fn.Pkg().Path() == "time" || fn.Pkg().Path() == "context") {
		return false
	}
	if logs, _ := m.Inert(&ast.ExprStmt{X: call}); logs || loop.Pure(m.File, call) {
		return false
	}
	for _, a := range append(slices.Clone(call.Args), call.Fun) {
		if sel, ok := ast.Unparen(a).(*ast.SelectorExpr); ok && a == call.Fun {
			a = sel.X
		}
		if _, literal := ast.Unparen(a).(*ast.FuncLit); literal {
			continue // what it compares is seen in it
		}
		if typ := m.File.TypeOf(a); typ != nil && m.holds(typ, 0) && m.age(a)&ages != 0 {
			return true
		}
	}
	return false
}

// holds reports whether a value of a type may be a moment, or have been made of one: a clock of the
// program's own, or a function that measures.
func (m *measuring) holds(typ types.Type, depth int) bool {
	if source.IsNamed(typ, "time", "Time") {
		return true
	}
	switch u := source.Under(typ).(type) {
	case *types.Signature:
		return true
	case *types.Pointer:
		return depth < 5 && m.holds(u.Elem(), depth+1)
	case *types.Struct:
		for v := range u.Fields() {
			if depth < 5 && m.holds(v.Type(), depth+1) {
				return true
			}
		}
	}
	return false
}

// compared returns the two moments that e compares: nil stands for now.
func (m *measuring) compared(e ast.Expr) (x, y ast.Expr) {
	switch e := e.(type) {
	case *ast.CallExpr:
		fn, ok := m.File.Callee(e).(*types.Func)
		if !ok || fn.Pkg() == nil || fn.Pkg().Path() != "time" || len(e.Args) != 1 {
			return nil, nil
		}
		sel, _ := ast.Unparen(e.Fun).(*ast.SelectorExpr)
		switch fn.Name() {
		case "Since", "Until":
			return e.Args[0], nil
		case "Sub", "Before", "After", "Equal", "Compare":
			if fn.Signature().Recv() != nil && sel != nil {
				return sel.X, e.Args[0]
			}
		}
	case *ast.BinaryExpr: // of the nanoseconds since 1970
		switch e.Op {
		case token.SUB, token.LSS, token.LEQ, token.GTR, token.GEQ, token.EQL, token.NEQ:
			a, b := m.age(e.X), m.age(e.Y)
			if !m.length(e.X) && !m.length(e.Y) && a|b != 0 && m.orOthers(e.X, a) != 0 && m.orOthers(e.Y, b) != 0 {
				return e.X, e.Y
			}
		}
	}
	return nil, nil
}
