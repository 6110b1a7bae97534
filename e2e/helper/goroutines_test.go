package helper_test

import (
	"context"
	"errors"
	"math/rand"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
	"etcdmod/e2e/internal/etcdlock"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.uber.org/goleak"
)

func TestTwoGoroutinesMayUseOneMutex(t *testing.T) {
	t.Parallel()
	p := contended(t)
	must(t, p.holder.Unlock(p.ctx))
	var done sync.WaitGroup
	end := time.Now().Add(time.Duration(times(2)) * time.Second)
	use := func(m *etcdlock.Mutex) {
		for time.Now().Before(end) {
			ctx, cancel := context.WithTimeout(p.ctx, upTo(50*time.Millisecond))
			switch rand.Intn(9) {
			case 0, 1:
				_ = m.TryLock(ctx)
			case 2:
				_ = m.Lock(ctx)
			case 3:
				_ = m.WatchLock(ctx)
			case 4, 5:
				_ = m.Unlock(ctx)
			case 6:
				_, _ = m.Key(), m.IsOwner()
			case 7:
				m.Sleep(time.Millisecond)
			case 8:
				timer := m.NewTimer(time.Millisecond)
				receive(ctx, m.Tick(time.Hour))
				timer.Stop()
			}
			cancel()
		}
	}
	for range 2 {
		done.Go(func() { use(p.m) })
		done.Go(func() { use(p.holder) })
	}
	done.Wait()
	// Whatever was left half done, the next try and Unlock know what is held.
	for _, m := range []*etcdlock.Mutex{p.m, p.holder} {
		if err := m.TryLock(p.ctx); err != nil && !errors.Is(err, concurrency.ErrLocked) {
			t.Error(err)
		}
		_ = m.Unlock(p.ctx)
	}
	p.everybodyGetsIt(t)
}

// One goroutine has read that the lock is held, the other one locks before the first
// goes on: what is held then must stay known, or nobody could unlock it.
func TestOldReadDoesNotForgetANewLock(t *testing.T) {
	t.Parallel()
	p := contended(t)
	read, goOn := make(chan struct{}), make(chan struct{})
	var first atomic.Bool
	p.wire.set(nil, func(_ context.Context, method string) error {
		if method == rangeCall && first.CompareAndSwap(false, true) {
			close(read)
			<-goOn
		}
		return nil
	})
	refused := make(chan error, 1)
	go func() { refused <- p.m.TryLock(p.ctx) }()
	<-read
	must(t, p.holder.Unlock(p.ctx))
	must(t, p.m.Lock(p.ctx))
	close(goOn)
	mustBe(t, <-refused, concurrency.ErrLocked)
	resp, err := p.Client().Txn(p.ctx).If(p.m.IsOwner()).Commit()
	must(t, err)
	if !resp.Succeeded {
		t.Error("IsOwner is false although the lock is held")
	}
	must(t, p.m.Unlock(p.ctx))
	p.everybodyGetsIt(t)
}

func TestWaitsLeaveNothingBehind(t *testing.T) {
	p := contended(t)
	cancelled := func(i int, wait func(context.Context) error) {
		ctx, cancel := context.WithTimeout(p.ctx, upTo(30*time.Millisecond))
		defer cancel()
		if err := wait(ctx); err == nil {
			t.Errorf("wait %d has locked", i)
		}
	}
	acquire := map[string]func(context.Context) error{"Lock": p.m.Lock}
	for _, w := range ways {
		if w.name == "Sleep" {
			continue // ends in its own time
		}
		acquire[w.name] = w.acquire(p.m, never, func() {})
	}
	run := func(n int) {
		for name, wait := range acquire {
			for i := range n {
				if i%4 != 0 {
					cancelled(i, wait)
					continue
				}
				time.AfterFunc(upTo(10*time.Millisecond), func() { _ = p.holder.Unlock(p.ctx) })
				if err := wait(p.ctx); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				must(t, p.m.TryLock(p.ctx)) // tells the clocks, where Lock or WatchLock has locked
				must(t, p.m.Unlock(p.ctx))
				must(t, p.holder.Lock(p.ctx))
			}
		}
		// The client keeps a stream whose first watch was cancelled before it was sent,
		// until the next watch on it ends: let one end on each that the helper uses.
		for _, ctx := range []context.Context{p.ctx, clientv3.WithRequireLeader(p.ctx)} {
			ctx, cancel := context.WithCancel(ctx)
			events := p.session.Client().Watch(ctx, prefix)
			cancel()
			for range events {
			}
		}
		must(t, p.holder.Unlock(p.ctx))
		must(t, p.m.TryLock(p.ctx)) // success ends the watch of the clocks
		must(t, p.m.Unlock(p.ctx))
		must(t, p.holder.Lock(p.ctx))
		watched(t, p.base, 0)
		eventually(t, "no goroutine of the helper", func() bool { return len(lockGoroutines()) == 0 })
	}
	run(1) // the client's and the servers' own
	before := goleak.IgnoreCurrent()
	run(times(12))
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}

func TestForgottenStopLeavesNothing(t *testing.T) {
	p := contended(t)
	const d = 600 * time.Millisecond
	ticker := p.m.NewTicker(d) // never stopped
	mustBe(t, p.m.TryLock(p.ctx), concurrency.ErrLocked)
	watched(t, p.base, 1)
	time.Sleep(d) // a try within 2 d keeps the watch
	mustBe(t, p.m.TryLock(p.ctx), concurrency.ErrLocked)
	time.Sleep(d)
	if got := cluster.Watchers(t) - p.base; got != 1 {
		t.Errorf("%d watchers between tries", got)
	}
	// Without tries it is dropped, and then not asked for again.
	start := time.Now()
	watched(t, p.base, 0)
	if got := time.Since(start); got > 2*d+woken {
		t.Errorf("the watch was dropped after %v", got)
	}
	<-ticker.C
	<-ticker.C
	noWatch := func(when string) {
		t.Helper()
		if got := cluster.Watchers(t) - p.base; got != 0 {
			t.Errorf("%s: %d watchers", when, got)
		}
		eventually(t, when+": no goroutine", func() bool { return len(lockGoroutines()) == 0 })
	}
	noWatch("without tries")
	// The next refused try starts it, for as long, and success drops it.
	mustBe(t, p.m.TryLock(p.ctx), concurrency.ErrLocked)
	watched(t, p.base, 1)
	watched(t, p.base, 0)
	mustBe(t, p.m.TryLock(p.ctx), concurrency.ErrLocked)
	watched(t, p.base, 1)
	must(t, p.holder.Unlock(p.ctx))
	must(t, p.m.TryLock(p.ctx))
	watched(t, p.base, 0)
	<-ticker.C
	noWatch("after success")
}

func TestTryLockAloneOpensNoWatch(t *testing.T) {
	p := contended(t)
	var watches atomic.Int64
	p.wire.onWatch(func() { watches.Add(1) })
	for range 20 {
		mustBe(t, p.m.TryLock(p.ctx), concurrency.ErrLocked)
	}
	if watches.Load() != 0 || len(lockGoroutines()) != 0 {
		t.Errorf("%d watches, goroutines:\n%s", watches.Load(), strings.Join(lockGoroutines(), "\n\n"))
	}
}
