// trylock-poll: a loop retries TryLock of an etcd mutex at an interval.
//
// A failed TryLock is not a read. It puts a key and deletes it: two raft log entries and
// two revisions. Every candidate that polls adds them for as long as somebody else holds
// the lock, until etcd answers "mvcc: database space exceeded".
//
// Before:
//
//	ticker := time.NewTicker(5 * time.Second)
//	for {
//		if err := mu.TryLock(ctx); err == nil {
//			return nil
//		}
//		select {
//		case <-ctx.Done():
//			return ctx.Err()
//		case <-ticker.C:
//		}
//	}
//
// After (collapse):
//
//	return mu.WatchLockRetry(ctx, 5*time.Second)
//
// After (collapse with -strategy=lock), where other errors end the loop:
//
//	return mu.Lock(ctx)
//
// After (gate), where the loop does more than wait, such as to log:
//
//	ticker := mu.NewTicker(5 * time.Second)
//
// After (guard), where the loop or its pace cannot be touched:
//
//	mu := etcdlock.NewMutex(session, "/locks/leader")
//
// Why it is safe: the constructor and the declared types that the mutex flows through
// are swapped together, which the compiler checks, for a type with the same methods. Its
// TryLock reads first and writes only if nobody else holds the lock. A gate tries at
// the old times or at a release, and nowhere else. A collapse replaces a loop only if
// success leaves it, the failure path only waits, and errors have a way out. What the
// program does otherwise then is listed with each finding.
//
// Lock instead of WatchLock: a waiter puts a key once and waits for the one before it, so
// that the lock is handed over in the order of arrival, with two entries for each hand-over
// at any number of waiters. Replicas that still call TryLock get it only when the queue is
// empty; a loop that retries other errors keeps WatchLockRetry, since Lock returns them.
package rewrite

import (
	"fmt"

	"etcdmod/internal/finding"
)

var trylockPoll = &rule{
	id:    "trylock-poll",
	words: ofTryLock,
	tries: []*try{tryLock},
	top:   finding.Collapse,
	match: func(c *candidate) *match {
		verb := "retries"
		if len(c.Calls) > 0 {
			verb = "reaches"
		}
		return &match{message: fmt.Sprintf("%s; each try that fails writes two raft entries", c.Tried(verb))}
	},
}
