package rewrite

import (
	"slices"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/proof"
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
			if sessionOf(f.site) != nil { // no try has the session of one that has won
				f.drop(finding.HeldTryReads)
			}
			pl.replaced(f)
		}
	}
}

// replaced notes what the calls that become others change.
func (pl *Plan) replaced(f *proposal) {
	for _, r := range f.replaced {
		f.Differences = append(f.Differences, r.differs(pl.p)...)
	}
	if len(f.replaced) == 0 {
		return
	}
	if slices.ContainsFunc(f.replaced, func(r replacement) bool { _, is := r.(lockReplaced); return is }) { // no other call of Lock is left
		f.drop(finding.LockRepeats)
	}
	finding.InOrder(f.Differences)
}

// drop takes away the differences of a kind.
func (f *proposal) drop(kind finding.DifferenceKind) {
	f.Differences = slices.DeleteFunc(f.Differences, func(d finding.Difference) bool { return d.Kind == kind })
}
