package flow

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"slices"
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
	for _, param := range typeParamsIn(t) {
		b := boxedParameter{at: n.Pos(), foreign: "generic code converts it with unsafe.Pointer", look: whole, who: "package unsafe"}
		w.generics.boxed[param.Obj().Pos()] = append(w.generics.boxed[param.Obj().Pos()], b)
	}
	const how = "%s, which holds it, is converted with unsafe.Pointer"
	w.unseen(t, finding.UnsafeUse, n.Pos(), how, types.TypeString(t, shortly))
	for _, iface := range outgoing(w.p, t) {
		w.meet(whole, iface, "package unsafe", n.Pos(), origin{}) // which reads what an interface is made of
	}
	// From a part of it the rest is a sum away.
	if addr, ok := ast.Unparen(arg).(*ast.UnaryExpr); ok && addr.Op == token.AND {
		for e := ast.Unparen(addr.X); ; {
			switch x := e.(type) {
			case *ast.SelectorExpr:
				e = ast.Unparen(x.X)
			case *ast.IndexExpr:
				e = ast.Unparen(x.X)
			default:
				return true
			}
			if t := w.file.TypeOf(e); t != nil {
				w.unseen(pointedTo(t), finding.UnsafeUse, n.Pos(), "the address of a part of "+how, types.TypeString(t, shortly))
			}
		}
	}
	return true
}

func isUnsafePointer(t types.Type) bool {
	b, ok := source.Under(t).(*types.Basic)
	return ok && b.Kind() == types.UnsafePointer
}

// unseen refuses the mutexes that values of type t hold.
func (w observer) unseen(t types.Type, code finding.Code, at token.Pos, format string, args ...any) {
	for _, obj := range w.held(t, whole) {
		w.refuse(w.object(obj), code, at, format, args...)
	}
}

// linked refuses functions and variables that the linker joins with others: those without a
// body, those on both sides of a linkname directive, and functions that assembly may call.
func (w observer) linked() {
	assembly := w.hasAssembly()
	for _, d := range w.file.Syntax.Decls {
		fn, ok := d.(*ast.FuncDecl)
		switch {
		case !ok:
		case fn.Body == nil:
			w.unlink(w.file.Pkg.TypesInfo.Defs[fn.Name], fn.Pos(), fn.Name.Name+" has no body")
		case assembly:
			w.unlink(w.file.Pkg.TypesInfo.Defs[fn.Name], fn.Pos(), "assembly of this package may call "+fn.Name.Name)
		}
	}
	for _, group := range w.file.Syntax.Comments {
		for _, c := range group.List {
			words := strings.Fields(c.Text)
			if len(words) < 2 || words[0] != "//go:linkname" {
				continue
			}
			w.unlink(w.file.Pkg.Types.Scope().Lookup(words[1]), c.Pos(), "a linkname directive names "+words[1])
			if len(words) > 2 {
				for _, obj := range symbols(w.p, words[2]) {
					w.unlink(obj, c.Pos(), "a linkname directive names "+words[2])
				}
			}
		}
	}
}

// hasAssembly reports whether the file's package has functions in assembly: one without a body,
// and without a directive that says where else it is.
func (w observer) hasAssembly() bool {
	if !slices.ContainsFunc(w.file.Pkg.OtherFiles, func(name string) bool { return strings.EqualFold(filepath.Ext(name), ".s") }) {
		return false
	}
	declared, elsewhere := map[string]bool{}, map[string]bool{}
	for _, file := range w.file.Pkg.Syntax {
		for _, d := range file.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Body == nil {
				declared[fn.Name.Name] = true
			}
		}
		for _, group := range file.Comments {
			for _, c := range group.List {
				if words := strings.Fields(c.Text); len(words) > 1 && words[0] == "//go:linkname" {
					elsewhere[words[1]] = true
				}
			}
		}
	}
	for name := range declared {
		if !elsewhere[name] {
			return true
		}
	}
	return false
}

// pulled refuses what linkname directives name in files that are not read: those that no build
// of this run has, those that see no mutex, and those of other modules.
func (w observer) pulled() {
	for _, name := range slices.Sorted(maps.Keys(w.p.In.Pulled)) {
		if w.p.ByName[name] != nil {
			continue
		}
		for _, symbol := range w.p.In.Pulled[name] {
			for _, obj := range symbols(w.p, symbol) {
				w.unlink(obj, obj.Pos(), fmt.Sprintf("a linkname directive in %s names %s", w.p.Rel(name), symbol))
			}
		}
	}
}

// symbols returns the package-level functions and variables, and the methods, that a linker symbol
// may stand for.
func symbols(p *source.Program, symbol string) (out []types.Object) {
	slash := strings.LastIndex(symbol, "/")
	path, name, ok := strings.Cut(symbol[slash+1:], ".")
	if !ok {
		return nil
	}
	path = symbol[:slash+1] + strings.ReplaceAll(path, "%2e", ".")
	owner, method, isMethod := strings.Cut(strings.TrimPrefix(name, "("), ".")
	seen := map[*types.Package]bool{}
	for _, file := range p.Files {
		pkg := file.Pkg
		if pkg.Types == nil || seen[pkg.Types] || pkg.PkgPath != path && (path != "main" || pkg.Name != path) {
			continue
		}
		seen[pkg.Types] = true
		obj := pkg.Types.Scope().Lookup(strings.Trim(owner, "*)"))
		if tn, ok := obj.(*types.TypeName); ok && isMethod {
			obj, _, _ = types.LookupFieldOrMethod(tn.Type(), true, pkg.Types, method)
		}
		if obj != nil {
			out = append(out, obj)
		}
	}
	return out
}

func (w observer) unlink(obj types.Object, at token.Pos, why string) {
	if obj == nil {
		return
	}
	w.looks.linked[obj.Pos()] = true
	if w.mutexIn(obj.Type()) {
		w.refuse(w.object(obj), finding.Linked, at, "%s", why)
	}
	w.visitSignature(obj.Type(), func(t types.Type) {
		w.unseen(t, finding.Linked, at, "%s", why)
		for _, iface := range outgoing(w.p, t) {
			w.meet(calls, iface, "code to which "+why, at, origin{})
		}
	})
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
