package source

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// IsBlank reports whether e is the blank identifier.
func IsBlank(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == "_"
}

// Within reports whether n lies inside outer.
func Within(n, outer ast.Node) bool { return outer.Pos() <= n.Pos() && n.End() <= outer.End() }

// PosWithin reports whether pos lies inside outer.
func PosWithin(pos token.Pos, outer ast.Node) bool { return outer.Pos() <= pos && pos < outer.End() }

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

// FirstLine returns the first line of a text, with dots where there are more.
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

// Fun returns what a call calls, or the expression itself.
func Fun(e ast.Expr) ast.Expr {
	if call, ok := ast.Unparen(e).(*ast.CallExpr); ok {
		return call.Fun
	}
	return e
}

// ImportPath returns the path of an import.
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

// HasCall reports whether e calls anything.
func HasCall(e ast.Expr) bool {
	for n := range ast.Preorder(e) {
		if _, ok := n.(*ast.CallExpr); ok {
			return true
		}
	}
	return false
}

// List returns the statements that stand in n, a block or a clause, one after the other.
func List(n ast.Node) []ast.Stmt {
	switch n := n.(type) {
	case *ast.BlockStmt:
		return n.List
	case *ast.CaseClause:
		return n.Body
	case *ast.CommClause:
		return n.Body
	}
	return nil
}

// Siblings returns the statement list below root that s is part of.
func Siblings(root ast.Node, s ast.Stmt) []ast.Stmt {
	for n := range ast.Preorder(root) {
		if list := List(n); slices.Contains(list, s) {
			return list
		}
	}
	return nil
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

// FuncType returns the type of a function as it is written, or nil.
func FuncType(fn ast.Node) *ast.FuncType {
	switch fn := fn.(type) {
	case *ast.FuncLit:
		return fn.Type
	case *ast.FuncDecl:
		return fn.Type
	}
	return nil
}

// LoopBody returns the statements of a loop, or of the statements that a goto repeats.
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
