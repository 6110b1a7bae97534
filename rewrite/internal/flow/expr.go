package flow

import (
	"go/ast"
	"go/token"
	"go/types"
	"strconv"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/source"
)

// typeExpr returns the node of a type expression that carries the mutex.
func (w *walker) typeExpr(e ast.Expr) *node {
	e = ast.Unparen(e)
	if n := w.types[e.Pos()]; n != nil {
		if _, ok := e.(*ast.SelectorExpr); !ok {
			return n.find()
		}
	}
	n := &node{}
	t := w.file.TypeOf(e)
	switch x := e.(type) {
	case *ast.StarExpr:
		if w.p.IsMutex(w.file.TypeOf(x.X)) {
			w.spell(n, x.X)
		} else if w.mutexIn(w.file.TypeOf(x.X)) {
			unify(n.child("ptr"), w.typeExpr(x.X))
		}
	case *ast.ArrayType:
		unify(n.child("elem"), w.typeExpr(x.Elt))
	case *ast.Ellipsis:
		unify(n.child("elem"), w.typeExpr(x.Elt))
	case *ast.ChanType:
		unify(n.child("elem"), w.typeExpr(x.Value))
	case *ast.MapType:
		if w.mutexIn(w.file.TypeOf(x.Key)) {
			unify(n.child("key"), w.typeExpr(x.Key))
		}
		if w.mutexIn(w.file.TypeOf(x.Value)) {
			unify(n.child("elem"), w.typeExpr(x.Value))
		}
	case *ast.FuncType:
		w.signature(n, x)
	case *ast.Ident, *ast.SelectorExpr:
		if w.p.IsMutex(t) {
			// A value, not a pointer.
			w.spell(n, e)
			if _, ok := w.parent().(*ast.TypeSpec); !ok && !w.generics.pointed[e.Pos()] {
				w.poisonNode(n, finding.MutexCopied, e, "declared by value")
			}
			break
		}
		if obj := typeName(w.file, e); obj != nil {
			unify(n, w.object(obj))
		}
	case *ast.IndexExpr, *ast.IndexListExpr:
		unify(n, w.generic(e))
	case *ast.StructType:
		w.poisonNode(n, finding.UnsupportedUse, e, "a struct type without a name")
	default:
		w.poisonNode(n, finding.UnsupportedUse, e, "%T", e)
	}
	if old := w.types[e.Pos()]; old != nil {
		unify(old, n)
		return old.find()
	}
	w.types[e.Pos()] = n
	return n.find()
}

func typeArgs(e ast.Expr) []ast.Expr {
	switch e := e.(type) {
	case *ast.IndexExpr:
		return []ast.Expr{e.Index}
	case *ast.IndexListExpr:
		return e.Indices
	}
	return nil
}

func typeName(f *source.File, e ast.Expr) *types.TypeName {
	var id *ast.Ident
	switch e := e.(type) {
	case *ast.Ident:
		id = e
	case *ast.SelectorExpr:
		id = e.Sel
	}
	if id == nil {
		return nil
	}
	obj, _ := f.Pkg.TypesInfo.Uses[id].(*types.TypeName)
	return obj
}

// spell notes that e, which names the mutex type, must change with n.
func (w *walker) spell(n *node, e ast.Expr) {
	sel, ok := ast.Unparen(e).(*ast.SelectorExpr)
	if !ok {
		if obj := typeName(w.file, ast.Unparen(e)); obj != nil && !obj.IsAlias() {
			w.poisonNode(n, finding.DotImport, e, "the name has no qualifier")
		} else {
			w.poisonNode(n, finding.AliasOrDefined, e, "an alias")
		}
		return
	}
	obj := w.file.Pkg.TypesInfo.Uses[sel.Sel] // for an embedded field it is also a definition
	if obj == nil {
		w.poisonNode(n, finding.Untyped, e, "%s", w.p.Text(e))
		return
	}
	path, ok := w.p.ConcurrencyPath(obj.Pkg())
	if !ok {
		w.poisonNode(n, finding.AliasOrDefined, e, "%s", w.p.Text(e))
		return
	}
	n = n.find()
	n.Spelled = append(n.Spelled, Spelling{w.file, sel, "Mutex", path})
	if w.file.Blocked != nil {
		r := *w.file.Blocked
		r.Pos = w.p.Position(e.Pos())
		n.deny(r)
	}
}

