package rewrite

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"sort"
	"strconv"
)

// Type flow.
//
// Swapping a constructor changes the type of the value that it makes, so every
// declared type that the value reaches must change with it, and nothing else. That is
// found by unification, as in type inference: each place in a type where
// *concurrency.Mutex is spelled or implied is a node; whatever the language requires
// to be of identical type is unified. A component of unified nodes is rewritten as a
// whole, or not at all.
//
// A node stands for a type that carries the mutex, such as []*concurrency.Mutex; its
// children stand for the types it is made of ("elem", "key", "p0" for a parameter,
// "r0" for a result). A node without children is a mutex itself.
//
// Default is deny: a use that this file does not know poisons the node with a reason,
// and poison spreads to everything that is unified with it.

// A node is one element of the union-find forest; use find before looking inside.
type node struct {
	parent   *node
	children map[string]*node
	spelled  []spelling
	made     []*ast.CallExpr // constructor calls that give it
	poison   []Reason
}

// A spelling is a qualified identifier (concurrency.Mutex, concurrency.NewMutex) that
// has to be replaced when the node is rewritten.
type spelling struct {
	file *file
	sel  *ast.SelectorExpr
	name string // Mutex or NewMutex
	path string // import path of the client's package
}

func (n *node) find() *node {
	for n.parent != nil {
		if n.parent.parent != nil {
			n.parent = n.parent.parent
		}
		n = n.parent
	}
	return n
}

// child returns the node of a part of n's type.
func (n *node) child(label string) *node {
	n = n.find()
	if c := n.children[label]; c != nil {
		return c.find()
	}
	if n.children == nil {
		n.children = map[string]*node{}
	}
	c := &node{}
	n.children[label] = c
	return c
}

func unify(a, b *node) {
	if a == nil || b == nil {
		return
	}
	a, b = a.find(), b.find()
	if a == b {
		return
	}
	b.parent = a
	a.spelled = append(a.spelled, b.spelled...)
	a.made = append(a.made, b.made...)
	a.poison = append(a.poison, b.poison...)
	children := b.children
	b.spelled, b.made, b.poison, b.children = nil, nil, nil, nil
	labels := make([]string, 0, len(children))
	for label := range children {
		labels = append(labels, label)
	}
	sort.Strings(labels)
	for _, label := range labels {
		a = a.find() // a recursive type may have moved it
		if own := a.children[label]; own != nil {
			unify(own, children[label])
			continue
		}
		// No new node here: a type may contain itself, and there would be no end of them.
		if a.children == nil {
			a.children = map[string]*node{}
		}
		a.children[label] = children[label]
	}
}

// A flow holds the nodes of one program.
type flow struct {
	p       *program
	objects map[token.Pos]*node // variables, fields, parameters, functions by declaration
	types   map[token.Pos]*node // type expressions by position
	carries map[types.Type]bool
	asserts []token.Pos // assertions and reflect uses that name the mutex
	outside map[types.Object]*node
	methods map[string]*node // by name and signature
	ifaces  []conversion
}

// A conversion of a mutex to an interface.
type conversion struct {
	file  *file
	src   ast.Expr
	iface *types.Interface
}

func newFlow(p *program) *flow {
	f := &flow{
		p:       p,
		objects: map[token.Pos]*node{},
		types:   map[token.Pos]*node{},
		carries: map[types.Type]bool{},
		outside: map[types.Object]*node{},
		methods: map[string]*node{},
	}
	for _, fl := range p.files {
		if fl.isHelper() {
			continue
		}
		w := &walker{flow: f, file: fl}
		w.walk()
	}
	for _, n := range f.roots() {
		f.spread(n, nil, map[*node]bool{})
	}
	return f
}

