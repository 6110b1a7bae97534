package account

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// A txn is what is known of a transaction, wherever its parts are put together.
type txn struct {
	c    *counter
	seen map[any]bool

	missing, present  bool // it demands that a key is missing, or there
	thenPut, elsePut  bool
	thenWrites, inner bool // Then puts or deletes; a part is a transaction that creates
}

// creates reports whether a transaction, whose value e is, puts a key if it is missing.
func (c *counter) creates(info *types.Info, in *ast.FuncDecl, e ast.Expr) bool {
	t := &txn{c: c, seen: map[any]bool{}}
	t.value(info, in, e)
	return t.creates()
}

func (t *txn) creates() bool {
	return t.missing && t.thenPut || t.present && t.elsePut && !t.thenWrites || t.inner
}

// does reports whether an operation is a transaction that puts a key if it is missing.
func (c *counter) does(info *types.Info, in *ast.FuncDecl, op ast.Expr) bool {
	t := &txn{c: c, seen: map[any]bool{}}
	t.parts(info, in, op, t.nested())
	return t.inner
}

// isPart reports whether t is a transaction of the client, or a part of one.
func (c *counter) isPart(t types.Type) bool {
	if s, ok := t.Underlying().(*types.Slice); ok {
		t = s.Elem()
	}
	return slices.ContainsFunc([]string{"Txn", "Cmp", "Op"}, func(name string) bool { return c.isClient(t, c.paths.Client, name) })
}

func (t *txn) isTxn(info *types.Info, e ast.Expr) bool {
	of := info.TypeOf(e)
	return of != nil && t.c.isClient(of, t.c.paths.Client, "Txn")
}

// a place is an expression or variable in a function, as the same one may be looked at for different things.
type place struct {
	node any
	as   string
}

func (t *txn) first(node any, as string) bool {
	at := place{node, as}
	if t.seen[at] {
		return false
	}
	t.seen[at] = true
	return true
}

// value takes what a value of the client's type Txn has been given.
func (t *txn) value(info *types.Info, in *ast.FuncDecl, e ast.Expr) {
	e = ast.Unparen(e)
	if !t.first(e, "value") {
		return
	}
	switch e := e.(type) {
	case *ast.CallExpr:
		if x := t.link(info, in, e); x != nil {
			t.value(info, in, x)
			return
		}
		for _, a := range e.Args {
			if t.isTxn(info, a) {
				t.value(info, in, a)
			}
		}
		own, ok := t.c.funcs[position(callee(info, e))]
		if !ok || own.decl.Body == nil {
			return
		}
		for n := range ast.Preorder(own.decl.Body) {
			if ret, ok := n.(*ast.ReturnStmt); ok {
				for _, r := range ret.Results {
					if t.isTxn(own.info, r) {
						t.value(own.info, own.decl, r)
					}
				}
			}
		}
	case *ast.Ident:
		if v, ok := info.ObjectOf(e).(*types.Var); ok {
			t.variable(info, in, v)
		}
	case *ast.SelectorExpr:
		if v, ok := info.ObjectOf(e.Sel).(*types.Var); ok {
			for _, k := range t.c.kept[v.Origin().Pos()] {
				t.value(k.info, k.in, k.expr)
			}
		}
	}
}

func position(fn *types.Func) token.Pos {
	if fn == nil {
		return token.NoPos
	}
	return fn.Origin().Pos()
}

// variable takes what a variable that holds a transaction has been given.
func (t *txn) variable(info *types.Info, in *ast.FuncDecl, v *types.Var) {
	if in == nil || !t.first(v, "variable") {
		return
	}
	for _, d := range definitions(info, in, v) {
		t.value(info, in, d)
	}
	names := func(e ast.Expr) bool {
		id, ok := ast.Unparen(e).(*ast.Ident)
		return ok && info.ObjectOf(id) == types.Object(v)
	}
	for n := range ast.Preorder(in) { // txn.If(...); txn.Then(...); complete(txn)
		call, ok := n.(*ast.CallExpr)
		if !ok {
			continue
		}
		if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok && names(sel.X) {
			t.link(info, in, call)
		}
		for i, a := range call.Args {
			own, ok := t.c.funcs[position(callee(info, call))]
			if !ok || !names(a) {
				continue
			}
			if fn, ok := own.info.Defs[own.decl.Name].(*types.Func); ok && i < fn.Signature().Params().Len() {
				t.variable(own.info, own.decl, fn.Signature().Params().At(i))
			}
		}
	}
	t.c.givenTo(info, in, v, func(from call, arg ast.Expr) { t.value(from.info, from.in, arg) })
}

// givenTo calls do for what the calls of a function give to a parameter of it.
func (c *counter) givenTo(info *types.Info, in *ast.FuncDecl, v *types.Var, do func(from call, arg ast.Expr)) {
	fn, i := parameter(info, in, v)
	if fn == nil {
		return
	}
	for _, from := range c.callsOf(fn) {
		for j, a := range from.node.Args {
			if j == i || j > i && fn.Signature().Variadic() && i == fn.Signature().Params().Len()-1 {
				do(from, a)
			}
		}
	}
}

// link takes what If, Then or Else of a transaction are given, and returns what they are called on.
func (t *txn) link(info *types.Info, in *ast.FuncDecl, n *ast.CallExpr) ast.Expr {
	sel, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr)
	if !ok || !t.isTxn(info, sel.X) {
		return nil
	}
	for _, a := range n.Args {
		switch sel.Sel.Name {
		case "If":
			t.parts(info, in, a, t.demands())
		case "Then":
			t.parts(info, in, a, t.then())
		case "Else":
			t.parts(info, in, a, t.otherwise())
		default:
			return nil
		}
	}
	if name := sel.Sel.Name; name != "If" && name != "Then" && name != "Else" {
		return nil
	}
	return sel.X
}

