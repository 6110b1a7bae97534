package flow

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/types/typeutil"

	"etcdmod/rewrite/internal/source"
)

// Origins.
//
// What may be in an interface is told by types: whatever is converted to one, and has its methods.
// Where a value comes from narrows that down, as long as it can be followed without a guess:
// through local variables, the parameters of functions that only this module calls by name, and
// recover, which gives what is given to panic. Code outside the module panics with values of its
// own.

// origins know where the values of variables come from. They are looked for when the first one is
// asked for.
type origins struct {
	*Flow
	values  map[token.Pos][]origin      // what is assigned to a local variable, by its declaration
	unclear map[token.Pos]bool          // variables that get something otherwise, and functions that others may call
	calls   map[token.Pos][]source.Call // of functions, by their declaration
	params  map[token.Pos]parameterOf
	zero    map[token.Pos]bool    // variables that are declared without a value
	ends    map[ast.Expr][]origin // what leaves returned for them
	text    func(types.Type) string
	ids     typeutil.Map // type -> a number of its own
}

func newOrigins(f *Flow) *origins {
	return &origins{Flow: f, text: memoized(func(t types.Type) string { return types.TypeString(t, nil) })}
}

// A parameterOf is a parameter of a function that code outside the module cannot call.
type parameterOf struct {
	fn       token.Pos
	index    int
	variadic bool
}

// brings reports whether a value of type t, which is in interfaces, may come to a meeting.
// reaches says whether it may come to an interface by its type.
func (o *origins) brings(m meeting, t types.Type, reaches func(*types.Interface) bool) bool {
	if !reaches(m.iface) {
		return false
	}
	if m.src.src == nil {
		return true
	}
	return slices.ContainsFunc(o.endsOf(m.src), func(leaf origin) bool {
		if leaf.src == nil {
			return true
		}
		from := leaf.file.TypeOf(leaf.src)
		// A slice of interfaces is one value, or a list of them.
		if s, ok := source.Under(from).(*types.Slice); ok && types.IsInterface(s.Elem()) && reaches(source.Under(s.Elem()).(*types.Interface)) {
			return true
		}
		if iface, ok := source.Under(from).(*types.Interface); ok {
			return reaches(iface)
		}
		// The types of a package and of its test variant are not identical.
		return o.text(from) == o.text(t) || m.look >= members && slices.ContainsFunc(o.interfacesIn(from, m.look), reaches)
	})
}

// endsOf is [origins.leaves], found once.
func (o *origins) endsOf(src origin) []origin {
	if o.values == nil {
		o.read()
	}
	leaves, known := o.ends[src.src]
	if !known {
		leaves = o.leaves(src, map[ast.Expr]bool{})
		o.ends[src.src] = leaves
	}
	return leaves
}

// kind tells meetings apart: those with one kind are brought the same. They have the look and the interface in
// common, and the types of what the value may come from, where those are known.
func (o *origins) kind(m meeting) string {
	var leaves []origin
	open := m.src.src == nil
	if !open {
		leaves = o.endsOf(m.src)
		open = slices.ContainsFunc(leaves, func(leaf origin) bool { return leaf.src == nil })
	}
	if open {
		return fmt.Sprint(m.look, o.id(m.iface)) // whatever reaches the interface
	}
	var from []int
	for _, leaf := range leaves {
		from = append(from, o.id(leaf.file.TypeOf(leaf.src)))
	}
	slices.Sort(from)
	return fmt.Sprint(m.look, o.id(m.iface), slices.Compact(from))
}

// id is a number that identical types have in common.
func (o *origins) id(t types.Type) int {
	id, ok := o.ids.At(t).(int)
	if !ok {
		id = o.ids.Len()
		o.ids.Set(t, id)
	}
	return id
}

