package flow

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	pathpkg "path"
	"sort"
	"strings"

	"etcdmod/internal/finding"
	"etcdmod/internal/importpath"
	"etcdmod/rewrite/internal/source"
)

// Embedding.
//
// A struct that embeds *concurrency.Mutex has its methods. When it embeds the helper's
// Mutex instead, those which the helper declares anew stay where they were, Header moves
// one level down, and the helper's own ones are added. So nothing changes for the struct,
// nor for those that embed it in turn, as long as it has no other member by one of the
// names that are added, and no other Header that the deeper one could meet. No interface
// of the module may ask for what is added: the struct would satisfy it all at once.

// An embedder is a struct type that embeds the mutex, directly or not.
type embedder struct {
	file    *source.File
	at      token.Pos
	name    string
	t       types.Type
	generic bool
	field   []*types.Var // the embedded mutexes
}

// embedder notes a declaration of a struct type that embeds the mutex.
func (w *walker) embedder(n *ast.TypeSpec) {
	obj, ok := w.file.Pkg.TypesInfo.Defs[n.Name].(*types.TypeName)
	if !ok {
		return
	}
	if named, ok := obj.Type().(*types.Named); ok {
		embeddedBy(w, embedder{file: w.file, at: n.Pos(), name: n.Name.Name, t: named, generic: named.TypeParams() != nil})
	}
}

// namelessEmbedder notes a struct type without a name that embeds something which embeds the mutex.
func namelessEmbedder(w *walker, n *ast.StructType) {
	if spec, ok := w.parent().(*ast.TypeSpec); ok && !spec.Assign.IsValid() {
		return
	}
	t := w.file.TypeOf(n)
	embeddedBy(w, embedder{file: w.file, at: n.Pos(), name: "a struct type without a name", t: t, generic: len(typeParamsIn(t)) > 0})
}

func embeddedBy(w *walker, e embedder) {
	if e.field = w.file.MutexesIn(e.t, map[types.Type]bool{}); len(e.field) > 0 {
		w.embeds = append(w.embeds, e)
	}
}

// promoted notes the methods that a type has by embedding: those of an instance of generic
// code do not show the mutex where they are declared.
func (w *walker) promoted(n *ast.TypeSpec) {
	obj, ok := w.file.Pkg.TypesInfo.Defs[n.Name].(*types.TypeName)
	if !ok || obj.IsAlias() {
		return
	}
	named, ok := obj.Type().(*types.Named)
	if !ok || named.TypeParams() != nil || types.IsInterface(named) {
		return
	}
	for sel := range types.NewMethodSet(types.NewPointer(named)).Methods() {
		if fn, ok := sel.Obj().(*types.Func); ok && len(sel.Index()) > 1 && w.mutexIn(fn.Type()) {
			w.method(fn)
		}
	}
}

// asksForMore notes an interface with a method that only the helper's Mutex has.
func (w *walker) asksForMore(n *ast.InterfaceType) {
	iface, ok := w.file.TypeOf(n).(*types.Interface)
	if !ok {
		return
	}
	for i := 0; i < iface.NumExplicitMethods(); i++ {
		if source.HelperMethods[iface.ExplicitMethod(i).Name()] {
			w.asked = append(w.asked, n.Pos())
		}
	}
}

// embedding refuses the mutexes whose embedding would change what a struct can do.
func (f *Flow) embedding() {
	for _, e := range f.embeds {
		why := e.differs()
		if why == "" && len(f.asked) > 0 {
			why = fmt.Sprintf("%s could satisfy the interface at %s", e.name, f.p.Where(f.asked[0]))
		}
		if why == "" {
			continue
		}
		for _, field := range e.field {
			n := f.object(field)
			n.deny(finding.Reason{Code: finding.EmbeddedMutex, Detail: why, Pos: f.p.Position(e.at)})
		}
	}
}

