package proof

import (
	"cmp"
	"go/ast"
	"go/token"
	"go/types"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/source"
)

// scopes reports a name or a branch in the statements that are kept which would mean
// something else where they are moved to. The new code is
//
//	if err := mu.WatchLock(ctx); err != nil {
//		others, done
//	}
//	success
//
// in the block that held the loop.
func (c *Collapse) scopes() *finding.Reason {
	for _, e := range []ast.Expr{c.Site.Mutex(), c.Site.Tries[0].Args[0]} {
		if why := sameNames(c.Site, e); why != nil {
			why.Code = finding.ShapeUnknown
			return why
		}
	}
	parts := []keptPart{{list: c.done, inside: true}}
	if !c.both { // else they are the one return of the try's error
		parts = []keptPart{{list: c.success, reads: true}, {list: c.others, reads: true, inside: true}, parts[0]}
	}
	for _, part := range parts {
		if why := c.renamed(part); why != nil {
			return why
		}
	}
	if why := c.declares(); why != nil {
		return why
	}
	return c.reachable()
}

// A keptPart is a list of statements that is kept.
type keptPart struct {
	list   []ast.Stmt
	reads  bool // it may read the error of the last try
	inside bool // it stands where the error of the wait is declared
}

// renamed reports a name or a branch that means something else where a part is moved to.
func (c *Collapse) renamed(part keptPart) (bad *finding.Reason) {
	f := c.Site.File
	at := func(n ast.Node, detail string) { bad = c.stays(finding.ShapeUnknown, n, detail) }
	for _, s := range part.list {
		ast.Inspect(s, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BranchStmt:
				at(n, "a branch in what is kept")
			case *ast.ReturnStmt:
				if !part.reads && len(n.Results) == 0 && c.errObj != nil && isResult(f, c.Site.Func, c.errObj) {
					at(n, c.errVar+" is returned as the last try left it")
				}
			case *ast.Ident:
				obj, defined := f.ObjectOf(n), f.Pkg.TypesInfo.Defs[n] != nil
				v, isVar := obj.(*types.Var)
				switch {
				case obj == nil || isVar && v.IsField() && !defined:
				case obj == c.errObj && c.errObj != nil:
					if !part.reads || !part.inside && !c.assign {
						at(n, n.Name+" holds the error of the last try")
					}
				case part.inside && n.Name == cmp.Or(c.errVar, "err") && (defined || !c.assign):
					if !isSelected(s, n) {
						at(n, n.Name+" means something else there")
					}
				case source.PosWithin(obj.Pos(), c.Site.Node) && !declaredIn(obj, part.list):
					at(n, n.Name+" is declared in the loop")
				}
			}
			return bad == nil
		})
	}
	return bad
}

// declares reports a name that success would declare in the block around the loop.
func (c *Collapse) declares() *finding.Reason {
	f, loop := c.Site.File, c.Site.Node
	block := f.Pkg.Types.Scope().Innermost(loop.Pos())
	if block != nil && block.Pos() >= loop.Pos() {
		block = block.Parent() // that of the loop itself
	}
	for _, s := range c.success {
		for _, id := range declares(s) {
			if len(c.success) == 0 || !leaves(f, c.success[len(c.success)-1]) {
				return c.stays(finding.ShapeUnknown, id, id.Name+" would be visible behind the loop")
			}
			if block == nil || block.Lookup(id.Name) != nil {
				return c.stays(finding.ShapeUnknown, id, id.Name+" is declared around the loop too")
			}
		}
	}
	return nil
}

// reachable reports a loop over a channel, which may end as far as the compiler knows, where
// what follows could not be reached any more.
func (c *Collapse) reachable() *finding.Reason {
	r, ok := c.Site.Node.(*ast.RangeStmt)
	if n := len(c.success); !ok || n == 0 || !leaves(c.Site.File, c.success[n-1]) {
		return nil
	}
	var stmt ast.Stmt = r
	if c.Site.Label != nil {
		stmt = c.Site.Label
	}
	if list := source.Siblings(c.Site.Func, stmt); len(list) == 0 || list[len(list)-1] != stmt {
		return c.stays(finding.ShapeUnknown, r, "what follows the loop could not be reached any more")
	}
	return nil
}

// isSelected reports whether id is the X.id of a selector, or a field name in a literal,
// below n.
func isSelected(n ast.Node, id *ast.Ident) bool {
	for m := range ast.Preorder(n) {
		if sel, ok := m.(*ast.SelectorExpr); ok && sel.Sel == id {
			return true
		}
	}
	return false
}

func declaredIn(obj types.Object, list []ast.Stmt) bool {
	for _, s := range list {
		if source.PosWithin(obj.Pos(), s) {
			return true
		}
	}
	return false
}

// declares returns the names that a statement declares in the block that holds it.
func declares(s ast.Stmt) (out []*ast.Ident) {
	switch s := s.(type) {
	case *ast.AssignStmt:
		if s.Tok == token.DEFINE {
			for _, l := range s.Lhs {
				if id, ok := l.(*ast.Ident); ok && id.Name != "_" {
					out = append(out, id)
				}
			}
		}
	case *ast.DeclStmt:
		if gen, ok := s.Decl.(*ast.GenDecl); ok {
			for _, spec := range gen.Specs {
				switch spec := spec.(type) {
				case *ast.ValueSpec:
					out = append(out, spec.Names...)
				case *ast.TypeSpec:
					out = append(out, spec.Name)
				}
			}
		}
	case *ast.LabeledStmt:
		out = append(out, s.Label)
	}
	return out
}

// isResult reports whether obj is a named result of fn.
func isResult(f *source.File, fn ast.Node, obj types.Object) bool {
	t := source.FuncType(fn)
	if t == nil || t.Results == nil {
		return false
	}
	for _, field := range t.Results.List {
		for _, name := range field.Names {
			if f.DefinedBy(name) == obj {
				return true
			}
		}
	}
	return false
}
