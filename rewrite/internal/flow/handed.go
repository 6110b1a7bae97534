package flow

import (
	"cmp"
	"go/ast"
	"go/token"
	"go/types"
	pathpkg "path"
	"slices"

	"etcdmod/rewrite/internal/source"
)

// What files without types do with what this module declares.
//
// Without types the names of it tell, and those of what is made from it. What is done with it but
// to call its methods is not known: it goes to where its type may be looked at, or has to be another.

// A mark says what a name gives: a bit for each result of a function that counts.
type mark uint64

const (
	always mark = 1 << 63 // every use counts: it asks for a type, or is one
	named1 mark = 1       // a value, or the first result
)

// A declared set has the names of declarations that count: at package level by import path, and those of fields
// and methods.
type declared struct {
	top     map[string]map[string]mark
	members map[string]mark
	params  map[string]map[string]mark // which parameters count, of functions in top
	names   map[string]string          // of packages, by import path
}

func (d declared) empty() bool { return len(d.top)+len(d.members) == 0 }

// add takes a declaration, in which a type counts that counted holds for.
func (d declared) add(file *source.File, obj types.Object, counted func(types.Type) bool) {
	m, params := named1, mark(0)
	switch obj := obj.(type) {
	case *types.TypeName:
		m = always
	case *types.Func:
		sig := obj.Signature()
		m, params = marks(sig.Results(), counted), marks(sig.Params(), counted)
		if params != 0 {
			m |= always
		}
	}
	d.put(file, obj, m, params)
}

// put takes a declaration that gives m, of which those parameters count.
func (d declared) put(file *source.File, obj types.Object, m, params mark) {
	if !source.IsPackageLevel(obj) {
		d.members[obj.Name()] |= m
		return
	}
	path := file.Pkg.PkgPath
	if d.top[path] == nil {
		d.top[path], d.params[path] = map[string]mark{}, map[string]mark{}
	}
	d.top[path][obj.Name()] |= m
	d.params[path][obj.Name()] |= params
	d.names[path] = file.Pkg.Name
}

func marks(vars *types.Tuple, counted func(types.Type) bool) (m mark) {
	for i := range min(vars.Len(), 60) {
		if counted(vars.At(i).Type()) {
			m |= 1 << i
		}
	}
	return m
}

func newDeclared() declared {
	return declared{map[string]map[string]mark{}, map[string]mark{}, map[string]map[string]mark{}, map[string]string{}}
}

// A handing looks at files of one package, which no types are known of.
type handing struct {
	declared
	built bool // a compiler looks at them as well
	vars  map[string]bool
	typed map[string]bool // variables that are declared as a pointer to a Mutex
	funcs map[string]*ast.FuncDecl
	pkgs  map[string]string // import paths by the names that the file has for them
	dots  []string
	found bool
}

// hands reports whether files of one package, of which a compiler sees those that are built, do
// more with what is declared than to call methods of the mutex.
func (d declared) hands(files []unreadUser, built func(name string) bool) (who string) {
	if d.empty() {
		return ""
	}
	h := &handing{declared: d, vars: map[string]bool{}, typed: map[string]bool{}, funcs: map[string]*ast.FuncDecl{}}
	for _, u := range files {
		for _, decl := range u.syntax.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil {
				h.funcs[fn.Name.Name] = fn
			}
		}
	}
	for again := true; again; {
		had := len(h.vars)
		for _, u := range files {
			h.enter(u)
			ast.Inspect(u.syntax, h.learn)
		}
		again = len(h.vars) > had
	}
	for _, u := range files {
		h.enter(u)
		h.built = built(u.name)
		if h.visit(u.syntax); h.found {
			return u.name
		}
	}
	return ""
}

// enter takes the names that a file has for packages.
func (h *handing) enter(u unreadUser) {
	h.pkgs, h.dots = map[string]string{}, nil
	for _, spec := range u.syntax.Imports {
		path := source.ImportPath(spec)
		name := cmp.Or(h.names[path], pathpkg.Base(path)) // of another module it is a guess
		if spec.Name != nil {
			name = spec.Name.Name
		}
		switch {
		case name == ".":
			h.dots = append(h.dots, path)
		default:
			h.pkgs[name] = path
		}
	}
}

