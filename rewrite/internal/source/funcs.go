package source

import (
	"go/ast"
	"go/token"
	"go/types"
)

// Declaration returns the function declared at that position, or nil.
func (p *Program) Declaration(at token.Pos) (*ast.FuncDecl, *File) {
	f := p.FileAt(at)
	if f == nil {
		return nil, nil
	}
	for _, d := range f.Syntax.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Pos() == at {
			return fn, f
		}
	}
	return nil, nil
}

// DeclOf returns the declaration of a function of the module, or nil.
func (p *Program) DeclOf(fn *types.Func) *ast.FuncDecl {
	f := p.FileAt(fn.Origin().Pos())
	if f == nil {
		return nil
	}
	for _, d := range f.Syntax.Decls {
		if decl, ok := d.(*ast.FuncDecl); ok && decl.Name.Pos() == fn.Origin().Pos() {
			return decl
		}
	}
	return nil
}

// DeclsOf returns the declarations of what a call of fn may run: of fn, or, where that is a
// method of an interface, of each method of the module with its name and signature.
func (p *Program) DeclsOf(fn *types.Func) (out []*ast.FuncDecl) {
	if recv := fn.Signature().Recv(); recv == nil || !types.IsInterface(recv.Type()) {
		if decl := p.DeclOf(fn); decl != nil {
			out = append(out, decl)
		}
		return out
	}
	key := MethodKey(fn)
	for _, f := range p.Files {
		for _, d := range f.Syntax.Decls {
			if decl, ok := d.(*ast.FuncDecl); ok && decl.Recv != nil && decl.Name.Name == fn.Name() {
				if m, ok := f.Pkg.TypesInfo.Defs[decl.Name].(*types.Func); ok && MethodKey(m) == key {
					out = append(out, decl)
				}
			}
		}
	}
	return out
}

// FuncAround returns the innermost function, declaration or literal, that holds n.
func (p *Program) FuncAround(n ast.Node) (fn ast.Node) {
	f := p.FileAt(n.Pos())
	if f == nil {
		return nil
	}
	ast.Inspect(f.Syntax, func(m ast.Node) bool {
		switch m.(type) {
		case *ast.FuncDecl, *ast.FuncLit:
			if m != n && Within(n, m) {
				fn = m
			}
		}
		return m != nil && Within(n, m) || m == ast.Node(f.Syntax)
	})
	return fn
}

// RepeatedAround returns the body of the innermost loop around n, or else the function.
func (p *Program) RepeatedAround(n ast.Node) (scope ast.Node) {
	fn := p.FuncAround(n)
	if fn == nil {
		return nil
	}
	scope = fn
	ast.Inspect(fn, func(m ast.Node) bool {
		switch l := m.(type) {
		case *ast.FuncLit:
			return m == fn
		case *ast.ForStmt:
			if Within(n, l) {
				scope = l
			}
		case *ast.RangeStmt:
			if Within(n, l.Body) {
				scope = l.Body
			}
		}
		return true
	})
	return scope
}

// IsForeign reports whether a function is declared in another module.
func (p *Program) IsForeign(obj types.Object) bool {
	fn, ok := obj.(*types.Func)
	return ok && fn.Pkg() != nil && p.FileAt(fn.Pos()) == nil
}
