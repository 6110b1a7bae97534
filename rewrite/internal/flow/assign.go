package flow

import (
	"go/ast"
	"go/token"
	"go/types"
	"strconv"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/source"
)

// flowTo records that src is assigned to a place of type dst.
func (w *walker) flowTo(dst types.Type, place func() *node, src ast.Expr) {
	t := w.file.TypeOf(src)
	observer{w}.boxing(first(t), dst, src)
	if t == nil || !w.mutexIn(t) || source.IsNilExpr(w.file, src) {
		return
	}
	n := w.expr(src)
	if dst == nil {
		return
	}
	if iface, ok := dst.Underlying().(*types.Interface); ok {
		if isTypeParam(dst) {
			w.poisonNode(n, finding.GenericType, src, "assigned to a type parameter")
			return
		}
		w.toInterface(n, iface, dst, src)
		return
	}
	if !w.mutexIn(dst) {
		w.poisonNode(n, finding.UnsupportedUse, src, "converted to %s", dst)
		return
	}
	unify(place(), n)
}

// first returns the type of the value where t is that of v, ok: of a map, a channel, an assertion.
func first(t types.Type) types.Type {
	if tuple, ok := t.(*types.Tuple); ok && tuple.Len() > 0 {
		return tuple.At(0).Type()
	}
	return t
}

// ownName reports whether t is a type that this module defines, or a pointer to one.
func (w *Flow) ownName(t types.Type) bool {
	t = types.Unalias(t)
	if p, ok := t.(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	named, ok := t.(*types.Named)
	return ok && named.TypeArgs() == nil && w.p.FileAt(named.Obj().Pos()) != nil
}

// helperOnly reports whether t is an interface that the helper's Mutex satisfies and the
// client's does not: asking for it would have another answer.
func helperOnly(t types.Type) bool {
	iface, ok := source.Under(t).(*types.Interface)
	if !ok {
		return false
	}
	extra := false
	for i := 0; i < iface.NumMethods(); i++ {
		switch name := iface.Method(i).Name(); {
		case source.HelperMethods[name]:
			extra = true
		case !source.MutexMethods[name]:
			return false
		}
	}
	return extra
}

func (w *walker) assign(lhs, rhs []ast.Expr) {
	switch {
	case len(lhs) == len(rhs):
		for i := range lhs {
			w.assignOne(lhs[i], rhs[i])
		}
	case len(rhs) == 1 && len(lhs) == 2 && !isCall(rhs[0]):
		w.assignOne(lhs[0], rhs[0]) // v, ok := m[k], <-c, x.(T)
	case len(rhs) == 1:
		call, ok := ast.Unparen(rhs[0]).(*ast.CallExpr)
		if !ok {
			return
		}
		tuple, _ := w.file.TypeOf(call).(*types.Tuple)
		fn := w.expr(call.Fun)
		for i, l := range lhs {
			if tuple != nil && i < tuple.Len() {
				observer{w}.boxing(tuple.At(i).Type(), w.file.TypeOf(l), l)
			}
			if tuple == nil || fn == nil || i >= tuple.Len() || !w.mutexIn(tuple.At(i).Type()) || source.IsBlank(l) {
				continue
			}
			r := fn.child("r" + strconv.Itoa(i))
			if dst := w.file.TypeOf(l); dst != nil && w.mutexIn(dst) {
				unify(w.expr(l), r)
			} else {
				w.poisonNode(r, finding.EscapesInterface, l, "assigned to %s", w.p.Text(l))
			}
		}
	}
}

func isCall(e ast.Expr) bool { _, ok := ast.Unparen(e).(*ast.CallExpr); return ok }

func (w *walker) assignOne(l, r ast.Expr) {
	if source.IsBlank(l) {
		return
	}
	t := w.file.TypeOf(l)
	if t == nil && w.mutexIn(w.file.TypeOf(r)) {
		w.poisonNode(w.expr(r), finding.Untyped, l, "assigned to %s", w.p.Text(l))
		return
	}
	w.flowTo(t, func() *node { return w.expr(l) }, r)
}

func (w *walker) returns(n *ast.ReturnStmt) {
	if len(w.sigs) == 0 {
		return
	}
	sig, fn := w.sigs[len(w.sigs)-1], w.funcs[len(w.funcs)-1]
	if sig == nil {
		return
	}
	result := func(i int) *node {
		if fn == nil {
			return nil
		}
		return fn.child("r" + strconv.Itoa(i))
	}
	if len(n.Results) == 1 && sig.Results().Len() > 1 {
		if call, ok := ast.Unparen(n.Results[0]).(*ast.CallExpr); ok {
			if tuple, ok := w.file.TypeOf(call).(*types.Tuple); ok {
				for i := 0; i < tuple.Len(); i++ {
					observer{w}.boxing(tuple.At(i).Type(), sig.Results().At(i).Type(), call)
				}
			}
			if from := w.expr(call.Fun); from != nil {
				for i := 0; i < sig.Results().Len(); i++ {
					if w.mutexIn(sig.Results().At(i).Type()) {
						unify(result(i), from.child("r"+strconv.Itoa(i)))
					} else if tuple, ok := w.file.TypeOf(call).(*types.Tuple); ok && w.mutexIn(tuple.At(i).Type()) {
						w.poisonNode(from.child("r"+strconv.Itoa(i)), finding.EscapesInterface, n, "returned as %s", sig.Results().At(i).Type())
					}
				}
			}
		}
		return
	}
	for i, r := range n.Results {
		if i < sig.Results().Len() {
			w.flowTo(sig.Results().At(i).Type(), func() *node { return result(i) }, r)
		}
	}
}

func (w *walker) composite(n *ast.CompositeLit) {
	t := w.file.TypeOf(n)
	if t == nil {
		return
	}
	if isTypeParam(t) {
		for _, e := range n.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok {
				e = kv.Value
			}
			if w.mutexIn(w.file.TypeOf(e)) {
				w.poisonNode(w.expr(e), finding.GenericType, e, "in a literal of a type parameter")
			}
		}
		return
	}
	u := t.Underlying()
	if p, ok := u.(*types.Pointer); ok { // elided &T in a literal of []*T
		u = p.Elem().Underlying()
	}
	elem := func(label string) func() *node {
		return func() *node {
			if base := w.expr(n); base != nil {
				return base.child(label)
			}
			return nil
		}
	}
	switch u := u.(type) {
	case *types.Struct:
		for i, e := range n.Elts {
			var field *types.Var
			if kv, ok := e.(*ast.KeyValueExpr); ok {
				if id, ok := kv.Key.(*ast.Ident); ok {
					field, _ = w.file.ObjectOf(id).(*types.Var)
				}
				e = kv.Value
			} else if i < u.NumFields() {
				field = u.Field(i)
			}
			if field != nil {
				w.flowTo(field.Type(), func() *node { return w.object(field) }, e)
			}
		}
	case *types.Map:
		w.equal.equates(u.Key())
		for _, e := range n.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok {
				w.flowTo(u.Key(), elem("key"), kv.Key)
				w.flowTo(u.Elem(), elem("elem"), kv.Value)
			}
		}
	case *types.Slice:
		w.elements(n, u.Elem(), elem("elem"))
	case *types.Array:
		w.elements(n, u.Elem(), elem("elem"))
	}
}

