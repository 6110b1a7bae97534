package helper_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
	rereads "etcdmod/e2e/internal/etcdlock"
	etcdlock "etcdmod/e2e/internal/withoutrereads"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// late has the first call of a kind fail at once with err and arrive d later.
func late(kind string, d time.Duration, fail func(ctx context.Context) error, arrived chan<- struct{}, armed *atomic.Bool) func(*clientv3.Config) {
	return func(cfg *clientv3.Config) {
		cfg.DialOptions = append(cfg.DialOptions, grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any,
			conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			if called(method, req) == kind && armed.CompareAndSwap(true, false) {
				go func() {
					time.Sleep(d)
					_ = conn.Invoke(context.Background(), method, req, reply)
					close(arrived)
				}()
				return fail(ctx)
			}
			return invoke(ctx, method, req, reply, conn, opts...)
		}))
	}
}

// One member of several is silent: the read beside the watch hangs there, and the watch
// sits on another one.
func TestReadThatHangsDoesNotHideTheRelease(t *testing.T) {
	p := contended(t)
	w := &wire{}
	m := rereads.NewMutex(p.Session(p.Client(w.option)), prefix)
	var hung atomic.Bool
	read := make(chan struct{})
	asked := make(chan struct{})
	var once sync.Once
	w.onWatched(func() { once.Do(func() { close(asked) }) })
	done := make(chan error, 1)
	go func() { done <- m.WatchLock(p.ctx) }()
	<-asked
	w.set(func(ctx context.Context, method string) error {
		if method == rangeCall && hung.CompareAndSwap(false, true) {
			close(read)
			return hang(ctx)
		}
		return nil
	}, nil)
	<-read
	must(t, p.holder.Unlock(p.ctx))
	select {
	case err := <-done:
		t.Log("woken", err)
	case <-time.After(10 * time.Second):
		t.Error("the release was not noticed within 10 s, although the watch is alive")
	}
}

// Another Mutex of the session locks during the pause after a try that was lost.
func TestCleanUpLeavesTheLockOfASibling(t *testing.T) {
	p := contended(t)
	must(t, p.holder.Unlock(p.ctx))
	var arm atomic.Bool
	p.wire.set(func(ctx context.Context, method string) error {
		if method == txnCall && arm.CompareAndSwap(true, false) {
			return status.Error(codes.Unavailable, "never sent")
		}
		return nil
	}, nil)
	arm.Store(true)
	ctx, cancel := context.WithCancel(p.ctx)
	done := make(chan error, 1)
	go func() { done <- p.m.WatchLockRetry(ctx, 5*time.Second) }()
	eventually(t, "failed", func() bool { return !arm.Load() })
	time.Sleep(time.Second) // in the pause
	sibling := etcdlock.NewMutex(p.session, prefix)
	must(t, sibling.TryLock(p.ctx))
	cancel()
	mustBe(t, <-done, context.Canceled)
	if err := p.holder.TryLock(p.ctx); err == nil {
		resp, err := p.Client().Txn(p.ctx).If(sibling.IsOwner()).Commit()
		t.Errorf("two hold the lock; the sibling's IsOwner: %v %v", resp.Succeeded, err)
	}
}

// A service makes a Mutex for each attempt. The delete with which the first one has cleaned
// up comes late.
func TestLateCleanUpLeavesTheLockOfAFreshMutex(t *testing.T) {
	p := contended(t)
	must(t, p.holder.Unlock(p.ctx))
	arrived := make(chan struct{})
	var arm atomic.Bool
	w := &wire{}
	s := p.Session(p.Client(late(deleteCall, 4*time.Second, hang, arrived, &arm), w.option))
	first := etcdlock.NewMutex(s, prefix)
	w.set(nil, lose(txnCall))
	arm.Store(true)
	mustBe(t, first.WatchLock(untilCut(p.ctx)), context.DeadlineExceeded)
	second := etcdlock.NewMutex(s, prefix)
	must(t, second.TryLock(p.ctx))
	<-arrived
	if err := p.holder.TryLock(p.ctx); err == nil {
		resp, _ := p.Client().Txn(p.ctx).If(second.IsOwner()).Commit()
		t.Errorf("two hold the lock; IsOwner of the fresh one: %v", resp.Succeeded)
	}
}

