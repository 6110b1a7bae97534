package told

import (
	"go/ast"
	"go/types"
	"slices"

	"etcdmod/rewrite/internal/source"
)

// heard says what is heard: metrics, what is printed, or lines, and whether what tests give to loggers
// counts too.
type heard struct{ metrics, printed, tests bool }

// Sink returns the name of code of the module that runs when a function of that log package is called
// in a test or elsewhere, and sets what others read, or "".
func (t *Told) Sink(path string, test bool) string {
	h := heard{IsMetrics(path), !IsLogPackage(path), test} // package fmt prints
	if name, known := t.sinks[h]; known {
		return name
	}
	name := ""
	for _, f := range t.p.Files {
		if name == "" && !f.IsHelper() && (test || !f.Test) {
			name = t.sinkIn(f, h)
		}
	}
	t.sinks[h] = name
	return name
}

func (t *Told) sinkIn(f *source.File, h heard) (name string) {
	if name = t.streams(f); h.metrics {
		name = ""
	}
	if name != "" || h.printed {
		return name
	}
	logs := func(p *types.Package) bool {
		return p != nil && IsLogPackage(p.Path()) && IsMetrics(p.Path()) == h.metrics
	}
	if path := f.Pkg.PkgPath; IsLogPackage(path) {
		return "" // a copy of a logger in the module
	}
	for _, d := range f.Syntax.Decls {
		if decl, ok := d.(*ast.FuncDecl); ok && decl.Recv != nil && name == "" {
			if m, ok := f.Pkg.TypesInfo.Defs[decl.Name].(*types.Func); ok && t.takes(m, logs) && t.noticed(decl) {
				name = Name(m)
			}
		}
	}
	called := map[ast.Expr]bool{}
	ast.Inspect(f.Syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr: // a function of the logger that is no more called by its name
			if fn, ok := f.ObjectOf(n.Sel).(*types.Func); ok && logs(fn.Pkg()) && !called[n] && name == "" {
				name = t.unnamed(f, fn)
			}
		case *ast.CallExpr:
			called[ast.Unparen(n.Fun)] = true
			if to := f.TypeOf(n.Fun); f.Pkg.TypesInfo.Types[n.Fun].IsType() && logs(pkgOf(to)) && len(n.Args) == 1 {
				name = t.given(f, to, n.Args[0], name)
			} else if fn, ok := f.Callee(n).(*types.Func); ok && logs(fn.Pkg()) {
				name = t.args(f, fn, n, name)
			}
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				if v := f.VariableOf(l); len(n.Lhs) == len(n.Rhs) && v != nil && v.IsField() && logs(v.Pkg()) {
					name = t.given(f, v.Type(), n.Rhs[i], name)
				}
			}
		case *ast.KeyValueExpr:
			id, ok := n.Key.(*ast.Ident)
			if !ok {
				break
			}
			if v, ok := f.ObjectOf(id).(*types.Var); ok && v.IsField() && logs(v.Pkg()) {
				name = t.given(f, v.Type(), n.Value, name)
			}
		}
		return name == ""
	})
	return name
}

func (t *Told) noticed(fn ast.Node) bool { return changesOf(t.p, fn).read() }

// OfLogs reports whether a log package declares a type, or what it points to.
func OfLogs(typ types.Type) bool {
	p := pkgOf(typ)
	return p != nil && IsLogPackage(p.Path())
}

// pkgOf returns the package that declares a type, or what it points to.
func pkgOf(typ types.Type) *types.Package {
	if p, ok := types.Unalias(typ).(*types.Pointer); ok {
		typ = p.Elem()
	}
	if n, ok := types.Unalias(typ).(*types.Named); ok {
		return n.Obj().Pkg()
	}
	return nil
}

// takes reports whether a method is one by which a logger hands on what is logged: its type goes into
// an interface that a log package declares. Those that are asked when somebody looks at metrics, and
// those in texts, are none.
func (t *Told) takes(m *types.Func, logs func(*types.Package) bool) bool {
	if _, text := texts[m.Name()]; text || m.Name() == "Collect" || m.Name() == "Describe" || m.Name() == "Gather" {
		return false
	}
	for _, pkg := range t.p.Packages {
		for _, q := range pkg.Types.Imports() {
			if !logs(q) {
				continue
			}
			for _, name := range q.Scope().Names() {
				tn, ok := q.Scope().Lookup(name).(*types.TypeName)
				if !ok {
					continue
				}
				i, ok := tn.Type().Underlying().(*types.Interface)
				if ok && slices.ContainsFunc(slices.Collect(i.Methods()), func(im *types.Func) bool { return im.Name() == m.Name() }) && implements(m, i) {
					return true
				}
			}
		}
	}
	return false
}

