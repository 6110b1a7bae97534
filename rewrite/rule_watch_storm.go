// watch-storm: a loop calls TryLock on any event below the lock's name.
//
// This is the fix that has been published for polling loops. It is right for two
// candidates and wrong for three: each failed TryLock puts and deletes a key below the
// watched prefix, so the candidates wake each other, and themselves, for ever. Where it does
// not try once the watch is open, it sleeps for ever when the lock was released just before
// that. It is woken by locks whose name only starts alike, and takes a closed or cancelled
// watch for an event.
//
// Before:
//
//	events := client.Watch(ctx, name, clientv3.WithPrefix())
//	for {
//		select {
//		case <-ctx.Done():
//			return ctx.Err()
//		case <-events:
//			if err = mu.TryLock(ctx); err == nil {
//				return nil
//			}
//		}
//	}
//
// After (collapse):
//
//	return mu.WatchLockRetry(ctx, etcdlock.RetryInterval)
//
// After (guard), where the loop has to stay: TryLock no longer writes while another
// candidate holds the lock, so that the storm ends. A release that was missed before is
// still missed.
//
// Why it is safe: as for trylock-poll, and the watch is proved to be for the prefix of
// this lock and for nothing else. The wait tries at once instead of after the next event.
package rewrite

import (
	"fmt"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/source"
)

var watchStorm = &rule{
	id:     "watch-storm",
	words:  ofTryLock,
	tries:  []*try{tryLock},
	top:    finding.Collapse,
	noGate: true,
	match: func(c *candidate) *match {
		if len(c.Calls) > 0 || !c.Watches() {
			return nil
		}
		message := fmt.Sprintf("%s calls %s on any watch event; three or more candidates wake each other for ever", c.Name, source.FirstLine(c.Text(c.Tries[0].Fun)))
		if c.Nature().WatchesLate() {
			message += ", and a release before the watch is missed"
		}
		return &match{message: message}
	},
}
