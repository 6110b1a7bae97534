// periodic-job: a job that runs at an interval calls TryLock of an etcd mutex each time.
//
// The replica that gets the lock does the work and unlocks; the others skip this round.
// Each of them puts a key and deletes it, round after round: two raft log entries and two
// revisions per replica and job, for ever.
//
// Before:
//
//	for range ticker.C {
//		if err := mu.TryLock(ctx); err != nil {
//			continue // another replica does it
//		}
//		work(ctx)
//		mu.Unlock(ctx)
//	}
//
// After (guard): the constructor and the declared types are swapped, so that the replicas
// that skip a round only read:
//
//	mu := etcdlock.NewMutex(session, "/locks/job")
//
// Why it is safe: the loop stays as it is, to the letter. It must: one that waited for the
// lock would run the job in every replica, one after the other, and one that woke at the
// release would run it again at once. So a clock that also paces what follows success is
// never swapped, and such a loop is never replaced by a wait.
package rewrite

import (
	"fmt"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/loop"
)

var periodicJob = &rule{
	id:      "periodic-job",
	words:   ofTryLock,
	tries:   []*try{tryLock},
	top:     finding.Guard,
	ceiling: "a replica that woke at the release would run the job again at once",
	skips:   true,
	match: func(c *candidate) *match {
		n := c.Nature()
		again := c.Repeated() && loop.IsRepeater(c.Program, c.File.Callee(c.Calls[0])) && n.ReleasesBelow()
		if !again && !(n.GoesOn() && n.Releases()) {
			return nil
		}
		return &match{message: fmt.Sprintf("%s for each job; each replica that fails writes two raft entries per try", c.Tried("tries"))}
	},
}
