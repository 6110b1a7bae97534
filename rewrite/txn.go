package rewrite

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"
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

// A creation is a transaction that puts a key if it is missing.
type creation struct {
	key   ast.Expr
	lease bool // the key lives with a lease
}

// isTxnResponse reports whether t is *clientv3.TxnResponse of some etcd client.
func (c *clients) isTxnResponse(t types.Type) bool {
	if t == nil {
		return false
	}
	p, ok := types.Unalias(t).(*types.Pointer)
	if !ok {
		return false
	}
	var obj *types.TypeName // the client's name for it, or that of the package that it is from
	switch e := p.Elem().(type) {
	case *types.Named:
		obj = e.Obj()
	case *types.Alias:
		obj = e.Obj()
	default:
		return false
	}
	if obj.Pkg() == nil {
		return false
	}
	path := obj.Pkg().Path()
	return obj.Name() == "TxnResponse" && (c.isClientPath(path) || strings.HasSuffix(path, "/etcdserverpb"))
}

// isCreation reports whether call commits a transaction that may be a lock.
func (p *program) isCreation(f *file, call *ast.CallExpr) bool { return p.creationOf(f, call) != nil }

func (p *program) creationOf(f *file, call *ast.CallExpr) *creation {
	if !f.isClientCall(call, "Commit") {
		return nil
	}
	inner := p.funcAround(call)
	if inner == nil {
		return nil
	}
	fn := inner // a literal may leave the response to the function around it
	for p.funcAround(fn) != nil {
		fn = p.funcAround(fn)
	}
	if !f.consults(inner) && !(f.assignsOut(inner, call) && f.consults(fn)) {
		return nil // the key is to be there, whoever makes it
	}
	var ifs, thens, elses []ast.Expr
	for _, c := range p.chain(f, fn, call, map[types.Object]bool{}) {
		switch ast.Unparen(c.Fun).(*ast.SelectorExpr).Sel.Name {
		case "If":
			ifs = append(ifs, p.operands(f, fn, c)...)
		case "Then":
			thens = append(thens, p.operands(f, fn, c)...)
		case "Else":
			elses = append(elses, p.operands(f, fn, c)...)
		}
	}
	for _, op := range elses {
		if c, ok := op.(*ast.CallExpr); ok && (f.isClientCall(c, "OpPut") || f.isClientCall(c, "OpDelete") || f.isClientCall(c, "OpTxn")) {
			return nil // it does something else where the key is there
		}
	}
	for _, cmp := range ifs {
		key := p.missing(f, cmp)
		if key == nil {
			continue
		}
		for _, op := range thens {
			put, ok := op.(*ast.CallExpr)
			if !ok || !f.isClientCall(put, "OpPut") || len(put.Args) < 2 || !p.sameKeyText(f, put.Args[0], key) {
				continue
			}
			c := &creation{key: key}
			for _, opt := range put.Args[2:] {
				if o, ok := ast.Unparen(opt).(*ast.CallExpr); ok && f.isClientCall(o, "WithLease") {
					c.lease = true
				}
			}
			for n := ast.Node(call); n != nil; n = p.funcAround(n) {
				if p.varies(f, n, key) {
					return nil
				}
			}
			if p.readBefore(f, fn, call, key) || p.hasLease(f, fn, key, map[types.Object]bool{}) {
				return nil
			}
			if !c.lease && slices.ContainsFunc(elses, func(op ast.Expr) bool { return p.gets(f, op, key) }) {
				return nil // it takes what is there
			}
			return c
		}
	}
	return nil
}

// gets reports whether an operation gets the key.
func (p *program) gets(f *file, op, key ast.Expr) bool {
	get, ok := op.(*ast.CallExpr)
	return ok && f.isClientCall(get, "OpGet") && len(get.Args) > 0 && p.sameKeyText(f, get.Args[0], key)
}

// assignsOut reports whether a function literal assigns the response of call to a variable
// from around it.
func (f *file) assignsOut(fn ast.Node, call *ast.CallExpr) bool {
	found := false
	ast.Inspect(fn, func(n ast.Node) bool {
		if a, ok := n.(*ast.AssignStmt); ok && a.Tok == token.ASSIGN && within(call, a) {
			id, ok := ast.Unparen(a.Lhs[0]).(*ast.Ident)
			found = found || ok && f.objectOf(id) != nil && !within2(f.objectOf(id).Pos(), fn)
		}
		return !found
	})
	return found
}