// signature unifies the parts of a function node with its declared types.
func (w *walker) signature(fn *node, t *ast.FuncType) {
	part := func(list *ast.FieldList, prefix string) {
		if list == nil {
			return
		}
		i := 0
		for _, field := range list.List {
			count := len(field.Names)
			if count == 0 {
				count = 1
			}
			for j := 0; j < count; j++ {
				if w.mutexIn(w.fieldType(field.Type)) {
					unify(fn.child(prefix+strconv.Itoa(i)), w.typeExpr(field.Type))
				}
				i++
			}
		}
	}
	part(t.Params, "p")
	part(t.Results, "r")
}

func (w *walker) literal(n *ast.FuncLit) *node {
	if !w.mutexIn(w.file.TypeOf(n)) {
		return nil
	}
	fn := w.types[n.Pos()]
	if fn == nil {
		fn = &node{}
		w.types[n.Pos()] = fn
		w.signature(fn, n.Type)
	}
	return fn.find()
}

// expr returns the node of an expression whose type carries the mutex, or nil.
func (w *walker) expr(e ast.Expr) *node {
	e = ast.Unparen(e)
	t := w.file.TypeOf(e)
	if t == nil || !w.mutexIn(t) {
		return nil
	}
	if id := w.instantiated(e); id != nil {
		return w.throughHub(w.file.ObjectOf(id))
	}
	if n, ok := w.known(e, t); ok {
		return n
	}
	if x := operand(e); x != nil && isTypeParam(w.file.TypeOf(x)) {
		return w.generics.hub.find() // by its core type
	}
	n := w.exprNode(e)
	w.poisonNode(n, finding.UnsupportedUse, e, "%T of type %s", e, t)
	return n
}

// known returns the node of an expression of type t, and whether its kind is one that is followed.
func (w *walker) known(e ast.Expr, t types.Type) (_ *node, ok bool) {
	if tv := w.file.Pkg.TypesInfo.Types[e]; tv.IsType() || typeName(w.file, e) != nil {
		return w.typeExpr(e), true
	}
	part := func(x ast.Expr, label string) (*node, bool) {
		base := w.expr(x)
		if base == nil {
			return nil, false
		}
		return base.child(label), true
	}
	switch x := e.(type) {
	case *ast.Ident:
		return w.identifier(x), true
	case *ast.SelectorExpr:
		return w.selector(x)
	case *ast.CallExpr:
		return w.result(x)
	case *ast.FuncLit:
		return w.literal(x), true
	case *ast.CompositeLit:
		switch {
		case x.Type == nil:
			return w.exprNode(x), true // the outer literal unifies it
		case !w.p.IsMutex(t):
			return w.typeExpr(x.Type), true
		}
		n := w.exprNode(x)
		w.poisonNode(n, finding.MutexCopied, x, "a literal of the mutex")
		return n, true
	case *ast.IndexExpr:
		if _, ok := t.Underlying().(*types.Signature); ok && w.genericFunc(x.X) {
			base := w.expr(x.X) // of a generic function that names the mutex itself
			return base, base != nil
		}
		return part(x.X, "elem")
	case *ast.IndexListExpr:
		base := w.expr(x.X)
		return base, base != nil
	case *ast.SliceExpr:
		return w.expr(x.X), true
	case *ast.StarExpr:
		if w.p.IsMutexPtr(w.file.TypeOf(x.X)) {
			base := w.expr(x.X)
			w.poisonNode(base, finding.MutexCopied, x, "dereferenced")
			return base, true
		}
		return part(x.X, "ptr")
	case *ast.UnaryExpr:
		switch x.Op {
		case token.ARROW:
			return part(x.X, "elem")
		case token.AND:
			return w.address(x), true
		}
	case *ast.TypeAssertExpr:
		if x.Type != nil {
			return w.typeExpr(x.Type), true
		}
	}
	return nil, false
}

