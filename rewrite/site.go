package rewrite

import (
	"go/ast"
	"go/token"
	"go/types"
	"sort"
)

// A site is a loop that retries TryLock.
type site struct {
	file  *file
	fn    ast.Node // *ast.FuncDecl or *ast.FuncLit
	name  string   // of the function, for messages
	outer *types.Func
	loop  ast.Stmt         // *ast.ForStmt or *ast.RangeStmt
	label *ast.LabeledStmt // around the loop, or nil
	tries []*ast.CallExpr  // TryLock calls in the loop, not in function literals
	calls []*ast.CallExpr  // instead: calls of functions that try
	trail []*ast.CallExpr  // call path from the loop to the TryLock
	files []*file          // the files of trail
	clock []*clock         // what paces the retry
	paths []*path
	trace *tracer
}

// mutex returns the expression whose TryLock is called.
func (s *site) mutex() ast.Expr {
	sel, _ := ast.Unparen(s.tries[0].Fun).(*ast.SelectorExpr)
	return ast.Unparen(sel.X)
}

// isTryLock reports whether call calls (*concurrency.Mutex).TryLock.
func (f *file) isTryLock(call *ast.CallExpr) bool {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "TryLock" {
		return false
	}
	fn, ok := f.objectOf(sel.Sel).(*types.Func)
	if !ok {
		return false
	}
	recv := fn.Signature().Recv()
	return recv != nil && isMutexPtr(recv.Type()) && f.pkg.TypesInfo.Selections[sel] != nil
}

// sites finds the retry loops of a program.
func (p *program) sites() []*site {
	var out []*site
	first := map[token.Pos]*ast.CallExpr{} // by function: a try outside a retry loop
	owner := map[token.Pos]*file{}
	for _, f := range p.files {
		if f.isHelper() {
			continue
		}
		found, rest := p.sitesIn(f, f.isTryLock)
		out = append(out, found...)
		for fn, calls := range rest {
			first[fn], owner[fn] = calls[0], f
		}
	}
	out = append(out, p.sitesThrough(first, owner)...)
	sort.SliceStable(out, func(i, j int) bool {
		a, b := p.position(out[i].loop.Pos()), p.position(out[j].loop.Pos())
		if a.Filename != b.Filename {
			return a.Filename < b.Filename
		}
		return a.Offset < b.Offset
	})
	return out
}

// sitesIn finds the loops of one file that retry the calls for which isTry holds. rest
// holds the other such calls by the declaration of the function that makes them.
func (p *program) sitesIn(f *file, isTry func(*ast.CallExpr) bool) (out []*site, rest map[token.Pos][]*ast.CallExpr) {
	rest = map[token.Pos][]*ast.CallExpr{}
	byLoop := map[ast.Stmt]*site{}
	var stack []ast.Node
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if n == nil {
			stack = stack[:len(stack)-1]
			return true
		}
		stack = append(stack, n)
		call, ok := n.(*ast.CallExpr)
		if !ok || !isTry(call) {
			return true
		}
		if s := p.siteOf(f, stack, call, isTry, byLoop); s != nil {
			if byLoop[s.loop] == nil {
				byLoop[s.loop] = s
				out = append(out, s)
			}
		} else if fn := enclosingDecl(stack); fn != nil && !inLiteral(stack) {
			if obj := f.pkg.TypesInfo.Defs[fn.Name]; obj != nil {
				rest[obj.Pos()] = append(rest[obj.Pos()], call)
			}
		}
		return true
	})
	return out, rest
}

// siteOf finds the innermost loop around call in which a try that met another holder
// can be followed by the next try of the same mutex.
func (p *program) siteOf(f *file, stack []ast.Node, call *ast.CallExpr, isTry func(*ast.CallExpr) bool, known map[ast.Stmt]*site) *site {
	for i := len(stack) - 1; i >= 0; i-- {
		switch n := stack[i].(type) {
		case *ast.FuncLit, *ast.FuncDecl:
			return nil
		case *ast.ForStmt, *ast.RangeStmt:
			loop := n.(ast.Stmt)
			if s := known[loop]; s != nil {
				return s
			}
			if !inBody(loop, stack, i) || p.variesWith(f, loop, call) {
				continue
			}
			s := &site{file: f, loop: loop}
			for j := i - 1; j >= 0; j-- {
				if l, ok := stack[j].(*ast.LabeledStmt); ok && j == i-1 {
					s.label = l
				}
				if fn, ok := stack[j].(*ast.FuncLit); ok && s.fn == nil {
					s.fn, s.name = fn, "a function literal"
				}
				if fn, ok := stack[j].(*ast.FuncDecl); ok {
					obj, _ := f.pkg.TypesInfo.Defs[fn.Name].(*types.Func)
					if s.fn == nil {
						s.fn, s.name = fn, fn.Name.Name
					} else {
						s.name = "a function literal in " + fn.Name.Name
					}
					s.outer = obj
				}
			}
			if s.fn == nil {
				continue // a package-level initializer
			}
			p.trace(s, isTry)
			if s.trace.bad != nil || s.retries() {
				return s
			}
		}
	}
	return nil
}

// inBody reports whether the node below loop in the stack is part of what is repeated.
func inBody(loop ast.Stmt, stack []ast.Node, i int) bool {
	if i+1 >= len(stack) {
		return false
	}
	child := stack[i+1]
	switch l := loop.(type) {
	case *ast.ForStmt:
		return child != l.Init
	case *ast.RangeStmt:
		return child == l.Body
	}
	return false
}