func (w *walker) elements(n *ast.CompositeLit, t types.Type, place func() *node) {
	for _, e := range n.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			e = kv.Value
		}
		w.flowTo(t, place, e)
	}
}

func (w *walker) rangeStmt(n *ast.RangeStmt) {
	t := w.file.TypeOf(n.X)
	if t == nil {
		return
	}
	if isTypeParam(t) { // by its core type
		for _, e := range []ast.Expr{n.Key, n.Value} {
			if e != nil && w.mutexIn(w.file.TypeOf(e)) {
				unify(w.generics.hub, w.expr(e))
			}
		}
		return
	}
	base := w.expr(n.X)
	bind := func(e ast.Expr, part types.Type, labels ...string) {
		if e == nil || source.IsBlank(e) {
			return
		}
		to := w.file.TypeOf(e)
		observer{w}.boxing(part, to, e)
		if base == nil || !w.mutexIn(part) {
			return
		}
		place := base
		for _, label := range labels {
			place = place.child(label)
		}
		if w.mutexIn(to) {
			unify(w.expr(e), place)
		} else {
			w.poisonNode(place, finding.EscapesInterface, e, "assigned to %s", w.p.Text(e))
		}
	}
	switch u := t.Underlying().(type) {
	case *types.Map:
		bind(n.Key, u.Key(), "key")
		bind(n.Value, u.Elem(), "elem")
	case *types.Chan:
		bind(n.Key, u.Elem(), "elem")
	case *types.Slice:
		bind(n.Value, u.Elem(), "elem")
	case *types.Array:
		bind(n.Value, u.Elem(), "elem")
	case *types.Pointer:
		if array, ok := u.Elem().Underlying().(*types.Array); ok {
			bind(n.Value, array.Elem(), "ptr", "elem")
		}
	case *types.Signature:
		yield, ok := u.Params().At(0).Type().Underlying().(*types.Signature)
		for i, e := range []ast.Expr{n.Key, n.Value} {
			if ok && i < yield.Params().Len() {
				bind(e, yield.Params().At(i).Type(), "p0", "p"+strconv.Itoa(i))
			}
		}
	}
}

// key follows what a map is indexed with.
func (w *walker) key(m ast.Expr, t *types.Map, key ast.Expr) {
	w.equal.equates(t.Key())
	w.flowTo(t.Key(), func() *node {
		if n := w.expr(m); n != nil {
			return n.child("key")
		}
		return nil
	}, key)
}

