package proof

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"etcdmod/rewrite/internal/source"
)

// A beside is what code changes that was started before the loop, and runs beside it at times of its own: what
// time.AfterFunc calls, and goroutines with a clock. What is read of that behind the loop says how long the wait took.
type beside struct {
	*asking
	called  []ast.Node
	goes    map[*ast.CallExpr]bool          // calls of go statements
	bodies  []ast.Node                      // of that code
	changed map[types.Object]bool           // variables, fields and channels
	counts  map[types.Object]bool           // of these: variables that are counted, and channels to which a count is sent
	stands  map[types.Object][]types.Object // what parameters stand for
	passed  map[types.Object][]ast.Expr     // what they are given
	sets    map[types.Object][]ast.Expr     // what that code sets variables to, nil where that is not known
}

// runsBeside looks for code that runs beside the loop: its function starts that, or one around it. What changes is told
// by a channel to more of it.
func runsBeside(m *asking) *beside {
	b := &beside{asking: m, goes: map[*ast.CallExpr]bool{}, changed: map[types.Object]bool{}, counts: map[types.Object]bool{}, stands: map[types.Object][]types.Object{}, passed: map[types.Object][]ast.Expr{}, sets: map[types.Object][]ast.Expr{}}
	for known := -1; known != len(b.changed); {
		known, b.called = len(b.changed), nil
		b.startedIn(b.top(), 0)
	}
	return b
}

// maxStarters is how deep calls are followed to what starts code beside the loop.
const maxStarters = 3

// startedIn looks for code beside the loop that a function starts. Of what it calls, timers count alone: a service that runs
// since then has its own business.
func (b *beside) startedIn(f ast.Node, depth int) {
	for n := range ast.Preorder(f) {
		if g, ok := n.(*ast.GoStmt); ok && depth == 0 {
			b.goes[g.Call] = true
		}
		call, ok := n.(*ast.CallExpr)
		if !ok || depth == 0 && source.Within(n, b.Func) && (n.End() > b.Node.Pos() || b.inside(n)) {
			continue
		}
		fn := b.named(call.Fun)
		switch {
		case source.IsObject(fn, "time", "AfterFunc"):
			b.add(call.Args[1], nil, true)
		case source.IsObject(fn, "context", "AfterFunc"):
			b.add(call.Args[1], nil, b.runs(call.Args[0]))
		case b.goes[call]:
			b.add(call.Fun, call.Args, false)
		case depth == 0 && fn != nil && fn.Name() == "Go" && len(call.Args) == 1: // of a group
			b.add(call.Args[0], nil, false)
		case depth < maxStarters:
			if lit, ok := ast.Unparen(call.Fun).(*ast.FuncLit); ok { // the rest of it is part of f
				b.given(lit, call.Args)
			}
			if _, declared := fn.(*types.Func); declared {
				for _, d := range b.functions(call.Fun) {
					b.given(d, call.Args)
					if _, literal := d.(*ast.FuncLit); !literal && !slices.Contains(b.called, d) {
						b.called = append(b.called, d)
						b.startedIn(d, depth+1)
					}
				}
			}
		}
	}
}

// given notes what the parameters of a function stand for.
func (b *beside) given(f ast.Node, args []ast.Expr) {
	i := 0
	for _, field := range source.FuncType(f).Params.List {
		for _, name := range field.Names {
			if i < len(args) && !slices.Contains(b.passed[b.objectOf(name)], args[i]) {
				b.passed[b.objectOf(name)] = append(b.passed[b.objectOf(name)], args[i])
				if obj := b.object(args[i]); obj != nil && obj != b.objectOf(name) {
					b.stands[b.objectOf(name)] = append(b.stands[b.objectOf(name)], obj)
				}
			}
			i++
		}
		if len(field.Names) == 0 {
			i++
		}
	}
}

