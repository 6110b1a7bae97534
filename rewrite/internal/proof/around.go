package proof

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// A frame is a place where a function around a loop waits for it: it runs the literal that the loop is in.
type frame struct {
	*loop.Site                // as that function sees it
	loop       ast.Node       // the loop itself
	runs       []*ast.FuncLit // what is run there
}

// framesOf returns the places where functions around a loop in a literal wait for it. What has the literal elsewhere is
// another function, like what calls one that has a name.
func framesOf(s *loop.Site) (out []*frame) {
	lit, ok := s.Func.(*ast.FuncLit)
	if !ok {
		return nil
	}
	top := (&measuring{Site: s}).top()
	m := &measuring{Site: s, parents: source.Parents(top)}
	r := &running{&beside{asking: &asking{measuring: m}, stands: map[types.Object][]types.Object{}, passed: map[types.Object][]ast.Expr{}}}
	runs := []*ast.FuncLit{lit}
	for i := 0; i < len(runs); i++ {
		for n := range ast.Preorder(top) {
			call, ok := n.(*ast.CallExpr)
			if !ok || source.Within(call, runs[i]) {
				continue
			}
			fn := s.File.FuncAround(call)
			for _, at := range r.waits(call, runs[i], fn) {
				out = append(out, &frame{loop.CalledAt(s, fn, at), s.Node, runs[:i+1]})
				if around, ok := fn.(*ast.FuncLit); ok && !slices.Contains(runs, around) {
					runs = append(runs, around)
				}
			}
		}
	}
	return out
}

// running knows where literals are run.
type running struct{ *beside }

// waits returns where fn, which a call stands in, waits for a literal that the call runs.
func (r *running) waits(call *ast.CallExpr, lit *ast.FuncLit, fn ast.Node) (out []ast.Expr) {
	is := func(e ast.Expr) bool { return slices.Contains(r.functions(e), ast.Node(lit)) }
	_, goes := r.parents[call].(*ast.GoStmt)
	given := slices.IndexFunc(call.Args, func(a ast.Expr) bool {
		_, function := source.Under(r.File.TypeOf(a)).(*types.Signature)
		return function && is(a)
	})
	callee := r.object(call.Fun)
	switch {
	case given >= 0 && callee != nil && callee.Name() == "Go": // of a group
		goes = true
	case given >= 0:
		if !r.comesBack(callee, given) {
			return nil
		}
	case !is(call.Fun):
		return nil
	}
	if _, deferred := r.parents[call].(*ast.DeferStmt); deferred {
		return []ast.Expr{&ast.BadExpr{From: fn.End() - 1, To: fn.End() - 1}}
	}
	if !goes {
		return []ast.Expr{call}
	}
	known := map[types.Object]bool{}
	for n := range ast.Preorder(lit) {
		if id, ok := n.(*ast.Ident); ok {
			known[r.objectOf(id)] = true
		}
	}
	if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok && given >= 0 {
		known[r.object(sel.X)] = true
	}
	delete(known, nil)
	for n := range ast.Preorder(fn) {
		if e, of := r.awaits(n); of != nil && n.Pos() > call.End() && !source.Within(n, lit) && known[r.object(of)] {
			out = append(out, e)
		}
	}
	return out
}

// awaits returns n if it waits for something that a goroutine may end with, and of what.
func (r *running) awaits(n ast.Node) (at, of ast.Expr) {
	switch n := n.(type) {
	case *ast.UnaryExpr:
		if n.Op == token.ARROW {
			return n, n.X
		}
	case *ast.RangeStmt:
		if _, ok := source.Under(r.File.TypeOf(n.X)).(*types.Chan); ok {
			return n.X, n.X
		}
	case *ast.CallExpr:
		if sel, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr); ok && sel.Sel.Name == "Wait" {
			return n, sel.X
		}
	}
	return nil, nil
}

// registering are packages whose functions keep what they are given, for later.
var registering = []string{"time", "context", "net/http", "os/signal"}

// comesBack reports whether a function runs what it is given before it returns.
func (r *running) comesBack(callee types.Object, i int) bool {
	fn, ok := callee.(*types.Func)
	if !ok {
		return true
	}
	decls := r.DeclsOf(fn.Origin())
	if len(decls) == 0 {
		return fn.Pkg() == nil || !slices.Contains(registering, fn.Pkg().Path())
	}
	params := fn.Signature().Params()
	for _, d := range decls {
		f := r.FileAt(d.Pos())
		for _, field := range d.Type.Params.List {
			for _, name := range field.Names {
				if i >= params.Len() || d.Body == nil || name.Name != params.At(i).Name() {
					continue
				}
				parents := source.Parents(d)
				for _, id := range f.UsesOf(f.ObjectOf(name)) {
					_, calls := parents[id].(*ast.CallExpr)
					if _, goes := parents[parents[id]].(*ast.GoStmt); calls && !goes {
						return true
					}
				}
			}
		}
	}
	return false
}

// top is the outermost function around the loop.
func (m *measuring) top() ast.Node {
	for _, n := range m.File.Around(m.Func) {
		switch n.(type) {
		case *ast.FuncDecl, *ast.FuncLit:
			return n
		}
	}
	return m.Func
}

// inside reports whether n stands in a literal that is run where a frame waits.
func (m *measuring) inside(n ast.Node) bool {
	return m.frame != nil && slices.ContainsFunc(m.frame.runs, func(lit *ast.FuncLit) bool { return source.Within(n, lit) })
}

// rounded is the loop that the rounds go round in.
func (m *measuring) rounded() ast.Node {
	if m.frame != nil {
		return m.frame.loop
	}
	return m.Node
}
