package source

import (
	"go/ast"
	"go/token"
	"strconv"
	"strings"
)

func IsBlank(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == "_"
}

// Within reports whether n lies inside outer.
func Within(n, outer ast.Node) bool { return outer.Pos() <= n.Pos() && n.End() <= outer.End() }

func PosWithin(pos token.Pos, outer ast.Node) bool { return outer.Pos() <= pos && pos < outer.End() }

func Contains(list []ast.Stmt, s ast.Stmt) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// RootIdent returns the leftmost identifier of a selector chain.
func RootIdent(e ast.Expr) (*ast.Ident, bool) {
	for {
		switch x := ast.Unparen(e).(type) {
		case *ast.Ident:
			return x, true
		case *ast.SelectorExpr:
			e = x.X
		default:
			return nil, false
		}
	}
}

func FirstLine(text string) string {
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		return strings.TrimRight(text[:i], " \t{\r") + " ..."
	}
	return text
}

// NameIn returns the identifier that a name, or one with a qualifier, ends in, or nil.
func NameIn(e ast.Expr) *ast.Ident {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		return e
	case *ast.SelectorExpr:
		return e.Sel
	}
	return nil
}

func ImportPath(s *ast.ImportSpec) string {
	p, err := strconv.Unquote(s.Path.Value)
	if err != nil {
		return ""
	}
	return p
}

// Parents maps every node below root to its parent.
func Parents(root ast.Node) map[ast.Node]ast.Node {
	out := map[ast.Node]ast.Node{}
	var stack []ast.Node
	ast.Inspect(root, func(n ast.Node) bool {
		if n == nil {
			stack = stack[:len(stack)-1]
			return true
		}
		if len(stack) > 0 {
			out[n] = stack[len(stack)-1]
		}
		stack = append(stack, n)
		return true
	})
	return out
}

func HasCall(e ast.Expr) bool {
	found := false
	ast.Inspect(e, func(n ast.Node) bool {
		_, ok := n.(*ast.CallExpr)
		found = found || ok
		return !found
	})
	return found
}

// Siblings returns the statement list that s is part of.
func Siblings(root ast.Node, s ast.Stmt) (list []ast.Stmt) {
	look := func(l []ast.Stmt) {
		for _, m := range l {
			if m == s {
				list = l
			}
		}
	}
	ast.Inspect(root, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BlockStmt:
			look(n.List)
		case *ast.CaseClause:
			look(n.Body)
		case *ast.CommClause:
			look(n.Body)
		}
		return list == nil
	})
	return list
}

// Body returns the statements of a function.
func Body(fn ast.Node) []ast.Stmt {
	switch fn := fn.(type) {
	case *ast.FuncLit:
		return fn.Body.List
	case *ast.FuncDecl:
		if fn.Body != nil {
			return fn.Body.List
		}
	}
	return nil
}

func LoopBody(loop ast.Stmt) []ast.Stmt {
	switch l := loop.(type) {
	case *ast.ForStmt:
		return l.Body.List
	case *ast.RangeStmt:
		return l.Body.List
	case *ast.BlockStmt:
		return l.List
	}
	return nil
}
