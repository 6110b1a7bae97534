package rewrite

import (
	"slices"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/proof"
	"etcdmod/rewrite/internal/source"
)

// differences notes on each finding what the program does otherwise with its tier, as it is now.
func (pl *Plan) differences() {
	var uses []proof.Use
	for _, a := range pl.finders {
		uses = append(uses, proof.Uses(a.Flow, a.Program)...)
	}
	for _, f := range pl.proposals {
		if f.Differences = nil; f.Tier > finding.Refuse {
			f.Differences = proof.Differences(f.site, f.Tier, f.components, uses, f.collapsed)
			pl.replaced(f)
		}
	}
}

// replaced notes what the calls that become others change.
func (pl *Plan) replaced(f *proposal) {
	for _, r := range f.replaced {
		kinds := []finding.DifferenceKind{finding.JoinsLate, finding.MissesTurn}
		switch {
		case r.session && r.name == "NewSession":
			kinds = []finding.DifferenceKind{finding.GrantsLate}
			if r.within != nil {
				f.Differences = append(f.Differences, finding.Difference{
					Kind: finding.GrantInTime, Value: source.FirstLine(r.file.Text(r.within)), Pos: pl.p.Position(r.within.Pos())})
			}
		case r.session:
			continue // with it
		case r.of != "":
			kinds = []finding.DifferenceKind{finding.CampaignsLate, finding.LeaderGap, finding.MissesTurn}
		case r.name == "":
			kinds = []finding.DifferenceKind{finding.TxnAsksFirst}
		}
		for _, k := range kinds {
			f.Differences = append(f.Differences, finding.Difference{Kind: k, Pos: pl.p.Position(r.pos())})
		}
	}
	if len(f.replaced) == 0 {
		return
	}
	if slices.ContainsFunc(f.replaced, func(r replaced) bool { return !r.session }) { // no other call of Lock is left
		f.Differences = slices.DeleteFunc(f.Differences, func(d finding.Difference) bool { return d.Kind == finding.LockRepeats })
	}
	finding.InOrder(f.Differences)
}
