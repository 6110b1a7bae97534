package rewrite

import (
	"go/ast"
	"go/token"
	"go/types"

	"etcdmod/rewrite/internal/source"
)

// Function values.
//
// A function that tries may be stored, sent or handed on before a loop calls it. What
// holds such values, a variable, a field or a parameter, is in reach when one of them is,
// whether it holds one function or a slice, map or channel of them.

// A value is a function value that is stored or handed on.
type value struct {
	file *source.File
	src  ast.Expr
	dst  token.Pos     // of the variable, field or parameter
	call *ast.CallExpr // instead: a call of a library that repeats it, or of time.AfterFunc
	via  *types.Func   // the method of src that is called, if src is no function
	in   []ast.Node    // the stack around call
}

// read notes the functions of a file and where function values go.
func (r *reach) read(f *source.File) {
	var stack []ast.Node
	flow := func(dst types.Object, src ast.Expr) {
		if v, ok := dst.(*types.Var); ok && holdsFunc(v.Type()) {
			for _, e := range valueParts(f, src) {
				r.values = append(r.values, value{file: f, src: e, dst: v.Origin().Pos()})
			}
		}
	}
	object := f.Container
	ast.Inspect(f.Syntax, func(n ast.Node) bool {
		if n == nil {
			stack = stack[:len(stack)-1]
			return true
		}
		stack = append(stack, n)
		switch n := n.(type) {
		case *ast.FuncDecl:
			if obj := f.Pkg.TypesInfo.Defs[n.Name]; obj != nil && n.Body != nil {
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
					flow(f.ObjectOf(name), n.Values[i])
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
			if st, ok := source.Under(f.TypeOf(n)).(*types.Struct); ok {
				for i, e := range n.Elts {
					if _, keyed := e.(*ast.KeyValueExpr); !keyed && i < st.NumFields() {
						flow(st.Field(i), e)
					}
				}
			}
		case *ast.CallExpr:
			callee := f.Callee(n)
			repeats := isRepeater(r.p.functions.Program, callee)
			sig, _ := source.Under(f.TypeOf(n.Fun)).(*types.Signature)
			if fn, ok := callee.(*types.Func); ok {
				sig = fn.Origin().Signature()
			}
			for i, a := range n.Args {
				switch {
				case repeats && !isFunc(f.TypeOf(a)):
					r.repeatsMethods(f, n, a, paramAt(sig, i), stack)
				case !holdsFunc(f.TypeOf(a)):
				case repeats || source.IsObject(callee, "time", "AfterFunc"):
					r.values = append(r.values, value{file: f, src: a, call: n, in: append([]ast.Node(nil), stack...)})
				case r.p.IsForeign(callee):
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
	_, ok := source.Under(t).(*types.Signature)
	return ok
}

// holdsFunc reports whether a value of type t is a function, or holds some.
func holdsFunc(t types.Type) bool {
	switch t := source.Under(t).(type) {
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

// valueParts returns the expressions whose values e may be or hold: the elements of a literal,
// and the arguments of append.
func valueParts(f *source.File, e ast.Expr) (out []ast.Expr) {
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
		if b, ok := f.Callee(x).(*types.Builtin); ok && b.Name() == "append" {
			return x.Args
		}
	}
	return []ast.Expr{e}
}

// source returns the hop that a function value begins, if it leads to a TryLock.
func (r *reach) source(v value) (hop, bool) {
	if sel, ok := ast.Unparen(v.src).(*ast.SelectorExpr); ok && r.attempt.method != "" && sel.Sel.Name == r.attempt.method {
		if fn, ok := v.file.ObjectOf(sel.Sel).(*types.Func); ok {
			if recv := fn.Signature().Recv(); recv != nil && v.file.IsMutexPtr(recv.Type()) {
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
			to = r.methods[source.MethodKey(v.via)]
		}
	}
	return hop{v.file, v.src, to}, to.IsValid()
}

// target returns the position in reach that a call leads to, or NoPos: that of the
// function it names, or of one that it hands to another module, which will call it.
func (r *reach) target(f *source.File, call *ast.CallExpr) token.Pos {
	if to := r.leadsTo(f, call.Fun); to.IsValid() {
		return to
	}
	callee := f.Callee(call)
	if !r.p.IsForeign(callee) || isRepeater(r.p.functions.Program, callee) || source.IsObject(callee, "time", "AfterFunc") {
		return token.NoPos
	}
	for _, a := range call.Args {
		if !isFunc(f.TypeOf(a)) {
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
