package helper_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
	rereads "etcdmod/e2e/internal/etcdlock"
	first "etcdmod/e2e/internal/firstedition"
	etcdlock "etcdmod/e2e/internal/withoutrereads"

	"go.etcd.io/etcd/client/v3/concurrency"
)

// A waiter is what the Mutexes of all editions have in common.
type waiter interface {
	locker
	WatchLock(context.Context) error
	WatchLockEvery(context.Context, time.Duration) error
	After(time.Duration) <-chan time.Time
	Sleep(time.Duration)
}

// editions makes a Mutex of each. What the first one gets wrong is expected of it: a probe
// that it passes shows nothing.
var editions = map[string]func(*concurrency.Session, string) waiter{
	"first":  func(s *concurrency.Session, p string) waiter { return first.NewMutex(s, p) },
	"second": func(s *concurrency.Session, p string) waiter { return etcdlock.NewMutex(s, p) },
}

// probe runs f with each edition. It returns what is wrong, or "".
func probe(t *testing.T, f func(t *testing.T, p pair, mutex func(*concurrency.Session, string) waiter) string) {
	t.Helper()
	probeOf(t, editions["second"], f)
}

// probeOf is probe with another copy of the second edition.
func probeOf(t *testing.T, second func(*concurrency.Session, string) waiter, f func(t *testing.T, p pair, mutex func(*concurrency.Session, string) waiter) string) {
	t.Run("second", func(t *testing.T) {
		sometimes(t, func() string { return f(t, contended(t, concurrency.WithTTL(20)), second) })
	})
	t.Run("first", func(t *testing.T) {
		wrong := f(t, contended(t, concurrency.WithTTL(20)), editions["first"])
		if wrong == "" {
			t.Error("the first edition passes: the probe shows nothing")
		}
		t.Log(wrong)
	})
}

func TestAbandonedClocksAreCollected(t *testing.T) {
	probe(t, func(t *testing.T, p pair, mutex func(*concurrency.Session, string) waiter) string {
		m := mutex(p.session, prefix)
		mustBe(t, m.TryLock(p.ctx), concurrency.ErrLocked)
		heap := func() int64 {
			runtime.GC()
			runtime.GC()
			var s runtime.MemStats
			runtime.ReadMemStats(&s)
			return int64(s.HeapAlloc)
		}
		before := heap()
		for range 50_000 {
			select {
			case <-m.After(time.Hour):
			default:
			}
		}
		grown := heap() - before
		runtime.KeepAlive(m)
		if grown > 4<<20 {
			return fmt.Sprintf("50,000 abandoned clocks keep %d bytes", grown)
		}
		return ""
	})
}

// A fresh Mutex for each attempt, as some services have it: the first one loses, and its
// delete is cut.
func TestKeyOfAnEarlierMutexLocksNobodyOut(t *testing.T) {
	probe(t, func(t *testing.T, p pair, mutex func(*concurrency.Session, string) waiter) string {
		must(t, p.holder.Unlock(p.ctx))
		p.wire.set(faster(t, p, lose(deleteCall)), nil)
		mustBe(t, mutex(p.session, prefix).TryLock(untilCut(p.ctx)), context.DeadlineExceeded)
		p.wire.set(nil, nil)
		mustBe(t, mutex(p.session, prefix).TryLock(p.ctx), concurrency.ErrLocked)
		must(t, p.holder.Unlock(p.ctx))
		if err := p.holder.TryLock(p.ctx); err != nil {
			return fmt.Sprintf("locked out: %v", err)
		}
		return ""
	})
}

// Two mutexes of one session are one lock. The wait of one is cut while the other holds it.
func TestCutWaitLeavesTheLockOfASibling(t *testing.T) {
	probe(t, func(t *testing.T, p pair, mutex func(*concurrency.Session, string) waiter) string {
		must(t, p.holder.Unlock(p.ctx))
		must(t, mutex(p.session, prefix).TryLock(p.ctx))
		p.wire.set(nil, lose(txnCall))
		_ = mutex(p.session, prefix).WatchLock(untilCut(p.ctx))
		p.wire.set(nil, nil)
		if err := p.holder.TryLock(p.ctx); err == nil {
			return "two hold the lock"
		}
		return ""
	})
}

