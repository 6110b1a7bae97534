// bounded-retry: a loop retries TryLock of an etcd mutex and gives up in the end.
//
// Each failed try puts a key and deletes it: two raft log entries and two revisions. That
// there is an end to it, after a number of tries or at a deadline, bounds what one caller
// costs; requests that call it, and replicas that restart, pay it again and again.
//
// Before:
//
//	for i := 0; i < 5; i++ {
//		if err := mu.TryLock(ctx); err == nil {
//			return nil
//		}
//		time.Sleep(time.Second)
//	}
//	return errBusy
//
// After (guard): the constructor and the declared types are swapped, so that a try that
// fails only reads:
//
//	mu := etcdlock.NewMutex(session, "/locks/leader")
//
// After (gate), where a deadline ends the retry and no try is counted:
//
//	ticker := mu.NewTicker(time.Second)
//
// Why it is safe: as for trylock-poll. A wake-up at a release would use one of a number of
// tries up sooner, and five tries would no longer be five seconds: so the clock of a loop
// that counts is never touched, and neither is that of one whose pauses grow. A deadline
// stays where it is.
//
// Where the number of tries stands for a time, say so: mu.Lock or mu.WatchLock with a
// context that has the deadline waits without polling.
package rewrite

import (
	"fmt"

	"etcdmod/internal/finding"
)

var boundedRetry = &rule{
	id:      "bounded-retry",
	words:   ofTryLock,
	tries:   []*try{tryLock},
	top:     finding.Gate,
	ceiling: "a wait in its place has no count and no deadline of its own",
	match: func(c *candidate) *match {
		limit := c.Nature().Limit()
		if limit == "" {
			return nil
		}
		return &match{message: fmt.Sprintf("%s, %s; each try that fails writes two raft entries", c.Tried("retries"), limit)}
	},
}
