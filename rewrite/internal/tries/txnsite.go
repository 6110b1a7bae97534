package tries

import (
	"go/ast"
	"go/types"

	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// Polled returns the first transaction of a site that polls by them, or nil.
func (p Txns) Polled(s *loop.Site) ast.Expr {
	if p.AwaitsEvents(s.File, s.Func, s.Node, map[ast.Node]bool{}) {
		return nil // it waits for the key
	}
	lease, told := false, false
	at := s.Attempts()
	for _, h := range at {
		call, ok := ast.Unparen(h.Node).(*ast.CallExpr)
		if !ok {
			continue
		}
		if c := p.creationOf(h.File, call); c != nil {
			if lit, ok := p.FuncAround(call).(*ast.FuncLit); ok && !p.entered(s, lit) {
				continue
			}
			if n := len(s.Chain); n > 0 && s.Chain[n-1].Node == h.Node && p.drawn(s, c.key) {
				continue
			}
			lease = lease || c.lease
			told = told || len(s.Calls) == 0 || p.tells(h.File, call)
		}
	}
	if !told {
		return nil // what is retried are errors
	}
	// Without a lease a key may be anything, so that only a loop which ends with it will do.
	clock := s.Paced() || s.Repeated()
	if !clock && !retriesAtOnce(s) || !lease && (!clock || !endsWon(s)) || p.commitsElse(s) {
		return nil
	}
	return at[0].Node
}

// endsWon reports whether success, and nothing else that is told apart here, ends the loop.
func endsWon(s *loop.Site) bool {
	ends := false
	for _, q := range s.Outline() {
		if q.Outcome == loop.Won {
			if q.End == loop.Next {
				return false
			}
			ends = true
		}
	}
	return ends
}

// tells reports whether the function around a creation tells its caller that the key was
// there: it does not where it has no result but an error, and that is nil then.
func (p Txns) tells(f *source.File, call *ast.CallExpr) bool {
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
	t := &loop.Walker{
		Fns: p.Functions, Attempt: Creations(p.Functions), File: f, Loop: &ast.BlockStmt{List: list},
		IsTry: func(c *ast.CallExpr) bool { return c == call },
	}
	for _, q := range t.Block(list, []*loop.Path{{Errs: map[types.Object]bool{}, Bools: map[types.Object]loop.Tristate{}}}) {
		if q.Outcome != loop.Locked {
			continue
		}
		ret, ok := q.EndStmt.(*ast.ReturnStmt)
		if !ok || len(ret.Results) != 1 {
			return true
		}
		obj := t.Variable(ret.Results[0])
		if !source.IsNilExpr(f, ast.Unparen(ret.Results[0])) && (obj == nil || q.Bools[obj] != loop.Yes) {
			return true
		}
	}
	return t.Bad != nil
}

// retriesAtOnce reports whether a round that failed leads to the next one with nothing in
// between that may wait for the key.
func retriesAtOnce(s *loop.Site) bool {
	for _, q := range s.Outline() {
		if q.Outcome != loop.Locked || q.End != loop.Next {
			continue
		}
		quiet := true
		for _, st := range q.Steps {
			switch st.Kind {
			case loop.Receives:
				quiet = false
			case loop.Acts:
				ok, _ := s.Inert(st.Node)
				quiet = quiet && (ok || !st.After)
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
func (p Txns) commitsElse(s *loop.Site) bool {
	for n := range ast.Preorder(s.Node) {
		if call, ok := n.(*ast.CallExpr); ok && s.File.IsClientCall(call, "Commit") && !p.isCreation(s.File, call) {
			return true
		}
	}
	return false
}

// Grants returns the call by which each try is granted a lease, or nil.
func Grants(s *loop.Site) *ast.CallExpr {
	bodies := []ast.Node{s.Node}
	for i, h := range s.Chain {
		if fn := s.FuncAround(h.Node); i > 0 && fn != nil && fn != s.Func {
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