// consults reports whether fn asks whether a transaction has succeeded, or returns the
// response for others to ask.
func (f *file) consults(fn ast.Node) bool {
	found := false
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			found = found || n.Sel.Name == "Succeeded" && f.isTxnResponse(f.typeOf(n.X))
		case *ast.ReturnStmt:
			for _, r := range n.Results {
				call, ok := ast.Unparen(r).(*ast.CallExpr)
				found = found || f.isTxnResponse(f.typeOf(r)) || ok && f.isClientCall(call, "Commit")
			}
		}
		return !found
	})
	return found
}

// isClientCall reports whether call is of the function, or method, of that name of package
// clientv3 of some etcd client.
func (f *file) isClientCall(call *ast.CallExpr, name string) bool {
	fn, ok := f.callee(call).(*types.Func)
	return ok && fn.Name() == name && fn.Pkg() != nil && f.isClientPath(fn.Pkg().Path())
}

// chain returns the calls of If, Then and Else on the transaction that call commits, in one
// expression or through a variable of fn.
func (p *program) chain(f *file, fn ast.Node, call *ast.CallExpr, seen map[types.Object]bool) (out []*ast.CallExpr) {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok {
		return nil
	}
	switch x := ast.Unparen(sel.X).(type) {
	case *ast.CallExpr:
		for _, name := range []string{"If", "Then", "Else"} {
			if f.isClientCall(x, name) {
				out = append(out, x)
			}
		}
		return append(out, p.chain(f, fn, x, seen)...)
	case *ast.Ident:
		obj := f.objectOf(x)
		if obj == nil || seen[obj] {
			return nil
		}
		seen[obj] = true
		ast.Inspect(fn, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if id, ok := ast.Unparen(n.Lhs[0]).(*ast.Ident); ok && f.objectOf(id) == obj && len(n.Rhs) == 1 {
					if made, ok := ast.Unparen(n.Rhs[0]).(*ast.CallExpr); ok {
						out = append(out, p.links(f, made)...)
					}
				}
			case *ast.ExprStmt:
				if c, ok := ast.Unparen(n.X).(*ast.CallExpr); ok {
					links := p.links(f, c)
					if len(links) > 0 && f.rootObject(links[len(links)-1]) == obj {
						out = append(out, links...)
					}
				}
			}
			return true
		})
	}
	return out
}

// links returns call and the calls that it is chained to, as far as they are If, Then and
// Else.
func (p *program) links(f *file, call *ast.CallExpr) (out []*ast.CallExpr) {
	for ok := true; ok && (f.isClientCall(call, "If") || f.isClientCall(call, "Then") || f.isClientCall(call, "Else")); {
		out = append(out, call)
		call, ok = ast.Unparen(ast.Unparen(call.Fun).(*ast.SelectorExpr).X).(*ast.CallExpr)
	}
	return out
}

// rootObject returns the variable that a method is called on.
func (f *file) rootObject(call *ast.CallExpr) types.Object {
	if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok {
		if id, ok := ast.Unparen(sel.X).(*ast.Ident); ok {
			return f.objectOf(id)
		}
	}
	return nil
}

// operands returns the arguments of a call, with variables of fn replaced by what they are
// defined as, and by what is appended to them.
func (p *program) operands(f *file, fn ast.Node, call *ast.CallExpr) (out []ast.Expr) {
	for _, a := range call.Args {
		out = append(out, p.appended(f, fn, a)...)
		a = p.definition(f, fn, a)
		if lit, ok := a.(*ast.CompositeLit); ok {
			for _, e := range lit.Elts {
				out = append(out, p.definition(f, fn, e))
			}
			continue
		}
		out = append(out, a)
	}
	return out
}

// appended returns what is appended to a local variable of fn.
func (p *program) appended(f *file, fn ast.Node, e ast.Expr) (out []ast.Expr) {
	id, ok := ast.Unparen(e).(*ast.Ident)
	if !ok || f.objectOf(id) == nil {
		return nil
	}
	ast.Inspect(fn, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) < 2 {
			return true
		}
		name, ok := ast.Unparen(call.Fun).(*ast.Ident)
		if !ok || f.objectOf(name) != types.Universe.Lookup("append") {
			return true
		}
		if to, ok := ast.Unparen(call.Args[0]).(*ast.Ident); ok && f.objectOf(to) == f.objectOf(id) {
			for _, a := range call.Args[1:] {
				out = append(out, p.definition(f, fn, a))
			}
		}
		return true
	})
	return out
}