// learn takes the names of variables that are made from what is declared.
func (h *handing) learn(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok == token.DEFINE {
			h.define(n.Lhs, n.Rhs)
		}
	case *ast.ValueSpec:
		for _, id := range n.Names {
			h.typed[id.Name] = h.typed[id.Name] || isMutexType(n.Type)
		}
		lhs := make([]ast.Expr, len(n.Names))
		for i, id := range n.Names {
			lhs[i] = id
		}
		h.define(lhs, n.Values)
	case *ast.RangeStmt:
		if h.made(n.X) != 0 {
			for _, e := range []ast.Expr{n.Key, n.Value} {
				h.name(e)
			}
		}
	}
	return true
}

func (h *handing) define(lhs, rhs []ast.Expr) {
	switch {
	case len(lhs) == len(rhs):
		for i, e := range rhs {
			if h.made(e) != 0 {
				h.name(lhs[i])
			}
		}
	case len(rhs) == 1:
		m := h.made(rhs[0])
		for i, e := range lhs {
			if m&(1<<i) != 0 {
				h.name(e)
			}
		}
	}
}

func (h *handing) name(e ast.Expr) {
	if id, ok := e.(*ast.Ident); ok && id.Name != "_" {
		h.vars[id.Name] = true
	}
}

// made says what an expression gives that is, or comes from, what is declared.
func (h *handing) made(e ast.Expr) mark {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		if h.vars[e.Name] {
			return named1
		}
		for _, path := range h.dots {
			if m := h.top[path][e.Name]; m != 0 {
				return m
			}
		}
	case *ast.SelectorExpr:
		if id, ok := e.X.(*ast.Ident); ok && h.pkgs[id.Name] != "" && !h.vars[id.Name] {
			return h.top[h.pkgs[id.Name]][e.Sel.Name]
		}
		return h.members[e.Sel.Name]
	case *ast.CallExpr:
		return h.made(e.Fun)
	case *ast.IndexExpr:
		return h.made(e.X)
	case *ast.IndexListExpr:
		return h.made(e.X)
	case *ast.StarExpr:
		return h.made(e.X)
	case *ast.UnaryExpr:
		if e.Op == token.AND || e.Op == token.ARROW {
			return h.made(e.X)
		}
	}
	return 0
}

// visit looks at what becomes of all that is made.
func (h *handing) visit(n ast.Node) {
	if n != nil {
		ast.Inspect(n, h.node)
	}
}

func (h *handing) node(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.ImportSpec:
		return false
	case *ast.Field:
		h.visit(n.Type)
		return false
	case *ast.FuncDecl:
		if n.Recv != nil {
			h.visit(n.Recv)
		}
		h.visit(n.Type)
		if n.Body != nil {
			h.visit(n.Body)
		}
		return false
	case *ast.ExprStmt:
		return !h.below(n.X)
	case *ast.DeferStmt:
		return !h.below(n.Call)
	case *ast.GoStmt:
		return !h.below(n.Call)
	case *ast.AssignStmt:
		if n.Tok == token.DEFINE || !slices.ContainsFunc(n.Lhs, func(e ast.Expr) bool { id, ok := e.(*ast.Ident); return !ok || id.Name != "_" }) {
			for _, e := range n.Rhs {
				h.value(e)
			}
			return false
		}
		if h.built && h.compiled(n) {
			for _, e := range n.Rhs {
				h.value(e)
			}
			return false
		}
	case *ast.DeclStmt: // what a package declares others may use
		if d, ok := n.Decl.(*ast.GenDecl); ok && d.Tok == token.VAR {
			for _, spec := range d.Specs {
				if v, ok := spec.(*ast.ValueSpec); ok && v.Type == nil {
					for _, e := range v.Values {
						h.value(e)
					}
				} else {
					h.visit(spec)
				}
			}
			return false
		}
	case *ast.ValueSpec:
		if n.Type != nil {
			h.visit(n.Type)
		}
		blank := !slices.ContainsFunc(n.Names, func(id *ast.Ident) bool { return id.Name != "_" }) && n.Type == nil
		for _, e := range n.Values {
			if blank || h.built && isMutexType(n.Type) {
				h.value(e)
			} else {
				h.visit(e)
			}
		}
		return false
	case *ast.RangeStmt:
		h.value(n.X)
		h.visit(n.Body)
		return false
	case *ast.BinaryExpr:
		if isNil(n.X) || isNil(n.Y) {
			h.value(n.X)
			h.value(n.Y)
			return false
		}
	case *ast.CallExpr:
		if sel, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr); ok && source.MutexMethods[sel.Sel.Name] && h.made(sel) == 0 && h.below(sel.X) {
			for _, a := range n.Args {
				h.visit(a)
			}
			return false
		}
		if h.built && h.wants(n.Fun) != 0 && h.made(n)&^always == 0 {
			h.below(n)
			return false
		}
		if id, ok := n.Fun.(*ast.Ident); ok && h.built && h.funcs[id.Name] != nil {
			h.arguments(n, h.funcs[id.Name])
			return false
		}
	case *ast.KeyValueExpr:
		if id, ok := n.Key.(*ast.Ident); ok {
			h.found = h.found || h.members[id.Name] != 0
			h.visit(n.Value)
			return false
		}
	case *ast.SelectorExpr:
		if h.made(n) != 0 {
			h.found = true
		}
		h.visit(n.X)
		return false
	case *ast.Ident:
		h.found = h.found || h.made(n) != 0
	}
	return !h.found
}

