package rewrite

import (
	"go/ast"
	"go/types"

	"etcdmod/internal/finding"
)

// txnPoll makes the finding of a site that polls by transactions, or nil.
func (p *program) txnPoll(s *site) *proposal {
	if p.awaitsEvents(s.file, s.fn, s.loop, map[ast.Node]bool{}) {
		return nil // it waits for the key
	}
	lease, told := false, false
	at := s.attempts()
	for _, h := range at {
		call, ok := ast.Unparen(h.node).(*ast.CallExpr)
		if !ok {
			continue
		}
		if c := p.creationOf(h.file, call); c != nil {
			if lit, ok := p.funcAround(call).(*ast.FuncLit); ok && !p.entered(s, lit) {
				continue
			}
			if n := len(s.trail); n > 0 && s.trail[n-1].node == h.node && p.drawn(s, c.key) {
				continue
			}
			lease = lease || c.lease
			told = told || len(s.calls) == 0 || p.tells(h.file, call)
		}
	}
	if !told {
		return nil // what is retried are errors
	}
	// Without a lease a key may be anything, so that only a loop which ends with it will do.
	clock := p.paced(s) || s.repeated()
	if !clock && !p.retriesAtOnce(s) || !lease && (!clock || !p.endsWon(s)) || p.commitsElse(s) {
		return nil
	}
	return p.refused(s, "txn-poll", p.txnEachTry(s), finding.HandRolled, at[0].node)
}

// awaitsEvents reports whether n, which is part of fn, waits for the events of a watch,
// itself or in a function of the module that it calls.
func (p *program) awaitsEvents(f *file, fn ast.Node, n ast.Stmt, seen map[ast.Node]bool) bool {
	for _, c := range p.clocksOf(f, fn, n) {
		if c.kind == watchClock {
			return true
		}
	}
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit, *ast.GoStmt:
			return false
		case *ast.CallExpr:
			if callee, ok := f.callee(n).(*types.Func); ok && !found {
				for _, decl := range p.declsOf(callee) {
					if decl.Body != nil && !seen[decl] {
						seen[decl] = true
						found = found || p.awaitsEvents(p.fileAt(decl.Pos()), decl, decl.Body, seen)
					}
				}
			}
		}
		return !found
	})
	return found
}

// endsWon reports whether success, and nothing else that is told apart here, ends the loop.
func (p *program) endsWon(s *site) bool {
	ends := false
	for _, q := range p.outline(s) {
		if q.outcome == won {
			if q.end == next {
				return false
			}
			ends = true
		}
	}
	return ends
}

// tells reports whether the function around a creation tells its caller that the key was
// there: it does not where it has no result but an error, and that is nil then.
func (p *program) tells(f *file, call *ast.CallExpr) bool {
	fn := p.funcAround(call)
	var sig *types.Signature
	switch fn := fn.(type) {
	case *ast.FuncLit:
		sig, _ = f.typeOf(fn).(*types.Signature)
	case *ast.FuncDecl:
		sig, _ = f.typeOf(fn.Name).(*types.Signature)
	}
	if sig == nil || sig.Results().Len() != 1 || !isError(sig.Results().At(0).Type()) {
		return true
	}
	list := body(fn)
	t := &tracer{
		prog: p, file: f, loop: &ast.BlockStmt{List: list}, isDone: f.isDone,
		isTry: func(c *ast.CallExpr) bool { return c == call },
	}
	for _, q := range t.block(list, []*path{{errs: map[types.Object]bool{}, bools: map[types.Object]tristate{}}}) {
		if q.outcome != locked {
			continue
		}
		ret, ok := q.endStmt.(*ast.ReturnStmt)
		if !ok || len(ret.Results) != 1 {
			return true
		}
		obj := t.variable(ret.Results[0])
		if !isNilExpr(f, ast.Unparen(ret.Results[0])) && (obj == nil || q.bools[obj] != yes) {
			return true
		}
	}
	return t.bad != nil
}

// retriesAtOnce reports whether a round that failed leads to the next one with nothing in
// between that may wait for the key.
func (p *program) retriesAtOnce(s *site) bool {
	for _, q := range p.outline(s) {
		if q.outcome != locked || q.end != next {
			continue
		}
		quiet := true
		for _, st := range q.steps {
			switch st.kind {
			case recv:
				quiet = false
			case acts:
				ok, _ := p.inert(s, st.node)
				quiet = quiet && (ok || !st.after)
			}
		}
		if quiet {
			return true
		}
	}
	return false
}

// commitsElse reports whether the loop commits another transaction as well, as one that
// compares and swaps does.
func (p *program) commitsElse(s *site) bool {
	found := false
	ast.Inspect(s.loop, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && s.file.isClientCall(call, "Commit") {
			found = found || !p.isCreation(s.file, call)
		}
		return !found
	})
	return found
}

// grants returns the call by which each try is granted a lease, or nil.
func (p *program) grants(s *site) (found *ast.CallExpr) {
	bodies := []ast.Node{s.loop}
	for i, h := range s.trail {
		if fn := p.funcAround(h.node); i > 0 && fn != nil && fn != s.fn {
			bodies = append(bodies, fn)
		}
	}
	for _, b := range bodies {
		f := p.fileAt(b.Pos())
		ast.Inspect(b, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && f.isClientCall(call, "Grant") {
				found = call
			}
			return found == nil
		})
	}
	return found
}
