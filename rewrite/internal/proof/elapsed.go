package proof

import (
	"go/ast"
	"go/token"
	"go/types"

	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// flows follows the length of a wait to where it is used. inLoop says that the time began in a round.
func (m *measuring) flows(e ast.Node, inLoop bool) {
	switch p := m.parents[e].(type) {
	case *ast.ExprStmt:
	case *ast.CallExpr:
		m.given(p, e, inLoop)
	case *ast.AssignStmt:
		for i, r := range p.Rhs {
			if ast.Node(r) != e {
				continue
			}
			if len(p.Lhs) != len(p.Rhs) {
				m.uses(p)
				return
			}
			m.kept(p.Lhs[i], inLoop)
			return
		}
		m.uses(p)
	case *ast.ValueSpec:
		for _, name := range p.Names {
			m.kept(name, inLoop)
		}
	case *ast.IfStmt, *ast.ForStmt, *ast.SwitchStmt, *ast.CaseClause:
		m.decides(p, e.(ast.Expr), inLoop)
	case ast.Expr:
		m.flows(p, inLoop)
	default:
		m.uses(e)
	}
}

// uses notes the first statement that depends on a length.
func (m *measuring) uses(n ast.Node) {
	if stmt := m.statement(n); m.used == nil || stmt.Pos() < m.used.Pos() {
		m.used = stmt
	}
}

func (m *measuring) logs(n ast.Node) {
	if st, ok := m.statement(n).(ast.Stmt); ok {
		m.logged = append(m.logged, st)
	}
}

// statement is what n stands in.
func (m *measuring) statement(n ast.Node) ast.Node {
	for ; n != nil; n = m.parents[n] {
		if _, ok := n.(ast.Stmt); ok {
			return n
		}
	}
	return m.Node
}

// given follows a length to a call that is given it, or is a method of it.
func (m *measuring) given(call *ast.CallExpr, e ast.Node, inLoop bool) {
	fn, _ := m.File.Callee(call).(*types.Func)
	logs, quiet := m.Inert(&ast.ExprStmt{X: call})
	switch {
	case m.IsClockCall(call), m.Walker.Clocks[call] != nil, fn != nil && fn.Pkg() != nil && fn.Pkg().Path() == "time" && fn.Signature().Recv() == nil && !loop.Pure(m.File, call):
		if inLoop {
			m.uses(call)
		}
	case fn != nil && fn.Pkg() != nil && fn.Pkg().Path() == "context": // which ends at its time
	case logs && !quiet, source.IsObject(m.File.Callee(call), "fmt", "Errorf"):
		m.logs(call)
	case loop.Pure(m.File, call):
		m.flows(call, inLoop)
	default:
		m.uses(call)
	}
}

// kept follows a length to the uses of the variable that holds it.
func (m *measuring) kept(to ast.Expr, inLoop bool) {
	if source.IsBlank(to) {
		return
	}
	v, ok := m.Walker.Variable(to).(*types.Var)
	if !ok || !source.PosWithin(v.Pos(), m.Func) || isResult(m.File, m.Func, v) {
		m.uses(to)
		return
	}
	if m.seen[lengthOf{v, inLoop}] {
		return
	}
	m.seen[lengthOf{v, inLoop}] = true
	for _, id := range m.File.UsesOf(v) {
		if a, ok := m.parents[id].(*ast.AssignStmt); ok && a.Tok == token.ASSIGN && len(a.Lhs) == 1 && a.Lhs[0] == ast.Expr(id) {
			continue
		}
		if _, ok := m.parents[id].(*ast.IncDecStmt); !ok {
			m.flows(id, inLoop)
		}
	}
}

// decides judges a condition on a length.
func (m *measuring) decides(n ast.Node, cond ast.Expr, inLoop bool) {
	leaves, acts := governs(m.Site, m.parents, n)
	if !inLoop && source.Within(n, m.Node) && !m.onWayOut(n) {
		if l, ok := n.(*ast.ForStmt); ok && l == m.Node {
			if m.late(cond) != -1 {
				m.uses(cond)
			}
		} else if leaves && m.late(cond) != m.leaving(n) || m.keepsSetting(n) {
			m.uses(cond)
		}
		return
	}
	sets := false
	for _, body := range source.PartsOf(n).Governed() {
		for x := range ast.Preorder(body) {
			switch x := x.(type) {
			case *ast.AssignStmt:
				sets = sets || len(x.Rhs) != 1 || !m.moment(x.Rhs[0]) || m.Walker.Variable(x.Lhs[0]) == nil
			case *ast.IncDecStmt, *ast.ReturnStmt:
				sets = true
			}
		}
	}
	if _, isCase := n.(*ast.CaseClause); isCase || leaves || acts || sets {
		m.uses(cond)
		return
	}
	m.logs(n)
}

// leaving says which value of its condition may leave the loop: 1 if that is true, -1 if it is false.
func (m *measuring) leaving(n ast.Node) int {
	ifs, ok := n.(*ast.IfStmt)
	if !ok {
		return 1 // a case, which is like a condition that holds
	}
	if ifs.Else == nil {
		return 1
	}
	only := func(body ast.Stmt) bool {
		leaves, _ := governs(m.Site, m.parents, &ast.IfStmt{Cond: ifs.Cond, Body: &ast.BlockStmt{List: []ast.Stmt{body}}})
		return leaves
	}
	switch a, b := only(ifs.Body), only(ifs.Else); {
	case a && !b:
		return 1
	case b && !a:
		return -1
	}
	return 2
}

// late says whether a condition holds when more time has passed, 1, or less, -1. 2 is neither, and 0
// that it does not ask.
func (m *measuring) late(e ast.Expr) int {
	e = ast.Unparen(e)
	switch x := e.(type) {
	case *ast.UnaryExpr:
		if v := m.late(x.X); x.Op == token.NOT && v != 2 {
			return -v
		}
	case *ast.BinaryExpr:
		switch x.Op {
		case token.LAND, token.LOR:
			return both(m.late(x.X), m.late(x.Y))
		case token.GTR, token.GEQ:
			return both(m.grows(x.X), -m.grows(x.Y))
		case token.LSS, token.LEQ:
			return both(-m.grows(x.X), m.grows(x.Y))
		}
	case *ast.CallExpr:
		if a, b := m.compared(x); a != nil && b != nil && m.isSpan(x) {
			switch fn := m.File.Callee(x).Name(); {
			case fn == "Before" && m.age(a) == within, fn == "After" && m.age(b) == within:
				return -1
			case fn == "After" && m.age(a) == within, fn == "Before" && m.age(b) == within:
				return 1
			}
			return 2
		}
	}
	for n := range ast.Preorder(e) {
		if x, ok := n.(ast.Expr); ok && (m.isSpan(x) || m.grows(x) != 0) {
			return 2
		}
	}
	return 0
}

func (m *measuring) isSpan(e ast.Expr) bool { _, ok := m.spans[e]; return ok }

func both(a, b int) int {
	switch {
	case a == 0, a == b:
		return b
	case b == 0:
		return a
	}
	return 2
}

// grows says whether a length becomes more with the time that has passed, 1, or less, -1.
func (m *measuring) grows(e ast.Expr) int {
	e = ast.Unparen(e)
	switch x := e.(type) {
	case *ast.CallExpr:
		if a, b := m.compared(x); a != nil && m.isSpan(x) {
			switch fn := m.File.Callee(x).Name(); {
			case fn == "Since", fn == "Sub" && b != nil && m.age(a) == within:
				return 1
			case fn == "Until", fn == "Sub" && m.age(b) == within:
				return -1
			}
			return 2
		}
		if sel, ok := ast.Unparen(x.Fun).(*ast.SelectorExpr); ok && len(x.Args) == 0 {
			return m.grows(sel.X) // its seconds
		}
		if m.File.Pkg.TypesInfo.Types[x.Fun].IsType() && len(x.Args) == 1 {
			return m.grows(x.Args[0])
		}
	case *ast.BinaryExpr:
		switch x.Op {
		case token.ADD:
			return both(m.grows(x.X), m.grows(x.Y))
		case token.SUB:
			if m.isSpan(x) {
				return 1 // of numbers, now less then
			}
			return both(m.grows(x.X), -m.grows(x.Y))
		}
	case *ast.Ident:
		var from ast.Expr
		for n := range ast.Preorder(m.Func) {
			a, ok := n.(*ast.AssignStmt)
			if ok && len(a.Lhs) == 1 && len(a.Rhs) == 1 && m.Walker.Variable(a.Lhs[0]) == m.File.ObjectOf(x) && m.File.ObjectOf(x) != nil {
				if from != nil || a.Tok != token.DEFINE {
					return 0
				}
				from = a.Rhs[0]
			}
		}
		if from != nil && from != e && source.IsNamed(m.File.TypeOf(x), "time", "Duration") {
			return m.grows(from)
		}
	}
	return 0
}