// differs says what would be another member of the struct than before, or "".
func (e embedder) differs() string {
	if e.generic {
		return e.name + " has type parameters"
	}
	if len(e.field) > 1 {
		return e.name + " embeds more than one"
	}
	names := make([]string, 0, len(source.HelperMethods))
	for name := range source.HelperMethods {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if obj, index, _ := types.LookupFieldOrMethod(e.t, true, e.file.Pkg.Types, name); obj != nil || index != nil {
			return fmt.Sprintf("%s has its own %s", e.name, name)
		}
	}
	if otherHeader(e.file.Clients, e.t, map[types.Type]bool{}) {
		return e.name + " embeds another Header"
	}
	return ""
}

// otherHeader reports whether something that t embeds, besides the mutex, has a member
// called Header.
func otherHeader(c *source.Clients, t types.Type, seen map[types.Type]bool) bool {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	if seen[t] || c.IsMutex(t) {
		return false
	}
	seen[t] = true
	st, ok := source.Under(t).(*types.Struct)
	for i := 0; ok && i < st.NumFields(); i++ {
		v := st.Field(i)
		if !v.Embedded() {
			continue
		}
		if len(c.MutexesIn(v.Type(), map[types.Type]bool{})) == 0 && !c.IsMutexPtr(v.Type()) && !c.IsMutex(v.Type()) {
			if obj, index, _ := types.LookupFieldOrMethod(v.Type(), true, nil, "Header"); obj != nil || index != nil {
				return true
			}
		} else if otherHeader(c, v.Type(), seen) {
			return true
		}
	}
	return false
}

// headerValue refuses Header as a method value: the helper's Mutex has it from the client's, which
// it embeds, so that to take it from a nil one panics before any call.
func headerValue(w *walker, x *ast.SelectorExpr) {
	sel := w.file.Pkg.TypesInfo.Selections[x]
	if sel == nil || sel.Kind() != types.MethodVal || x.Sel.Name != "Header" {
		return
	}
	if call, ok := w.parent().(*ast.CallExpr); ok && ast.Unparen(call.Fun) == ast.Expr(x) {
		return
	}
	fn, ok := sel.Obj().(*types.Func)
	if !ok || fn.Signature().Recv() == nil || !w.p.IsMutexPtr(fn.Signature().Recv().Type()) {
		return
	}
	n, t := w.expr(x.X), w.file.TypeOf(x.X)
	for _, i := range sel.Index()[:len(sel.Index())-1] {
		if p, ok := source.Under(t).(*types.Pointer); ok {
			t = p.Elem()
		}
		st, ok := source.Under(t).(*types.Struct)
		if !ok {
			break
		}
		n, t = w.object(st.Field(i)), st.Field(i).Type()
	}
	w.poisonNode(n, finding.UnsupportedUse, x, "%s is not called there", w.p.Text(x))
}

// embeds reports whether a file without types has a struct type with the members of what another
// package declares, or gives such a type another name: a package of the module, or where the file
// imports none of that, one that may be built with it.
func embeds(u unreadUser, module string) (found bool) {
	direct := u.uses(module)
	suspect := func(name string) bool {
		for _, spec := range u.syntax.Imports {
			path := source.ImportPath(spec)
			is := pathpkg.Base(path)
			if spec.Name != nil {
				is = spec.Name.Name
			}
			if first, _, _ := strings.Cut(path, "/"); is == name {
				return importpath.Within(path, module) || !direct && strings.Contains(first, ".")
			}
		}
		return name != "." // of a package that is not called as its directory is
	}
	var from func(e ast.Expr) bool
	from = func(e ast.Expr) bool {
		switch e := e.(type) {
		case *ast.StarExpr:
			return from(e.X)
		case *ast.IndexExpr:
			return from(e.X)
		case *ast.IndexListExpr:
			return from(e.X)
		case *ast.SelectorExpr:
			id, ok := e.X.(*ast.Ident)
			return ok && suspect(id.Name)
		case *ast.Ident:
			return e.IsExported() && suspect(".")
		}
		return false
	}
	for n := range ast.Preorder(u.syntax) {
		switch n := n.(type) {
		case *ast.StructType:
			for _, field := range n.Fields.List {
				found = found || len(field.Names) == 0 && from(field.Type)
			}
		case *ast.TypeSpec:
			found = found || n.Assign.IsValid() && from(n.Type)
		}
	}
	return found
}