// The lease of an orphaned session lives, and the servers do not say so for a while.
func TestUnansweredQuestionForTheLeaseIsNoVerdict(t *testing.T) {
	p := contended(t)
	go func() { // another process keeps it alive
		c, _ := p.Client().KeepAlive(p.ctx, p.session.Lease())
		for range c {
		}
	}()
	p.session.Orphan()
	var fail atomic.Bool
	p.wire.set(func(ctx context.Context, method string) error {
		if method == leaseCall && fail.Load() {
			return hang(ctx)
		}
		return nil
	}, nil)
	asked, done := p.asked(), make(chan error, 1)
	go func() { done <- p.m.WatchLockRetry(p.ctx, time.Second) }()
	<-asked
	fail.Store(true)
	select {
	case err := <-done:
		t.Errorf("ended with %v", err)
	case <-time.After(8 * time.Second):
	}
}

// A loop with a ticker sleeps now and then, as a back-off does.
func TestTickerIsToldBesideANewerClock(t *testing.T) {
	p := contended(t)
	ticker := p.m.NewTicker(never)
	defer ticker.Stop()
	mustBe(t, p.m.TryLock(p.ctx), concurrency.ErrLocked)
	p.m.Sleep(200 * time.Millisecond) // of the back-off after some other error
	mustBe(t, p.m.TryLock(p.ctx), concurrency.ErrLocked)
	must(t, p.holder.Unlock(p.ctx))
	select {
	case <-ticker.C:
	case <-time.After(woken):
		t.Error("the ticker did not tick")
	}
}

// The gate refuses loops whose rounds wait without a try; code that was written later may.
func TestRoundsWithoutATryDoNotSpin(t *testing.T) {
	p := contended(t)
	var watches atomic.Int64
	p.wire.onWatch(func() { watches.Add(1) })
	p.m.NewTimer(never)
	mustBe(t, p.m.TryLock(p.ctx), concurrency.ErrLocked)
	must(t, p.holder.Unlock(p.ctx))
	n := 0
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); n++ {
		p.m.Sleep(time.Second)
	}
	if n > 5 {
		t.Errorf("%d rounds of 1 s in 3 s, %d watches", n, watches.Load())
	}
}

// So may those of package time; the race detector looks on.
func TestClocksMayBeStoppedByAnotherGoroutine(t *testing.T) {
	p := contended(t)
	ticker := p.m.NewTicker(never)
	go func() {
		time.Sleep(50 * time.Millisecond)
		ticker.Stop()
	}()
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		mustBe(t, p.m.TryLock(p.ctx), concurrency.ErrLocked)
	}
}

// A clock that is older than the wait tells the holder nothing.
func TestClocksAreSilentAfterSuccessOfLockAndWatchLock(t *testing.T) {
	for name, f := range map[string]func(*etcdlock.Mutex, context.Context) error{
		"Lock": (*etcdlock.Mutex).Lock, "WatchLock": (*etcdlock.Mutex).WatchLock} {
		t.Run(name, func(t *testing.T) {
			p := contended(t)
			timer := p.m.NewTimer(never)
			mustBe(t, p.m.TryLock(p.ctx), concurrency.ErrLocked)
			watched(t, p.base, 1)
			done := make(chan error, 1)
			go func() { done <- f(p.m, p.ctx) }()
			time.Sleep(300 * time.Millisecond)
			go p.holder.Unlock(p.ctx)
			must(t, <-done)
			select {
			case <-timer.C:
				t.Error("the clock fired for the holder")
			case <-time.After(time.Second):
			}
			t.Logf("%d watchers", cluster.Watchers(t)-p.base)
		})
	}
}

// The session has ended, its lease may live, and the servers do not say.
func TestTryOfAnOrphanWritesNothing(t *testing.T) {
	p := contended(t)
	p.session.Orphan()
	p.wire.set(func(ctx context.Context, method string) error {
		if method == leaseCall {
			return status.Error(codes.Unavailable, "no leader")
		}
		return nil
	}, nil)
	r := p.Revision()
	mustBe(t, p.m.TryLock(p.ctx), concurrency.ErrLocked)
	if n := p.Revision() - r; n != 0 {
		t.Errorf("%d revisions", n)
	}
}

// A wait is cut while it removes the key that an earlier try of the session has left.
func TestWaitCutWhileItRemovesAnOldKey(t *testing.T) {
	p := contended(t)
	must(t, p.holder.Unlock(p.ctx))
	mustBe(t, p.cutShort(t, (*etcdlock.Mutex).TryLock, faster(t, p, nil), lose(txnCall)), context.DeadlineExceeded)
	m := etcdlock.NewMutex(p.session, prefix)
	p.wire.set(lose(deleteCall), nil)
	mustBe(t, m.WatchLock(untilCut(p.ctx)), context.DeadlineExceeded)
	p.wire.set(nil, nil)
	must(t, p.holder.Unlock(p.ctx))
	p.everybodyGetsIt(t)
}