// A part of a transaction takes the calls that make it, and says whether what is in a call is looked at as well.
type part struct {
	name string
	take func(info *types.Info, in *ast.FuncDecl, n *ast.CallExpr) (into bool)
}

func (t *txn) demands() part {
	return part{"If", func(info *types.Info, _ *ast.FuncDecl, n *ast.CallExpr) bool {
		missing, present := t.c.demands(info, n)
		t.missing, t.present = t.missing || missing, t.present || present
		return true
	}}
}

func (t *txn) then() part {
	return part{"Then", func(info *types.Info, in *ast.FuncDecl, n *ast.CallExpr) bool {
		put := t.is(info, n, "OpPut")
		t.thenPut = t.thenPut || put
		t.thenWrites = t.thenWrites || put || t.is(info, n, "OpDelete")
		return t.nested().take(info, in, n)
	}}
}

func (t *txn) otherwise() part {
	return part{"Else", func(info *types.Info, in *ast.FuncDecl, n *ast.CallExpr) bool {
		t.elsePut = t.elsePut || t.is(info, n, "OpPut")
		return t.nested().take(info, in, n)
	}}
}

// nested takes the transactions that are operations.
func (t *txn) nested() part {
	return part{"nested", func(info *types.Info, in *ast.FuncDecl, n *ast.CallExpr) bool {
		if !t.is(info, n, "OpTxn") || len(n.Args) != 3 {
			return true
		}
		if _, known := t.c.inner[n]; !known {
			t.c.inner[n] = false // while it is looked at: it may be a part of itself
			u := &txn{c: t.c, seen: map[any]bool{}}
			u.parts(info, in, n.Args[0], u.demands())
			u.parts(info, in, n.Args[1], u.then())
			u.parts(info, in, n.Args[2], u.otherwise())
			t.c.inner[n] = u.creates()
		}
		t.inner = t.inner || t.c.inner[n]
		return false
	}}
}

// is reports whether a call is one of a function of the client.
func (t *txn) is(info *types.Info, n *ast.CallExpr, name string) bool {
	fn := callee(info, n)
	return fn != nil && fn.Name() == name && fn.Pkg() != nil && slices.Contains(t.c.paths.Client, unvendored(fn.Pkg().Path()))
}

// parts takes the calls in an expression, in the values of the variables and fields that it names, in the functions of
// the module that it calls, and in what callers give to the parameters that it names.
func (t *txn) parts(info *types.Info, in *ast.FuncDecl, e ast.Node, of part) {
	if !t.first(e, of.name) {
		return
	}
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if !of.take(info, in, n) {
				return false
			}
			if own, ok := t.c.funcs[position(callee(info, n))]; ok && own.decl.Body != nil {
				t.parts(own.info, own.decl, own.decl.Body, of)
			}
		case *ast.Ident:
			v, ok := info.ObjectOf(n).(*types.Var)
			if !ok {
				return true
			}
			if own, ok := t.c.vars[v.Pos()]; ok {
				t.parts(own.info, nil, own.expr, of)
			}
			if !t.c.isPart(v.Type()) {
				return true
			}
			for _, k := range t.c.kept[v.Origin().Pos()] {
				t.parts(k.info, k.in, k.expr, of)
			}
			if in != nil && t.first(v, of.name) {
				for _, d := range definitions(info, in, v) {
					t.parts(info, in, d, of)
				}
				t.c.givenTo(info, in, v, func(from call, arg ast.Expr) { t.parts(from.info, from.in, arg, of) })
			}
		}
		return true
	})
}

// definitions returns what a variable of a function is assigned, and appended.
func definitions(info *types.Info, in *ast.FuncDecl, obj types.Object) (out []ast.Expr) {
	ast.Inspect(in, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				if id, ok := ast.Unparen(l).(*ast.Ident); ok && info.ObjectOf(id) == obj && len(n.Lhs) == len(n.Rhs) {
					out = append(out, n.Rhs[i])
				}
			}
		case *ast.ValueSpec:
			for i, id := range n.Names {
				if info.ObjectOf(id) == obj && i < len(n.Values) {
					out = append(out, n.Values[i])
				}
			}
		}
		return true
	})
	return out
}

// demands reports whether a comparison holds only where a key is missing, or only where it is there.
func (c *counter) demands(info *types.Info, n *ast.CallExpr) (missing, present bool) {
	fn := callee(info, n)
	if fn == nil || fn.Pkg() == nil {
		return false, false
	}
	path := unvendored(fn.Pkg().Path())
	if client, ok := strings.CutSuffix(path, "/clientv3util"); ok && slices.Contains(c.paths.Client, client) {
		return fn.Name() == "KeyMissing", fn.Name() == "KeyExists"
	}
	if fn.Name() != "Compare" || !slices.Contains(c.paths.Client, path) || len(n.Args) != 3 {
		return false, false
	}
	of, ok := ast.Unparen(n.Args[0]).(*ast.CallExpr)
	if !ok {
		return false, false
	}
	target := callee(info, of)
	if target == nil || target.Name() != "CreateRevision" && target.Name() != "ModRevision" && target.Name() != "Version" {
		return false, false
	}
	op, bound := info.Types[n.Args[1]].Value, info.Types[n.Args[2]].Value
	if op == nil || op.Kind() != constant.String || bound == nil {
		return false, false
	}
	is := func(n int64) bool { return constant.Compare(constant.ToInt(bound), token.EQL, constant.MakeInt64(n)) }
	switch constant.StringVal(op) {
	case "=":
		return is(0), false
	case "<":
		return is(1), false
	case "!=", ">":
		return false, is(0)
	}
	return false, false
}
