package proof

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// heard proves that those who call the function hear that the wait has ended with an error. The end of
// the session is one that a loop which retried every error did not have: a caller that drops it
// would go on without the lock, and one that calls again at once would spin, where the loop went on
// trying at its interval.
func heard(c *Collapse) *finding.Reason {
	if !c.Retry {
		return nil
	}
	h := &hearing{Site: c.Site, seen: map[ast.Node]bool{}}
	if call := h.dropped(c.Site.Func); call != nil {
		return c.stays(finding.ErrorNoHome, call, "dropped, or tried again at once, by "+source.FirstLine(c.Site.Text(h.statement(call))))
	}
	return nil
}

type hearing struct {
	*loop.Site
	seen map[ast.Node]bool
}

// dropped returns a call of a function, or of one that gives its error on, after which nothing but a
// line of the log depends on whether it has failed.
func (h *hearing) dropped(fn ast.Node) *ast.CallExpr {
	n, at := h.failure(fn)
	if h.seen[fn] || at < 0 {
		return nil
	}
	h.seen[fn] = true
	for _, f := range h.Program.Files {
		if f.IsHelper() || f.Test && !h.File.Test {
			continue
		}
		for x := range ast.Preorder(f.Syntax) {
			call, ok := x.(*ast.CallExpr)
			if !ok || !h.calls(f, call, fn) {
				continue
			}
			around := h.Program.FuncAround(call)
			if around == nil {
				continue
			}
			parents := source.Parents(around)
			if !h.hears(f, parents, call, n, at) || h.again(f, parents, call) {
				return call
			}
			if again := h.dropped(around); again != nil {
				return again
			}
		}
	}
	return nil
}

// failure returns how many results a function has, and which of them says that it has failed.
func (h *hearing) failure(fn ast.Node) (n, at int) {
	f, at := h.Program.FileAt(fn.Pos()), -1
	var t *ast.FuncType
	switch fn := fn.(type) {
	case *ast.FuncDecl:
		t = fn.Type
	case *ast.FuncLit:
		t = fn.Type
	}
	if f == nil || t == nil || t.Results == nil {
		return 0, -1
	}
	for _, field := range t.Results.List {
		for range max(1, len(field.Names)) {
			typ := f.TypeOf(field.Type)
			b, basic := source.Under(typ).(*types.Basic)
			if types.Identical(typ, types.Universe.Lookup("error").Type()) || basic && b.Kind() == types.Bool {
				at = n
			}
			n++
		}
	}
	return n, at
}

// calls reports whether a call is, or may be, one of a function.
func (h *hearing) calls(f *source.File, call *ast.CallExpr, fn ast.Node) bool {
	if lit, ok := fn.(*ast.FuncLit); ok {
		if ast.Unparen(call.Fun) == ast.Expr(lit) {
			return true
		}
		v, ok := f.Callee(call).(*types.Var)
		return ok && h.holds(f, v, lit)
	}
	decl := fn.(*ast.FuncDecl)
	m, ok := f.Callee(call).(*types.Func)
	return ok && m.Name() == decl.Name.Name && slices.Contains(h.Program.DeclsOf(m), decl)
}

// holds reports whether a variable is given a literal.
func (h *hearing) holds(f *source.File, v *types.Var, lit *ast.FuncLit) (found bool) {
	for n := range ast.Preorder(f.Syntax) {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, r := range n.Rhs {
				found = found || ast.Unparen(r) == ast.Expr(lit) && f.VariableOf(n.Lhs[i]) == v
			}
		case *ast.ValueSpec:
			for i, r := range n.Values {
				found = found || ast.Unparen(r) == ast.Expr(lit) && f.DefinedBy(n.Names[i]) == types.Object(v)
			}
		}
	}
	return found
}

// again reports whether a failed call is made again at once: in a loop whose body, up to the call and for
// a failure, does nothing but log. It would spin once the session has ended.
func (h *hearing) again(f *source.File, parents map[ast.Node]ast.Node, call *ast.CallExpr) bool {
	for n := ast.Node(call); n != nil; n = parents[n] {
		switch p := parents[n].(type) {
		case *ast.ForStmt: // for await(ctx) != nil {}
			return ast.Node(p.Cond) == n && onlyLogs(f, p.Body)
		case *ast.IfStmt:
			outer, ok := parents[parents[p]].(*ast.ForStmt)
			if !ok || outer.Body.List[0] != ast.Stmt(p) || ast.Node(p.Body) == n || ast.Node(p.Else) == n {
				return false
			}
			if b, ok := p.Cond.(*ast.BinaryExpr); !ok || b.Op != token.NEQ {
				return false
			}
			body := p.Body.List
			if len(body) == 0 {
				return false
			}
			last, ok := body[len(body)-1].(*ast.BranchStmt)
			return ok && last.Tok == token.CONTINUE && onlyLogs(f, &ast.BlockStmt{List: body[:len(body)-1]})
		case *ast.FuncLit:
			return false
		}
	}
	return false
}

