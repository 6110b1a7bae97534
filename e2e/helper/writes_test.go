package helper_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
	etcdlock "etcdmod/e2e/internal/withoutrereads"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

func poll(ctx context.Context, m locker, d time.Duration) error {
	for {
		err := m.TryLock(ctx)
		if err == nil || !errors.Is(err, concurrency.ErrLocked) {
			return err
		}
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// The ways wait at the same time, each for a lock of its own, and all holders try again
// the lock that they hold. A hundred candidates wait in one way at a time: the clients
// of all ways would keep the machine too busy to keep their sessions alive.
func TestContendedWaitingWritesNothing(t *testing.T) {
	// Candidates of each lock, the holder not counted, by members of the cluster; and how
	// often each holder tries again meanwhile.
	sizes, rounds := map[int][]int{1: {1, 10, 30}}, 20
	if long {
		sizes, rounds = map[int][]int{1: {1, 10, 100}, 3: {1, 10, 100}}, 100
	}
	all := append([]way{polling}, ways...)
	for members, candidates := range sizes {
		c := cluster.Start(t, members)
		for _, n := range candidates {
			groups := [][]way{all}
			if n >= 100 {
				groups = slices.Collect(slices.Chunk(all, 1))
			}
			for _, group := range groups {
				name := fmt.Sprintf("%d members, %d candidates", members, n)
				if len(group) == 1 {
					name += ", " + group[0].name
				}
				t.Run(name, func(t *testing.T) { contendedWaiting(t, c, n, group, rounds) })
			}
		}
	}
}

func contendedWaiting(t *testing.T, c *cluster.Cluster, n int, group []way, rounds int) {
	base := cluster.Watchers(t)
	ctx, cancel := context.WithCancel(limited(t))
	var running sync.WaitGroup
	var clients []*clientv3.Client
	defer func() {
		cancel()
		running.Wait()
		for _, cli := range clients { // the next round shares the cluster
			cli.Close()
		}
		watched(t, base, 0)
	}()
	var tries, retries atomic.Int64
	ttl := concurrency.WithTTL(600)
	watchers, loops := 0, 0
	const interval = 4 * time.Second // tries that come late would let their watches end and begin again
	for i, w := range group {
		cli := c.Client()
		clients = append(clients, cli)
		lock := fmt.Sprintf("%s/%s/%s", prefix, t.Name(), w.name)
		holder := etcdlock.NewMutex(c.Session(cli, ttl), lock)
		if i%2 == 0 {
			must(t, holder.TryLock(ctx))
		} else {
			must(t, holder.Lock(ctx))
		}
		running.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				again := holder.TryLock
				if i%2 == 1 {
					again = holder.WatchLock
				}
				if err := again(ctx); err != nil && ctx.Err() == nil {
					t.Errorf("the holder tries again: %v", err)
				}
				retries.Add(1)
				time.Sleep(100 * time.Millisecond)
			}
		})
		if w.name != polling.name {
			watchers += n
		}
		if w.clock != nil {
			loops += n
		}
		for range n {
			acquire := w.acquire(etcdlock.NewMutex(c.Session(cli, ttl), lock), interval, func() { tries.Add(1) })
			running.Go(func() {
				if err := acquire(ctx); ctx.Err() == nil {
					t.Errorf("%s: %v although the lock was held", w.name, err)
				}
			})
		}
	}
	// One watcher for each candidate that waits for a release, none for TryLock alone.
	watched(t, base, watchers)
	for attempt := 1; ; attempt++ {
		leader := c.Leader()
		index, revision := c.AppliedIndex(), c.Revision()
		tried, retried, start := tries.Load(), retries.Load(), time.Now()
		// Each loop comes round once, on average, and the holders do often.
		eventually(t, "tries", func() bool {
			return tries.Load()-tried >= int64(loops) && retries.Load()-retried >= int64(rounds*len(group))
		})
		entries, revisions := c.AppliedIndex()-index, c.Revision()-revision
		tried, retried = tries.Load()-tried, retries.Load()-retried
		if c.Leader() != leader && attempt < 3 {
			continue // a starved machine had an election, which is an entry of its own
		}
		t.Logf("%d watchers, %d tries and %d tries of holders in %v: %d entries, %d revisions",
			watchers, tried, retried, time.Since(start), entries, revisions)
		if entries != 0 || revisions != 0 {
			t.Errorf("%d entries and %d revisions in %d tries", entries, revisions, tried+retried)
		}
		break
	}
	watched(t, base, watchers)
}

