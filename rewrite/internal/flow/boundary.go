package flow

import (
	"go/ast"
	"go/types"
	"strings"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/source"
)

// Boundaries.
//
// Some code uses a declaration of this module without the type checker's knowledge: package
// unsafe, assembly, and whoever links a name. What such code sees of a mutex stays.

// unsafeView refuses what a conversion from or to unsafe.Pointer lets be seen as another
// type. It reports whether the conversion is one.
func (w observer) unsafeView(n *ast.CallExpr, dst types.Type) bool {
	arg := n.Args[0]
	var t types.Type
	var mutex func() *node
	switch {
	case isUnsafePointer(dst):
		t, mutex = w.file.TypeOf(arg), func() *node { return w.expr(arg) }
	case isUnsafePointer(w.file.TypeOf(arg)):
		t, mutex = dst, func() *node { return w.typeExpr(n.Fun) }
	default:
		return false
	}
	if w.mutexIn(t) {
		w.poisonNode(mutex(), finding.UnsafeUse, n, "converted with unsafe.Pointer")
	}
	w.unseen(t, finding.UnsafeUse, n, "%s, which holds it, is converted with unsafe.Pointer", types.TypeString(t, shortly))
	return true
}

func isUnsafePointer(t types.Type) bool {
	b, ok := source.Under(t).(*types.Basic)
	return ok && b.Kind() == types.UnsafePointer
}

// unseen refuses the mutexes that values of type t hold.
func (w observer) unseen(t types.Type, code finding.Code, at ast.Node, format string, args ...any) {
	for _, obj := range w.held(t, whole) {
		w.refuse(w.object(obj), code, at.Pos(), format, args...)
	}
}

// linked refuses functions and variables that the linker joins with others: those without a
// body, and those on both sides of a linkname directive.
func (w observer) linked() {
	for _, d := range w.file.Syntax.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Body == nil {
			w.unlink(w.file.Pkg.TypesInfo.Defs[fn.Name], fn, fn.Name.Name+" has no body")
		}
	}
	for _, group := range w.file.Syntax.Comments {
		for _, c := range group.List {
			words := strings.Fields(c.Text)
			if len(words) < 2 || words[0] != "//go:linkname" {
				continue
			}
			w.unlink(w.file.Pkg.Types.Scope().Lookup(words[1]), c, "a linkname directive names "+words[1])
			if len(words) > 2 {
				w.unlink(w.named(words[2]), c, "a linkname directive names "+words[2])
			}
		}
	}
}

// named returns the package-level function or variable that a linker symbol stands for, or
// nil.
func (w observer) named(symbol string) types.Object {
	slash := strings.LastIndex(symbol, "/")
	path, name, ok := strings.Cut(symbol[slash+1:], ".")
	if !ok {
		return nil
	}
	path = symbol[:slash+1] + path
	for _, pkg := range w.p.In.Packages {
		if pkg.PkgPath == path && pkg.Types != nil {
			return pkg.Types.Scope().Lookup(name)
		}
	}
	return nil
}

func (w observer) unlink(obj types.Object, at ast.Node, why string) {
	if obj == nil {
		return
	}
	if w.mutexIn(obj.Type()) {
		w.refuse(w.object(obj), finding.Linked, at.Pos(), "%s", why)
	}
	w.visitSignature(obj.Type(), func(t types.Type) { w.unseen(t, finding.Linked, at, "%s", why) })
}

// visitSignature calls visit with the types of parameters and results of a function, or with
// the type itself.
func (w observer) visitSignature(t types.Type, visit func(types.Type)) {
	sig, ok := t.(*types.Signature)
	if !ok {
		visit(t)
		return
	}
	for _, list := range []*types.Tuple{sig.Params(), sig.Results()} {
		for v := range list.Variables() {
			visit(v.Type())
		}
	}
}

// sameFields joins the fields of two struct types that are converted into one another.
func (w *Flow) sameFields(a, b types.Type) {
	if a == nil || b == nil {
		return
	}
	x, okX := source.Under(pointedTo(a)).(*types.Struct)
	y, okY := source.Under(pointedTo(b)).(*types.Struct)
	if !okX || !okY || x == y || x.NumFields() != y.NumFields() {
		return
	}
	for i := range x.NumFields() {
		if w.mutexIn(x.Field(i).Type()) {
			unify(w.object(x.Field(i)), w.object(y.Field(i)))
		}
	}
}

func pointedTo(t types.Type) types.Type {
	if p, ok := source.Under(t).(*types.Pointer); ok {
		return p.Elem()
	}
	return t
}

// foreignInterfaces refuses the methods that code outside the module may ask for by an
// interface of its own: code that can name the mutex.
func (f *Flow) foreignInterfaces() {
	path := otherUser(f.p)
	if path == "" {
		return
	}
	for _, key := range sortedKeys(f.methods) {
		m := f.methods[key]
		if m.fn.Exported() && f.p.FileAt(m.fn.Pos()) != nil {
			f.refuse(m.n, finding.EscapesInterface, m.fn.Pos(), "an interface of %s may ask for %s with this signature", path, m.fn.Name())
		}
	}
}
