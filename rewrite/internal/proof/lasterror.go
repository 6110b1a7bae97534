package proof

import (
	"go/ast"
	"go/token"
	"go/types"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/source"
)

// private proves that nobody but the loop, and what comes behind it, reads the variable that the
// try assigns. While the loop waits, that holds the error of the last try, and when it ends without
// the lock, too; the wait assigns it once, or not at all where it returns at once. What follows
// success finds nil in either case. A deferred function that reads a result finds what is returned.
func (c *Collapse) private() *finding.Reason {
	v, ok := c.errObj.(*types.Var)
	if !ok || !c.assign {
		return nil
	}
	f, fn := c.Site.File, c.Site.Func
	read := func(n ast.Node, detail string) *finding.Reason {
		return c.stays(finding.ErrorRead, n, v.Name()+detail)
	}
	if source.IsPackageLevel(v) {
		return read(c.Site.Tries[0], " is a package variable")
	}
	if !source.PosWithin(v.Pos(), fn) {
		return read(c.Site.Tries[0], " belongs to the function around this one")
	}
	parents := source.Parents(fn)
	for _, id := range f.UsesOf(v) {
		if u, ok := parents[id].(*ast.UnaryExpr); ok && u.Op == token.AND {
			return read(u, " is read through its address")
		}
		for n := parents[id]; n != nil && n != fn; n = parents[n] {
			lit, ok := n.(*ast.FuncLit)
			if !ok || source.Within(c.Site.Node, lit) {
				continue
			}
			if !isResult(f, fn, v) || !deferred(parents, lit) {
				return read(id, " is read by a function literal")
			}
		}
	}
	return nil
}

// deferred reports whether a function literal is called by a defer statement, and by nothing else.
func deferred(parents map[ast.Node]ast.Node, lit *ast.FuncLit) bool {
	call, ok := parents[lit].(*ast.CallExpr)
	if !ok || ast.Unparen(call.Fun) != ast.Expr(lit) {
		return false
	}
	_, ok = parents[call].(*ast.DeferStmt)
	return ok
}
