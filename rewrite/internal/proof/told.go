package proof

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
	"etcdmod/rewrite/internal/told"
)

// telling reports a loop whose rounds run code of the module's own that is told how many there are: a
// line of the log goes to a handler that counts it, a value is asked for its name, an error for its
// text, a context whether it has ended. Lines may be more, or fewer, and that is told with the
// finding; what such code does besides is noticed.
func telling(s *loop.Site) *finding.Reason {
	at := func(n ast.Node, format string, args ...any) *finding.Reason {
		return &finding.Reason{Code: finding.WorkInLoop, Detail: source.FirstLine(s.Text(n)) + fmt.Sprintf(format, args...), Pos: s.Position(n.Pos())}
	}
	const sets = " may run %s, which sets what others may read"
	var why *finding.Reason
	for n := range ast.Preorder(s.Node) {
		e, ok := n.(ast.Expr)
		if typ := s.File.TypeOf(e); ok && why == nil && typ != nil && s.File.Pkg.TypesInfo.Types[e].IsValue() && isContext(typ) && !ofPackage(s.File, e, 0) {
			if m := s.Told.Context(typ); m != nil {
				return at(n, sets, told.Name(m))
			}
		}
	}
	for _, q := range s.Paths {
		if q.End != loop.Next {
			continue
		}
		for _, st := range q.Steps {
			ast.Inspect(st.Node, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || why != nil || s.Walker.IsTry(call) {
					return why == nil
				}
				if loop.Logs(s.File, call) {
					if name := s.Told.ReadBack(s.File.Callee(call).Pkg().Path(), s.File.Test); name != "" {
						why = at(call, " is read back by %s", name)
						return false
					}
					if name := s.Told.Sink(s.File.Callee(call).Pkg().Path(), s.File.Test); name != "" {
						why = at(call, sets, name)
						return false
					}
				}
				if m := asks(s, call); m != nil {
					why = at(call, sets, told.Name(m))
				}
				return why == nil
			})
		}
	}
	return why
}

// asks returns a method of the module that changes something, and that a call may run to have a text
// or to compare errors, or nil.
func asks(s *loop.Site, call *ast.CallExpr) *types.Func {
	fn, ok := s.File.Callee(call).(*types.Func)
	if !ok {
		return nil
	}
	switch sel, isSel := ast.Unparen(call.Fun).(*ast.SelectorExpr); {
	case fn.Name() == "Error" && isSel && fn.Signature().Recv() != nil:
		return s.Told.Said(s.File.TypeOf(sel.X))
	case fn.Pkg() == nil:
		return nil
	case fn.Pkg().Path() != "fmt" && fn.Pkg().Path() != "errors" && !loop.Logs(s.File, call):
		return nil
	}
	params := fn.Signature().Params()
	for i, a := range call.Args {
		if params.Len() == 0 || s.File.Pkg.TypesInfo.Types[a].IsNil() {
			continue
		}
		to, typ := params.At(min(i, params.Len()-1)).Type(), s.File.TypeOf(a)
		if several, ok := to.(*types.Slice); ok && fn.Signature().Variadic() && i >= params.Len()-1 {
			to = several.Elem()
		}
		m := s.Told.Text(fn.Pkg().Path(), to, typ)
		if fn.Pkg().Path() == "errors" {
			m = s.Told.Error(typ)
		}
		if m != nil {
			return m
		}
	}
	return nil
}

// isContext reports whether a type has the methods of a context.
func isContext(typ types.Type) bool {
	for _, name := range []string{"Deadline", "Done", "Err", "Value"} {
		obj, _, _ := types.LookupFieldOrMethod(typ, true, nil, name)
		if _, ok := obj.(*types.Func); !ok {
			return false
		}
	}
	return true
}

// ofPackage reports whether a context was made by package context alone.
func ofPackage(f *source.File, e ast.Expr, depth int) bool {
	if depth > 5 {
		return false
	}
	switch e := ast.Unparen(e).(type) {
	case *ast.CallExpr:
		fn := f.Callee(e)
		if source.IsObject(fn, "context", "Background") || source.IsObject(fn, "context", "TODO") {
			return true
		}
		return fn != nil && fn.Pkg() != nil && fn.Pkg().Path() == "context" && len(e.Args) > 0 && ofPackage(f, e.Args[0], depth+1)
	case *ast.Ident:
		obj, ok := f.ObjectOf(e).(*types.Var)
		if !ok || obj.IsField() || source.IsPackageLevel(obj) {
			return false
		}
		known, other := false, false
		for n := range ast.Preorder(f.Syntax) {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for i, l := range n.Lhs {
					if id, ok := ast.Unparen(l).(*ast.Ident); !ok || f.ObjectOf(id) != types.Object(obj) {
						continue
					}
					if i < len(n.Rhs) && ofPackage(f, n.Rhs[i], depth+1) {
						known = true
					} else {
						other = true
					}
				}
			case *ast.ValueSpec:
				for i, name := range n.Names {
					if f.ObjectOf(name) == types.Object(obj) && i < len(n.Values) {
						known = known || ofPackage(f, n.Values[i], depth+1)
						other = other || !ofPackage(f, n.Values[i], depth+1)
					}
				}
			case *ast.UnaryExpr:
				id, ok := ast.Unparen(n.X).(*ast.Ident)
				other = other || n.Op == token.AND && ok && f.ObjectOf(id) == types.Object(obj)
			}
		}
		return known && !other
	}
	return false
}
