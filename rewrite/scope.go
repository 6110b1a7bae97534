package rewrite

import (
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
func (c *collapse) scopes() *finding.Reason {
	f, loop := c.site.file, c.site.loop
	at := func(n ast.Node, detail string) *finding.Reason {
		return &finding.Reason{Code: finding.ShapeUnknown, Detail: detail, Pos: c.site.Position(n.Pos())}
	}
	for _, e := range []ast.Expr{c.site.mutex(), c.site.tries[0].Args[0]} {
		if r := sameNames(c.site, e); r != nil {
			r.Code = finding.ShapeUnknown
			return r
		}
	}
	name := c.errVar
	if name == "" {
		name = "err"
	}
	var bad *finding.Reason
	check := func(list []ast.Stmt, reads, inside bool) {
		for _, s := range list {
			ast.Inspect(s, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.BranchStmt:
					bad = at(n, "a branch in what is kept")
				case *ast.ReturnStmt:
					if !reads && len(n.Results) == 0 && c.errObj != nil && isResult(f, c.site.fn, c.errObj) {
						bad = at(n, c.errVar+" is returned as the last try left it")
					}
				case *ast.Ident:
					obj := f.ObjectOf(n)
					v, isVar := obj.(*types.Var)
					switch {
					case obj == nil || isVar && v.IsField() && f.Pkg.TypesInfo.Defs[n] == nil:
					case obj == c.errObj && c.errObj != nil:
						if !reads || !inside && !c.assign {
							bad = at(n, n.Name+" holds the error of the last try")
						}
					case inside && n.Name == name && (f.Pkg.TypesInfo.Defs[n] != nil || !c.assign):
						if !isSelected(s, n) {
							bad = at(n, n.Name+" means something else there")
						}
					case source.PosWithin(obj.Pos(), loop) && !declaredIn(obj, list):
						bad = at(n, n.Name+" is declared in the loop")
					}
				}
				return bad == nil
			})
		}
	}
	if !c.both { // else they are the one return of the try's error
		check(c.success, true, false)
		check(c.others, true, true)
	}
	check(c.done, false, true)
	if bad != nil {
		return bad
	}

	// What success declares would be declared in the block around the loop.
	block := f.Pkg.Types.Scope().Innermost(loop.Pos())
	if block != nil && block.Pos() >= loop.Pos() {
		block = block.Parent() // that of the loop itself
	}
	for _, s := range c.success {
		for _, id := range declares(s) {
			if len(c.success) == 0 || !leaves(f, c.success[len(c.success)-1]) {
				return at(id, id.Name+" would be visible behind the loop")
			}
			if block == nil || block.Lookup(id.Name) != nil {
				return at(id, id.Name+" is declared around the loop too")
			}
		}
	}
	// A loop over a channel may end, as far as the compiler knows.
	if r, ok := loop.(*ast.RangeStmt); ok && len(c.success) > 0 && leaves(f, c.success[len(c.success)-1]) {
		var stmt ast.Stmt = r
		if c.site.label != nil {
			stmt = c.site.label
		}
		list := source.Siblings(c.site.fn, stmt)
		if len(list) == 0 || list[len(list)-1] != stmt {
			return at(r, "what follows the loop could not be reached any more")
		}
	}
	return nil
}

// isSelected reports whether id is the X.id of a selector, or a field name in a literal,
// below n.
func isSelected(n ast.Node, id *ast.Ident) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel == id {
			found = true
		}
		return !found
	})
	return found
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
	var t *ast.FuncType
	switch fn := fn.(type) {
	case *ast.FuncDecl:
		t = fn.Type
	case *ast.FuncLit:
		t = fn.Type
	}
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
