package flow

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"etcdmod/internal/finding"
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
var standardGenerics = []string{"cmp", "iter", "maps", "slices", "sync", "sync/atomic"}

// generics are the type parameters of a program, by where they are declared.
type generics struct {
	hub     *node
	given   map[token.Pos]bool             // a mutex is an argument for it
	passed  map[token.Pos][]token.Pos      // it is an argument for others
	boxed   map[token.Pos][]boxedParameter // a value of it is converted to an interface
	pointed map[token.Pos]bool             // type expressions of what generic code only points to
}

// A boxedParameter is a conversion of a value of a type parameter to an interface.
type boxedParameter struct {
	at      token.Pos
	foreign string // says what may take it that is not followed, if anything does
	bare    bool   // the interface has no methods
}

func newGenerics() generics {
	return generics{
		hub:     &node{hub: true},
		given:   map[token.Pos]bool{},
		passed:  map[token.Pos][]token.Pos{},
		boxed:   map[token.Pos][]boxedParameter{},
		pointed: map[token.Pos]bool{},
	}
}

// instance notes an instance of a generic declaration.
func (w *walker) instance(id *ast.Ident, inst types.Instance) {
	obj := w.file.ObjectOf(id)
	params := typeParams(obj)
	for i := 0; i < inst.TypeArgs.Len() && i < params.Len(); i++ {
		param := params.At(i).Obj().Pos()
		carries := w.mutexIn(inst.TypeArgs.At(i))
		from := typeParamsIn(inst.TypeArgs.At(i))
		if !carries && len(from) == 0 {
			continue
		}
		if w.p.FileAt(obj.Pos()) == nil {
			if obj.Pkg() == nil || slices.Contains(standardGenerics, obj.Pkg().Path()) {
				continue
			}
			param = id.Pos()
			w.generics.boxed[param] = []boxedParameter{{at: param, foreign: "the code of " + obj.Pkg().Path() + "." + obj.Name() + " is not followed"}}
		}
		w.generics.given[param] = w.generics.given[param] || carries
		for _, t := range from {
			w.generics.passed[t.Obj().Pos()] = append(w.generics.passed[t.Obj().Pos()], param)
		}
	}
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

// boxing notes a conversion of a value of a type parameter to an interface. A named type
// of this module keeps its name, and is asked for by that.
func (w *walker) boxing(t, dst types.Type, src ast.Expr) {
	iface, ok := source.Under(dst).(*types.Interface)
	if t == nil || !ok || isTypeParam(dst) || w.ownGeneric(t) {
		return
	}
	for _, param := range typeParamsIn(t) {
		b := boxedParameter{at: src.Pos(), bare: iface.NumMethods() == 0}
		named, ok := types.Unalias(dst).(*types.Named)
		_, plain := types.Unalias(t).(*types.TypeParam)
		if w.foreignPlace(src) || !plain || ok && w.p.FileAt(named.Obj().Pos()) == nil {
			b.foreign = "generic code converts it to " + types.TypeString(dst, nil)
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

// through judges what mutexes may become as values of type parameters.
func (f *Flow) through() {
	g := &f.generics
	var todo []token.Pos
	for at, given := range g.given {
		if given {
			todo = append(todo, at)
		}
	}
	seen := map[token.Pos]bool{}
	var boxed []boxedParameter
	for len(todo) > 0 {
		at := todo[0]
		todo = todo[1:]
		if !seen[at] {
			seen[at] = true
			boxed = append(boxed, g.boxed[at]...)
			todo = append(todo, g.passed[at]...)
		}
	}
	slices.SortFunc(boxed, func(a, b boxedParameter) int {
		if a.at != b.at {
			return int(a.at - b.at)
		}
		return strings.Compare(a.foreign, b.foreign)
	})
	hub := g.hub.find()
	for _, b := range boxed {
		if b.foreign == "" {
			f.boxes.in = append(f.boxes.in, hub)
			f.boxes.bare = f.boxes.bare || b.bare
			continue
		}
		r := finding.Reason{Code: finding.GenericType, Detail: b.foreign, Pos: f.p.Position(b.at)}
		if !HasReason(hub.poison, r) {
			hub.poison = append(hub.poison, r)
			f.boxes.leaks = append(f.boxes.leaks, r)
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

func typeParams(obj types.Object) *types.TypeParamList {
	switch obj := obj.(type) {
	case *types.Func:
		return obj.Origin().Signature().TypeParams()
	case *types.TypeName:
		switch t := obj.Type().(type) {
		case *types.Named:
			return t.Origin().TypeParams()
		case *types.Alias:
			return t.Origin().TypeParams()
		}
	}
	return nil
}

// typeParamsIn returns the type parameters that a type is made of.
func typeParamsIn(t types.Type) (out []*types.TypeParam) {
	seen := map[types.Type]bool{}
	var visit func(t types.Type)
	visit = func(t types.Type) {
		if t == nil || seen[t] {
			return
		}
		seen[t] = true
		switch t := t.(type) {
		case *types.TypeParam:
			out = append(out, t)
		case *types.Alias:
			visit(types.Unalias(t))
		case *types.Map:
			visit(t.Key())
			visit(t.Elem())
		case interface{ Elem() types.Type }:
			visit(t.Elem())
		case *types.Signature:
			visit(t.Params())
			visit(t.Results())
		case *types.Tuple:
			for i := 0; i < t.Len(); i++ {
				visit(t.At(i).Type())
			}
		case *types.Struct:
			for i := 0; i < t.NumFields(); i++ {
				visit(t.Field(i).Type())
			}
		case *types.Named:
			args := t.TypeArgs()
			for i := 0; args != nil && i < args.Len(); i++ {
				visit(args.At(i))
			}
		}
	}
	visit(t)
	return out
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
