package flow

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"sort"
	"strings"

	"etcdmod/internal/finding"
	"etcdmod/internal/importpath"
	"etcdmod/rewrite/internal/source"
)

// Boxes.
//
// A mutex in an interface can be taken out again by its type: by an assertion, a type
// switch, or code that looks at types at run time. The compiler does not check that, so
// what is put in and what takes it out must change together, or not at all. Which value
// meets which assertion cannot be told: all of them are one component.
//
// An interface with methods is only that as long as nobody asserts; an empty one is a box
// always. What leaves the module in a box is refused, but for the containers of the
// standard library, which give back what they are given.

// boxes are what a program puts into interfaces and takes out of them.
type boxes struct {
	in, out []*node          // mutexes that are converted, and types that are asserted
	from    []boxing         // the conversions
	bare    bool             // some are converted to an interface without methods
	asks    []token.Pos      // assertions that the helper's Mutex answers otherwise than the client's
	leaks   []finding.Reason // what may look at types at run time, or put in what is not followed
}

// A boxing is a conversion of a mutex to an interface.
type boxing struct {
	n     *node
	iface *types.Interface
	at    token.Pos
}

// inspectors are packages that tell values by their type at run time.
var inspectors = []string{
	"reflect", "go.uber.org/dig", "go.uber.org/fx", "github.com/samber/do", "github.com/facebookgo/inject",
	"github.com/codegangsta/inject", "github.com/defval/di", "github.com/sarulabs/di",
}

// toInterface judges a conversion of the mutex to an interface.
func (w *walker) toInterface(n *node, iface *types.Interface, dst types.Type, src ast.Expr) {
	t := w.file.TypeOf(src)
	if w.p.IsMutexPtr(t) {
		w.Ifaces = append(w.Ifaces, conversion{w.file, src, iface})
	}
	if w.ownName(t) {
		return // its name stays, and by that name assertions ask for it
	}
	name := types.TypeString(dst, nil)
	escapes := func(where string) { w.poisonNode(n, finding.EscapesInterface, src, "converted to %s%s", name, where) }
	if !w.p.IsMutexPtr(t) {
		escapes("")
		return
	}
	if named, ok := types.Unalias(dst).(*types.Named); ok && w.p.FileAt(named.Obj().Pos()) == nil {
		escapes(" of another module")
		return
	}
	if (observer{w}).foreignPlace(src) {
		escapes("")
		return
	}
	for i := 0; i < iface.NumMethods(); i++ {
		if !source.MutexMethods[iface.Method(i).Name()] {
			escapes("")
			return
		}
	}
	if iface.NumMethods() == 0 {
		w.boxes.bare = true
		observer{w}.shown(w.file, src)
		w.crosses(w.stack[len(w.stack)-1])
	}
	w.boxes.in = append(w.boxes.in, n)
	w.boxes.from = append(w.boxes.from, boxing{n, iface, src.Pos()})
}

// foreignPlace reports whether src goes to a parameter or field that another module
// declares, containers excepted.
func (w observer) foreignPlace(src ast.Expr) bool {
	switch at := w.stack[len(w.stack)-1].(type) {
	case *ast.CallExpr:
		if !slices.Contains(at.Args, src) {
			return false
		}
		switch to := w.file.Callee(at).(type) {
		case *types.Func:
			return w.p.FileAt(to.Pos()) == nil && !keeps(to)
		case *types.Var:
			if to.Pkg() != nil && w.p.FileAt(to.Pos()) == nil {
				return true
			}
		}
		return w.looks.places.called(w.file, at)
	case *ast.CompositeLit:
		named, ok := types.Unalias(w.file.TypeOf(at)).(*types.Named)
		return ok && w.p.FileAt(named.Obj().Pos()) == nil
	case *ast.SendStmt:
		to := w.file.Container(at.Chan)
		return to != nil && w.p.FileAt(to.Pos()) == nil || w.looks.places.have(w.file.TypeOf(at.Chan))
	case *ast.AssignStmt:
		for i, r := range at.Rhs {
			if r != src || len(at.Lhs) != len(at.Rhs) {
				continue
			}
			if to := w.file.Container(at.Lhs[i]); to != nil && w.p.FileAt(to.Pos()) == nil || w.looks.places.assigned(w.file, at.Lhs[i]) {
				return true
			}
		}
	}
	return false
}

// keeps reports whether fn belongs to a container.
func keeps(fn *types.Func) bool {
	return fn.Pkg() != nil && slices.Contains(containers[fn.Pkg().Path()], fn.Name())
}

// asserted notes a type that an assertion or a type switch asks for.
func (w *walker) asserted(e ast.Expr) {
	t := w.file.TypeOf(e)
	w.asksForHelper(t, e.Pos())
	switch params := typeParamsIn(t); {
	case source.IsNilExpr(w.file, e):
	case !w.mutexIn(t):
		for _, param := range params {
			if types.IsInterface(t) && !isTypeParam(t) {
				break // likewise
			}
			at := param.Obj().Pos()
			w.generics.asked[at] = append(w.generics.asked[at], askedParameter{e.Pos(), isTypeParam(t)})
		}
	case types.IsInterface(t): // its methods are joined with those that it asks for
	case w.p.IsMutexPtr(t):
		observer{w}.shown(w.file, e)
		if x, ok := w.parent().(*ast.TypeAssertExpr); ok {
			w.crosses(ast.Unparen(x.X))
		}
		w.boxes.out = append(w.boxes.out, w.typeExpr(e))
	default:
		w.poisonNode(w.typeExpr(e), finding.EscapesInterface, e, "%s is asserted", types.TypeString(t, nil))
	}
}