func (w *walker) compare(x, y ast.Expr) {
	tx, ty := w.file.TypeOf(x), w.file.TypeOf(y)
	if tx == nil || ty == nil {
		return
	}
	if types.IsInterface(tx) || types.IsInterface(ty) {
		if !source.IsNilExpr(w.file, x) && !source.IsNilExpr(w.file, y) {
			w.equal.equates(tx)
			w.equal.equates(ty)
		}
	} else {
		w.equal.equates(tx) // a struct, an array
	}
	cx, cy := w.mutexIn(tx) && !source.IsNilExpr(w.file, x), w.mutexIn(ty) && !source.IsNilExpr(w.file, y)
	switch {
	case cx && cy:
		unify(w.expr(x), w.expr(y))
	case cx && types.IsInterface(ty):
		observer{w}.comparedWith(x)
	case cy && types.IsInterface(tx):
		observer{w}.comparedWith(y)
	}
}

// comparedWith refuses a mutex that is compared with an interface: it is in one then.
func (w observer) comparedWith(e ast.Expr) {
	n := w.expr(e)
	w.poisonNode(n, finding.EscapesInterface, e, "compared with an interface")
	w.boxes.in = append(w.boxes.in, n)
}

// inConstraint reports whether the type expression that is being looked at says what types a
// type parameter may stand for.
func (w *walker) inConstraint() bool {
	switch p := w.parent().(type) {
	case *ast.UnaryExpr:
		return p.Op == token.TILDE
	case *ast.BinaryExpr:
		return p.Op == token.OR
	case *ast.Field:
		if len(w.stack) < 4 {
			return false
		}
		list := w.stack[len(w.stack)-3]
		switch owner := w.stack[len(w.stack)-4].(type) {
		case *ast.InterfaceType:
			return len(p.Names) == 0
		case *ast.FuncType:
			return list == ast.Node(owner.TypeParams)
		case *ast.TypeSpec:
			return list == ast.Node(owner.TypeParams)
		}
	}
	return false
}

// use is the default deny: it looks at the surroundings of every expression that
// carries the mutex.
func (w *walker) use(e ast.Expr) {
	if _, ok := e.(*ast.ParenExpr); ok {
		return
	}
	tv, ok := w.file.Pkg.TypesInfo.Types[e]
	if !ok {
		id, isIdent := e.(*ast.Ident)
		if !isIdent {
			return
		}
		obj := w.file.Pkg.TypesInfo.Uses[id]
		if obj == nil {
			return
		}
		if _, isVar := obj.(*types.Var); !isVar {
			return
		}
		tv.Type = obj.Type()
	}
	if tv.Type == nil || !w.mutexIn(tv.Type) || tv.IsNil() || tv.IsBuiltin() {
		return
	}
	parent := w.parent()
	if tv.IsType() {
		switch p := parent.(type) {
		case *ast.SelectorExpr:
			if !w.file.MethodExpr(p) {
				w.poisonNode(w.typeExpr(e), finding.MethodExpr, e, "%s", w.p.Text(p))
			}
		case *ast.StarExpr:
			// (*T).Method is seen at the star.
		}
		_, isStruct := e.(*ast.StructType)
		if _, named := parent.(*ast.TypeSpec); !isStruct || !named { // its fields are objects of their own
			n := w.typeExpr(e)
			if w.inConstraint() {
				unify(w.generics.hub, n)
			}
		}
		return
	}
	n := w.expr(e)
	switch p := parent.(type) {
	case *ast.SelectorExpr:
		if p.Sel == e {
			return // the selection itself is looked at as p
		}
		if sel := w.file.Pkg.TypesInfo.Selections[p]; sel != nil && w.p.IsMutexPtr(tv.Type) {
			if sel.Kind() != types.MethodVal || !source.MutexMethods[p.Sel.Name] {
				w.poisonNode(n, finding.UnsupportedUse, p, "%s", w.p.Text(p))
			}
			if call, ok := w.stack[len(w.stack)-3].(*ast.CallExpr); !ok || call.Fun != ast.Expr(p) {
				w.looks.values = append(w.looks.values, methodValue{n, p.Pos()})
			}
		}
	case *ast.TypeAssertExpr, *ast.IncDecStmt:
		w.poisonNode(n, finding.UnsupportedUse, parent, "%T", parent)
	case *ast.AssignStmt, *ast.ValueSpec, *ast.CallExpr, *ast.ReturnStmt, *ast.CompositeLit, *ast.KeyValueExpr,
		*ast.SendStmt, *ast.RangeStmt, *ast.BinaryExpr, *ast.IndexExpr, *ast.IndexListExpr, *ast.SliceExpr, *ast.StarExpr, *ast.UnaryExpr,
		*ast.ExprStmt, *ast.SwitchStmt, *ast.CaseClause, *ast.Field, *ast.FuncDecl:
	default:
		w.poisonNode(n, finding.UnsupportedUse, e, "below %T", parent)
	}
}
