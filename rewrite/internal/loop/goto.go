package loop

import (
	"go/ast"
	"go/token"

	"etcdmod/rewrite/internal/source"
)

// gotoSite finds the region from a label before call to a goto behind it that leads back.
// stack ends with the loop or function in which both are looked for.
func (p *Functions) gotoSite(in search, stack []ast.Node, call *ast.CallExpr, known map[ast.Stmt]*Site) *Site {
	outer := stack[len(stack)-1]
	labels := map[string]*ast.LabeledStmt{}
	var to *ast.LabeledStmt // the last one before the call
	var end token.Pos       // of the last goto that leads there
	ast.Inspect(outer, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return n == outer
		case *ast.LabeledStmt:
			labels[n.Label.Name] = n
		case *ast.BranchStmt:
			if n.Tok != token.GOTO || n.Pos() < call.Pos() {
				return true
			}
			if l := labels[n.Label.Name]; l != nil && l.Pos() < call.Pos() && (to == nil || to.Pos() <= l.Pos()) {
				to, end = l, n.End()
			}
		}
		return true
	})
	if to == nil {
		return nil
	}
	region := &ast.BlockStmt{Lbrace: to.Pos()}
	for _, s := range source.Siblings(outer, to) {
		if s.Pos() >= to.Pos() && s.Pos() < end {
			region.List = append(region.List, s)
			region.Rbrace = s.End() - 1
		}
	}
	for _, s := range known {
		if s.Node.Pos() == region.Pos() && s.Node.End() == region.End() {
			return s
		}
	}
	s := &Site{Functions: p, File: in.file, Cycle: cycleOf(region), Label: to}
	if !s.place(stack) {
		return nil
	}
	s.walk(in)
	if s.Walker.Bad == nil && !s.retries() {
		return nil
	}
	return s
}