// definition returns what a local variable of fn is defined as, or e itself.
func (p *program) definition(f *file, fn ast.Node, e ast.Expr) ast.Expr {
	e = ast.Unparen(e)
	id, ok := e.(*ast.Ident)
	if !ok {
		return e
	}
	obj := f.objectOf(id)
	ast.Inspect(fn, func(n ast.Node) bool {
		if a, ok := n.(*ast.AssignStmt); ok && a.Tok == token.DEFINE && len(a.Lhs) == len(a.Rhs) {
			for i, l := range a.Lhs {
				if obj != nil && f.definedBy(l) == obj {
					e = ast.Unparen(a.Rhs[i])
				}
			}
		}
		return true
	})
	return e
}

// missing returns the key that a comparison demands to be missing, or nil.
func (p *program) missing(f *file, e ast.Expr) ast.Expr {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok {
		return nil
	}
	if fn, ok := f.callee(call).(*types.Func); ok && fn.Name() == "KeyMissing" && fn.Pkg() != nil && len(call.Args) == 1 {
		if client, ok := strings.CutSuffix(fn.Pkg().Path(), "/clientv3util"); ok && p.isClientPath(client) {
			return call.Args[0]
		}
	}
	if !f.isClientCall(call, "Compare") || len(call.Args) != 3 {
		return nil
	}
	target, ok := ast.Unparen(call.Args[0]).(*ast.CallExpr)
	if !ok || len(target.Args) != 1 || !f.isClientCall(target, "CreateRevision") && !f.isClientCall(target, "ModRevision") && !f.isClientCall(target, "Version") {
		return nil
	}
	op, zero := f.pkg.TypesInfo.Types[call.Args[1]].Value, f.pkg.TypesInfo.Types[call.Args[2]].Value
	if op == nil || zero == nil || op.Kind() != constant.String || constant.StringVal(op) != "=" || constant.Sign(zero) != 0 {
		return nil
	}
	return target.Args[0]
}

// sameKeyText reports whether two expressions of one function are the same key.
func (p *program) sameKeyText(f *file, a, b ast.Expr) bool {
	va, vb := f.pkg.TypesInfo.Types[a].Value, f.pkg.TypesInfo.Types[b].Value
	if va != nil && vb != nil {
		return constant.Compare(va, token.EQL, vb)
	}
	return p.text(a) == p.text(b)
}

// varies reports whether the key is another one for each round of what repeats n: it is
// computed there by something that may give another result each time.
func (p *program) varies(f *file, n ast.Node, key ast.Expr) bool {
	scope := p.repeatedAround(n)
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
				if tv := f.pkg.TypesInfo.Types[n.Fun]; tv.IsType() {
					return true
				}
				callee, ok := f.callee(n).(*types.Func)
				bad = bad || !ok || callee.Pkg() == nil || !composes(callee) && p.declOf(callee) == nil
			case *ast.Ident:
				obj, ok := f.objectOf(n).(*types.Var)
				if !ok || obj.IsField() || seen[obj] {
					return !bad
				}
				seen[obj] = true
				ast.Inspect(scope, func(m ast.Node) bool {
					switch m := m.(type) {
					case *ast.AssignStmt:
						for i, l := range m.Lhs {
							if id, ok := ast.Unparen(l).(*ast.Ident); ok && f.objectOf(id) == types.Object(obj) {
								r := m.Rhs[0]
								if len(m.Rhs) == len(m.Lhs) {
									r = m.Rhs[i]
								}
								bad = bad || m.Tok != token.ASSIGN && m.Tok != token.DEFINE || changing(r)
							}
						}
					case *ast.IncDecStmt:
						if id, ok := ast.Unparen(m.X).(*ast.Ident); ok && f.objectOf(id) == types.Object(obj) {
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
func (p *program) readBefore(f *file, fn ast.Node, call *ast.CallExpr, key ast.Expr) bool {
	found := false
	ast.Inspect(fn, func(n ast.Node) bool {
		if c, ok := n.(*ast.CallExpr); ok && c.End() < call.End() && f.isClientCall(c, "Get") && len(c.Args) >= 2 {
			found = found || p.sameKeyText(f, c.Args[1], key)
		}
		return !found
	})
	return found
}
