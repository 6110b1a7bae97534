package rewrite

import (
	"go/ast"
	"go/token"
	"go/types"
)

// Function values.
//
// A function that tries may be stored, sent or handed on before a loop calls it. What
// holds such values, a variable, a field or a parameter, is in reach when one of them is,
// whether it holds one function or a slice, map or channel of them.

// A value is a function value that is stored or handed on.
type value struct {
	file *file
	src  ast.Expr
	dst  token.Pos     // of the variable, field or parameter
	call *ast.CallExpr // instead: a call of a library that repeats it, or of time.AfterFunc
	via  *types.Func   // the method of src that is called, if src is no function
	in   []ast.Node    // the stack around call
}

// read notes the functions of a file and where function values go.
func (r *reach) read(f *file) {
	var stack []ast.Node
	flow := func(dst types.Object, src ast.Expr) {
		if v, ok := dst.(*types.Var); ok && holdsFunc(v.Type()) {
			for _, e := range f.parts(src) {
				r.values = append(r.values, value{file: f, src: e, dst: v.Origin().Pos()})
			}
		}
	}
	object := f.container
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if n == nil {
			stack = stack[:len(stack)-1]
			return true
		}
		stack = append(stack, n)
		switch n := n.(type) {
		case *ast.FuncDecl:
			if obj := f.pkg.TypesInfo.Defs[n.Name]; obj != nil && n.Body != nil {
				r.bodies[obj.Pos()], r.owner[obj.Pos()] = n, f
			}
		case *ast.FuncLit:
			r.bodies[n.Pos()], r.owner[n.Pos()] = n, f
		case *ast.AssignStmt:
			if len(n.Lhs) == len(n.Rhs) {
				for i, l := range n.Lhs {
					flow(object(l), n.Rhs[i])
				}
			}
		case *ast.ValueSpec:
			if len(n.Names) == len(n.Values) {
				for i, name := range n.Names {
					flow(f.objectOf(name), n.Values[i])
				}
			}
		case *ast.KeyValueExpr:
			flow(object(n.Key), n.Value)
		case *ast.RangeStmt:
			flow(object(n.Key), n.X) // of a channel
			flow(object(n.Value), n.X)
		case *ast.SendStmt:
			flow(object(n.Chan), n.Value)
		case *ast.CompositeLit:
			if st, ok := typeUnder(f.typeOf(n)).(*types.Struct); ok {
				for i, e := range n.Elts {
					if _, keyed := e.(*ast.KeyValueExpr); !keyed && i < st.NumFields() {
						flow(st.Field(i), e)
					}
				}
			}
		case *ast.CallExpr:
			callee := f.callee(n)
			repeats := r.p.isRepeater(callee)
			sig, _ := typeUnder(f.typeOf(n.Fun)).(*types.Signature)
			if fn, ok := callee.(*types.Func); ok {
				sig = fn.Origin().Signature()
			}
			for i, a := range n.Args {
				switch {
				case repeats && !isFunc(f.typeOf(a)):
					r.repeatsMethods(f, n, a, paramAt(sig, i), stack)
				case !holdsFunc(f.typeOf(a)):
				case repeats || isPkgObj(callee, "time", "AfterFunc"):
					r.values = append(r.values, value{file: f, src: a, call: n, in: append([]ast.Node(nil), stack...)})
				case r.p.isForeign(callee):
					if _, lit := ast.Unparen(a).(*ast.FuncLit); !lit { // target knows literals by themselves
						r.values = append(r.values, value{file: f, src: a, dst: a.Pos()})
					}
				case sig != nil && i < sig.Params().Len():
					flow(sig.Params().At(i), a)
				}
			}
		}
		return true
	})
}

func isFunc(t types.Type) bool {
	_, ok := typeUnder(t).(*types.Signature)
	return ok
}

// holdsFunc reports whether a value of type t is a function, or holds some.
func holdsFunc(t types.Type) bool {
	switch t := typeUnder(t).(type) {
	case *types.Signature:
		return true
	case *types.Slice:
		return isFunc(t.Elem())
	case *types.Array:
		return isFunc(t.Elem())
	case *types.Map:
		return isFunc(t.Elem())
	case *types.Chan:
		return isFunc(t.Elem())
	}
	return false
}

// container returns the variable or field that e names, or in which it is an element.
func (f *file) container(e ast.Expr) types.Object {
	if e == nil {
		return nil
	}
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		return f.objectOf(e)
	case *ast.SelectorExpr:
		return f.objectOf(e.Sel)
	case *ast.IndexExpr:
		return f.container(e.X)
	}
	return nil
}

// parts returns the expressions whose values e may be or hold: the elements of a literal,
// and the arguments of append.
func (f *file) parts(e ast.Expr) (out []ast.Expr) {
	switch x := ast.Unparen(e).(type) {
	case *ast.CompositeLit:
		for _, elt := range x.Elts {
			if kv, ok := elt.(*ast.KeyValueExpr); ok {
				elt = kv.Value
			}
			out = append(out, elt)
		}
		return out
	case *ast.CallExpr:
		if b, ok := f.callee(x).(*types.Builtin); ok && b.Name() == "append" {
			return x.Args
		}
	}
	return []ast.Expr{e}
}

// source returns the hop that a function value begins, if it leads to a TryLock.
func (r *reach) source(v value) (hop, bool) {
	if sel, ok := ast.Unparen(v.src).(*ast.SelectorExpr); ok && sel.Sel.Name == "TryLock" && r.p.attempt == tryLocks {
		if fn, ok := v.file.objectOf(sel.Sel).(*types.Func); ok {
			if recv := fn.Signature().Recv(); recv != nil && v.file.isMutexPtr(recv.Type()) {
				return hop{file: v.file, node: v.src}, true
			}
		}
	}
	to := token.NoPos
	if v.via == nil {
		to = r.leadsTo(v.file, v.src)
	} else if to = v.via.Origin().Pos(); len(r.hops[to]) == 0 {
		to = token.NoPos
		if types.IsInterface(v.via.Signature().Recv().Type()) {
			to = r.methods[methodKey(v.via)]
		}
	}
	return hop{v.file, v.src, to}, to.IsValid()
}

// target returns the position in reach that a call leads to, or NoPos: that of the
// function it names, or of one that it hands to another module, which will call it.
func (r *reach) target(f *file, call *ast.CallExpr) token.Pos {
	if to := r.leadsTo(f, call.Fun); to.IsValid() {
		return to
	}
	callee := f.callee(call)
	if !r.p.isForeign(callee) || r.p.isRepeater(callee) || isPkgObj(callee, "time", "AfterFunc") {
		return token.NoPos
	}
	for _, a := range call.Args {
		if !isFunc(f.typeOf(a)) {
			continue
		}
		if _, lit := ast.Unparen(a).(*ast.FuncLit); lit {
			if to := r.leadsTo(f, a); to.IsValid() {
				return to
			}
		} else if len(r.hops[a.Pos()]) > 0 {
			return a.Pos()
		}
	}
	return token.NoPos
}

// isForeign reports whether a function is declared in another module.
func (p *program) isForeign(obj types.Object) bool {
	fn, ok := obj.(*types.Func)
	return ok && fn.Pkg() != nil && p.fileAt(fn.Pos()) == nil
}
