package source

import (
	"go/ast"
	"go/token"
	"go/types"
	"iter"
	"slices"

	"golang.org/x/tools/go/ast/inspector"
)

// Declaration returns the function declared at that position and its file, or nil.
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
	decl, _ := p.Declaration(fn.Origin().Pos())
	return decl
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
	for _, m := range p.methods()[fn.Name()] {
		if m.key == key {
			out = append(out, m.decl)
		}
	}
	return out
}

// A method is one that the module declares.
type method struct {
	key  string // of its name and signature
	decl *ast.FuncDecl
}

// methodsByName returns the methods of the module in the order of its files. They are asked for at each call of
// an interface's.
func (p *Program) methodsByName() map[string][]method {
	out := map[string][]method{}
	for _, f := range p.Files {
		for _, d := range f.Syntax.Decls {
			decl, ok := d.(*ast.FuncDecl)
			if !ok || decl.Recv == nil {
				continue
			}
			if fn, ok := f.Pkg.TypesInfo.Defs[decl.Name].(*types.Func); ok {
				out[fn.Name()] = append(out[fn.Name()], method{MethodKey(fn), decl})
			}
		}
	}
	return out
}

// FuncAround returns the innermost function, declaration or literal, that holds n.
func (p *Program) FuncAround(n ast.Node) ast.Node {
	if f := p.FileAt(n.Pos()); f != nil {
		return f.FuncAround(n)
	}
	return nil
}

// FuncAround returns the innermost function, declaration or literal, that holds n.
func (f *File) FuncAround(n ast.Node) ast.Node {
	for c := range f.around(n, (*ast.FuncDecl)(nil), (*ast.FuncLit)(nil)) {
		if c.Node() != n {
			return c.Node()
		}
	}
	return nil
}

// Around returns what is around a node of the file, from the file on.
func (f *File) Around(n ast.Node) (out []ast.Node) {
	inside := true
	for c := range f.around(n) {
		if !inside {
			out = append(out, c.Node())
		}
		inside = inside && c.Node() != n
	}
	slices.Reverse(out)
	return out
}

// RepeatedAround returns the body of the innermost loop around n, or else the function.
func (p *Program) RepeatedAround(n ast.Node) ast.Node {
	f := p.FileAt(n.Pos())
	if f == nil {
		return nil
	}
	for c := range f.around(n, (*ast.FuncDecl)(nil), (*ast.FuncLit)(nil), (*ast.ForStmt)(nil), (*ast.RangeStmt)(nil)) {
		switch l := c.Node().(type) {
		case *ast.RangeStmt:
			if Within(n, l.Body) {
				return l.Body
			}
		case *ast.ForStmt:
			return l
		default:
			if l != n {
				return l
			}
		}
	}
	return nil
}

// around yields what holds n, or n itself, from the inside out, as far as it is of one of the
// types. n need not be part of the tree.
func (f *File) around(n ast.Node, types ...ast.Node) iter.Seq[inspector.Cursor] {
	if f.root == nil {
		root := inspector.New([]*ast.File{f.Syntax}).Root()
		f.root = &root
	}
	c, ok := f.root.FindByPos(n.Pos(), n.End())
	if !ok {
		return func(func(inspector.Cursor) bool) {}
	}
	return c.Enclosing(types...)
}

// IsForeign reports whether a function is declared in another module.
func (p *Program) IsForeign(obj types.Object) bool {
	fn, ok := obj.(*types.Func)
	return ok && fn.Pkg() != nil && p.FileAt(fn.Pos()) == nil
}
