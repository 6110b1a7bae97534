package source

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
)

// DefinedBy returns the object that the identifier e defines, or nil.
func (f *File) DefinedBy(e ast.Expr) types.Object {
	id, ok := e.(*ast.Ident)
	if !ok {
		return nil
	}
	return f.Pkg.TypesInfo.Defs[id]
}

// UsesOf returns the identifiers in the file that stand for obj, its definition excluded.
func (f *File) UsesOf(obj types.Object) []*ast.Ident {
	var out []*ast.Ident
	for n := range ast.Preorder(f.Syntax) {
		if id, ok := n.(*ast.Ident); ok && f.Pkg.TypesInfo.Uses[id] == obj {
			out = append(out, id)
		}
	}
	return out
}

// Local returns the object by which the file knows a variable that may come from another
// variant of its package.
func (f *File) Local(v *types.Var) types.Object {
	for _, obj := range f.Pkg.TypesInfo.Defs {
		if obj != nil && obj.Pos() == v.Pos() {
			return obj
		}
	}
	return v
}

// Lookup returns what a name means at a position, or nil.
func (f *File) Lookup(name string, at token.Pos) types.Object {
	scope := f.Pkg.Types.Scope().Innermost(at)
	if scope == nil {
		return nil
	}
	_, obj := scope.LookupParent(name, at)
	return obj
}

// Mentions reports whether n uses the variable or field obj.
func (f *File) Mentions(n ast.Node, obj types.Object) bool {
	for m := range ast.Preorder(n) {
		if id, ok := m.(*ast.Ident); ok && f.ObjectOf(id) == obj {
			return true
		}
	}
	return false
}

// AssignedIn reports whether obj is assigned inside n, or its address is taken there.
func (f *File) AssignedIn(obj types.Object, n ast.Node) bool {
	names := func(e ast.Expr) bool {
		if e == nil {
			return false
		}
		id := NameIn(e)
		return id != nil && Same(f.Pkg.TypesInfo.Uses[id], obj) // its definition is no assignment
	}
	for m := range ast.Preorder(n) {
		assigned := false
		switch m := m.(type) {
		case *ast.AssignStmt:
			assigned = slices.ContainsFunc(m.Lhs, names)
		case *ast.IncDecStmt:
			assigned = names(m.X)
		case *ast.UnaryExpr:
			assigned = m.Op == token.AND && names(m.X)
		case *ast.RangeStmt:
			assigned = names(m.Key) || names(m.Value)
		}
		if assigned {
			return true
		}
	}
	return false
}

// Enclosing returns the position that stands for the innermost function on the stack.
func (f *File) Enclosing(stack []ast.Node) token.Pos {
	for i := len(stack) - 1; i >= 0; i-- {
		switch fn := stack[i].(type) {
		case *ast.FuncLit:
			return fn.Pos()
		case *ast.FuncDecl:
			if obj := f.Pkg.TypesInfo.Defs[fn.Name]; obj != nil {
				return obj.Pos()
			}
			return token.NoPos
		}
	}
	return token.NoPos
}

// TypeOf returns the type of an expression, or nil where it has none.
func (f *File) TypeOf(e ast.Expr) types.Type { return f.Pkg.TypesInfo.TypeOf(e) }

// ObjectOf returns the object that an identifier names or defines, or nil.
func (f *File) ObjectOf(id *ast.Ident) types.Object { return f.Pkg.TypesInfo.ObjectOf(id) }

// Callee returns the object that a call names, or nil.
func (f *File) Callee(call *ast.CallExpr) types.Object {
	switch fun := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		return f.ObjectOf(fun)
	case *ast.SelectorExpr:
		return f.ObjectOf(fun.Sel)
	case *ast.IndexExpr:
		if id, ok := ast.Unparen(fun.X).(*ast.Ident); ok {
			return f.ObjectOf(id)
		}
	}
	return nil
}

// VariableOf returns the variable or field that e names, or nil.
func (f *File) VariableOf(e ast.Expr) (v *types.Var) {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		v, _ = f.ObjectOf(e).(*types.Var)
	case *ast.SelectorExpr:
		v, _ = f.ObjectOf(e.Sel).(*types.Var)
	}
	return v
}

// Container returns the variable or field that e names, or in which it is an element.
func (f *File) Container(e ast.Expr) types.Object {
	if e == nil {
		return nil
	}
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		return f.ObjectOf(e)
	case *ast.SelectorExpr:
		return f.ObjectOf(e.Sel)
	case *ast.IndexExpr:
		return f.Container(e.X)
	}
	return nil
}
