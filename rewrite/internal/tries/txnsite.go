package tries

import (
	"go/ast"
	"go/types"

	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// Unguarded says why the transactions of a site must be committed as they are, and where; "" if
// they may be committed with reads first. It returns the calls with which they begin.
func (p Txns) Unguarded(s *loop.Site) (begun []loop.Hop, why string, at ast.Node) {
	for _, h := range s.Attempts() {
		call, ok := ast.Unparen(h.Node).(*ast.CallExpr)
		if !ok {
			return nil, "where it begins is not known", h.Node
		}
		switch c := p.creationOf(h.File, call); {
		case c == nil, c.begun == nil:
			return nil, "where it begins is not known", call
		case c.goes != nil:
			return nil, "it goes elsewhere as a value of the client's type", c.goes
		case c.own:
			return nil, "its key is another one for each client", call
		case !c.reads:
			return nil, "what Else does is not known", call
		}
		c := p.creationOf(h.File, call)
		sel, ok := ast.Unparen(c.begun.Fun).(*ast.SelectorExpr)
		if !ok || len(c.begun.Args) != 1 || !p.isKV(h.File, sel) || source.HasCall(sel.X) && source.HasCall(c.begun.Args[0]) {
			return nil, "it does not begin with Txn of a client", c.begun
		}
		begun = append(begun, loop.Hop{File: h.File, Node: c.begun})
	}
	return begun, "", nil
}

// isKV reports whether what a selector selects from is a KV of the client.
func (p Txns) isKV(f *source.File, sel *ast.SelectorExpr) bool {
	fn, ok := f.ObjectOf(sel.Sel).(*types.Func)
	if !ok || fn.Pkg() == nil {
		return false
	}
	kv := fn.Pkg().Scope().Lookup("KV")
	return kv != nil && types.AssignableTo(f.TypeOf(sel.X), kv.Type())
}

// Client is the import path of the client whose transaction begins with a call of Txn.
func Client(f *source.File, call *ast.CallExpr) string {
	return f.ClientPath(f.Callee(call).(*types.Func).Pkg())
}

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