func (w *walker) identifier(x *ast.Ident) *node {
	obj := w.file.ObjectOf(x)
	if obj == nil || obj.Pkg() == nil {
		return nil // nil
	}
	if w.p.IsConcurrencyObj(obj, "NewMutex") {
		n := &node{}
		w.poisonNode(n.child("r0"), finding.DotImport, x, "the name has no qualifier")
		return n
	}
	return w.object(obj)
}

func (w *walker) selector(x *ast.SelectorExpr) (_ *node, ok bool) {
	obj := w.file.ObjectOf(x.Sel)
	switch {
	case obj == nil || obj.Pkg() == nil:
		return nil, false
	case w.p.IsConcurrencyObj(obj, "NewMutex"):
		return w.constructor(x), true
	case w.file.MethodExpr(x):
		n := w.exprNode(x)
		unify(n.child("p0"), w.typeExpr(x.X))
		return n, true
	}
	return w.object(obj), true
}

// result returns the node of what a call or a conversion gives.
func (w *walker) result(x *ast.CallExpr) (_ *node, ok bool) {
	if tv := w.file.Pkg.TypesInfo.Types[x.Fun]; tv.IsType() {
		return w.typeExpr(x.Fun), true
	}
	id, _ := ast.Unparen(x.Fun).(*ast.Ident)
	if b, ok := w.file.ObjectOf(id).(*types.Builtin); ok {
		switch b.Name() {
		case "append", "min", "max":
			return w.expr(x.Args[0]), true
		case "make":
			return w.typeExpr(x.Args[0]), true
		case "new":
			n := w.exprNode(x)
			unify(n.child("ptr"), w.typeExpr(x.Args[0]))
			if w.p.IsMutex(w.file.TypeOf(x.Args[0])) {
				w.poisonNode(n, finding.MutexCopied, x, "new(%s)", w.p.Text(x.Args[0]))
			}
			return n, true
		}
	}
	if fn := w.expr(x.Fun); fn != nil {
		return fn.child("r0"), true
	}
	return nil, false
}

// address returns the node of &x.
func (w *walker) address(x *ast.UnaryExpr) *node {
	n := w.exprNode(x)
	if inner := w.expr(x.X); inner != nil {
		unify(n.child("ptr"), inner)
		if w.p.IsMutex(w.file.TypeOf(x.X)) {
			w.poisonNode(n, finding.MutexCopied, x, "the address of a mutex value")
			unify(n, inner)
		}
	}
	return n
}

// operand returns what an expression takes a part of, or nil.
func operand(e ast.Expr) ast.Expr {
	switch e := e.(type) {
	case *ast.IndexExpr:
		return e.X
	case *ast.SliceExpr:
		return e.X
	case *ast.StarExpr:
		return e.X
	case *ast.UnaryExpr:
		return e.X
	case *ast.CallExpr:
		return e.Fun
	}
	return nil
}

// exprNode returns a node of its own for an expression.
func (w *Flow) exprNode(e ast.Expr) *node {
	key := e.End() // a position that no type expression starts at
	n := w.types[-key]
	if n == nil {
		n = &node{}
		w.types[-key] = n
	}
	return n.find()
}

// constructor returns the node of the function value concurrency.NewMutex at one place.
func (w *walker) constructor(sel *ast.SelectorExpr) *node {
	if fn := w.types[sel.Pos()]; fn != nil {
		return fn.find()
	}
	fn := &node{}
	w.types[sel.Pos()] = fn
	made := fn.child("r0")
	path, _ := w.p.ConcurrencyPath(w.file.ObjectOf(sel.Sel).Pkg())
	made.Spelled = append(made.Spelled, Spelling{w.file, sel, "NewMutex", path})
	if w.file.Blocked != nil {
		r := *w.file.Blocked
		r.Pos = w.p.Position(sel.Pos())
		made.deny(r)
	}
	return fn
}