// roots returns all representatives in a fixed order.
func (f *flow) roots() []*node {
	seen := map[*node]bool{}
	var out []*node
	add := func(m map[token.Pos]*node) {
		keys := make([]token.Pos, 0, len(m))
		for k := range m {
			keys = append(keys, k)
		}
		sort.Slice(keys, func(i, j int) bool { return keys[i] < keys[j] })
		for _, k := range keys {
			if n := m[k].find(); !seen[n] {
				seen[n] = true
				out = append(out, n)
			}
		}
	}
	add(f.objects)
	add(f.types)
	for _, n := range f.outside {
		if n := n.find(); !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	return out
}

// spread hands the poison of a container down to what it contains.
func (f *flow) spread(n *node, inherited []Reason, busy map[*node]bool) {
	n = n.find()
	if busy[n] {
		return
	}
	busy[n] = true
	defer delete(busy, n)
	for _, r := range inherited {
		if !hasReason(n.poison, r) {
			n.poison = append(n.poison, r)
		}
	}
	for _, c := range n.children {
		f.spread(c, n.poison, busy)
	}
}

func hasReason(rs []Reason, r Reason) bool {
	for _, x := range rs {
		if x == r {
			return true
		}
	}
	return false
}

// mutexIn reports whether values of type t hold a *concurrency.Mutex that belongs to
// the type itself. Fields of named structs belong to the field instead.
func (f *flow) mutexIn(t types.Type) bool {
	if t == nil {
		return false
	}
	if v, ok := f.carries[t]; ok {
		return v
	}
	f.carries[t] = false // for recursive types
	v := false
	switch t := t.(type) {
	case *types.Alias:
		v = f.mutexIn(types.Unalias(t))
	case *types.Pointer:
		v = f.mutexIn(t.Elem())
	case *types.Slice:
		v = f.mutexIn(t.Elem())
	case *types.Array:
		v = f.mutexIn(t.Elem())
	case *types.Chan:
		v = f.mutexIn(t.Elem())
	case *types.Map:
		v = f.mutexIn(t.Key()) || f.mutexIn(t.Elem())
	case *types.Signature:
		v = f.mutexIn(t.Params()) || f.mutexIn(t.Results())
	case *types.Tuple:
		for i := 0; i < t.Len(); i++ {
			v = v || f.mutexIn(t.At(i).Type())
		}
	case *types.Named:
		if isMutex(t) {
			v = true
			break
		}
		if args := t.TypeArgs(); args != nil {
			for i := 0; i < args.Len(); i++ {
				v = v || f.mutexIn(args.At(i))
			}
		}
		switch u := t.Underlying().(type) {
		case *types.Struct, *types.Interface:
		default:
			v = v || f.mutexIn(u)
		}
	case *types.Struct:
		for i := 0; i < t.NumFields(); i++ {
			v = v || f.mutexIn(t.Field(i).Type())
		}
	}
	f.carries[t] = v
	return v
}

// object returns the node of a declared variable, field, function or type name.
func (f *flow) object(obj types.Object) *node {
	instance := obj
	switch o := obj.(type) {
	case *types.Var:
		obj = o.Origin()
	case *types.Func:
		obj = o.Origin()
	}
	if instance != obj && f.p.fileAt(obj.Pos()) != nil {
		// Its type argument is spelled elsewhere, if at all.
		n := f.origin(obj)
		r := Reason{Code: GenericType, Detail: obj.Name(), Pos: f.p.position(obj.Pos())}
		if !hasReason(n.poison, r) {
			n.poison = append(n.poison, r)
		}
		return n
	}
	return f.origin(obj)
}

// origin is object for what is no instance of a generic declaration.
func (f *flow) origin(obj types.Object) *node {
	if f.p.fileAt(obj.Pos()) != nil {
		n := f.objects[obj.Pos()]
		if n == nil {
			n = &node{}
			f.objects[obj.Pos()] = n
			if fl := f.p.fileAt(obj.Pos()); fl.blocked != nil {
				r := *fl.blocked
				r.Pos = f.p.position(obj.Pos())
				n.poison = append(n.poison, r)
			}
		}
		return n.find()
	}
	n := f.outside[obj]
	if n == nil {
		n = &node{}
		from := "code outside this module"
		if obj.Pkg() != nil {
			from = obj.Pkg().Path()
		}
		n.poison = append(n.poison, Reason{Code: LeavesModule, Detail: fmt.Sprintf("%s is declared in %s", obj.Name(), from)})
		f.outside[obj] = n
	}
	return n.find()
}

// A walker reads one file.
type walker struct {
	*flow
	file  *file
	stack []ast.Node
	funcs []*node // nodes of the enclosing functions
	sigs  []*types.Signature
}

func (w *walker) poisonNode(n *node, code Code, at ast.Node, format string, args ...any) {
	if n == nil {
		return
	}
	r := Reason{Code: code, Detail: fmt.Sprintf(format, args...), Pos: w.p.position(at.Pos())}
	n = n.find()
	if !hasReason(n.poison, r) {
		n.poison = append(n.poison, r)
	}
}

func (w *walker) walk() { ast.Inspect(w.file.ast, w.visit) }

func (w *walker) visit(n ast.Node) bool {
	if n == nil {
		top := w.stack[len(w.stack)-1]
		w.stack = w.stack[:len(w.stack)-1]
		switch top.(type) {
		case *ast.FuncDecl, *ast.FuncLit:
			w.funcs = w.funcs[:len(w.funcs)-1]
			w.sigs = w.sigs[:len(w.sigs)-1]
		}
		return true
	}
	w.stack = append(w.stack, n)
	w.node(n)
	return true
}

func (w *walker) parent() ast.Node {
	for i := len(w.stack) - 2; i >= 0; i-- {
		if _, ok := w.stack[i].(*ast.ParenExpr); !ok {
			return w.stack[i]
		}
	}
	return nil
}

func (w *walker) node(n ast.Node) {
	switch n := n.(type) {
	case *ast.FuncDecl:
		var fn *node
		var sig *types.Signature
		if obj, ok := w.file.pkg.TypesInfo.Defs[n.Name].(*types.Func); ok {
			sig = obj.Signature()
			fn = w.object(obj)
			if w.mutexIn(sig) {
				w.signature(fn, n.Type)
				if n.Recv != nil {
					w.method(obj)
				}
			}
		}
		w.funcs, w.sigs = append(w.funcs, fn), append(w.sigs, sig)
	case *ast.FuncLit:
		fn := w.literal(n)
		sig, _ := w.file.typeOf(n).(*types.Signature)
		w.funcs, w.sigs = append(w.funcs, fn), append(w.sigs, sig)
	case *ast.Field:
		w.field(n)
	case *ast.TypeSpec:
		w.typeSpec(n)
	case *ast.ValueSpec:
		if n.Type != nil && w.mutexIn(w.file.typeOf(n.Type)) {
			for _, name := range n.Names {
				if obj := w.file.pkg.TypesInfo.Defs[name]; obj != nil {
					unify(w.object(obj), w.typeExpr(n.Type))
				}
			}
		}
		lhs := make([]ast.Expr, len(n.Names))
		for i, name := range n.Names {
			lhs[i] = name
		}
		w.assign(lhs, n.Values)
	case *ast.AssignStmt:
		w.assign(n.Lhs, n.Rhs)
	case *ast.ReturnStmt:
		w.returns(n)
	case *ast.CallExpr:
		w.call(n)
	case *ast.CompositeLit:
		w.composite(n)
	case *ast.SendStmt:
		if ch, ok := w.file.typeOf(n.Chan).Underlying().(*types.Chan); ok {
			w.flowTo(ch.Elem(), func() *node { return w.expr(n.Chan).child("elem") }, n.Value)
		}
	case *ast.RangeStmt:
		w.rangeStmt(n)
	case *ast.BinaryExpr:
		if n.Op == token.EQL || n.Op == token.NEQ {
			w.compare(n.X, n.Y)
		}
	case *ast.SwitchStmt:
		if n.Tag != nil {
			for _, c := range n.Body.List {
				for _, e := range c.(*ast.CaseClause).List {
					w.compare(n.Tag, e)
				}
			}
		}
	case *ast.TypeAssertExpr:
		if n.Type != nil && helperOnly(w.file.typeOf(n.Type)) {
			w.asserts = append(w.asserts, n.Pos())
		}
		if n.Type != nil && w.mutexIn(w.file.typeOf(n.Type)) {
			w.asserts = append(w.asserts, n.Pos())
			w.poisonNode(w.typeExpr(n.Type), EscapesInterface, n, "a type assertion names it")
		}
	case *ast.TypeSwitchStmt:
		for _, c := range n.Body.List {
			for _, e := range c.(*ast.CaseClause).List {
				if helperOnly(w.file.typeOf(e)) {
					w.asserts = append(w.asserts, e.Pos())
				}
				if w.mutexIn(w.file.typeOf(e)) && !isNilExpr(w.file, e) {
					w.asserts = append(w.asserts, e.Pos())
					w.poisonNode(w.typeExpr(e), EscapesInterface, e, "a type switch names it")
				}
			}
		}
	}
	if e, ok := n.(ast.Expr); ok {
		w.use(e)
	}
}

// field links the names of a parameter, result, struct field or interface method to
// the type that is written for them.
func (w *walker) field(n *ast.Field) {
	if !w.mutexIn(w.fieldType(n.Type)) {
		return
	}
	for _, name := range n.Names {
		obj := w.file.pkg.TypesInfo.Defs[name]
		if obj == nil {
			continue
		}
		unify(w.object(obj), w.typeExpr(n.Type))
		if fn, ok := obj.(*types.Func); ok {
			w.method(fn)
		}
	}
	if _, ok := w.parentOfParent().(*ast.StructType); ok && len(n.Names) == 0 {
		w.poisonNode(w.typeExpr(n.Type), EmbeddedMutex, n, "a struct embeds it")
		if id := embeddedName(n.Type); id != nil {
			if v, ok := w.file.pkg.TypesInfo.Defs[id].(*types.Var); ok {
				unify(w.object(v), w.typeExpr(n.Type))
			}
		}
	}
}

// fieldType is the type of a field's type expression. The type checker records none
// for the dots of a variadic parameter.
func (w *walker) fieldType(e ast.Expr) types.Type {
	if dots, ok := e.(*ast.Ellipsis); ok {
		return w.file.typeOf(dots.Elt)
	}
	return w.file.typeOf(e)
}

// method unifies methods of the same name and signature: one of them may be there to
// satisfy an interface that has the other.
func (w *walker) method(fn *types.Func) {
	key := methodKey(fn)
	if old := w.methods[key]; old != nil {
		unify(old, w.object(fn))
		return
	}
	w.methods[key] = w.object(fn)
}

// parentOfParent returns what holds the field list that holds the current field.
func (w *walker) parentOfParent() ast.Node {
	if len(w.stack) < 3 {
		return nil
	}
	return w.stack[len(w.stack)-3]
}

func embeddedName(e ast.Expr) *ast.Ident {
	switch e := e.(type) {
	case *ast.Ident:
		return e
	case *ast.StarExpr:
		return embeddedName(e.X)
	case *ast.SelectorExpr:
		return e.Sel
	}
	return nil
}

func isNilExpr(f *file, e ast.Expr) bool {
	tv, ok := f.pkg.TypesInfo.Types[e]
	return ok && tv.IsNil()
}

// typeSpec handles type declarations: a defined or alias type over the mutex itself is
// refused, a container of mutexes is followed through its name.
func (w *walker) typeSpec(n *ast.TypeSpec) {
	t := w.file.typeOf(n.Type)
	if t == nil || !w.mutexIn(t) {
		return
	}
	obj := w.file.pkg.TypesInfo.Defs[n.Name]
	if obj == nil {
		return
	}
	if n.TypeParams != nil {
		w.poisonNode(w.typeExpr(n.Type), GenericType, n, "type %s", n.Name.Name)
	}
	if isMutex(t) || isMutexPtr(t) {
		w.poisonNode(w.typeExpr(n.Type), AliasOrDefined, n, "type %s", n.Name.Name)
	}
	if _, ok := t.Underlying().(*types.Struct); ok {
		return // its fields are objects of their own
	}
	unify(w.object(obj), w.typeExpr(n.Type))
}

// typeExpr returns the node of a type expression that carries the mutex.
func (w *walker) typeExpr(e ast.Expr) *node {
	e = ast.Unparen(e)
	if n := w.types[e.Pos()]; n != nil {
		if _, ok := e.(*ast.SelectorExpr); !ok {
			return n.find()
		}
	}
	n := &node{}
	t := w.file.typeOf(e)
	switch x := e.(type) {
	case *ast.StarExpr:
		if isMutex(w.file.typeOf(x.X)) {
			w.spell(n, x.X)
		} else if w.mutexIn(w.file.typeOf(x.X)) {
			unify(n.child("ptr"), w.typeExpr(x.X))
		}
	case *ast.ArrayType:
		unify(n.child("elem"), w.typeExpr(x.Elt))
	case *ast.Ellipsis:
		unify(n.child("elem"), w.typeExpr(x.Elt))
	case *ast.ChanType:
		unify(n.child("elem"), w.typeExpr(x.Value))
	case *ast.MapType:
		if w.mutexIn(w.file.typeOf(x.Key)) {
			unify(n.child("key"), w.typeExpr(x.Key))
		}
		if w.mutexIn(w.file.typeOf(x.Value)) {
			unify(n.child("elem"), w.typeExpr(x.Value))
		}
	case *ast.FuncType:
		w.signature(n, x)
	case *ast.Ident, *ast.SelectorExpr:
		if isMutex(t) {
			// A value, not a pointer.
			w.spell(n, e)
			if _, ok := w.parent().(*ast.TypeSpec); !ok {
				w.poisonNode(n, MutexCopied, e, "declared by value")
			}
			break
		}
		if obj := typeName(w.file, e); obj != nil {
			unify(n, w.object(obj))
		}
	case *ast.IndexExpr, *ast.IndexListExpr:
		for _, arg := range typeArgs(e) {
			if w.mutexIn(w.file.typeOf(arg)) {
				w.poisonNode(w.typeExpr(arg), GenericType, e, "a type argument of %s", w.p.text(e))
			}
		}
		w.poisonNode(n, GenericType, e, "%s", w.p.text(e))
	case *ast.StructType:
		w.poisonNode(n, UnsupportedUse, e, "a struct type without a name")
	default:
		w.poisonNode(n, UnsupportedUse, e, "%T", e)
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

func typeName(f *file, e ast.Expr) *types.TypeName {
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
	obj, _ := f.pkg.TypesInfo.Uses[id].(*types.TypeName)
	return obj
}

// spell notes that e, which names the mutex type, must change with n.
func (w *walker) spell(n *node, e ast.Expr) {
	sel, ok := ast.Unparen(e).(*ast.SelectorExpr)
	if !ok {
		if obj := typeName(w.file, ast.Unparen(e)); obj != nil && !obj.IsAlias() {
			w.poisonNode(n, DotImport, e, "the name has no qualifier")
		} else {
			w.poisonNode(n, AliasOrDefined, e, "an alias")
		}
		return
	}
	obj := w.file.pkg.TypesInfo.Uses[sel.Sel] // for an embedded field it is also a definition
	if obj == nil {
		w.poisonNode(n, Untyped, e, "%s", w.p.text(e))
		return
	}
	path, ok := concurrencyPath(obj.Pkg())
	if !ok {
		w.poisonNode(n, AliasOrDefined, e, "%s", w.p.text(e))
		return
	}
	n = n.find()
	n.spelled = append(n.spelled, spelling{w.file, sel, "Mutex", path})
	if w.file.blocked != nil {
		r := *w.file.blocked
		r.Pos = w.p.position(e.Pos())
		n.poison = append(n.poison, r)
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
	if t.TypeParams != nil {
		w.poisonNode(fn, GenericType, t, "a generic function")
	}
	part(t.Params, "p")
	part(t.Results, "r")
}

func (w *walker) literal(n *ast.FuncLit) *node {
	if !w.mutexIn(w.file.typeOf(n)) {
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
	t := w.file.typeOf(e)
	if t == nil || !w.mutexIn(t) {
		return nil
	}
	switch x := e.(type) {
	case *ast.Ident:
		if obj := w.file.objectOf(x); obj != nil && obj.Pkg() != nil {
			if _, ok := obj.(*types.TypeName); ok {
				return w.typeExpr(e)
			}
			if isConcurrencyObj(obj, "NewMutex") {
				n := &node{}
				w.poisonNode(n, DotImport, e, "the name has no qualifier")
				return n
			}
			return w.object(obj)
		}
		return nil // nil
	case *ast.SelectorExpr:
		obj := w.file.objectOf(x.Sel)
		if obj == nil || obj.Pkg() == nil {
			break
		}
		if _, ok := obj.(*types.TypeName); ok {
			return w.typeExpr(e)
		}
		if isConcurrencyObj(obj, "NewMutex") {
			return w.constructor(x)
		}
		return w.object(obj)
	case *ast.CallExpr:
		if tv := w.file.pkg.TypesInfo.Types[x.Fun]; tv.IsType() {
			return w.typeExpr(x.Fun)
		}
		if id, ok := ast.Unparen(x.Fun).(*ast.Ident); ok {
			if b, ok := w.file.objectOf(id).(*types.Builtin); ok {
				switch b.Name() {
				case "append", "min", "max":
					return w.expr(x.Args[0])
				case "make":
					return w.typeExpr(x.Args[0])
				case "new":
					n := w.exprNode(x)
					unify(n.child("ptr"), w.typeExpr(x.Args[0]))
					if isMutex(w.file.typeOf(x.Args[0])) {
						w.poisonNode(n, MutexCopied, x, "new(%s)", w.p.text(x.Args[0]))
					}
					return n
				}
			}
		}
		if fn := w.expr(x.Fun); fn != nil {
			return fn.child("r0")
		}
	case *ast.FuncLit:
		return w.literal(x)
	case *ast.CompositeLit:
		if x.Type != nil {
			if isMutex(t) {
				n := w.exprNode(x)
				w.poisonNode(n, MutexCopied, x, "a literal of the mutex")
				return n
			}
			return w.typeExpr(x.Type)
		}
		return w.exprNode(x) // the outer literal unifies it
	case *ast.IndexExpr:
		if base := w.expr(x.X); base != nil {
			if _, ok := w.file.typeOf(x.X).Underlying().(*types.Signature); ok {
				w.poisonNode(base, GenericType, x, "an instance of a generic function")
				return base
			}
			return base.child("elem")
		}
	case *ast.SliceExpr:
		return w.expr(x.X)
	case *ast.StarExpr:
		if tv := w.file.pkg.TypesInfo.Types[e]; tv.IsType() {
			return w.typeExpr(e)
		}
		base := w.expr(x.X)
		if isMutexPtr(w.file.typeOf(x.X)) {
			w.poisonNode(base, MutexCopied, x, "dereferenced")
			return base
		}
		if base != nil {
			return base.child("ptr")
		}
	case *ast.UnaryExpr:
		switch x.Op {
		case token.ARROW:
			if base := w.expr(x.X); base != nil {
				return base.child("elem")
			}
		case token.AND:
			n := w.exprNode(x)
			if inner := w.expr(x.X); inner != nil {
				unify(n.child("ptr"), inner)
				if isMutex(w.file.typeOf(x.X)) {
					w.poisonNode(n, MutexCopied, x, "the address of a mutex value")
					unify(n, inner)
				}
			}
			return n
		}
	case *ast.TypeAssertExpr:
		if x.Type != nil {
			return w.typeExpr(x.Type)
		}
	case *ast.ArrayType, *ast.MapType, *ast.ChanType, *ast.FuncType, *ast.StructType:
		return w.typeExpr(e)
	}
	n := w.exprNode(e)
	w.poisonNode(n, UnsupportedUse, e, "%T of type %s", e, t)
	return n
}

// exprNode returns a node of its own for an expression.
func (w *walker) exprNode(e ast.Expr) *node {
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
	path, _ := concurrencyPath(w.file.objectOf(sel.Sel).Pkg())
	made.spelled = append(made.spelled, spelling{w.file, sel, "NewMutex", path})
	if w.file.blocked != nil {
		r := *w.file.blocked
		r.Pos = w.p.position(sel.Pos())
		made.poison = append(made.poison, r)
	}
	return fn
}

// flowTo records that src is assigned to a place of type dst.
func (w *walker) flowTo(dst types.Type, place func() *node, src ast.Expr) {
	t := w.file.typeOf(src)
	if t == nil || !w.mutexIn(t) || isNilExpr(w.file, src) {
		return
	}
	n := w.expr(src)
	if dst == nil {
		return
	}
	if iface, ok := dst.Underlying().(*types.Interface); ok {
		if _, isParam := types.Unalias(dst).(*types.TypeParam); isParam {
			w.poisonNode(n, GenericType, src, "assigned to a type parameter")
			return
		}
		w.toInterface(n, iface, dst, src)
		return
	}
	if !w.mutexIn(dst) {
		w.poisonNode(n, UnsupportedUse, src, "converted to %s", dst)
		return
	}
	unify(place(), n)
}

// toInterface judges a conversion of the mutex to an interface: one whose methods the
// mutex has is fine as long as nobody asks for the concrete type again.
func (w *walker) toInterface(n *node, iface *types.Interface, dst types.Type, src ast.Expr) {
	if isMutexPtr(w.file.typeOf(src)) {
		w.ifaces = append(w.ifaces, conversion{w.file, src, iface})
	}
	if w.ownName(w.file.typeOf(src)) {
		return // its name stays, and by that name assertions ask for it
	}
	if !isMutexPtr(w.file.typeOf(src)) || iface.NumMethods() == 0 {
		w.poisonNode(n, EscapesInterface, src, "converted to %s", types.TypeString(dst, nil))
		return
	}
	if named, ok := types.Unalias(dst).(*types.Named); ok && w.p.fileAt(named.Obj().Pos()) == nil {
		w.poisonNode(n, EscapesInterface, src, "converted to %s of another module", types.TypeString(dst, nil))
		return
	}
	for i := 0; i < iface.NumMethods(); i++ {
		if !mutexMethods[iface.Method(i).Name()] {
			w.poisonNode(n, EscapesInterface, src, "converted to %s", types.TypeString(dst, nil))
			return
		}
	}
	// Where any assertion in the module names the mutex, it may meet this value.
	n = n.find()
	n.poison = append(n.poison, Reason{Code: viaInterface, Pos: w.p.position(src.Pos())})
}

// ownName reports whether t is a type that this module defines, or a pointer to one.
func (w *walker) ownName(t types.Type) bool {
	t = types.Unalias(t)
	if p, ok := t.(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	named, ok := t.(*types.Named)
	return ok && named.TypeArgs() == nil && w.p.fileAt(named.Obj().Pos()) != nil
}

// helperOnly reports whether t is an interface that the helper's Mutex satisfies and the
// client's does not: asking for it would have another answer.
func helperOnly(t types.Type) bool {
	iface, ok := typeUnder(t).(*types.Interface)
	if !ok {
		return false
	}
	extra := false
	for i := 0; i < iface.NumMethods(); i++ {
		switch name := iface.Method(i).Name(); {
		case helperMethods[name]:
			extra = true
		case !mutexMethods[name]:
			return false
		}
	}
	return extra
}

// viaInterface is provisional poison: it counts only if the module has assertions.
const viaInterface Code = ""

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
		tuple, _ := w.file.typeOf(call).(*types.Tuple)
		fn := w.expr(call.Fun)
		for i, l := range lhs {
			if tuple == nil || fn == nil || i >= tuple.Len() || !w.mutexIn(tuple.At(i).Type()) || isBlank(l) {
				continue
			}
			r := fn.child("r" + strconv.Itoa(i))
			if dst := w.file.typeOf(l); dst != nil && w.mutexIn(dst) {
				unify(w.expr(l), r)
			} else {
				w.poisonNode(r, EscapesInterface, l, "assigned to %s", w.p.text(l))
			}
		}
	}
}

func isCall(e ast.Expr) bool { _, ok := ast.Unparen(e).(*ast.CallExpr); return ok }

func isBlank(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == "_"
}

func (w *walker) assignOne(l, r ast.Expr) {
	if isBlank(l) {
		return
	}
	t := w.file.typeOf(l)
	if t == nil && w.mutexIn(w.file.typeOf(r)) {
		w.poisonNode(w.expr(r), Untyped, l, "assigned to %s", w.p.text(l))
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
			if from := w.expr(call.Fun); from != nil {
				for i := 0; i < sig.Results().Len(); i++ {
					if w.mutexIn(sig.Results().At(i).Type()) {
						unify(result(i), from.child("r"+strconv.Itoa(i)))
					} else if tuple, ok := w.file.typeOf(call).(*types.Tuple); ok && w.mutexIn(tuple.At(i).Type()) {
						w.poisonNode(from.child("r"+strconv.Itoa(i)), EscapesInterface, n, "returned as %s", sig.Results().At(i).Type())
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

func (w *walker) call(n *ast.CallExpr) {
	info := w.file.pkg.TypesInfo
	if sel, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr); ok && isConcurrencyObj(w.file.objectOf(sel.Sel), "NewMutex") {
		made := w.constructor(sel).child("r0")
		made.made = append(made.made, n)
	}
	if tv := info.Types[n.Fun]; tv.IsType() {
		if len(n.Args) == 1 {
			if b, ok := tv.Type.Underlying().(*types.Basic); ok && b.Kind() == types.UnsafePointer {
				w.poisonNode(w.expr(n.Args[0]), UnsafeUse, n, "converted to unsafe.Pointer")
				return
			}
			w.flowTo(tv.Type, func() *node { return w.typeExpr(n.Fun) }, n.Args[0])
		}
		return
	}
	if id, ok := ast.Unparen(n.Fun).(*ast.Ident); ok {
		if b, ok := w.file.objectOf(id).(*types.Builtin); ok {
			w.builtin(b.Name(), n)
			return
		}
	}
	sig, ok := types.Unalias(typeUnder(w.file.typeOf(n.Fun))).(*types.Signature)
	if !ok {
		for _, a := range n.Args {
			if w.mutexIn(w.file.typeOf(a)) {
				w.poisonNode(w.expr(a), Untyped, n, "an argument of %s", w.p.text(n.Fun))
			}
		}
		return
	}
	if fn := w.callee(n); fn != nil {
		if inst, ok := info.Instances[fn]; ok {
			for i := 0; i < inst.TypeArgs.Len(); i++ {
				if w.mutexIn(inst.TypeArgs.At(i)) {
					w.constrained(n, fn, i)
					for _, a := range n.Args {
						w.poisonNode(w.expr(a), GenericType, n, "an argument of the generic %s", fn.Name)
					}
					if w.mutexIn(w.file.typeOf(n)) {
						w.poisonNode(w.expr(n.Fun), GenericType, n, "a result of the generic %s", fn.Name)
					}
					return
				}
			}
		}
	}
	params := sig.Params()
	if len(n.Args) == 1 { // f(g())
		if inner, ok := ast.Unparen(n.Args[0]).(*ast.CallExpr); ok {
			if _, several := w.file.typeOf(inner).(*types.Tuple); several {
				w.spreadCall(n, inner, sig)
				return
			}
		}
	}
	for i, a := range n.Args {
		k := i
		var dst types.Type
		variadic := sig.Variadic() && i >= params.Len()-1
		if variadic {
			k = params.Len() - 1
			dst = params.At(k).Type()
			if !n.Ellipsis.IsValid() {
				if s, ok := dst.Underlying().(*types.Slice); ok {
					dst = s.Elem()
				}
			}
		} else if i < params.Len() {
			dst = params.At(i).Type()
		}
		w.flowTo(dst, func() *node {
			fn := w.expr(n.Fun)
			if fn == nil {
				return nil
			}
			p := fn.child("p" + strconv.Itoa(k))
			if variadic && !n.Ellipsis.IsValid() {
				p = p.child("elem")
			}
			return p
		}, a)
	}
}

// spreadCall follows f(g()), where g has several results.
func (w *walker) spreadCall(n, inner *ast.CallExpr, sig *types.Signature) {
	results, ok := w.file.typeOf(inner).(*types.Tuple)
	if !ok {
		return
	}
	from, to := w.expr(inner.Fun), w.expr(n.Fun)
	for i := 0; i < results.Len(); i++ {
		if !w.mutexIn(results.At(i).Type()) || from == nil {
			continue
		}
		r := from.child("r" + strconv.Itoa(i))
		if sig.Variadic() || i >= sig.Params().Len() || to == nil || !w.mutexIn(sig.Params().At(i).Type()) {
			w.poisonNode(r, UnsupportedUse, n, "results passed on as arguments")
			continue
		}
		unify(to.child("p"+strconv.Itoa(i)), r)
	}
}

// constrained notes the mutex arguments of a generic function: it may call TryLock
// through the constraint of its i-th type parameter.
func (w *walker) constrained(n *ast.CallExpr, fn *ast.Ident, i int) {
	generic, ok := w.file.objectOf(fn).(*types.Func)
	if !ok {
		return
	}
	params := generic.Origin().Signature().TypeParams()
	if params == nil || i >= params.Len() {
		return
	}
	iface, ok := params.At(i).Constraint().Underlying().(*types.Interface)
	if !ok {
		return
	}
	for _, a := range n.Args {
		if isMutexPtr(w.file.typeOf(a)) {
			w.ifaces = append(w.ifaces, conversion{w.file, a, iface})
		}
	}
}

func typeUnder(t types.Type) types.Type {
	if t == nil {
		return nil
	}
	return t.Underlying()
}

func (w *walker) callee(n *ast.CallExpr) *ast.Ident {
	switch fun := ast.Unparen(n.Fun).(type) {
	case *ast.Ident:
		return fun
	case *ast.SelectorExpr:
		return fun.Sel
	case *ast.IndexExpr:
		if id, ok := ast.Unparen(fun.X).(*ast.Ident); ok {
			return id
		}
	}
	return nil
}

func (w *walker) builtin(name string, n *ast.CallExpr) {
	switch name {
	case "append":
		base := w.expr(n.Args[0])
		if base == nil {
			for _, a := range n.Args[1:] {
				if w.mutexIn(w.file.typeOf(a)) {
					w.poisonNode(w.expr(a), EscapesInterface, a, "appended to %s", w.p.text(n.Args[0]))
				}
			}
			return
		}
		for _, a := range n.Args[1:] {
			if n.Ellipsis.IsValid() {
				unify(base, w.expr(a))
			} else if !isNilExpr(w.file, a) {
				unify(base.child("elem"), w.expr(a))
			}
		}
	case "copy":
		if a, b := w.expr(n.Args[0]), w.expr(n.Args[1]); a != nil && b != nil {
			unify(a.child("elem"), b.child("elem"))
		}
	case "len", "cap", "make", "new", "close", "delete", "clear", "print", "println":
	default:
		for _, a := range n.Args {
			if w.mutexIn(w.file.typeOf(a)) {
				w.poisonNode(w.expr(a), EscapesInterface, a, "an argument of %s", name)
			}
		}
	}
}

func (w *walker) composite(n *ast.CompositeLit) {
	t := w.file.typeOf(n)
	if t == nil {
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
					field, _ = w.file.objectOf(id).(*types.Var)
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
	t := w.file.typeOf(n.X)
	if t == nil {
		return
	}
	base := w.expr(n.X)
	bind := func(e ast.Expr, label string) {
		if e == nil || isBlank(e) || base == nil || !w.mutexIn(w.file.typeOf(e)) {
			return
		}
		unify(w.expr(e), base.child(label))
	}
	switch t.Underlying().(type) {
	case *types.Map:
		bind(n.Key, "key")
		bind(n.Value, "elem")
	case *types.Chan:
		bind(n.Key, "elem")
	case *types.Signature:
		w.poisonNode(base, UnsupportedUse, n, "range over a function")
	default:
		bind(n.Value, "elem")
	}
}

func (w *walker) compare(x, y ast.Expr) {
	tx, ty := w.file.typeOf(x), w.file.typeOf(y)
	if tx == nil || ty == nil {
		return
	}
	cx, cy := w.mutexIn(tx) && !isNilExpr(w.file, x), w.mutexIn(ty) && !isNilExpr(w.file, y)
	switch {
	case cx && cy:
		unify(w.expr(x), w.expr(y))
	case cx && types.IsInterface(ty):
		w.poisonNode(w.expr(x), EscapesInterface, x, "compared with an interface")
	case cy && types.IsInterface(tx):
		w.poisonNode(w.expr(y), EscapesInterface, y, "compared with an interface")
	}
}

// use is the default deny: it looks at the surroundings of every expression that
// carries the mutex.
func (w *walker) use(e ast.Expr) {
	if _, ok := e.(*ast.ParenExpr); ok {
		return
	}
	tv, ok := w.file.pkg.TypesInfo.Types[e]
	if !ok {
		id, isIdent := e.(*ast.Ident)
		if !isIdent {
			return
		}
		obj := w.file.pkg.TypesInfo.Uses[id]
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
			w.poisonNode(w.typeExpr(e), MethodExpr, e, "%s", w.p.text(p))
		case *ast.StarExpr:
			// (*T).Method is seen at the star.
		}
		w.typeExpr(e)
		return
	}
	n := w.expr(e)
	switch p := parent.(type) {
	case *ast.SelectorExpr:
		if p.Sel == e {
			return // the selection itself is looked at as p
		}
		if sel := w.file.pkg.TypesInfo.Selections[p]; sel != nil && isMutexPtr(tv.Type) {
			if sel.Kind() != types.MethodVal || !mutexMethods[p.Sel.Name] {
				w.poisonNode(n, UnsupportedUse, p, "%s", w.p.text(p))
			}
		}
	case *ast.TypeAssertExpr, *ast.IncDecStmt:
		w.poisonNode(n, UnsupportedUse, parent, "%T", parent)
	case *ast.AssignStmt, *ast.ValueSpec, *ast.CallExpr, *ast.ReturnStmt, *ast.CompositeLit, *ast.KeyValueExpr,
		*ast.SendStmt, *ast.RangeStmt, *ast.BinaryExpr, *ast.IndexExpr, *ast.SliceExpr, *ast.StarExpr, *ast.UnaryExpr,
		*ast.ExprStmt, *ast.SwitchStmt, *ast.CaseClause, *ast.Field, *ast.FuncDecl:
	default:
		w.poisonNode(n, UnsupportedUse, e, "below %T", parent)
	}
}
