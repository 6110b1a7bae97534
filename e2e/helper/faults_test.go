package helper_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
	etcdlock "etcdmod/e2e/internal/withoutrereads"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// waits are the two machines that wait: the one of WatchLock and the one of the clocks.
var waits = []way{ways[0], ways[1]}

// still checks that a waiter has not come back.
func still(t *testing.T, done <-chan error, d time.Duration) {
	t.Helper()
	select {
	case err := <-done:
		t.Fatalf("the wait ended with %v although the lock is held", err)
	case <-time.After(d):
	}
}

func TestWaiterSurvivesCompactionOfTheWatchedRevision(t *testing.T) {
	t.Parallel()
	for _, w := range waits {
		for _, when := range []string{"released after", "released before"} {
			t.Run(w.name+" "+when, func(t *testing.T) {
				p := contended(t)
				asked, compacted := make(chan struct{}), make(chan struct{})
				var first atomic.Bool
				p.wire.onWatch(func() {
					if first.CompareAndSwap(false, true) {
						close(asked)
						<-compacted
					}
				})
				done := make(chan error, 1)
				go func() { done <- w.acquire(p.m, never, func() {})(p.ctx) }()
				<-asked
				if when == "released before" {
					must(t, p.holder.Unlock(p.ctx))
				}
				other := p.Client()
				var revision int64
				for range 5 {
					resp, err := other.Put(p.ctx, "x", "")
					must(t, err)
					revision = resp.Header.Revision
				}
				_, err := other.Compact(p.ctx, revision)
				must(t, err)
				close(compacted)
				if when == "released after" {
					still(t, done, time.Second)
					must(t, p.holder.Unlock(p.ctx))
				}
				must(t, within(t, woken, done))
				must(t, p.m.Unlock(p.ctx))
				p.noKeys(t)
			})
		}
	}
}

func TestWaiterSurvivesARestartOfItsServer(t *testing.T) {
	t.Parallel()
	for _, w := range waits {
		t.Run(w.name, func(t *testing.T) {
			p := contended(t)
			asked, done := p.asked(), make(chan error, 1)
			go func() { done <- w.acquire(p.m, never, func() {})(p.ctx) }()
			<-asked
			still(t, done, 200*time.Millisecond)
			p.Stop(0)
			still(t, done, time.Second)
			p.Restart(0)
			still(t, done, time.Second)
			unlock(t, p.ctx, p.holder)
			must(t, within(t, woken, done))
			must(t, p.m.Unlock(p.ctx))
			p.noKeys(t)
		})
	}
}

// unlock tries until the servers take it.
func unlock(t *testing.T, ctx context.Context, m *etcdlock.Mutex) {
	t.Helper()
	eventually(t, "unlock", func() bool {
		call, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		return m.Unlock(call) == nil
	})
}

func TestWaiterSurvivesChangesOfLeader(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, 3)
	ctx := limited(t)
	holder := etcdlock.NewMutex(c.Session(c.Client()), prefix)
	must(t, holder.TryLock(ctx))
	done := make(chan error, len(waits))
	mutexes := make(chan *etcdlock.Mutex, len(waits))
	for _, w := range waits {
		m := etcdlock.NewMutex(c.Session(c.Client()), prefix)
		go func() {
			err := w.acquire(m, never, func() {})(ctx)
			mutexes <- m
			done <- err
		}()
	}
	still(t, done, time.Second)
	for range 2 {
		c.MoveLeader((c.Leader() + 1) % 3)
		still(t, done, 500*time.Millisecond)
	}
	gone := c.Leader()
	c.Stop(gone) // crashes
	eventually(t, "a new leader", func() bool { return c.Leader() >= 0 })
	still(t, done, 500*time.Millisecond)
	unlock(t, ctx, holder)
	must(t, within(t, woken, done))
	c.Restart(gone)
	unlock(t, ctx, <-mutexes)
	must(t, within(t, woken, done))
	unlock(t, ctx, <-mutexes)
	if keys := c.Keys(c.Client(), prefix); len(keys) > 0 {
		t.Errorf("left behind: %q", keys)
	}
}

// Without a majority there is no leader: a watch that does not ask for one would be
// silent for ever, and one that does is refused again and again.
func TestWaiterSurvivesTheLossOfTheMajority(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, 3)
	ctx := limited(t)
	holder := etcdlock.NewMutex(c.Session(c.Client()), prefix)
	must(t, holder.TryLock(ctx))
	stay := c.Leader()
	wires := &wire{}
	m := etcdlock.NewMutex(c.Session(c.Client(wires.option, func(cfg *clientv3.Config) {
		cfg.Endpoints = cfg.Endpoints[stay : stay+1]
	})), prefix)
	done := make(chan error, 1)
	go func() { done <- m.WatchLock(ctx) }()
	still(t, done, time.Second)
	var calls, watches atomic.Int64
	wires.set(func(context.Context, string) error { calls.Add(1); return nil }, nil)
	wires.onWatch(func() { watches.Add(1) })
	a, b := (stay+1)%3, (stay+2)%3
	c.Stop(a)
	c.Stop(b)
	const lost = 8 * time.Second
	still(t, done, lost)
	// The client itself asks for the watch again, slower and slower.
	t.Logf("%d calls and %d watches in %v", calls.Load(), watches.Load(), lost)
	if n := calls.Load() + watches.Load(); n > 60 {
		t.Errorf("%d requests in %v", n, lost)
	}
	restarted := make(chan struct{})
	go func() { // they wait for each other
		defer close(restarted)
		c.Restart(a)
	}()
	c.Restart(b)
	<-restarted
	unlock(t, ctx, holder)
	// A try that meets an election gives its error; the wait itself does not.
	must(t, within(t, never/2, done))
	unlock(t, ctx, m)
}

// The lock is released before the servers have the watch, and the first reads after that fail.
func TestReleaseBeforeTheWatchIsFoundThoughReadsFail(t *testing.T) {
	t.Parallel()
	for _, w := range waits {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			p := contended(t)
			var failed atomic.Int64
			released := make(chan struct{})
			var once atomic.Bool
			p.wire.onWatch(func() {
				if once.CompareAndSwap(false, true) {
					must(t, p.holder.Unlock(p.ctx))
					p.wire.set(func(_ context.Context, call string) error {
						if call == rangeCall && failed.Add(1) <= 4 { // a transaction and a Get make one read
							return status.Error(codes.Unavailable, "cut")
						}
						return nil
					}, nil)
					close(released)
				}
			})
			done := make(chan error, 1)
			go func() { done <- w.acquire(p.m, never, func() {})(p.ctx) }()
			<-released
			must(t, within(t, never/2, done))
			if failed.Load() < 4 {
				t.Errorf("%d reads have failed", failed.Load())
			}
			must(t, p.m.Unlock(p.ctx))
			p.noKeys(t)
		})
	}
}