// arguments looks at a call of a function beside it. One that asks for a mutex by its type does not
// compile with another.
func (h *handing) arguments(call *ast.CallExpr, fn *ast.FuncDecl) {
	var params []ast.Expr
	for _, f := range fn.Type.Params.List {
		for range max(len(f.Names), 1) {
			params = append(params, f.Type)
		}
	}
	for i, a := range call.Args {
		if i < len(params) && fn.Type.TypeParams == nil && isMutexType(params[i]) {
			h.value(a)
		} else {
			h.visit(a)
		}
	}
}

// compiled reports whether what counts in an assignment goes to variables of the type of a mutex alone: the
// compiler says where that does not fit.
func (h *handing) compiled(n *ast.AssignStmt) bool {
	if n.Tok != token.ASSIGN {
		return false
	}
	for i, l := range n.Lhs {
		id, ok := l.(*ast.Ident)
		if ok && (id.Name == "_" || h.typed[id.Name]) {
			continue
		}
		switch {
		case !ok:
			return false
		case len(n.Lhs) == len(n.Rhs):
			if h.made(n.Rhs[i]) != 0 {
				return false
			}
		case h.made(n.Rhs[0])&(1<<i) != 0:
			return false
		}
	}
	return true
}

func isMutexType(e ast.Expr) bool {
	star, ok := e.(*ast.StarExpr)
	if !ok {
		return false
	}
	sel, ok := star.X.(*ast.SelectorExpr)
	return ok && sel.Sel.Name == "Mutex"
}

// value looks at an expression where what it gives goes nowhere.
func (h *handing) value(e ast.Expr) {
	if !h.below(e) {
		h.visit(e)
	}
}

// below looks at what is below an expression that is made, if it is one.
func (h *handing) below(e ast.Expr) bool {
	m := h.made(e)
	if m == 0 {
		return false
	}
	if call, ok := ast.Unparen(e).(*ast.CallExpr); ok && h.built {
		if params := h.wants(call.Fun); params != 0 { // what has another type there does not compile
			for i, a := range call.Args {
				if params&(1<<i) != 0 {
					h.value(a)
				} else {
					h.visit(a)
				}
			}
			return true
		}
	}
	h.found = h.found || m&always != 0
	switch e := ast.Unparen(e).(type) {
	case *ast.SelectorExpr:
		h.value(e.X)
	case *ast.CallExpr:
		h.value(e.Fun)
		for _, a := range e.Args {
			h.visit(a)
		}
	case *ast.IndexExpr:
		h.value(e.X)
		h.visit(e.Index)
	case *ast.IndexListExpr:
		h.value(e.X)
	case *ast.StarExpr:
		h.value(e.X)
	case *ast.UnaryExpr:
		h.value(e.X)
	}
	return true
}

// wants says which parameters of a function count.
func (h *handing) wants(e ast.Expr) mark {
	sel, ok := ast.Unparen(e).(*ast.SelectorExpr)
	if !ok {
		return 0
	}
	id, ok := sel.X.(*ast.Ident)
	if !ok {
		return 0
	}
	return h.params[h.pkgs[id.Name]][sel.Sel.Name]
}

func isNil(e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == "nil"
}
