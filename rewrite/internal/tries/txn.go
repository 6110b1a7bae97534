package tries

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// Transactions as locks.
//
// Where a transaction puts a key if the key is missing, the key may be a lock:
//
//	client.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).
//		Then(clientv3.OpPut(key, "", clientv3.WithLease(lease))).Commit()
//
// It may as well be a name that is registered, an id that is drawn, or the first half of a
// compare-and-swap. A lock is retried with the same key, at an interval or with a lease,
// and nothing else is tried when the key is there.

// Txns recognizes transactions that may be locks.
type Txns struct{ *loop.Functions }

// A creation is a transaction that puts a key if it is missing.
type creation struct {
	key   ast.Expr
	lease bool          // the key lives with a lease
	begun *ast.CallExpr // the call of Txn, if it can be told
	goes  ast.Node      // where the transaction goes elsewhere as a value, or nil
	own   bool          // the key is one of each client's own
	reads bool          // where the key is there, nothing but reads is done
}

// isCreation reports whether call commits a transaction that may be a lock.
func (p Txns) isCreation(f *source.File, call *ast.CallExpr) bool {
	return p.creationOf(f, call) != nil
}

func (p Txns) creationOf(f *source.File, call *ast.CallExpr) *creation {
	if !f.IsClientCall(call, "Commit") {
		return nil
	}
	inner, fn := p.FuncAround(call), p.outermost(call) // a literal may leave the response to the function around it
	if fn == nil || !consults(f, inner) && !(assignsOut(f, inner, call) && consults(f, fn)) {
		return nil // the key is to be there, whoever makes it
	}
	var ifs, thens, elses []ast.Expr
	links := chain(f, fn, call, map[types.Object]bool{})
	for _, c := range links {
		switch ast.Unparen(c.Fun).(*ast.SelectorExpr).Sel.Name {
		case "If":
			ifs = append(ifs, operands(f, fn, c)...)
		case "Then":
			thens = append(thens, operands(f, fn, c)...)
		case "Else":
			elses = append(elses, operands(f, fn, c)...)
		}
	}
	for _, op := range elses {
		if c, ok := op.(*ast.CallExpr); ok && (f.IsClientCall(c, "OpPut") || f.IsClientCall(c, "OpDelete") || f.IsClientCall(c, "OpTxn")) {
			return nil // it does something else where the key is there
		}
	}
	for _, cmp := range ifs {
		key := missing(f, cmp)
		if key == nil {
			continue
		}
		for _, op := range thens {
			put, ok := op.(*ast.CallExpr)
			if !ok || !f.IsClientCall(put, "OpPut") || len(put.Args) < 2 || !sameKeyText(f, put.Args[0], key) {
				continue
			}
			c := &creation{key: key, begun: begun(f, fn, call), reads: !slices.ContainsFunc(elses, func(op ast.Expr) bool {
				get, ok := op.(*ast.CallExpr)
				return !ok || !f.IsClientCall(get, "OpGet")
			})}
			if c.begun != nil {
				c.goes = handed(f, fn, c.begun, links)
			}
			c.own = p.keepsLease(f, fn, key)
			for _, opt := range put.Args[2:] {
				if o, ok := ast.Unparen(opt).(*ast.CallExpr); ok && f.IsClientCall(o, "WithLease") {
					c.lease = true
				}
			}
			for n := ast.Node(call); n != nil; n = p.FuncAround(n) {
				if p.varies(f, n, key) {
					return nil
				}
			}
			if readBefore(f, fn, call, key) || p.hasLease(f, fn, key, map[types.Object]bool{}) {
				return nil
			}
			if !c.lease && slices.ContainsFunc(elses, func(op ast.Expr) bool { return gets(f, op, key) }) {
				return nil // it takes what is there
			}
			return c
		}
	}
	return nil
}

// outermost returns the declared function around a node, or nil.
func (p Txns) outermost(n ast.Node) (fn ast.Node) {
	for n = p.FuncAround(n); n != nil; n = p.FuncAround(n) {
		fn = n
	}
	return fn
}