// leaves returns the expressions that a value may come from and that are followed no further.
func (o *origins) leaves(at origin, seen map[ast.Expr]bool) (out []origin) {
	if at.src == nil {
		return []origin{at}
	}
	src := ast.Unparen(at.src)
	if seen[src] {
		return nil
	}
	seen[src] = true
	all := func(from []origin) (out []origin) {
		for _, f := range from {
			out = append(out, o.leaves(f, seen)...)
		}
		return out
	}
	switch src := src.(type) {
	case *ast.CallExpr:
		if id, ok := ast.Unparen(src.Fun).(*ast.Ident); ok && at.file.ObjectOf(id) == types.Universe.Lookup("recover") {
			return all(o.looks.panics)
		}
		if at.file.Pkg.TypesInfo.Types[src.Fun].IsType() && len(src.Args) == 1 {
			return all([]origin{{at.file, src.Args[0]}})
		} else if isTuple(at.file.TypeOf(src)) {
			break
		}
		if fn, ok := at.file.Callee(src).(*types.Func); ok {
			if from := resultsOf(o.Flow, fn, 0); from != nil {
				return all(from)
			}
		}
	case *ast.Ident:
		v, ok := at.file.ObjectOf(src).(*types.Var)
		if !ok || v.IsField() || source.IsPackageLevel(v) || o.unclear[v.Pos()] {
			break
		}
		p, isParam := o.params[v.Pos()]
		from, assigned := o.values[v.Pos()]
		if isParam && !o.unclear[p.fn] {
			return all(append(slices.Clone(from), o.given(p)...))
		} else if assigned && !isParam {
			return all(from)
		}
	}
	return []origin{at}
}

// returned returns what a function that is a value may give as its i-th result; an origin without an
// expression is anything.
func (w observer) returned(src ast.Expr, i int) []origin {
	switch src := ast.Unparen(src).(type) {
	case *ast.FuncLit:
		return results(w.file, src.Type, src.Body, i)
	case *ast.Ident:
		if fn, ok := w.file.ObjectOf(src).(*types.Func); ok {
			if from := resultsOf(w.Flow, fn, i); from != nil {
				return from
			}
		}
	}
	return []origin{{}}
}

// resultsOf returns what a function of the module gives as its i-th result, or nil if that cannot be told.
func resultsOf(f *Flow, fn *types.Func, i int) []origin {
	sig := fn.Signature()
	decl, file := f.p.Declaration(fn.Pos())
	if decl == nil || decl.Body == nil || sig.TypeParams() != nil || sig.RecvTypeParams() != nil || f.looks.linked[fn.Pos()] {
		return nil
	}
	return results(file, decl.Type, decl.Body, i)
}

// results returns what a function gives as its i-th result. One that has a name may be set by a deferred
// function.
func results(f *source.File, t *ast.FuncType, body *ast.BlockStmt, i int) (out []origin) {
	if t.Results == nil || len(t.Results.List[0].Names) > 0 {
		return []origin{{}}
	}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			from := origin{}
			if i < len(n.Results) && (i > 0 || len(n.Results) > 1 || !isTuple(f.TypeOf(n.Results[0]))) {
				from = origin{f, n.Results[i]}
			}
			out = append(out, from)
		}
		return true
	})
	return out
}

func isTuple(t types.Type) bool { _, ok := t.(*types.Tuple); return ok }

// given returns the arguments for a parameter.
func (o *origins) given(p parameterOf) (out []origin) {
	for _, call := range o.calls[p.fn] {
		args := call.Expr.Args
		switch {
		case p.index >= len(args):
		case p.variadic && !call.Expr.Ellipsis.IsValid():
			for _, a := range args[p.index:] {
				out = append(out, origin{call.File, a})
			}
		default:
			out = append(out, origin{call.File, args[p.index]})
		}
	}
	return out
}

// always reports whether an expression is a variable that only gets values of types that count.
func (o *origins) always(at origin, counts func(types.Type) bool) bool {
	if o.values == nil {
		o.read()
	}
	id, ok := ast.Unparen(at.src).(*ast.Ident)
	if !ok {
		return false
	}
	v, ok := at.file.ObjectOf(id).(*types.Var)
	if !ok || v.IsField() || source.IsPackageLevel(v) || o.unclear[v.Pos()] || o.zero[v.Pos()] {
		return false
	}
	from := slices.Clone(o.values[v.Pos()])
	if p, isParam := o.params[v.Pos()]; isParam {
		if o.unclear[p.fn] || p.variadic {
			return false
		}
		from = append(from, o.given(p)...)
	}
	return len(from) > 0 && !slices.ContainsFunc(from, func(f origin) bool { return f.src == nil || !counts(f.file.TypeOf(f.src)) })
}

func (o *origins) read() {
	o.values, o.unclear, o.calls, o.params = map[token.Pos][]origin{}, map[token.Pos]bool{}, map[token.Pos][]source.Call{}, map[token.Pos]parameterOf{}
	o.zero, o.ends = map[token.Pos]bool{}, map[ast.Expr][]origin{}
	for _, f := range o.p.Files {
		w := &originWalker{origins: o, file: f, called: map[*ast.Ident]bool{}, spread: map[*ast.Ident]bool{}}
		unread := slices.ContainsFunc(o.ignored, func(u unreadUser) bool { return u.near(f) })
		for n := range ast.Preorder(f.Syntax) {
			w.visit(n, unread)
		}
	}
}

