package rewrite

import (
	"go/ast"
	"slices"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/proof"
)

// differences notes on each finding what the program does otherwise with its tier, as it is now.
func (pl *Plan) differences() {
	var uses []proof.Use
	for _, a := range pl.analyses {
		uses = append(uses, proof.Uses(a.Flow, a.Program)...)
	}
	for _, f := range pl.proposals {
		if f.Differences = nil; f.Tier > finding.Refuse {
			f.Differences = proof.Differences(f.site, f.Tier, f.components, uses, f.collapsed)
			renamed := false
			for _, r := range f.replaced {
				if r.name == "" {
					continue
				}
				renamed = true
				pos := pl.p.Position(ast.Unparen(r.call.Fun).(*ast.SelectorExpr).Sel.Pos())
				f.Differences = append(f.Differences, finding.Difference{Kind: finding.JoinsLate, Pos: pos}, finding.Difference{Kind: finding.MissesTurn, Pos: pos})
			}
			if renamed { // no other call of Lock is left
				f.Differences = slices.DeleteFunc(f.Differences, func(d finding.Difference) bool { return d.Kind == finding.LockRepeats })
				finding.InOrder(f.Differences)
			}
		}
	}
}
