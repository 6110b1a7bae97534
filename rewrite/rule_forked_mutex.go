// forked-mutex: a loop retries TryLock of a mutex that is not proved to be a fork of etcd's.
//
// Forks are the packages that are named with -concurrency-pkg. Where the mutex of a fork is
// proved to be etcd's, its loops fall under the other rules and are rewritten as theirs are:
// the helper then wraps the fork. This rule is for the rest.
//
// Before:
//
//	import concurrency "example.com/app/drifted"
//
// and somewhere
//
//	for mu.TryLock(ctx) != nil {
//		time.Sleep(time.Second)
//	}
//
// After (by hand): the client's own package. The loop is then a finding of another rule,
// which rewrites it.
//
//	import "go.etcd.io/etcd/client/v3/concurrency"
//
// Why it is not rewritten: the helper finds the holder of a lock by its key, and knows its
// own by the lease in it. A fork that writes other keys would be told that it does not hold
// the lock that it holds, or that it does. So NewMutex, Mutex.TryLock and Mutex.tryAcquire
// must be those of etcd, which have been the same in every version that has them, to the
// letter but for comments. Whether a try that fails writes is not known either.
package rewrite

import (
	"fmt"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/source"
)

var forkedMutex = &rule{
	id:    "forked-mutex",
	words: ofTryLock,
	tries: []*try{tryLock},
	top:   finding.Refuse,
	match: func(c *candidate) *match {
		m := c.refusal()
		if m == nil || !c.IsFork(m.Path) || !source.HasCode(m.Reasons, finding.ForkDiffers) {
			return nil
		}
		return &match{message: fmt.Sprintf("%s, a mutex of %s", c.Tried("retries"), m.Path)}
	},
}
