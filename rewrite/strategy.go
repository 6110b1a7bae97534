package rewrite

import (
	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/source"
)

// waitWith chooses what the collapse c waits with. It returns why that is not what was asked
// for, if so.
func (p *analysis) waitWith(c *collapse) *finding.Reason {
	if p.In.Strategy != source.LockStrategy {
		return nil
	}
	if c.retry {
		return &finding.Reason{Code: finding.RetriesErrors, Pos: p.Position(c.site.tries[0].Pos())}
	}
	c.lock = true
	return nil
}
