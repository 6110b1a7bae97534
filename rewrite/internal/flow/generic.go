package flow

import (
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"slices"

	"etcdmod/internal/finding"
	"etcdmod/internal/importpath"
	"etcdmod/rewrite/internal/source"
)

// Generics.
//
// A mutex that is a type argument flows through code that does not name it. Nothing is
// spelled there, so nothing has to change; but what goes in and what comes out is of the
// same type. Which instance meets which is not followed: all of them are one component,
// the hub, which is its own part at every depth.
//
// Generic code can still tell the mutex by its type, once it has converted a value of its
// type parameter to an interface. These conversions are noted, and followed from parameter
// to parameter; where a mutex can come to one, it is a box like any other. The generic code
// of the standard library does not look at types. That of other modules is not known: what
// goes there stays as it is.

// standardGenerics are packages of the standard library whose generic code gives back what
// it is given.
var standardGenerics = []string{"cmp", "errors", "iter", "maps", "slices", "sync", "sync/atomic"}

// blindGenerics are packages outside the standard library, with what is below their paths,
// whose generic code does not look into a struct that it is given.
var blindGenerics = []string{
	"github.com/hashicorp/golang-lru/v2", "github.com/jellydator/ttlcache/v3", "github.com/maypok86/otter",
	"github.com/puzpuzpuz/xsync/v3", "github.com/samber/lo", "golang.org/x/exp", "golang.org/x/sync", "google.golang.org/grpc",
}

// generics are the type parameters of a program, by where they are declared.
type generics struct {
	hub     *node
	given   map[token.Pos]bool             // a mutex is an argument for it
	passed  map[token.Pos][]token.Pos      // it is an argument for others
	boxed   map[token.Pos][]boxedParameter // a value of it is converted to an interface
	held    map[token.Pos][]types.Type     // types that hold a mutex and are arguments for it
	ifaces  map[token.Pos][]types.Type     // types with interfaces in them that are arguments for it
	asked   map[token.Pos][]askedParameter // a type that is made of it is asserted
	methods map[token.Pos][]string         // of interfaces that have it in their signatures
	pointed map[token.Pos]bool             // type expressions of what generic code only points to
}

// A boxedParameter is a conversion of a value of a type parameter to an interface.
type boxedParameter struct {
	at      token.Pos
	foreign string // says what may take it that is not followed, if anything does
	iface   *types.Interface
	look    look       // of code outside the module that it is converted for
	who     string     // that code, or ""
	named   types.Type // an instance of a type of this module that is converted instead; or nil
}

// An askedParameter is an assertion to a type that is made of a type parameter.
type askedParameter struct {
	at   token.Pos
	self bool // it is the parameter
}

func newGenerics() generics {
	return generics{
		hub:     &node{hub: true},
		given:   map[token.Pos]bool{},
		passed:  map[token.Pos][]token.Pos{},
		boxed:   map[token.Pos][]boxedParameter{},
		held:    map[token.Pos][]types.Type{},
		ifaces:  map[token.Pos][]types.Type{},
		asked:   map[token.Pos][]askedParameter{},
		methods: map[token.Pos][]string{},
		pointed: map[token.Pos]bool{},
	}
}