// add notes what a function changes that runs beside the loop, if it has a clock.
func (b *beside) add(f ast.Expr, args []ast.Expr, timed bool) {
	bodies := b.functions(f)
	if len(bodies) == 0 { // of others, who call what they are given
		for _, a := range args {
			if b.isFunction(a) {
				b.add(a, nil, timed || b.takesTime(f))
			}
		}
	}
	for _, body := range bodies {
		b.given(body, args)
		reached := b.reached(body)
		runsLoop := slices.ContainsFunc(reached, func(f ast.Node) bool { return source.Within(b.Node, f) })
		if b.inside(body) || runsLoop || !timed && !slices.ContainsFunc(reached, b.timed) {
			continue
		}
		for _, body := range reached {
			b.bodies = append(b.bodies, body)
			for n := range ast.Preorder(body) {
				b.writes(n, body)
			}
			for n := range ast.Preorder(body) {
				if s, ok := n.(*ast.SendStmt); ok {
					for x := range ast.Preorder(s.Value) {
						if e, ok := x.(ast.Expr); ok && b.counts[b.object(e)] {
							b.note(b.counts, b.object(s.Chan))
						}
					}
				}
			}
		}
	}
}

// maxReached is how many functions are looked at which one calls that runs beside the loop.
const maxReached = 20

// reached returns a function, and those that it calls.
func (b *beside) reached(f ast.Node) []ast.Node {
	out := []ast.Node{f}
	for i := 0; i < len(out) && len(out) < maxReached; i++ {
		for n := range ast.Preorder(out[i]) {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				continue
			}
			called := b.functions(call.Fun)
			if len(called) == 0 { // of others, who call what they are given
				for _, a := range call.Args {
					if b.isFunction(a) {
						called = append(called, b.functions(a)...)
					}
				}
			}
			for _, g := range called {
				b.given(g, call.Args)
				if !slices.Contains(out, g) {
					out = append(out, g)
				}
			}
		}
	}
	return out
}

// note notes an object, and what it stands for if it is a parameter.
func (b *beside) note(in map[types.Object]bool, obj types.Object) {
	if obj == nil || in[obj] {
		return
	}
	in[obj] = true
	for _, o := range b.stands[obj] {
		b.note(in, o)
	}
}

// object returns the variable, field or function that e names, or is a part of.
func (b *beside) object(e ast.Expr) types.Object {
	switch x := ast.Unparen(e).(type) {
	case *ast.Ident:
		return b.objectOf(x)
	case *ast.SelectorExpr:
		return b.objectOf(x.Sel)
	case *ast.StarExpr:
		return b.object(x.X)
	case *ast.IndexExpr:
		return b.object(x.X)
	case *ast.UnaryExpr:
		if x.Op == token.AND {
			return b.object(x.X)
		}
	}
	return nil
}

// objectOf returns what an identifier names, in whichever package that is.
func (b *beside) objectOf(id *ast.Ident) types.Object {
	f := b.FileAt(id.Pos())
	if f == nil {
		return nil
	}
	if v, ok := f.ObjectOf(id).(*types.Var); ok {
		return v.Origin()
	}
	return f.ObjectOf(id)
}

// writes notes what a node changes that body does not declare.
func (b *beside) writes(n, body ast.Node) {
	set := func(e ast.Expr, counted bool, to ast.Expr) {
		obj := b.object(e)
		all := map[types.Object]bool{}
		b.note(all, obj)
		for o := range all {
			b.sets[o] = append(b.sets[o], to)
		}
		if obj != nil && (isField(obj) || !source.PosWithin(obj.Pos(), body) || len(b.stands[obj]) > 0) {
			b.note(b.changed, obj)
		}
		if counted {
			b.note(b.counts, obj)
		}
		if p, ok := obj.(*types.Var); ok && isDeref(e) {
			for _, a := range b.assigned(p) {
				if u, ok := ast.Unparen(a).(*ast.UnaryExpr); ok && u.Op == token.AND {
					b.note(b.changed, b.object(u.X))
					b.sets[b.object(u.X)] = append(b.sets[b.object(u.X)], to)
				}
			}
		}
	}
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok == token.DEFINE {
			return
		}
		for i, l := range n.Lhs {
			var to ast.Expr
			if n.Tok == token.ASSIGN && len(n.Lhs) == len(n.Rhs) {
				to = n.Rhs[i]
			}
			set(l, n.Tok != token.ASSIGN || to != nil && b.mentions(to, b.object(l)), to)
		}
	case *ast.IncDecStmt:
		set(n.X, true, nil)
	case *ast.SendStmt:
		set(n.Chan, false, nil)
	case *ast.CallExpr:
		if id, ok := ast.Unparen(n.Fun).(*ast.Ident); ok && b.objectOf(id) == types.Universe.Lookup("close") {
			set(n.Args[0], false, nil)
		}
		if of, name := b.atomic(n); of != nil && !strings.HasPrefix(name, "Load") {
			var to ast.Expr
			if strings.HasPrefix(name, "Store") {
				to = n.Args[len(n.Args)-1]
			}
			set(of, strings.HasPrefix(name, "Add"), to)
		}
	}
}