// gets reports whether an operation gets the key.
func gets(f *source.File, op, key ast.Expr) bool {
	get, ok := op.(*ast.CallExpr)
	return ok && f.IsClientCall(get, "OpGet") && len(get.Args) > 0 && sameKeyText(f, get.Args[0], key)
}

// assignsOut reports whether a function literal assigns the response of call to a variable
// from around it.
func assignsOut(f *source.File, fn ast.Node, call *ast.CallExpr) bool {
	for n := range ast.Preorder(fn) {
		a, ok := n.(*ast.AssignStmt)
		if !ok || a.Tok != token.ASSIGN || !source.Within(call, a) {
			continue
		}
		if id, ok := ast.Unparen(a.Lhs[0]).(*ast.Ident); ok && f.ObjectOf(id) != nil && !source.PosWithin(f.ObjectOf(id).Pos(), fn) {
			return true
		}
	}
	return false
}

// consults reports whether fn asks whether a transaction has succeeded, or returns the
// response for others to ask.
func consults(f *source.File, fn ast.Node) bool {
	for n := range ast.Preorder(fn) {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if n.Sel.Name == "Succeeded" && f.IsTxnResponse(f.TypeOf(n.X)) {
				return true
			}
		case *ast.ReturnStmt:
			for _, r := range n.Results {
				if call, ok := ast.Unparen(r).(*ast.CallExpr); f.IsTxnResponse(f.TypeOf(r)) || ok && f.IsClientCall(call, "Commit") {
					return true
				}
			}
		}
	}
	return false
}

// chain returns the calls of If, Then and Else on the transaction that call commits, in one
// expression or through a variable of fn.
func chain(f *source.File, fn ast.Node, call *ast.CallExpr, seen map[types.Object]bool) (out []*ast.CallExpr) {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok {
		return nil
	}
	switch x := ast.Unparen(sel.X).(type) {
	case *ast.CallExpr:
		for _, name := range []string{"If", "Then", "Else"} {
			if f.IsClientCall(x, name) {
				out = append(out, x)
			}
		}
		return append(out, chain(f, fn, x, seen)...)
	case *ast.Ident:
		obj := f.ObjectOf(x)
		if obj == nil || seen[obj] {
			return nil
		}
		seen[obj] = true
		ast.Inspect(fn, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if id, ok := ast.Unparen(n.Lhs[0]).(*ast.Ident); ok && f.ObjectOf(id) == obj && len(n.Rhs) == 1 {
					if made, ok := ast.Unparen(n.Rhs[0]).(*ast.CallExpr); ok {
						out = append(out, links(f, made)...)
					}
				}
			case *ast.ExprStmt:
				if c, ok := ast.Unparen(n.X).(*ast.CallExpr); ok {
					links := links(f, c)
					if len(links) > 0 && rootObject(f, links[len(links)-1]) == obj {
						out = append(out, links...)
					}
				}
			}
			return true
		})
	}
	return out
}

// begun returns the call of Txn with which the transaction begins that call commits: in the same
// expression, or in the definition of the variable of fn that has it.
func begun(f *source.File, fn ast.Node, call *ast.CallExpr) *ast.CallExpr {
	for {
		sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
		if !ok {
			return nil
		}
		e := ast.Unparen(sel.X)
		if id, ok := e.(*ast.Ident); ok {
			if e = definition(f, fn, id); e == ast.Expr(id) || reassigned(f, fn, id) {
				return nil
			}
		}
		if call, ok = e.(*ast.CallExpr); !ok || f.IsClientCall(call, "Txn") {
			return call
		}
	}
}

// reassigned reports whether a variable of fn is assigned anything but what it is chained to.
func reassigned(f *source.File, fn ast.Node, id *ast.Ident) bool {
	obj := f.ObjectOf(id)
	for n := range ast.Preorder(fn) {
		a, ok := n.(*ast.AssignStmt)
		if !ok || a.Tok != token.ASSIGN || !slices.ContainsFunc(a.Lhs, func(l ast.Expr) bool { return f.VariableOf(l) == obj }) {
			continue
		}
		made, ok := ast.Unparen(a.Rhs[0]).(*ast.CallExpr)
		if !ok || len(a.Rhs) != 1 {
			return true
		}
		if links := links(f, made); len(links) == 0 || rootObject(f, links[len(links)-1]) != obj {
			return true
		}
	}
	return false
}