// instance notes an instance of a generic declaration.
func (w *walker) instance(id *ast.Ident, inst types.Instance) {
	obj := w.file.ObjectOf(id)
	params := typeParams(obj)
	for i := 0; i < inst.TypeArgs.Len() && i < params.Len(); i++ {
		param := params.At(i).Obj().Pos()
		if iface, ok := params.At(i).Constraint().Underlying().(*types.Interface); ok && iface.IsComparable() {
			w.equal.equates(inst.TypeArgs.At(i))
		}
		w.asksForHelper(inst.TypeArgs.At(i), id.Pos()) // generic code may assert it
		carries := w.mutexIn(inst.TypeArgs.At(i))
		if itself(w.p, inst.TypeArgs.At(i)) && !source.IsObject(obj, "sync/atomic", "Pointer") {
			w.poisonNode(w.generics.hub, finding.GenericType, id, "generic code has the struct itself, not only a pointer to it")
		}
		from := typeParamsIn(inst.TypeArgs.At(i))
		w.equal.composed(inst.TypeArgs.At(i)) // generic code may put it into an interface
		holds := !carries && len(w.held(inst.TypeArgs.At(i), calls)) > 0
		boxes := leaves(w.p, inst.TypeArgs.At(i), false) || types.IsInterface(inst.TypeArgs.At(i)) && !isTypeParam(inst.TypeArgs.At(i))
		boxes = boxes || showsContext(w.Flow, inst.TypeArgs.At(i), members) || len(inName(w.mutexIn, inst.TypeArgs.At(i))) > 0
		if iface, ok := params.At(i).Constraint().Underlying().(*types.Interface); ok && w.p.FileAt(obj.Pos()) != nil {
			foreignMethods(observer{w}, inst.TypeArgs.At(i), iface, id.Pos())
		}
		if !carries && !holds && !boxes && len(from) == 0 {
			continue
		}
		if w.p.FileAt(obj.Pos()) == nil {
			if obj.Pkg() == nil || slices.Contains(standardGenerics, obj.Pkg().Path()) {
				continue
			}
			param = id.Pos()
			b := boxedParameter{at: param, look: calls, who: obj.Pkg().Path() + "." + obj.Name()}
			if b.foreign = "the code of " + b.who + " is not followed"; importpath.WithinAny(obj.Pkg().Path(), blindGenerics) {
				if b.look = blind; handsBoxes(obj) {
					b.iface = anything
				}
			}
			w.generics.boxed[param] = []boxedParameter{b}
			w.generics.methods[param] = []string{"*"}
		}
		if spelled := inName(w.mutexIn, inst.TypeArgs.At(i)); w.p.FileAt(obj.Pos()) == nil && w.generics.boxed[param][0].look >= named {
			for _, obj := range spelled {
				w.refuse(w.object(obj), finding.GenericType, id.Pos(), "%s", w.generics.boxed[param][0].foreign)
			}
		}
		if holds {
			w.generics.held[param] = append(w.generics.held[param], inst.TypeArgs.At(i))
		}
		if boxes {
			w.generics.ifaces[param] = append(w.generics.ifaces[param], inst.TypeArgs.At(i))
		}
		w.generics.given[param] = w.generics.given[param] || carries
		for _, t := range from {
			w.generics.passed[t.Obj().Pos()] = append(w.generics.passed[t.Obj().Pos()], param)
		}
	}
}

// itself reports whether values of type t have a mutex in them that no pointer leads to.
func itself(p *source.Program, t types.Type) bool {
	switch u := types.Unalias(t).(type) {
	case *types.Named:
		return p.IsMutex(u)
	case *types.Pointer:
		return !p.IsMutexPtr(u) && itself(p, u.Elem())
	case *types.Map:
		return itself(p, u.Key()) || itself(p, u.Elem())
	case interface{ Elem() types.Type }:
		return itself(p, u.Elem())
	}
	return false
}

// receiver joins the names that a method has for the type parameters of its type with
// those that the type has.
func (w *Flow) receiver(sig *types.Signature) {
	own := sig.RecvTypeParams()
	if own.Len() == 0 {
		return
	}
	t := sig.Recv().Type()
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	named, ok := types.Unalias(t).(*types.Named)
	if !ok {
		return
	}
	for i := 0; i < own.Len() && i < named.Origin().TypeParams().Len(); i++ {
		a, b := named.Origin().TypeParams().At(i).Obj().Pos(), own.At(i).Obj().Pos()
		w.generics.passed[a] = append(w.generics.passed[a], b)
	}
}