type originWalker struct {
	*origins
	file   *source.File
	called map[*ast.Ident]bool // names of what is called
	spread map[*ast.Ident]bool // slices that code outside the module gets as its arguments
}

func (w *originWalker) visit(n ast.Node, unread bool) {
	switch n := n.(type) {
	case *ast.FuncDecl:
		if fn, ok := w.file.Pkg.TypesInfo.Defs[n.Name].(*types.Func); ok && !unread && (!fn.Exported() || !w.p.Importable(w.file) && !w.p.MaybePlugin(w.file)) {
			w.parameters(fn)
		}
	case *ast.Field: // of a signature; params has those that are known
		for _, name := range n.Names {
			if obj := w.file.ObjectOf(name); obj != nil {
				_, known := w.params[obj.Pos()]
				w.unclear[obj.Pos()] = w.unclear[obj.Pos()] || !known
			}
		}
	case *ast.CaseClause:
		if v := w.file.Pkg.TypesInfo.Implicits[n]; v != nil {
			w.unclear[v.Pos()] = true
		}
	case *ast.ValueSpec:
		lhs := make([]ast.Expr, len(n.Names))
		for i, name := range n.Names {
			lhs[i] = name
			if obj := w.file.ObjectOf(name); obj != nil {
				w.values[obj.Pos()] = slices.Clip(w.values[obj.Pos()])
				w.zero[obj.Pos()] = len(n.Values) == 0
			}
		}
		if len(n.Values) > 0 {
			w.assign(lhs, n.Values, true)
		}
	case *ast.AssignStmt:
		w.assign(n.Lhs, n.Rhs, n.Tok == token.ASSIGN || n.Tok == token.DEFINE)
	case *ast.RangeStmt:
		w.assign([]ast.Expr{n.Key, n.Value}, nil, false)
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			w.assign([]ast.Expr{n.X}, nil, false)
		}
	case *ast.CallExpr:
		w.call(n)
	case *ast.Ident:
		w.use(n)
	}
}

// parameters notes those of a function that is called by its name alone.
func (w *originWalker) parameters(fn *types.Func) {
	sig := fn.Signature()
	if sig.Recv() != nil || sig.TypeParams() != nil || w.looks.linked[fn.Pos()] {
		return
	}
	for i := range sig.Params().Len() {
		w.params[sig.Params().At(i).Pos()] = parameterOf{fn.Pos(), i, sig.Variadic() && i == sig.Params().Len()-1}
	}
}

func (w *originWalker) assign(lhs, rhs []ast.Expr, plain bool) {
	for i, l := range lhs {
		v := w.file.Container(l)
		if v == nil {
			continue
		}
		if _, ok := ast.Unparen(l).(*ast.Ident); ok && plain && len(lhs) == len(rhs) {
			w.values[v.Pos()] = append(w.values[v.Pos()], origin{w.file, rhs[i]})
		} else {
			w.unclear[v.Pos()] = true
		}
	}
}

func (w *originWalker) call(n *ast.CallExpr) {
	if id := source.NameIn(n.Fun); id != nil {
		w.called[id] = true
	}
	fn, ok := w.file.Callee(n).(*types.Func)
	if !ok {
		return
	}
	if w.p.FileAt(fn.Pos()) == nil {
		if n.Ellipsis.IsValid() {
			if id, ok := ast.Unparen(n.Args[len(n.Args)-1]).(*ast.Ident); ok {
				w.spread[id] = true
			}
		}
		return
	}
	w.calls[fn.Pos()] = append(w.calls[fn.Pos()], source.Call{File: w.file, Expr: n})
	if len(n.Args) == 1 {
		if _, several := w.file.TypeOf(n.Args[0]).(*types.Tuple); several {
			w.unclear[fn.Pos()] = true
		}
	}
}

// use notes functions that are values, and slices into which somebody may write.
func (w *originWalker) use(id *ast.Ident) {
	switch obj := w.file.Pkg.TypesInfo.Uses[id].(type) {
	case *types.Func:
		if !w.called[id] {
			w.unclear[obj.Pos()] = true
		}
	case *types.Var:
		if _, ok := source.Under(obj.Type()).(*types.Slice); ok && !w.spread[id] {
			w.unclear[obj.Pos()] = true
		}
	}
}