func TestTryAndUnlockDoNotWaitBehindLock(t *testing.T) {
	probe(t, func(t *testing.T, p pair, mutex func(*concurrency.Session, string) waiter) string {
		m := mutex(p.session, prefix)
		queued := p.asked()
		ctx, cancel := context.WithCancel(p.ctx)
		done := make(chan error, 1)
		go func() { done <- m.Lock(ctx) }()
		<-queued
		defer func() { cancel(); <-done }()
		unlocked := make(chan struct{})
		go func() {
			short, cancel := context.WithTimeout(p.ctx, 20*time.Second)
			defer cancel()
			_ = m.Unlock(short)
			close(unlocked)
		}()
		select {
		case <-unlocked:
			return ""
		case <-time.After(10 * time.Second):
			<-unlocked
			return "Unlock hangs behind a Lock that queues"
		}
	})
}

func TestHugeIntervalIsWoken(t *testing.T) {
	probe(t, func(t *testing.T, p pair, mutex func(*concurrency.Session, string) waiter) string {
		m := mutex(p.session, prefix)
		mustBe(t, m.TryLock(p.ctx), concurrency.ErrLocked)
		c := m.After(1<<63 - 1)
		time.Sleep(1500 * time.Millisecond)
		must(t, p.holder.Unlock(p.ctx))
		select {
		case <-c:
			return ""
		case <-time.After(8 * time.Second):
			return "not woken"
		}
	})
}

// The holder's first clock after WatchLock is not told of the release that led to it.
func TestOldReleaseRingsNoClockOfTheHolder(t *testing.T) {
	probe(t, func(t *testing.T, p pair, mutex func(*concurrency.Session, string) waiter) string {
		m := mutex(p.session, prefix)
		mustBe(t, m.TryLock(p.ctx), concurrency.ErrLocked)
		must(t, p.holder.Unlock(p.ctx))
		must(t, m.WatchLock(p.ctx))
		const d = 1500 * time.Millisecond
		if got := took(func() { m.Sleep(d) }); got < d-slack {
			return fmt.Sprintf("Sleep took %v of %v", got, d)
		}
		return ""
	})
}

func TestOrphanedSessionWaitsOn(t *testing.T) {
	probe(t, func(t *testing.T, p pair, mutex func(*concurrency.Session, string) waiter) string {
		must(t, p.holder.Unlock(p.ctx))
		p.session.Orphan()
		var asked atomic.Bool
		p.wire.set(func(ctx context.Context, call string) error { // the wait has time to see that its session has ended
			if call != leaseCall && asked.CompareAndSwap(false, true) {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(3 * time.Second):
				}
			}
			return nil
		}, nil)
		if err := mutex(p.session, prefix).WatchLock(p.ctx); err != nil {
			return err.Error()
		}
		return ""
	})
}