// boxing notes a conversion of a value of a type parameter to an interface. An instance of a
// type of this module is asked for by its name, which changes wherever it stands; who reads the
// name sees that.
func (w observer) boxing(t, dst types.Type, src ast.Expr) {
	w.looked(t, dst, src)
	iface, ok := source.Under(dst).(*types.Interface)
	if t == nil || !ok || isTypeParam(dst) || types.IsInterface(t) && !isTypeParam(t) {
		return // what is in an interface was converted before
	}
	for _, param := range typeParamsIn(t) {
		b := boxedParameter{at: src.Pos(), iface: iface}
		b.look, b.who = w.looksAt(src)
		if w.ownGeneric(t) {
			b.named = t
			w.generics.boxed[param.Obj().Pos()] = append(w.generics.boxed[param.Obj().Pos()], b)
			continue
		}
		named, ok := types.Unalias(dst).(*types.Named)
		_, plain := types.Unalias(t).(*types.TypeParam)
		if w.foreignPlace(src) || !plain || ok && w.p.FileAt(named.Obj().Pos()) == nil {
			b.foreign = "generic code converts it to " + types.TypeString(dst, nil)
		}
		if b.who == panics {
			b.foreign = "generic code panics with it"
		}
		at := param.Obj().Pos()
		w.generics.boxed[at] = append(w.generics.boxed[at], b)
	}
}

