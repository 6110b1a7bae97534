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
// After (guard): the constructor and the types are swapped, so that a try that fails
// only reads:
//
//	mu := etcdlock.NewMutex(session, "/locks/leader")
//
// Why it is safe: the loop stays as it is, and the swapped type has the same methods.
// The loop still reads as fast as it can; put a wait into it, mu.Sleep(time.Second), or
// replace it by mu.WatchLock(ctx) or mu.Lock(ctx).
package rewrite

import "fmt"

// trylockSpin describes a site that nothing paces.
func (p *program) trylockSpin(s *site) string {
	return fmt.Sprintf("%s retries %s without any wait; each try that fails writes two raft entries", s.name, firstLine(p.text(s.tries[0].Fun)))
}
