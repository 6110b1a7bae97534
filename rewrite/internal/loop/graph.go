package loop

import (
	"go/ast"
	"go/token"
	"go/types"

	"golang.org/x/tools/go/ssa"

	"etcdmod/rewrite/internal/callgraph"
	"etcdmod/rewrite/internal/repeat"
	"etcdmod/rewrite/internal/source"
)

// A place is a node of the syntax.
type place struct {
	file *source.File
	node ast.Expr
}

// stack returns what is around the node, the file first.
func (p place) stack() []ast.Node { return p.file.Around(p.node) }

// A syntax is what is looked for in all files, whatever is tried.
type syntax struct {
	calls  map[token.Pos]place        // by their parenthesis
	sends  map[token.Pos]place        // values that are sent, by the arrow
	bodies map[token.Pos]ast.Node     // functions, by the position of their name, and literals
	owner  map[token.Pos]*source.File // of bodies
}

// A ways holds what the call graph of a program knows of one kind of attempt.
type ways struct {
	p       *Finder
	attempt *Attempt
	graph   *callgraph.Graph
	walk    *repeat.Walk
	*syntax
	tries map[token.Pos]bool  // those of the calls that are attempts
	files []*source.File      // those that have some, or name the attempt
	names map[token.Pos]place // selectors that name the attempt without calling it, by the name
	// expressions are the method expressions of the attempt.
	expressions []token.Pos
}

// CallGraph returns the call graph of a program.
func (p *Finder) CallGraph() *callgraph.Graph {
	if p.graph == nil {
		p.graph = callgraph.New(p.Fset, p.Packages, func(t types.Type) bool {
			if q, ok := types.Unalias(t).(*types.Pointer); ok {
				t = q.Elem()
			}
			named, ok := types.Unalias(t).(*types.Named)
			if !ok {
				return false
			}
			_, ok = p.ConcurrencyPath(named.Obj().Pkg())
			return ok || source.IsObject(named.Obj(), p.In.HelperImport(), named.Obj().Name())
		})
	}
	return p.graph
}

// read reads all files, once.
func (p *Finder) read() *syntax {
	if p.syntax != nil {
		return p.syntax
	}
	s := &syntax{calls: map[token.Pos]place{}, sends: map[token.Pos]place{}, bodies: map[token.Pos]ast.Node{}, owner: map[token.Pos]*source.File{}}
	p.syntax = s
	for _, f := range p.Files {
		if f.IsHelper() {
			continue
		}
		for n := range ast.Preorder(f.Syntax) {
			switch n := n.(type) {
			case *ast.CallExpr:
				s.calls[n.Lparen] = place{f, n}
			case *ast.SendStmt:
				s.sends[n.Arrow] = place{f, n.Value}
			case *ast.FuncDecl:
				if obj := f.Pkg.TypesInfo.Defs[n.Name]; obj != nil && n.Body != nil {
					s.bodies[obj.Pos()], s.owner[obj.Pos()] = n, f
				}
			case *ast.FuncLit:
				s.bodies[n.Pos()], s.owner[n.Pos()] = n, f
			}
		}
	}
	return s
}

// newWays walks from the calls, and the method values, of what p looks for at present. It returns
// nil where nothing can lead to any.
func newWays(p *Finder, a *Attempt) *ways {
	w := &ways{p: p, attempt: a, syntax: p.read(), tries: map[token.Pos]bool{}, names: map[token.Pos]place{}}
	var tries []token.Pos
	for _, f := range p.Files {
		if f.IsHelper() {
			continue
		}
		before := len(tries)
		called := map[*ast.SelectorExpr]bool{}
		for n := range ast.Preorder(f.Syntax) {
			switch n := n.(type) {
			case *ast.CallExpr:
				if sel, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr); ok && a.names != nil {
					called[sel] = true
				}
				if a.Is(f, n) {
					w.tries[n.Lparen] = true
					tries = append(tries, n.Lparen)
				}
			case *ast.SelectorExpr:
				if a.names != nil && !called[n] && a.names(f, n) {
					w.names[n.Sel.Pos()] = place{f, n}
					tries = append(tries, n.Sel.Pos())
					if s := f.Pkg.TypesInfo.Selections[n]; s != nil && s.Kind() == types.MethodExpr {
						w.expressions = append(w.expressions, n.Sel.Pos())
					}
				}
			}
		}
		if len(tries) > before {
			w.files = append(w.files, f)
		}
	}
	if len(tries) == 0 && a.method == "" {
		return nil
	}
	w.graph = p.CallGraph()
	w.walk = repeat.New(w.graph, repeat.Options{Key: p.LockKey}, tries)
	return w
}