// links returns call and the calls that it is chained to, as far as they are If, Then and
// Else.
func links(f *source.File, call *ast.CallExpr) (out []*ast.CallExpr) {
	for ok := true; ok && (f.IsClientCall(call, "If") || f.IsClientCall(call, "Then") || f.IsClientCall(call, "Else")); {
		out = append(out, call)
		call, ok = ast.Unparen(ast.Unparen(call.Fun).(*ast.SelectorExpr).X).(*ast.CallExpr)
	}
	return out
}

// rootObject returns the variable that a method is called on.
func rootObject(f *source.File, call *ast.CallExpr) types.Object {
	if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok {
		if id, ok := ast.Unparen(sel.X).(*ast.Ident); ok {
			return f.ObjectOf(id)
		}
	}
	return nil
}

// operands returns the arguments of a call, with variables of fn replaced by what they are
// defined as, and by what is appended to them.
func operands(f *source.File, fn ast.Node, call *ast.CallExpr) (out []ast.Expr) {
	for _, a := range call.Args {
		out = append(out, appended(f, fn, a)...)
		a = definition(f, fn, a)
		if lit, ok := a.(*ast.CompositeLit); ok {
			for _, e := range lit.Elts {
				out = append(out, definition(f, fn, e))
			}
			continue
		}
		out = append(out, a)
	}
	return out
}

// appended returns what is appended to a local variable of fn.
func appended(f *source.File, fn ast.Node, e ast.Expr) (out []ast.Expr) {
	id, ok := ast.Unparen(e).(*ast.Ident)
	if !ok || f.ObjectOf(id) == nil {
		return nil
	}
	ast.Inspect(fn, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) < 2 {
			return true
		}
		name, ok := ast.Unparen(call.Fun).(*ast.Ident)
		if !ok || f.ObjectOf(name) != types.Universe.Lookup("append") {
			return true
		}
		if to, ok := ast.Unparen(call.Args[0]).(*ast.Ident); ok && f.ObjectOf(to) == f.ObjectOf(id) {
			for _, a := range call.Args[1:] {
				out = append(out, definition(f, fn, a))
			}
		}
		return true
	})
	return out
}

// definition returns what a local variable of fn is defined as, or e itself.
func definition(f *source.File, fn ast.Node, e ast.Expr) ast.Expr {
	e = ast.Unparen(e)
	id, ok := e.(*ast.Ident)
	if !ok {
		return e
	}
	obj := f.ObjectOf(id)
	ast.Inspect(fn, func(n ast.Node) bool {
		if a, ok := n.(*ast.AssignStmt); ok && a.Tok == token.DEFINE && len(a.Lhs) == len(a.Rhs) {
			for i, l := range a.Lhs {
				if obj != nil && f.DefinedBy(l) == obj {
					e = ast.Unparen(a.Rhs[i])
				}
			}
		}
		return true
	})
	return e
}

// missing returns the key that a comparison demands to be missing, or nil.
func missing(f *source.File, e ast.Expr) ast.Expr {
	if key, missing := compared(f, e); missing {
		return key
	}
	return nil
}