// ownGeneric reports whether t is an instance of a generic type of this module, or a
// pointer to one.
func (w *Flow) ownGeneric(t types.Type) bool {
	t = types.Unalias(t)
	if p, ok := t.(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	named, ok := t.(*types.Named)
	return ok && w.p.FileAt(named.Obj().Pos()) != nil
}

// instantiated returns the identifier of a generic function that e is an instance of with
// a mutex in its type arguments, or nil.
func (w *walker) instantiated(e ast.Expr) *ast.Ident {
	e = ast.Unparen(e)
	switch x := e.(type) {
	case *ast.IndexExpr:
		e = ast.Unparen(x.X)
	case *ast.IndexListExpr:
		e = ast.Unparen(x.X)
	}
	id := source.NameIn(e)
	if id == nil {
		return nil
	}
	if _, isFunc := w.file.ObjectOf(id).(*types.Func); !isFunc {
		return nil
	}
	inst, ok := w.file.Pkg.TypesInfo.Instances[id]
	for i := 0; ok && i < inst.TypeArgs.Len(); i++ {
		if w.mutexIn(inst.TypeArgs.At(i)) {
			return id
		}
	}
	return nil
}

// throughHub returns the node of an instance of a generic declaration that has a mutex
// among its type arguments: the hub, and what its own declaration names.
func (w *Flow) throughHub(obj types.Object) *node {
	if w.mutexIn(obj.Type()) && w.p.FileAt(obj.Pos()) != nil {
		unify(w.generics.hub, w.origin(obj))
	}
	return w.generics.hub.find()
}

// writtenArgs joins the type arguments that are written out for a generic function with what
// goes through it.
func (w *walker) writtenArgs(e ast.Expr) {
	x := e
	if i, ok := e.(*ast.IndexExpr); ok {
		x = i.X
	} else if l, ok := e.(*ast.IndexListExpr); ok {
		x = l.X
	}
	if !w.genericFunc(x) || w.file.Pkg.TypesInfo.Types[e].IsType() {
		return
	}
	for _, arg := range typeArgs(e) {
		if w.mutexIn(w.file.TypeOf(arg)) {
			unify(w.generics.hub, w.typeExpr(arg))
		}
	}
}

// generic returns the node of a type expression like Box[*concurrency.Mutex].
func (w *walker) generic(e ast.Expr) *node {
	var x ast.Expr
	switch e := e.(type) {
	case *ast.IndexExpr:
		x = e.X
	case *ast.IndexListExpr:
		x = e.X
	}
	obj := typeName(w.file, ast.Unparen(x))
	if obj == nil {
		n := &node{}
		w.poisonNode(n, finding.UnsupportedUse, e, "%s", w.p.Text(e))
		return n
	}
	params := typeParams(obj)
	through := false
	for i, arg := range typeArgs(e) {
		if !w.mutexIn(w.file.TypeOf(arg)) {
			continue
		}
		through = true
		if source.IsObject(obj, "sync/atomic", "Pointer") {
			w.generics.pointed[arg.Pos()] = true
		}
		unify(w.generics.hub, w.typeExpr(arg))
		if i >= params.Len() || !w.p.IsMutexPtr(w.file.TypeOf(arg)) {
			continue
		}
		// Its methods may try, through the constraint.
		if iface, ok := params.At(i).Constraint().Underlying().(*types.Interface); ok && iface.NumMethods() > 0 {
			w.Ifaces = append(w.Ifaces, conversion{w.file, arg, iface})
		}
	}
	if through {
		return w.throughHub(obj)
	}
	return w.object(obj) // it names the mutex in its own declaration
}

// reachable returns where the type parameters that are given something hand it on to, in
// order, these included.
func (g *generics) reachable(given []token.Pos) []token.Pos {
	seen := map[token.Pos]bool{}
	for len(given) > 0 {
		at := given[0]
		given = given[1:]
		if !seen[at] {
			seen[at] = true
			given = append(given, g.passed[at]...)
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// through judges what mutexes, and what holds them, may become as values of type parameters.
func (f *Flow) through() {
	g := &f.generics
	for _, at := range slices.Sorted(maps.Keys(g.held)) {
		for _, to := range g.reachable([]token.Pos{at}) {
			for _, b := range g.boxed[to] {
				if b.named != nil {
					continue // its name has that of the holder, which stays
				}
				for _, t := range g.held[at] {
					f.show(t, b.look, b.who, b.at)
					if (b.look.handsBack() || b.who == panics || b.who == wrapper) && b.iface != nil {
						f.looks.kept = append(f.looks.kept, kept{t, b.iface, b.at})
					}
				}
			}
		}
	}
	throughInterfaces(f)
	var given []token.Pos
	for at, is := range g.given {
		if is {
			given = append(given, at)
		}
	}
	hub := g.hub.find()
	for _, at := range g.reachable(given) {
		for _, b := range g.boxed[at] {
			f.boxedInHub(b)
		}
		for _, a := range g.asked[at] {
			if a.self {
				f.boxes.out = append(f.boxes.out, hub)
				continue
			}
			f.leakHub(finding.Reason{Code: finding.GenericType, Detail: "generic code asserts a type that is made of it", Pos: f.p.Position(a.at)})
		}
		for _, name := range g.methods[at] {
			f.meetsGeneric(name)
		}
	}
}

// throughInterfaces judges what is in interfaces that are type arguments: generic code shows it as any other
// does, and puts it into interfaces with fewer methods.
func throughInterfaces(f *Flow) {
	g := &f.generics
	for _, at := range slices.Sorted(maps.Keys(g.ifaces)) {
		for _, to := range g.reachable([]token.Pos{at}) {
			for _, b := range g.boxed[to] {
				for _, t := range g.ifaces[at] {
					f.looks.boxedInterface(f, b, t)
				}
			}
		}
	}
}

// boxedInterface notes that generic code converts a value of a type parameter that stands for t, which has
// interfaces in it.
func (l *looks) boxedInterface(f *Flow, b boxedParameter, t types.Type) {
	printsContext(f, t, meeting{b.look, anything, b.who, b.at, origin{}})
	iface, ok := t.Underlying().(*types.Interface)
	if !ok && b.named == nil && b.iface != nil && (b.look.handsBack() || b.who == panics || b.who == wrapper) {
		l.bears(t, b.iface)
	}
	if spelled := inName(f.mutexIn, t); len(spelled) > 0 {
		if b.look >= named {
			f.refuseInstance(instance{t, b.iface, b.at}, b.who)
		} else if b.iface != nil {
			l.named = append(l.named, instance{t, b.iface, b.at})
		}
	}
	switch {
	case isContext(t):
		l.contexts.boxed = l.contexts.boxed || b.look <= blind
	case ok && b.named == nil:
		if b.look > blind {
			l.meetings = append(l.meetings, meeting{b.look, iface, b.who, b.at, origin{}})
		} else if iface.NumMethods() > 0 && (b.iface == nil || b.iface.NumMethods() == 0) {
			l.raised = append(l.raised, iface)
		}
	case b.look >= members:
		for _, inner := range f.interfacesIn(t, b.look) {
			l.meetings = append(l.meetings, meeting{b.look, inner, b.who, b.at, origin{}})
		}
	}
}

func (f *Flow) boxedInHub(b boxedParameter) {
	hub := f.generics.hub.find()
	if b.named != nil {
		i := instance{b.named, b.iface, b.at}
		if f.looks.named = append(f.looks.named, i); b.look >= named {
			f.refuseInstance(i, b.who)
		}
		return
	}
	if b.foreign == "" {
		f.boxes.in = append(f.boxes.in, hub)
		f.boxes.from = append(f.boxes.from, boxing{hub, b.iface, b.at})
		f.boxes.bare = f.boxes.bare || b.iface.NumMethods() == 0
		return
	}
	f.leakHub(finding.Reason{Code: finding.GenericType, Detail: b.foreign, Pos: f.p.Position(b.at)})
}

// leakHub refuses the mutexes that go through generic code, and what may meet them.
func (f *Flow) leakHub(r finding.Reason) {
	hub := f.generics.hub.find()
	if !slices.Contains(hub.poison, r) {
		hub.deny(r)
		f.boxes.leaks = append(f.boxes.leaks, r)
	}
}

// meetsGeneric joins the methods of that name with the hub: an instance of a generic
// interface may ask for them. "*" stands for all that code outside the module can name.
func (f *Flow) meetsGeneric(name string) {
	for _, key := range sortedKeys(f.methods) {
		m := f.methods[key]
		if m.fn.Name() == name || name == "*" && m.fn.Exported() {
			unify(f.generics.hub, m.n)
		}
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// genericInterface notes the methods of an interface that name a type parameter.
func (w observer) genericInterface(iface *types.Interface) {
	for m := range iface.Methods() {
		for _, param := range typeParamsIn(m.Type()) {
			at := param.Obj().Pos()
			w.generics.methods[at] = append(w.generics.methods[at], m.Name())
		}
	}
}

// instanceMethods joins the methods that an instance has for a mutex with those of the same
// name and signature.
func (w observer) instanceMethods(t types.Type) {
	iface, ok := source.Under(t).(*types.Interface)
	if !ok {
		return
	}
	for m := range iface.Methods() {
		if w.mutexIn(m.Type()) {
			w.method(m)
		}
	}
}

// weight counts the mutexes in a type, as mutexIn looks for them.
func (f *Flow) weight(t types.Type, busy map[types.Type]bool) (n int) {
	if !f.mutexIn(t) || busy[t] {
		return 0
	}
	busy[t] = true
	defer delete(busy, t)
	switch t := t.(type) {
	case *types.Alias:
		return f.weight(types.Unalias(t), busy)
	case interface{ Elem() types.Type }: // pointer, slice, array, channel; a map's key below
		n = f.weight(t.Elem(), busy)
		if m, ok := t.(*types.Map); ok {
			n += f.weight(m.Key(), busy)
		}
	case *types.Signature:
		return f.weight(t.Params(), busy) + f.weight(t.Results(), busy)
	case *types.Tuple:
		for i := 0; i < t.Len(); i++ {
			n += f.weight(t.At(i).Type(), busy)
		}
	case *types.Struct:
		for i := 0; i < t.NumFields(); i++ {
			n += f.weight(t.Field(i).Type(), busy)
		}
	case *types.Named:
		args := t.TypeArgs()
		for i := 0; args != nil && i < args.Len(); i++ {
			n += f.weight(args.At(i), busy)
		}
		return max(n, 1)
	}
	return n
}

// genericFunc reports whether e names a generic function.
func (w *walker) genericFunc(e ast.Expr) bool {
	id := source.NameIn(e)
	if id == nil {
		return false
	}
	_, ok := w.file.Pkg.TypesInfo.Instances[id]
	return ok
}
