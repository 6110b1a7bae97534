package rewrite

import "etcdmod/internal/finding"

// A Strategy says what a collapse waits with.
type Strategy int

const (
	// WatchStrategy waits with WatchLock and its forms: the waiter has no key in etcd,
	// and who is first after a release is first.
	WatchStrategy Strategy = iota
	// LockStrategy waits with Lock where other errors end the loop: the waiter puts a key
	// and stands in a queue.
	LockStrategy
)

var strategyNames = [...]string{"watch", "lock"}

func (s Strategy) String() string { return strategyNames[s] }

// ParseStrategy is the inverse of String.
func ParseStrategy(name string) (Strategy, bool) {
	for i, n := range strategyNames {
		if n == name {
			return Strategy(i), true
		}
	}
	return WatchStrategy, false
}

// waitWith chooses what the collapse c waits with. It returns why that is not what was asked
// for, if so.
func (p *program) waitWith(c *collapse) *finding.Reason {
	if p.in.Strategy != LockStrategy {
		return nil
	}
	if c.retry {
		return &finding.Reason{Code: finding.RetriesErrors, Pos: p.position(c.site.tries[0].Pos())}
	}
	c.lock = true
	return nil
}
