// leader-check: a leader calls TryLock of its own etcd mutex again to see that it leads.
//
// TryLock of a lock that is held already succeeds, so that one loop can both elect the
// leader and check on it. Each standby puts a key and deletes it per round, and the leader
// writes a raft log entry as well: a transaction that contains a put is proposed whatever
// it decides.
//
// Before:
//
//	for range ticker.C {
//		err := mu.TryLock(ctx)
//		leading.Store(err == nil)
//	}
//
// After (guard): the constructor and the declared types are swapped, so that standbys and
// the leader only read:
//
//	mu := etcdlock.NewMutex(session, "/locks/leader")
//
// Why it is safe: the loop stays as it is. The swapped TryLock tries first and never waits:
// it answers nil to the holder, and recovers a lock that was kept although a later step
// failed, as the client's does. What a standby does on each failed round (drop an address,
// clear a flag) happens at the old pace. A wait for the release would be wrong: the leader
// would wait for its own key.
package rewrite

import (
	"fmt"

	"etcdmod/internal/finding"
)

var leaderCheck = &rule{
	id:      "leader-check",
	words:   ofTryLock,
	tries:   []*try{tryLock},
	top:     finding.Guard,
	ceiling: "the leader tries by the same clock, and would wait for itself",
	skips:   true,
	match: func(c *candidate) *match {
		const near = 3 // further away, nobody knows what success is
		n := c.Nature()
		if !n.GoesOn() || len(c.Chain) >= near || !n.Heeds() || n.StandsBy() || n.TakesItems() {
			return nil
		}
		if sessionOf(c.Site) != nil { // a try with a session of its own meets the key of an earlier one
			return nil
		}
		return &match{message: fmt.Sprintf("%s, also while it holds the lock; per try, standbys write two raft entries and the holder one", c.Tried("tries"))}
	},
}
