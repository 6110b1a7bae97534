package loop

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/ssa"

	"etcdmod/rewrite/internal/callgraph"
	"etcdmod/rewrite/internal/repeat"
	"etcdmod/rewrite/internal/source"
)

// A place is a node of the syntax, with the functions around it.
type place struct {
	file  *source.File
	node  ast.Expr
	stack []ast.Node // from the file to what is around node
}

// A ways holds what the call graph of a program knows of one kind of attempt.
type ways struct {
	p       *Finder
	attempt *Attempt
	graph   *callgraph.Graph
	walk    *repeat.Walk
	places  map[token.Pos]place // calls by their parenthesis, values that are sent by their arrow
	sends   map[token.Pos]bool  // those of places that are values to send
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

// newWays walks from the calls, and the method values, of what p looks for at present.
func newWays(p *Finder, a *Attempt) *ways {
	w := &ways{p: p, attempt: a, graph: p.CallGraph(), places: map[token.Pos]place{}, sends: map[token.Pos]bool{}}
	var tries []token.Pos
	for _, f := range p.Files {
		if f.IsHelper() {
			continue
		}
		var stack []ast.Node
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			if n == nil {
				stack = stack[:len(stack)-1]
				return true
			}
			switch n := n.(type) {
			case *ast.CallExpr:
				w.places[n.Lparen] = place{f, n, slices.Clone(stack)}
				if a.Is(f, n) {
					tries = append(tries, n.Lparen)
				}
			case *ast.SendStmt:
				w.places[n.Arrow], w.sends[n.Arrow] = place{f, n.Value, slices.Clone(stack)}, true
			case *ast.SelectorExpr:
				if a.names != nil && !isCalled(n, stack) && a.names(f, n) {
					w.places[n.Sel.Pos()] = place{f, n, slices.Clone(stack)}
					tries = append(tries, n.Sel.Pos())
					if s := f.Pkg.TypesInfo.Selections[n]; s != nil && s.Kind() == types.MethodExpr {
						w.expressions = append(w.expressions, n.Sel.Pos())
					}
				}
			}
			stack = append(stack, n)
			return true
		})
	}
	w.walk = repeat.New(w.graph, repeat.Options{Key: p.LockKey}, tries)
	return w
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
		if _, isTry := w.places[in.Pos()].node.(*ast.SelectorExpr); isTry {
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

// isAbstract reports whether t is an interface or a type parameter.
func isAbstract(t types.Type) bool {
	_, isParam := types.Unalias(t).(*types.TypeParam)
	return isParam || types.IsInterface(t)
}

// isAttempt reports whether fn is the method that is looked for.
func (w *ways) isAttempt(fn *ssa.Function) bool {
	obj, ok := fn.Object().(*types.Func)
	return ok && w.attempt.fn != nil && w.attempt.fn(obj)
}

// each calls do for each function that what stands at a position makes run.
func (w *ways) each(at token.Pos, do func(*callgraph.Edge, token.Pos)) {
	for _, in := range w.graph.At(at) {
		for _, e := range w.graph.Out(in) {
			if e.Once {
				continue
			}
			for _, to := range w.entities(e, w.places[at], map[*ssa.Function]bool{}) {
				do(e, to)
			}
		}
	}
}

// isCalled reports whether a selector is what the call around it calls.
func isCalled(sel *ast.SelectorExpr, stack []ast.Node) bool {
	for i := len(stack) - 1; i >= 0; i-- {
		switch n := stack[i].(type) {
		case *ast.ParenExpr:
		case *ast.CallExpr:
			return ast.Unparen(n.Fun) == ast.Expr(sel)
		default:
			return false
		}
	}
	return false
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
