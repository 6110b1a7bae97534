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
		f.Differences = slices.DeleteFunc(f.Differences, func(d finding.Difference) bool { return d.Kind == finding.LockRepeats })
	}
	finding.InOrder(f.Differences)
}