// args looks at what a function of a log package, or one that makes what such a function is given, is
// given itself.
func (t *Told) args(f *source.File, fn *types.Func, call *ast.CallExpr, name string) string {
	sig := fn.Signature()
	for i, a := range call.Args {
		at := min(i, sig.Params().Len()-1)
		if at < 0 {
			break
		}
		typ := sig.Params().At(at).Type()
		if s, ok := typ.(*types.Slice); ok && sig.Variadic() && at == sig.Params().Len()-1 && !call.Ellipsis.IsValid() {
			typ = s.Elem()
		}
		name = t.given(f, typ, a, name)
	}
	return name
}

// given returns the name of code that runs for each line when e is given as one of type to, or name
// where there is that already.
func (t *Told) given(f *source.File, to types.Type, e ast.Expr, name string) string {
	if name != "" || f.Pkg.TypesInfo.Types[e].IsNil() {
		return name
	}
	switch u := source.Under(to).(type) {
	case *types.Signature:
		return t.function(f, e)
	case *types.Interface:
		if slices.ContainsFunc(slices.Collect(u.Methods()), func(m *types.Func) bool { return m.Name() == "Write" }) {
			return t.writer(f, u, e)
		}
	}
	return ""
}

// function returns the name of a function that is given to a logger, if what it sets is read.
func (t *Told) function(f *source.File, e ast.Expr) string {
	switch x := ast.Unparen(e).(type) {
	case *ast.FuncLit:
		if t.noticed(x) {
			return "a function literal"
		}
		return ""
	case *ast.Ident, *ast.SelectorExpr:
		id := source.NameIn(x)
		if fn, ok := f.ObjectOf(id).(*types.Func); ok {
			if decl := t.p.DeclOf(fn); decl != nil && decl.Body != nil && t.noticed(decl) {
				return fn.Name()
			}
			return ""
		}
		return id.Name // whatever it holds
	case *ast.CallExpr:
		if fn, ok := f.Callee(x).(*types.Func); ok && t.p.DeclOf(fn) == nil {
			return t.args(f, fn, x, "")
		}
	}
	return "a function value"
}

// writer returns the name of what writes the lines that go to e.
func (t *Told) writer(f *source.File, to *types.Interface, e ast.Expr) string {
	typ := f.TypeOf(e)
	if name := t.keepsLines(f, e, typ); name != "" {
		return name
	}
	if _, unknown := source.Under(typ).(*types.Interface); !unknown {
		obj, _, _ := types.LookupFieldOrMethod(typ, true, nil, "Write")
		if m, ok := obj.(*types.Func); ok {
			if decl := t.p.DeclOf(m); decl != nil && decl.Body != nil && t.noticed(decl) {
				return Name(m)
			}
		}
		if call, ok := ast.Unparen(e).(*ast.CallExpr); ok {
			if fn, ok := f.Callee(call).(*types.Func); ok && t.p.DeclOf(fn) == nil { // it may write to another
				return t.args(f, fn, call, "")
			}
		}
		return ""
	}
	if call, ok := ast.Unparen(e).(*ast.CallExpr); ok {
		if fn, ok := f.Callee(call).(*types.Func); ok && t.p.DeclOf(fn) == nil {
			return t.args(f, fn, call, "")
		}
	}
	if t.pipes(f.Test) {
		return "whatever reads a pipe"
	}
	return t.anyWriter(f, to)
}

// anyWriter returns the name of a method of the module that writes lines which are read, or "".
func (t *Told) anyWriter(f *source.File, to *types.Interface) string {
	for _, g := range t.p.Files {
		if g.IsHelper() || g.Test && !f.Test {
			continue
		}
		for _, d := range g.Syntax.Decls {
			decl, ok := d.(*ast.FuncDecl)
			if !ok || decl.Recv == nil || decl.Name.Name != "Write" || decl.Body == nil {
				continue
			}
			if m, ok := g.Pkg.TypesInfo.Defs[decl.Name].(*types.Func); ok && implements(m, to) && t.noticed(decl) {
				return Name(m)
			}
		}
	}
	return ""
}