// place returns what stands at a position that the call graph knows: a call, a value that is sent, or
// the name of the attempt.
func (w *ways) place(at token.Pos) (place, bool) {
	for _, all := range []map[token.Pos]place{w.names, w.calls, w.sends} {
		if pl, ok := all[at]; ok {
			return pl, true
		}
	}
	return place{}, false
}

// feeds reports whether a loop around a call waits for a channel to which the program sends at
// the pace of a clock, or the loop where a try has failed, and notes the latter.
func (w *ways) feeds(s *Site, call *ast.CallExpr) bool {
	if w.walk.Ticked(call.Lparen, s.Node.Pos()) {
		return true
	}
	s.fed = w.walk.Fed(call.Lparen, s.Node.Pos())
	return s.fed
}

// LockKey returns which argument of a function of package concurrency is the name of the
// lock that it makes, or -1.
func (p *Finder) LockKey(fn *ssa.Function) int {
	if fn.Object() == nil || fn.Signature.Recv() != nil {
		return -1
	}
	if _, ok := p.ConcurrencyPath(fn.Object().Pkg()); !ok {
		return -1
	}
	switch fn.Name() {
	case "NewMutex", "NewElection", "NewLocker":
		return 1
	case "ResumeElection":
		return 1
	}
	return -1
}

// entities returns the positions of the functions that an edge leads to, as a reach knows
// them: wrappers stand for what they call, and a method value of the attempt for itself.
// The attempt itself, where it is called through an interface, is at that call; where it is
// called through a method expression, at all of those.
func (w *ways) entities(e *callgraph.Edge, at place, seen map[*ssa.Function]bool) (out []token.Pos) {
	fn := e.Callee
	if seen[fn] {
		return nil
	}
	if callgraph.HasSource(fn) {
		return []token.Pos{fn.Pos()}
	}
	seen[fn] = true
	bound := false
	for _, in := range w.graph.Closures(fn) {
		if _, isTry := w.names[in.Pos()]; isTry {
			if bound = true; e.Value == nil || w.graph.MayBe(e.Value, in) {
				out = append(out, in.Pos())
			}
		}
	}
	if bound {
		return out
	}
	if w.isAttempt(fn) {
		if call, ok := at.node.(*ast.CallExpr); ok {
			if m, ok := at.file.Callee(call).(*types.Func); ok && m.Signature().Recv() != nil && isAbstract(m.Signature().Recv().Type()) {
				return []token.Pos{call.Lparen}
			}
		}
		return w.expressions
	}
	for _, next := range w.graph.From(fn) {
		out = append(out, w.entities(next, at, seen)...)
	}
	return out
}

// isAttempt reports whether fn is the method that is looked for.
func (w *ways) isAttempt(fn *ssa.Function) bool {
	obj, ok := fn.Object().(*types.Func)
	return ok && w.attempt.fn != nil && w.attempt.fn(obj)
}

// each calls do for each function that what stands at a position makes run.
func (w *ways) each(at token.Pos, do func(*callgraph.Edge, token.Pos)) {
	pl, _ := w.place(at)
	for _, in := range w.graph.At(at) {
		for _, e := range w.graph.Out(in) {
			if e.Once {
				continue
			}
			for _, to := range w.entities(e, pl, map[*ssa.Function]bool{}) {
				do(e, to)
			}
		}
	}
}

// variesOver reports whether what a call tries is another lock in every round of a loop.
func variesOver(in search, loop ast.Stmt, call *ast.CallExpr) bool {
	if in.ways != nil && !in.attempt.Replies {
		if fixed, ok := in.ways.walk.Fixed(call.Lparen, loop.Pos(), loop.End()); ok {
			return !fixed
		}
	}
	return variesWith(in.file, loop, call)
}