// hears reports whether more than a line of the log depends on the result of a call.
func (h *hearing) hears(f *source.File, parents map[ast.Node]ast.Node, call *ast.CallExpr, n, at int) bool {
	p := parents[call]
	for {
		if paren, ok := p.(*ast.ParenExpr); ok {
			p = parents[paren]
			continue
		}
		break
	}
	var to ast.Expr
	switch p := p.(type) {
	case *ast.ExprStmt:
		return false
	case *ast.CallExpr:
		_, alone := parents[p].(*ast.ExprStmt)
		return !alone || !loop.Logs(f, p)
	case *ast.AssignStmt:
		if len(p.Lhs) == n && len(p.Rhs) == 1 {
			to = p.Lhs[at]
		} else if i := slices.Index(p.Rhs, ast.Expr(call)); i >= 0 && len(p.Lhs) == len(p.Rhs) {
			to = p.Lhs[i]
		}
	case *ast.ValueSpec:
		if len(p.Names) == n && len(p.Values) == 1 {
			to = p.Names[at]
		}
	}
	if to == nil {
		return true
	}
	if source.IsBlank(to) {
		return false
	}
	v := f.VariableOf(to)
	if v == nil || v.IsField() || source.IsPackageLevel(v) {
		return true
	}
	return h.asked(f, parents, v, call.End())
}

// asked reports whether something depends on a variable from a place on, until it is assigned again.
func (h *hearing) asked(f *source.File, parents map[ast.Node]ast.Node, v *types.Var, from token.Pos) bool {
	uses := f.UsesOf(v)
	slices.SortFunc(uses, func(a, b *ast.Ident) int { return int(a.Pos() - b.Pos()) })
	for _, id := range uses {
		if id.Pos() < from {
			continue
		}
		if a, ok := parents[id].(*ast.AssignStmt); ok && slices.Contains(a.Lhs, ast.Expr(id)) {
			return false
		}
		if !h.idle(f, parents, id) {
			return true
		}
	}
	return false
}

// idle reports whether a use of an error only logs it, asks whether there is one to log, or asks for one
// that is not that of the session.
func (h *hearing) idle(f *source.File, parents map[ast.Node]ast.Node, id *ast.Ident) bool {
	var e ast.Node = id
	for {
		switch p := parents[e].(type) {
		case *ast.CallExpr:
			if _, alone := parents[p].(*ast.ExprStmt); alone {
				return loop.Logs(f, p)
			}
			if source.IsObject(f.Callee(p), "errors", "Is") || source.IsObject(f.Callee(p), "errors", "As") {
				return true
			}
			if !loop.Pure(f, p) {
				return false
			}
		case *ast.BinaryExpr:
			if p.Op != token.EQL && p.Op != token.NEQ {
				return false
			}
			if !f.Pkg.TypesInfo.Types[p.X].IsNil() && !f.Pkg.TypesInfo.Types[p.Y].IsNil() {
				return true
			}
		case *ast.SelectorExpr, *ast.ParenExpr, *ast.UnaryExpr:
		case *ast.IfStmt:
			return onlyLogs(f, p.Body) && (p.Else == nil || onlyLogs(f, p.Else))
		default:
			return false
		}
		e = parents[e]
	}
}

// onlyLogs reports whether a block does nothing but log.
func onlyLogs(f *source.File, body ast.Stmt) bool {
	b, ok := body.(*ast.BlockStmt)
	return ok && !slices.ContainsFunc(b.List, func(s ast.Stmt) bool {
		e, ok := s.(*ast.ExprStmt)
		if !ok {
			return true
		}
		call, ok := e.X.(*ast.CallExpr)
		return !ok || !loop.Logs(f, call)
	})
}

// statement is what a call stands in.
func (h *hearing) statement(call *ast.CallExpr) ast.Node {
	if around := h.Program.FuncAround(call); around != nil {
		parents := source.Parents(around)
		for n := ast.Node(call); n != nil; n = parents[n] {
			if _, ok := n.(ast.Stmt); ok {
				return n
			}
		}
	}
	return call
}