// compared returns the key that a comparison demands to be missing, or to be there; nil for any other one.
func compared(f *source.File, e ast.Expr) (key ast.Expr, missing bool) {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok {
		return nil, false
	}
	if fn, ok := f.Callee(call).(*types.Func); ok && (fn.Name() == "KeyMissing" || fn.Name() == "KeyExists") && fn.Pkg() != nil && len(call.Args) == 1 {
		if client, ok := strings.CutSuffix(fn.Pkg().Path(), "/clientv3util"); ok && f.IsClientPath(client) {
			return call.Args[0], fn.Name() == "KeyMissing"
		}
	}
	if !f.IsClientCall(call, "Compare") || len(call.Args) != 3 {
		return nil, false
	}
	target, ok := ast.Unparen(call.Args[0]).(*ast.CallExpr)
	if !ok || len(target.Args) != 1 || !f.IsClientCall(target, "CreateRevision") && !f.IsClientCall(target, "ModRevision") && !f.IsClientCall(target, "Version") {
		return nil, false
	}
	op, bound := f.Pkg.TypesInfo.Types[call.Args[1]].Value, f.Pkg.TypesInfo.Types[call.Args[2]].Value
	if op == nil || bound == nil || op.Kind() != constant.String {
		return nil, false
	}
	switch v, exact := constant.Int64Val(constant.ToInt(bound)); {
	case !exact:
	case constant.StringVal(op) == "=" && v == 0, constant.StringVal(op) == "<" && v == 1:
		return target.Args[0], true
	case constant.StringVal(op) == "!=" && v == 0, constant.StringVal(op) == ">" && v == 0:
		return target.Args[0], false
	}
	return nil, false
}

// sameKeyText reports whether two expressions of one function are the same key.
func sameKeyText(f *source.File, a, b ast.Expr) bool {
	va, vb := f.Pkg.TypesInfo.Types[a].Value, f.Pkg.TypesInfo.Types[b].Value
	if va != nil && vb != nil {
		return constant.Compare(va, token.EQL, vb)
	}
	return f.Text(a) == f.Text(b)
}

// varies reports whether the key is another one for each round of what repeats n: it is
// computed there by something that may give another result each time.
func (p Txns) varies(f *source.File, n ast.Node, key ast.Expr) bool {
	scope := p.RepeatedAround(n)
	if scope == nil {
		return false
	}
	seen := map[types.Object]bool{}
	var changing func(e ast.Expr) bool
	changing = func(e ast.Expr) bool {
		bad := false
		ast.Inspect(e, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if tv := f.Pkg.TypesInfo.Types[n.Fun]; tv.IsType() {
					return true
				}
				callee, ok := f.Callee(n).(*types.Func)
				bad = bad || !ok || callee.Pkg() == nil || !composes(callee) && p.DeclOf(callee) == nil
			case *ast.Ident:
				obj, ok := f.ObjectOf(n).(*types.Var)
				if !ok || obj.IsField() || seen[obj] {
					return !bad
				}
				seen[obj] = true
				ast.Inspect(scope, func(m ast.Node) bool {
					switch m := m.(type) {
					case *ast.AssignStmt:
						for i, l := range m.Lhs {
							if id, ok := ast.Unparen(l).(*ast.Ident); ok && f.ObjectOf(id) == types.Object(obj) {
								r := m.Rhs[0]
								if len(m.Rhs) == len(m.Lhs) {
									r = m.Rhs[i]
								}
								bad = bad || m.Tok != token.ASSIGN && m.Tok != token.DEFINE || changing(r)
							}
						}
					case *ast.IncDecStmt:
						if id, ok := ast.Unparen(m.X).(*ast.Ident); ok && f.ObjectOf(id) == types.Object(obj) {
							bad = true
						}
					}
					return !bad
				})
			}
			return !bad
		})
		return bad
	}
	return changing(key)
}

// composes knows functions that put keys together.
func composes(fn *types.Func) bool {
	switch fn.Pkg().Path() {
	case "fmt", "path", "path/filepath", "strings", "strconv", "os":
		return true
	}
	return false
}

// readBefore reports whether fn gets the key before the call: then a key that is there may
// keep it from being made.
func readBefore(f *source.File, fn ast.Node, call *ast.CallExpr, key ast.Expr) bool {
	for n := range ast.Preorder(fn) {
		if c, ok := n.(*ast.CallExpr); ok && c.End() < call.End() && f.IsClientCall(c, "Get") && len(c.Args) >= 2 && sameKeyText(f, c.Args[1], key) {
			return true
		}
	}
	return false
}
