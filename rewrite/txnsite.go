package rewrite

import (
	"go/ast"
	"go/types"

	"etcdmod/rewrite/internal/source"
)

// polled returns the first transaction of a site that polls by them, or nil.
func (p txns) polled(s *site) ast.Expr {
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
			if lit, ok := p.FuncAround(call).(*ast.FuncLit); ok && !p.entered(s, lit) {
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
	clock := s.paced() || s.repeated()
	if !clock && !retriesAtOnce(s) || !lease && (!clock || !endsWon(s)) || p.commitsElse(s) {
		return nil
	}
	return at[0].node
}

// endsWon reports whether success, and nothing else that is told apart here, ends the loop.
func endsWon(s *site) bool {
	ends := false
	for _, q := range s.outline() {
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
func (p txns) tells(f *source.File, call *ast.CallExpr) bool {
	fn := p.FuncAround(call)
	var sig *types.Signature
	switch fn := fn.(type) {
	case *ast.FuncLit:
		sig, _ = f.TypeOf(fn).(*types.Signature)
	case *ast.FuncDecl:
		sig, _ = f.TypeOf(fn.Name).(*types.Signature)
	}
	if sig == nil || sig.Results().Len() != 1 || !source.IsError(sig.Results().At(0).Type()) {
		return true
	}
	list := source.Body(fn)
	t := &tracer{
		fns: p.functions, attempt: creations(p.functions), file: f, loop: &ast.BlockStmt{List: list},
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
		if !source.IsNilExpr(f, ast.Unparen(ret.Results[0])) && (obj == nil || q.bools[obj] != yes) {
			return true
		}
	}
	return t.bad != nil
}

// retriesAtOnce reports whether a round that failed leads to the next one with nothing in
// between that may wait for the key.
func retriesAtOnce(s *site) bool {
	for _, q := range s.outline() {
		if q.outcome != locked || q.end != next {
			continue
		}
		quiet := true
		for _, st := range q.steps {
			switch st.kind {
			case recv:
				quiet = false
			case acts:
				ok, _ := s.inert(st.node)
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
func (p txns) commitsElse(s *site) bool {
	for n := range ast.Preorder(s.loop) {
		if call, ok := n.(*ast.CallExpr); ok && s.file.IsClientCall(call, "Commit") && !p.isCreation(s.file, call) {
			return true
		}
	}
	return false
}

// grants returns the call by which each try is granted a lease, or nil.
func grants(s *site) *ast.CallExpr {
	bodies := []ast.Node{s.loop}
	for i, h := range s.trail {
		if fn := s.FuncAround(h.node); i > 0 && fn != nil && fn != s.fn {
			bodies = append(bodies, fn)
		}
	}
	for _, b := range bodies {
		f := s.FileAt(b.Pos())
		for n := range ast.Preorder(b) {
			if call, ok := n.(*ast.CallExpr); ok && f.IsClientCall(call, "Grant") {
				return call
			}
		}
	}
	return nil
}
