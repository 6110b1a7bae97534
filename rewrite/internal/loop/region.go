package loop

import (
	"go/ast"
	"go/token"
)

// Regions.
//
// A goto that leads back makes a loop of the statements from its label on. Such a region
// is a site like any other: its round begins with the goto, and whatever else leaves the
// statements ends the retry.

// region walks the statements from a label to its goto, which is what begins the next
// round. Whatever else leaves them ends the retry.
func (t *Walker) region(list *ast.BlockStmt, start *Path) []*Path {
	paths := t.Block(list.List, []*Path{start})
	for _, p := range paths {
		b, _ := p.EndStmt.(*ast.BranchStmt)
		switch {
		case p.End == Falls:
			p.End = Broke
		case b != nil && b.Tok != token.GOTO:
			p.label, p.End = "", Outward // of a loop around the region
		}
		p.Around = p.End == Next
	}
	return paths
}

// hasLabel reports whether the label is inside the loop.
func (t *Walker) hasLabel(label string) bool {
	found := false
	ast.Inspect(t.Loop, func(n ast.Node) bool {
		if l, ok := n.(*ast.LabeledStmt); ok && l.Label.Name == label {
			found = true
		}
		return !found
	})
	return found
}

// leadsBack reports whether a goto leads to the label that a region begins with.
func (t *Walker) leadsBack(s *ast.BranchStmt) bool {
	_, isRegion := t.Loop.(*ast.BlockStmt)
	return isRegion && s.Tok == token.GOTO && s.Label.Name == t.label
}