// Each call takes longer than the first edition gave it.
func TestSlowServersAreWaitedFor(t *testing.T) {
	probe(t, func(t *testing.T, p pair, mutex func(*concurrency.Session, string) waiter) string {
		must(t, p.holder.Unlock(p.ctx))
		p.wire.set(func(ctx context.Context, method string) error {
			select {
			case <-time.After(6 * time.Second):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}, nil)
		ctx, cancel := context.WithTimeout(p.ctx, 40*time.Second)
		defer cancel()
		if err := mutex(p.session, prefix).WatchLock(ctx); err != nil {
			return err.Error()
		}
		return ""
	})
}

// Keys below the prefix that are nobody's attempts do not make a hand-over slow.
func TestKeysBelowThePrefixDoNotSlowDown(t *testing.T) {
	probe(t, func(t *testing.T, p pair, mutex func(*concurrency.Session, string) waiter) string {
		must(t, p.holder.Unlock(p.ctx))
		cli := p.Client()
		var sum time.Duration
		const rounds = 6
		for round := range rounds {
			holding := p.Session(cli)
			must(t, concurrency.NewMutex(holding, prefix).TryLock(p.ctx))
			for i := range 500 {
				_, err := cli.Put(p.ctx, fmt.Sprintf("%s/zz/%d", prefix, i), "")
				must(t, err)
			}
			m := mutex(p.session, prefix)
			asked, done := p.asked(), make(chan error, 1)
			go func() { done <- m.WatchLock(p.ctx) }()
			<-asked
			for i := range 500 {
				_, err := cli.Delete(p.ctx, fmt.Sprintf("%s/zz/%d", prefix, i))
				must(t, err)
			}
			start := time.Now()
			must(t, holding.Close())
			must(t, <-done)
			sum += time.Since(start)
			must(t, m.Unlock(p.ctx))
			_ = round
		}
		if mean := sum / rounds; mean > 150*time.Millisecond {
			return fmt.Sprintf("%v for a hand-over to a single waiter", mean)
		}
		return ""
	})
}

// A client opens one watch after another. On a link that is slow those at the end of the line are asked for late, and
// are not given up for that, to be asked for again behind all others.
func TestWatchesThatQueueInTheClientAreNotGivenUp(t *testing.T) {
	probe(t, func(t *testing.T, p pair, mutex func(*concurrency.Session, string) waiter) string {
		const (
			waits = 60
			each  = 400 * time.Millisecond
		)
		holding := p.Session(p.Client())
		lock := func(i int) string { return fmt.Sprintf("%s/%d", prefix, i) }
		for i := range waits {
			must(t, concurrency.NewMutex(holding, lock(i)).TryLock(p.ctx))
		}
		var reads, opened atomic.Int64
		p.wire.set(func(_ context.Context, call string) error {
			if call == rangeCall {
				reads.Add(1)
			}
			return nil
		}, nil)
		p.wire.onWatch(func() { time.Sleep(each) })
		p.wire.onWatched(func() { opened.Add(1) })
		ctx, cancel := context.WithCancel(p.ctx)
		var running sync.WaitGroup
		for i := range waits {
			m := mutex(p.session, lock(i))
			running.Go(func() { _ = m.WatchLock(ctx) })
		}
		eventually(t, "all are watched", func() bool { return opened.Load() >= waits })
		n := reads.Load()
		cancel()
		running.Wait()
		if n > 2*waits { // before the watch, and when the servers have it
			return fmt.Sprintf("%d reads for %d waits", n, waits)
		}
		return ""
	})
}

// How often a wait reads beside a watch that is alive does not follow from how often the loop has polled.
func TestHolderIsReadSeldomBesideALiveWatch(t *testing.T) {
	second := func(s *concurrency.Session, p string) waiter { return rereads.NewMutex(s, p) }
	probeOf(t, second, func(t *testing.T, p pair, mutex func(*concurrency.Session, string) waiter) string {
		read := make(chan time.Time, 100)
		asked := p.asked()
		ctx, cancel := context.WithCancel(p.ctx)
		done := make(chan error, 1)
		go func() { done <- mutex(p.session, prefix).WatchLockEvery(ctx, 100*time.Millisecond) }()
		defer func() { cancel(); <-done }()
		<-asked
		p.wire.set(func(_ context.Context, call string) error {
			if call == rangeCall {
				read <- time.Now()
			}
			return nil
		}, nil)
		first := <-read
		<-read
		if d := (<-read).Sub(first); d < 3*time.Second { // after one and two
			return fmt.Sprintf("three reads within %v", d)
		}
		return ""
	})
}

// A loop that has ended, and has stopped its clock, asks for nothing any more, however long its interval.
func TestStoppedClockWatchesNothing(t *testing.T) {
	for name, start := range map[string]func(m waiter) (stop func()){
		"Ticker": func(m waiter) func() {
			if m, ok := m.(*first.Mutex); ok {
				return m.NewTicker(never).Stop
			}
			return m.(*etcdlock.Mutex).NewTicker(never).Stop
		},
		"Timer": func(m waiter) func() {
			if m, ok := m.(*first.Mutex); ok {
				timer := m.NewTimer(never)
				return func() { timer.Stop() }
			}
			timer := m.(*etcdlock.Mutex).NewTimer(never)
			return func() { timer.Stop() }
		},
	} {
		t.Run(name, func(t *testing.T) {
			probe(t, func(t *testing.T, p pair, mutex func(*concurrency.Session, string) waiter) string {
				m := mutex(p.session, prefix)
				stop := start(m)
				mustBe(t, m.TryLock(p.ctx), concurrency.ErrLocked)
				watched(t, p.base, 1)
				stop()
				for end := time.Now().Add(8 * time.Second); cluster.Watchers(t) > p.base; time.Sleep(5 * time.Millisecond) {
					if time.Now().After(end) {
						return "the watch goes on"
					}
				}
				return ""
			})
		})
	}
}

// A rollout: old pollers, queuers, cancelled waits, and helpers of both editions share one
// lock. There is one holder at a time, everybody gets it, and no key is left.
func TestMixedFleet(t *testing.T) {
	c := cluster.Start(t, 1)
	ctx, cancel := context.WithCancel(limited(t))
	var inside atomic.Int64
	var running sync.WaitGroup
	won := map[string]*atomic.Int64{}
	const enough = 3 // who has had it so often rests until all have: a lock is not fair
	everybody := make(chan struct{})
	member := func(name string, of func(s *concurrency.Session) (locker, func(context.Context) error)) {
		n := &atomic.Int64{}
		won[name] = n
		m, acquire := of(c.Session(c.Client()))
		running.Go(func() {
			for ctx.Err() == nil {
				if acquire(ctx) != nil {
					time.Sleep(time.Millisecond)
					continue
				}
				if inside.Add(1) != 1 {
					t.Errorf("two holders, %s is one", name)
				}
				n.Add(1)
				time.Sleep(2 * time.Millisecond)
				inside.Add(-1)
				if err := m.Unlock(context.WithoutCancel(ctx)); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				time.Sleep(20 * time.Millisecond)
				if n.Load() >= enough {
					<-everybody
				}
			}
			// A try that the end of the test has cut may have left its key, as the client's does.
			if whole := limited(t); m.TryLock(whole) == nil {
				if err := m.Unlock(whole); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
	for _, d := range []time.Duration{10 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond} {
		member(fmt.Sprintf("plain poller at %v", d), func(s *concurrency.Session) (locker, func(context.Context) error) {
			m := concurrency.NewMutex(s, prefix)
			return m, func(ctx context.Context) error { return poll(ctx, m, d) }
		})
	}
	member("WatchLock", func(s *concurrency.Session) (locker, func(context.Context) error) {
		m := etcdlock.NewMutex(s, prefix)
		return m, m.WatchLock
	})
	member("gate", func(s *concurrency.Session) (locker, func(context.Context) error) {
		m := etcdlock.NewMutex(s, prefix)
		return m, ways[1].acquire(m, never, func() {})
	})
	member("guard", func(s *concurrency.Session) (locker, func(context.Context) error) {
		m := etcdlock.NewMutex(s, prefix)
		return m, func(ctx context.Context) error { return poll(ctx, m, 10*time.Millisecond) }
	})
	member("first edition", func(s *concurrency.Session) (locker, func(context.Context) error) {
		m := first.NewMutex(s, prefix)
		return m, m.WatchLock
	})
	member("cancelled all the time", func(s *concurrency.Session) (locker, func(context.Context) error) {
		m := etcdlock.NewMutex(s, prefix)
		longest := 200 * time.Millisecond
		return m, func(ctx context.Context) error {
			longest += longest / 64 // a machine may be slow
			ctx, cancel := context.WithTimeout(ctx, upTo(longest))
			defer cancel()
			return m.WatchLock(ctx)
		}
	})
	member("Lock, now and then", func(s *concurrency.Session) (locker, func(context.Context) error) {
		m := concurrency.NewMutex(s, prefix)
		return m, func(ctx context.Context) error {
			time.Sleep(upTo(300 * time.Millisecond))
			return m.Lock(ctx)
		}
	})
	end := sync.OnceFunc(func() {
		cancel()
		close(everybody)
		running.Wait()
	})
	defer end()
	for name, n := range won {
		eventually(t, name+" gets the lock", func() bool { return n.Load() >= enough })
	}
	end()
	for name, n := range won {
		t.Logf("%-26s %d", name, n.Load())
	}
	eventually(t, "no key", func() bool { return len(c.Keys(c.Client(), prefix)) == 0 })
}