// retries reports whether a try that met another holder may be followed by the next round.
func (s *site) retries() bool {
	for _, q := range s.paths {
		if q.outcome == locked && q.end == next {
			return true
		}
	}
	return false
}

// trace walks the loop.
func (p *program) trace(s *site, isTry func(*ast.CallExpr) bool) {
	s.tries = nil
	ast.Inspect(s.loop, func(n ast.Node) bool {
		if _, ok := n.(*ast.FuncLit); ok {
			return false
		}
		if call, ok := n.(*ast.CallExpr); ok && isTry(call) {
			s.tries = append(s.tries, call)
		}
		return true
	})
	clocks := p.clocksOf(s.file, s.fn, s.loop)
	s.trace = &tracer{file: s.file, loop: s.loop, isTry: isTry, clocks: clocks, isDone: s.file.isDone}
	if s.label != nil {
		s.trace.label = s.label.Label.Name
	}
	s.paths = s.trace.round()
	// Only a clock that is followed by another round paces it; others are deadlines.
	seen := map[*clock]bool{}
	s.clock = nil
	for _, q := range s.paths {
		if q.end != next {
			continue
		}
		for _, st := range q.steps {
			if st.kind == waits && !seen[st.clock] {
				seen[st.clock] = true
				s.clock = append(s.clock, st.clock)
			}
		}
	}
	if s.trace.bad != nil {
		s.clock = nil
		for _, c := range clocks {
			if !seen[c] {
				seen[c] = true
				s.clock = append(s.clock, c)
			}
		}
		sort.Slice(s.clock, func(i, j int) bool { return s.clock[i].wait.Pos() < s.clock[j].wait.Pos() })
	}
}

// isDone reports whether e receives from the Done channel of a context.
func (f *file) isDone(e ast.Expr) bool { return f.doneContext(e) != nil }

// doneContext returns ctx of <-ctx.Done(), or nil.
func (f *file) doneContext(e ast.Expr) ast.Expr {
	u, ok := ast.Unparen(e).(*ast.UnaryExpr)
	if !ok || u.Op != token.ARROW {
		return nil
	}
	call, ok := ast.Unparen(u.X).(*ast.CallExpr)
	if !ok {
		return nil
	}
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "Done" || !isNamed(f.typeOf(sel.X), "context", "Context") {
		return nil
	}
	return sel.X
}

// variesWith reports whether the mutex of a try is another one in every round: it
// depends on a variable that a range loop sets.
func (p *program) variesWith(f *file, loop ast.Stmt, call *ast.CallExpr) bool {
	r, ok := loop.(*ast.RangeStmt)
	if !ok {
		return false
	}
	tainted := map[types.Object]bool{}
	for _, e := range []ast.Expr{r.Key, r.Value} {
		if id, ok := e.(*ast.Ident); ok {
			if obj := f.objectOf(id); obj != nil {
				tainted[obj] = true
			}
		}
	}
	if len(tainted) == 0 {
		return false
	}
	mentions := func(n ast.Node) bool {
		found := false
		ast.Inspect(n, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && tainted[f.objectOf(id)] {
				found = true
			}
			return !found
		})
		return found
	}
	ast.Inspect(r.Body, func(n ast.Node) bool {
		if a, ok := n.(*ast.AssignStmt); ok && a.Pos() < call.Pos() {
			for _, e := range a.Rhs {
				if mentions(e) {
					for _, l := range a.Lhs {
						if id, ok := l.(*ast.Ident); ok && f.objectOf(id) != nil {
							tainted[f.objectOf(id)] = true
						}
					}
				}
			}
		}
		return true
	})
	if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok && mentions(sel.X) {
		return true
	}
	if f.isTryLock(call) {
		return false
	}
	for _, a := range call.Args {
		if mentions(a) {
			return true
		}
	}
	return false
}

func enclosingDecl(stack []ast.Node) *ast.FuncDecl {
	for i := len(stack) - 1; i >= 0; i-- {
		if fn, ok := stack[i].(*ast.FuncDecl); ok {
			return fn
		}
	}
	return nil
}

func inLiteral(stack []ast.Node) bool {
	for i := len(stack) - 1; i >= 0; i-- {
		if _, ok := stack[i].(*ast.FuncLit); ok {
			return true
		}
	}
	return false
}

// sitesThrough finds loops that wait for a clock and reach TryLock through functions of
// the module. first holds, by declaration, one TryLock call of each function that tries
// outside a retry loop; owner holds the files of these calls.
func (p *program) sitesThrough(first map[token.Pos]*ast.CallExpr, owner map[token.Pos]*file) []*site {
	if len(first) == 0 {
		return nil
	}
	for {
		var out []*site
		grown := false
		for _, f := range p.files {
			if f.isHelper() {
				continue
			}
			found, rest := p.sitesIn(f, func(call *ast.CallExpr) bool {
				fn, ok := f.callee(call).(*types.Func)
				return ok && first[fn.Origin().Pos()] != nil
			})
			for fn, calls := range rest {
				if first[fn] == nil {
					first[fn], owner[fn] = calls[0], f
					grown = true
				}
			}
			for _, s := range found {
				if len(s.clock) > 0 {
					out = append(out, s)
				}
			}
		}
		if grown {
			continue
		}
		for _, s := range out {
			s.calls, s.tries = s.tries, nil
			for call, f := s.calls[0], s.file; ; {
				s.trail, s.files = append(s.trail, call), append(s.files, f)
				if f.isTryLock(call) {
					break
				}
				pos := f.callee(call).(*types.Func).Origin().Pos()
				call, f = first[pos], owner[pos]
			}
		}
		return out
	}
}
