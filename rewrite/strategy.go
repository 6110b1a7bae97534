package rewrite

import (
	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/proof"
	"etcdmod/rewrite/internal/source"
)

// waitWith chooses what the collapse c waits with. It returns why that is not what was asked
// for, if so.
func (p *analysis) waitWith(c *proof.Collapse) *finding.Reason {
	if p.In.Strategy != source.LockStrategy {
		return nil
	}
	if c.Retry {
		return &finding.Reason{Code: finding.RetriesErrors, Pos: p.Position(c.Site.Tries[0].Pos())}
	}
	c.Lock = true
	return nil
}