func (b *beside) mentions(e ast.Expr, obj types.Object) bool {
	for n := range ast.Preorder(e) {
		if x, ok := n.(ast.Expr); ok && obj != nil && b.object(x) == obj {
			return true
		}
	}
	return false
}

func isDeref(e ast.Expr) bool {
	_, is := ast.Unparen(e).(*ast.StarExpr)
	return is
}

func isField(obj types.Object) bool {
	v, ok := obj.(*types.Var)
	return ok && v.IsField()
}

// atomic returns what a call of package sync/atomic, or of a sync.Map, reads or writes, and the name of what is called.
func (b *beside) atomic(call *ast.CallExpr) (of ast.Expr, name string) {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok {
		return nil, ""
	}
	fn, ok := b.objectOf(sel.Sel).(*types.Func)
	if !ok || fn.Pkg() == nil {
		return nil, ""
	}
	recv, isAtomic := fn.Signature().Recv(), fn.Pkg().Path() == "sync/atomic"
	switch {
	case recv != nil && (isAtomic || source.IsNamed(recv.Type(), "sync", "Map")):
		return sel.X, fn.Name()
	case !isAtomic:
		return nil, ""
	}
	return call.Args[0], fn.Name()
}

// reads looks whether a node behind the loop reads what code beside it has changed by then.
func (b *beside) reads(n ast.Node) {
	if len(b.changed) == 0 || slices.ContainsFunc(b.bodies, func(body ast.Node) bool { return source.Within(n, body) }) {
		return
	}
	has := func(e ast.Expr) bool { return b.changed[b.object(e)] }
	switch n := n.(type) {
	case *ast.CallExpr:
		if of, _ := b.atomic(n); of != nil && has(of) {
			b.spans[n] = false
		}
		if id, ok := ast.Unparen(n.Fun).(*ast.Ident); ok && b.objectOf(id) == types.Universe.Lookup("len") && has(n.Args[0]) {
			b.spans[n] = false
		}
	case *ast.UnaryExpr:
		if n.Op == token.ARROW && b.counts[b.object(n.X)] {
			b.spans[n] = false
		}
	case *ast.SelectStmt:
		for _, c := range b.polled(n) {
			if has(c) {
				b.chooses(n)
			}
		}
	case *ast.ReturnStmt:
		if res := source.FuncType(b.Func).Results; len(n.Results) == 0 && res != nil {
			for _, f := range res.List {
				if slices.ContainsFunc(f.Names, func(id *ast.Ident) bool { return has(id) }) {
					b.uses(n)
				}
			}
		}
	case *ast.Ident, *ast.SelectorExpr:
		if e := n.(ast.Expr); has(e) && b.value(e) {
			b.spans[e] = false
		}
	}
}

// value reports whether an expression is read, as a value of its own.
func (b *beside) value(e ast.Expr) bool {
	if _, ok := b.File.TypeOf(e).Underlying().(*types.Chan); ok {
		return false
	}
	switch p := b.parents[e].(type) {
	case *ast.AssignStmt:
		return !slices.Contains(p.Lhs, e)
	case *ast.IncDecStmt:
		return false
	case *ast.ValueSpec:
		return slices.Contains(p.Values, e)
	case *ast.KeyValueExpr:
		return p.Value == e
	case *ast.SelectorExpr:
		if p.Sel == e {
			return false // what it is the name in is looked at
		}
		call, ok := b.parents[p].(*ast.CallExpr)
		return !ok || call.Fun != ast.Expr(p) || !b.isAtomic(call)
	case *ast.UnaryExpr:
		call, ok := b.parents[p].(*ast.CallExpr)
		return p.Op != token.AND || !ok || !b.isAtomic(call)
	}
	return true
}

func (b *beside) isAtomic(call *ast.CallExpr) bool { of, _ := b.atomic(call); return of != nil }
