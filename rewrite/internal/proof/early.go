package proof

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"

	"etcdmod/rewrite/internal/source"
)

// tooEarly looks for conditions in the loop about what a clock does beside it: a flag that a timer sets, a channel of one
// that is empty. Like a comparison of moments, they may end the loop when a time has passed, and not because it has not; and
// what they set may not be read behind the loop.
func (m *asking) tooEarly() {
	own := m.File.FuncAround(m.rounded())
	for n := range ast.Preorder(m.rounded()) {
		if _, ok := n.(ast.Stmt); !ok || m.onWayOut(n) || m.File.FuncAround(n) != own {
			continue
		}
		for _, cond := range source.PartsOf(n).Conds {
			p := m.runs(cond)
			if p == 0 {
				continue
			}
			leaves, _ := governs(m.Site, m.parents, n)
			if l, ok := n.(*ast.ForStmt); ok && l == m.rounded() {
				leaves, p = true, -p
			}
			if leaves && p != m.leaving(n) || m.keepsSetting(n) {
				m.measuring.uses(cond)
			}
		}
	}
}

// keepsSetting reports whether what a condition governs sets anything that outlives the round, but a moment, the
// comparisons of which are judged where they stand.
func (m *measuring) keepsSetting(n ast.Node) bool {
	if n == m.rounded() {
		return false
	}
	for _, body := range source.PartsOf(n).Governed() {
		for x := range ast.Preorder(body) {
			switch x := x.(type) {
			case *ast.AssignStmt:
				for i, l := range x.Lhs {
					obj := m.Walker.Variable(l)
					if x.Tok != token.DEFINE && !m.moment(x.Rhs[min(i, len(x.Rhs)-1)]) && !source.IsBlank(l) && m.readBehind(obj) {
						return true
					}
				}
			case *ast.IncDecStmt:
				if m.readBehind(m.Walker.Variable(x.X)) {
					return true
				}
			}
		}
	}
	return false
}

// readBehind reports whether anything but the rounds may read a variable: what they do with it is looked at elsewhere.
func (m *measuring) readBehind(obj types.Object) bool {
	v, ok := obj.(*types.Var)
	if !ok || !source.PosWithin(v.Pos(), m.Func) || isResult(m.File, m.Func, v) {
		return true
	}
	return slices.ContainsFunc(m.File.UsesOf(v), func(id *ast.Ident) bool {
		return id.Pos() > m.rounded().End() || m.inLiteral(id)
	})
}

// runs says whether a condition holds when a clock beside the loop has done its work, 1, or before that, -1. It is 2 where
// that is not known, and 0 where it does not ask.
func (m *asking) runs(e ast.Expr) int {
	e = ast.Unparen(e)
	switch x := e.(type) {
	case *ast.UnaryExpr:
		if v := m.runs(x.X); x.Op == token.NOT && v != 2 {
			return -v
		}
	case *ast.BinaryExpr:
		switch x.Op {
		case token.LAND, token.LOR:
			return both(m.runs(x.X), m.runs(x.Y))
		case token.GTR, token.NEQ, token.EQL:
			if v := m.filled(x.X); v != 0 && m.isZero(x.Y) {
				if x.Op == token.EQL {
					return -v
				}
				return v
			}
		}
	case *ast.Ident, *ast.SelectorExpr:
		if obj := m.beside.object(x); obj != nil && m.beside.changed[obj] && isBasic(obj.Type()) {
			return m.beside.turned(obj)
		}
		return 0
	case *ast.CallExpr:
		if of, name := m.beside.atomic(x); of != nil && name == "Load" && m.beside.changed[m.beside.object(of)] {
			return m.beside.turned(m.beside.object(of))
		}
	}
	for n := range ast.Preorder(e) {
		if x, ok := n.(ast.Expr); ok && ast.Node(e) != n && (m.filled(x) != 0 || m.changedBeside(x)) {
			return 2
		}
	}
	return 0
}

// changedBeside reports whether e itself is what a clock beside the loop has changed.
func (m *asking) changedBeside(e ast.Expr) bool {
	switch x := e.(type) {
	case *ast.Ident, *ast.SelectorExpr:
		obj := m.beside.object(x)
		return obj != nil && m.beside.changed[obj] && isBasic(obj.Type())
	case *ast.CallExpr:
		of, _ := m.beside.atomic(x)
		return of != nil && m.beside.changed[m.beside.object(of)]
	}
	return false
}

// filled returns 1 for the length of the channel of a clock that was started before the loop.
func (m *asking) filled(e ast.Expr) int {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok || len(call.Args) != 1 {
		return 0
	}
	if b, ok := m.File.Callee(call).(*types.Builtin); !ok || b.Name() != "len" {
		return 0
	}
	if ch := m.channel(call.Args[0]); ch != nil && m.started[m.key(ast.Unparen(ch))] {
		return 1
	}
	return 0
}

func (m *asking) isZero(e ast.Expr) bool {
	v := m.File.Pkg.TypesInfo.Types[e].Value
	return v != nil && v.Kind() == constant.Int && constant.Sign(v) == 0
}

func isBasic(t types.Type) bool {
	_, is := source.Under(t).(*types.Basic)
	return is
}

// turned says what code beside the loop makes of a flag: 1 that it holds, -1 that it does not, 2 anything else.
func (b *beside) turned(obj types.Object) int {
	way := 0
	for _, v := range b.sets[obj] {
		this := 2
		if c := b.constant(v); c != nil && c.Kind() == constant.Bool {
			this = map[bool]int{true: 1, false: -1}[constant.BoolVal(c)]
		}
		if way != 0 && way != this {
			return 2
		}
		way = this
	}
	if way == 0 {
		return 2
	}
	return way
}

// constant returns the value of an expression of any file, if that is one.
func (b *beside) constant(e ast.Expr) constant.Value {
	if e == nil {
		return nil
	}
	f := b.FileAt(e.Pos())
	if f == nil {
		return nil
	}
	return f.Pkg.TypesInfo.Types[e].Value
}
