// trylock-spin: a loop retries TryLock of an etcd mutex with nothing to slow it down.
//
// Each failed try puts a key and deletes it, which costs two raft log entries, and the
// loop makes as many as the round trips to etcd allow: hundreds per second from each
// candidate.
//
// Before:
//
//	for mu.TryLock(ctx) != nil {
//	}
//
// After (gate): a try that fails only reads, and the next one waits for the release, or
// for a moment:
//
//	for mu.TryLock(ctx) != nil {
//		mu.Sleep(100 * time.Millisecond)
//	}
//
// After (guard), where no wait can be put in:
//
//	mu := etcdlock.NewMutex(session, "/locks/leader")
//
// Why it is safe: the constructor and the types are swapped for ones with the same
// methods. The wait stands where the rounds end that tried in vain, and only where no
// other round ends, such as one that got the lock or did not try. Those rounds do nothing
// but try, log and count, and nobody counts the tries. The loop tries less often and at a
// release, so at no new time. What else it looks at in each round, such as the end of its
// context, it may see a tenth of a second later than before.
//
// A loop that is only guarded still reads as fast as it can: put a wait into it, or
// replace it by mu.WatchLock(ctx) or mu.Lock(ctx).
package rewrite

import (
	"fmt"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/source"
)

var trylockSpin = &rule{
	id:       "trylock-spin",
	words:    ofTryLock,
	tries:    []*try{tryLock},
	top:      finding.Gate,
	outgrown: finding.NoClock, // a spin that is given a wait is none any more
	match: func(c *candidate) *match {
		if len(c.Calls) > 0 || len(c.Clocks) > 0 || c.Blocks() || c.Nature().TellsTime() {
			return nil
		}
		return &match{message: fmt.Sprintf("%s retries %s without any wait; each try that fails writes two raft entries", c.Name, source.FirstLine(c.Text(c.Tries[0].Fun)))}
	},
}