// asksForHelper notes a type that may be asserted, and that has methods which only the helper's
// Mutex has.
func (w *walker) asksForHelper(t types.Type, at token.Pos) {
	if helperOnly(t) {
		w.boxes.asks = append(w.boxes.asks, at)
	}
	if iface, ok := source.Under(t).(*types.Interface); ok && !isTypeParam(t) {
		for m := range iface.Methods() {
			if source.HelperMethods[m.Name()] {
				w.asked = append(w.asked, at)
				break
			}
		}
	}
}

// crosses notes a call of an exported function by which a mutex in an interface is handed on,
// or handed back.
func (w *walker) crosses(n ast.Node) {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return
	}
	fn, ok := w.file.Callee(call).(*types.Func)
	if !ok || !fn.Exported() {
		return
	}
	if f := w.p.FileAt(fn.Pos()); f != nil {
		observer{w}.shown(f, call)
	}
}

// shown notes a box of a package that other modules may import: what they put in or take
// out is not known.
func (w observer) shown(file *source.File, e ast.Expr) {
	if w.p.Importable(file) {
		r := finding.Reason{Code: finding.ExportedAPI, Detail: "other modules may import " + file.Pkg.PkgPath, Pos: w.p.Position(e.Pos())}
		w.boxes.leaks = append(w.boxes.leaks, r)
	}
}

// literalName notes a string that names the type.
func (w *Flow) literalName(n *ast.BasicLit) {
	if n.Kind == token.STRING && strings.Contains(n.Value, "concurrency.Mutex") {
		w.boxes.leaks = append(w.boxes.leaks, finding.Reason{Code: finding.EscapesInterface, Detail: "a string names the type", Pos: w.p.Position(n.Pos())})
	}
}

// settle joins what may meet in an interface.
func (f *Flow) settle() {
	b := &f.boxes
	if len(b.in)+len(b.out) == 0 {
		return
	}
	var reasons []finding.Reason
	for _, at := range b.asks {
		reasons = append(reasons, finding.Reason{Code: finding.EscapesInterface, Detail: "an assertion would have another answer", Pos: f.p.Position(at)})
	}
	if !b.bare && len(b.out) == 0 && !f.equal.compares(f.mutex, f.looks.raised) {
		// Nothing takes them out, nor tells a nil one from another, so they need not change together.
		for _, n := range b.in {
			n.find().deny(reasons...)
		}
		return
	}
	if r := f.leak(); r != nil {
		reasons = append(reasons, *r)
	}
	all := append(append([]*node(nil), b.in...), b.out...)
	for _, n := range all[1:] {
		unify(all[0], n)
	}
	all[0].find().deny(reasons...)
}

// leak returns a reason why not everything that may meet in an interface is known, or nil.
func (f *Flow) leak() *finding.Reason {
	if ls := f.boxes.leaks; len(ls) > 0 {
		return &finding.Reason{Code: finding.EscapesInterface, Detail: "it may meet, in an interface, what is not followed: " + ls[0].String(), Pos: ls[0].Pos}
	}
	if at := inspects(f.p); at != nil {
		return &finding.Reason{Code: finding.EscapesInterface, Detail: at.Path.Value + " may ask for its type", Pos: f.p.Position(at.Pos())}
	}
	clauses, paths := map[string]bool{}, map[string]bool{}
	for _, file := range f.p.Files {
		clauses[clause(file.Name, file.Syntax)], paths[file.Pkg.PkgPath] = true, true
	}
	for _, u := range f.ignored {
		if u.client && (clauses[u.clause] || slices.ContainsFunc(u.imports, func(path string) bool { return paths[path] })) {
			return &finding.Reason{Code: finding.BuildTagged, Detail: f.p.Rel(u.name)}
		}
	}
	if path := otherUser(f.p); path != "" {
		return &finding.Reason{Code: finding.EscapesInterface, Detail: "it may meet, in an interface, a mutex of " + path}
	}
	return nil
}

// inspects returns an import of a package that tells values by their type, or nil.
func inspects(p *source.Program) *ast.ImportSpec {
	for _, f := range p.Files {
		for _, spec := range f.Syntax.Imports {
			path := source.ImportPath(spec)
			if importpath.WithinAny(path, inspectors) {
				return spec
			}
		}
	}
	return nil
}

// clientModules are where packages of etcd clients lie: their own code asks for no mutex.
var clientModules = []string{"go.etcd.io/etcd", "github.com/coreos/etcd"}

// otherUser returns the import path of a package outside the module that can name a mutex,
// since it or what it imports uses the client's package concurrency, or "": a mutex of its own
// may come out of its interfaces.
func otherUser(p *source.Program) string {
	var found []string
	loaded := map[string]bool{}
	for _, pkg := range p.In.Packages {
		loaded[pkg.PkgPath] = true
	}
	uses := map[*types.Package]bool{}
	seen := map[*types.Package]bool{}
	var visit func(pkg *types.Package)
	visit = func(pkg *types.Package) {
		if seen[pkg] {
			return
		}
		seen[pkg] = true
		own := loaded[pkg.Path()]
		if _, client := p.ConcurrencyPath(pkg); client || !own && importpath.WithinAny(pkg.Path(), clientModules) {
			return
		}
		for _, imported := range pkg.Imports() {
			visit(imported)
			_, client := p.ConcurrencyPath(imported)
			uses[pkg] = uses[pkg] || client || uses[imported]
		}
		if uses[pkg] && !own {
			found = append(found, pkg.Path())
		}
	}
	for _, pkg := range p.In.Packages {
		if pkg.Types != nil {
			visit(pkg.Types)
		}
	}
	if len(found) == 0 {
		return ""
	}
	sort.Strings(found)
	return found[0]
}