// grow runs the standbys of one lock with n candidates until they have written so many entries
// and revisions, and nothing else has.
func grow(t *testing.T, n int, entries uint64, wait func(context.Context, *clientv3.Client, *concurrency.Mutex) error) {
	t.Helper()
	c := cluster.Start(t, 1)
	ctx, cancel := context.WithCancel(limited(t))
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	must(t, concurrency.NewMutex(c.Session(c.Client()), prefix).TryLock(ctx))
	for range n - 1 {
		cli := c.Client()
		m := concurrency.NewMutex(c.Session(cli), prefix)
		running.Go(func() { _ = wait(ctx, cli, m) })
	}
	index, revision, start := c.AppliedIndex(), c.Revision(), time.Now()
	eventually(t, fmt.Sprintf("%d entries and revisions", entries), func() bool {
		return c.AppliedIndex()-index >= entries && c.Revision()-revision >= int64(entries)
	})
	t.Logf("%d entries in %v", c.AppliedIndex()-index, time.Since(start))
}

// The measure works: what the helper takes the place of does write.
func TestPlainMutexPolledWrites(t *testing.T) {
	t.Parallel()
	grow(t, 3, 20, func(ctx context.Context, _ *clientv3.Client, m *concurrency.Mutex) error {
		return poll(ctx, m, 100*time.Millisecond)
	})
}

// One event below the prefix is followed by another one without end: nobody comes or goes, and
// no clock is asked.
func TestWatchingThePrefixStorms(t *testing.T) {
	grow(t, 3, 500, func(ctx context.Context, cli *clientv3.Client, m *concurrency.Mutex) error {
		events := cli.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithCreatedNotify())
		<-events // its own first try is an event
		for {
			err := m.TryLock(ctx)
			if err == nil || !errors.Is(err, concurrency.ErrLocked) {
				return err
			}
			select {
			case <-events:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
}

func TestTryingAHeldLockAgainWritesNothing(t *testing.T) {
	p := contended(t)
	must(t, p.holder.Unlock(p.ctx))
	for _, take := range []struct {
		name string
		lock func(context.Context) error
	}{{"TryLock", p.m.TryLock}, {"Lock", p.m.Lock}, {"WatchLock", p.m.WatchLock}} {
		must(t, take.lock(p.ctx))
		index, key := p.AppliedIndex(), p.m.Key()
		for range 20 {
			must(t, p.m.TryLock(p.ctx))
			must(t, p.m.WatchLock(p.ctx))
		}
		if got := p.AppliedIndex() - index; got != 0 {
			t.Errorf("after %s: %d entries for 40 tries", take.name, got)
		}
		if p.m.Key() != key {
			t.Errorf("after %s: the key became %q", take.name, p.m.Key())
		}
		must(t, p.m.Unlock(p.ctx))
	}
	p.noKeys(t)
}

// What a hand-over costs at a number of standbys. Two entries are the least: a key is
// deleted and another one put. Beside other tests there would be more.
func TestHandOverWritesLittle(t *testing.T) {
	// Twenty that write at once on every release make 40.
	for n, limit := range map[int]float64{2: 2.5, 20: 14} {
		sometimes(t, func() string {
			if per := handOverWrites(t, n); per > limit {
				return fmt.Sprintf("%d candidates write %.1f entries per hand-over", n, per)
			}
			return ""
		})
	}
}

// handOverWrites has n candidates pass a lock on, and returns how many entries that takes.
func handOverWrites(t *testing.T, n int) float64 {
	t.Helper()
	c := cluster.Start(t, 1)
	ctx, cancel := context.WithCancel(limited(t))
	var running sync.WaitGroup
	done := make(chan struct{})
	var mu sync.Mutex
	taken, most := 0, times(40)
	cli := c.Client()
	pause := func() {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	for range n {
		m := etcdlock.NewMutex(c.Session(cli), prefix)
		running.Go(func() {
			for {
				if err := m.WatchLock(ctx); err != nil {
					return
				}
				mu.Lock()
				if taken++; taken == most {
					close(done)
				}
				mu.Unlock()
				pause()
				if err := m.Unlock(context.WithoutCancel(ctx)); err != nil {
					t.Error(err)
				}
				pause()
			}
		})
	}
	index, start := c.AppliedIndex(), time.Now()
	select {
	case <-done:
	case <-ctx.Done():
		t.Error("too slow")
	}
	per := float64(c.AppliedIndex()-index) / float64(most)
	t.Logf("%d candidates: %.1f entries and %v per hand-over", n, per, time.Since(start)/time.Duration(most))
	cancel()
	running.Wait()
	if keys := c.Keys(cli, prefix); len(keys) > 0 {
		t.Errorf("left behind: %q", keys)
	}
	return per
}
