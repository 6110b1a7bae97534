package helper_test

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
	rereads "etcdmod/e2e/internal/etcdlock"
	etcdlock "etcdmod/e2e/internal/withoutrereads"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
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
	case <-time.After(woken):
		t.Errorf("the release was not noticed within %v, although the watch is alive", woken)
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

// A wait whose session has ended asks for its lease again and again, as long as that lives, but not for ever at the same
// pace: a server that does not lead passes such a question on.
func TestLeaseOfAnOrphanIsAskedForLessAndLess(t *testing.T) {
	t.Parallel()
	p := contended(t)
	asked := make(chan time.Time, 100)
	p.wire.set(func(_ context.Context, call string) error {
		if call == leaseCall {
			asked <- time.Now()
		}
		return nil
	}, nil)
	done := make(chan error, 1)
	go func() { done <- p.m.WatchLock(p.ctx) }()
	<-asked // when the wait begins
	p.session.Orphan()
	first := <-asked
	for range 2 {
		<-asked
	}
	if d := (<-asked).Sub(first); d < 3500*time.Millisecond { // after 0.5, 1 and 2 s
		t.Errorf("four questions within %v", d)
	}
	must(t, p.holder.Unlock(p.ctx))
	must(t, within(t, woken, done))
	must(t, p.m.Unlock(p.ctx))
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

// A leader that moves fails a transaction, which the client does not send again.
func TestTransactionThatFailsOnceIsNoVerdict(t *testing.T) {
	p := contended(t)
	var failed atomic.Bool
	p.wire.set(func(_ context.Context, method string) error {
		if method == rangeCall && failed.CompareAndSwap(false, true) {
			return status.Error(codes.Unavailable, "etcdserver: leader changed")
		}
		return nil
	}, nil)
	mustBe(t, p.m.TryLock(p.ctx), concurrency.ErrLocked)
	if !failed.Load() {
		t.Error("nothing has failed")
	}
}

// Somebody queued and left, and one holds the lock on: those who wait write nothing, however
// their waits end.
func TestWaitsBesideAFormerQueueWriteNothing(t *testing.T) {
	p := contended(t)
	queuer, leave := context.WithCancel(p.ctx)
	queued := make(chan error, 1)
	go func() { queued <- concurrency.NewMutex(p.Session(p.Client()), prefix).Lock(queuer) }()
	eventually(t, "a queue", func() bool { return len(p.Keys(p.Client(), prefix)) == 2 })
	wait := func() {
		ctx, cancel := context.WithTimeout(p.ctx, 200*time.Millisecond)
		defer cancel()
		mustBe(t, p.m.WatchLock(ctx), context.DeadlineExceeded)
	}
	wait()
	leave()
	<-queued
	index := p.AppliedIndex()
	for range 5 {
		wait()
	}
	if got := p.AppliedIndex() - index; got != 0 {
		t.Errorf("%d entries", got)
	}
}

// closed ends a session. The lease may be gone since an earlier question that got no answer.
func closed(s *concurrency.Session) error {
	return served(func() error {
		if err := s.Close(); !errors.Is(err, rpctypes.ErrLeaseNotFound) {
			return err
		}
		return nil
	})
}

// Each call of a wait or a try is lost, refused or late once: what is asked for, and what
// comes back. After that the caller cancels, the same Mutex, a sibling or a fresh one tries
// again, another process does, or the session ends. Nobody is locked out in the end, and no
// two hold the lock.
func TestCutPoints(t *testing.T) {
	t.Parallel()
	refuse := func(context.Context) error { return status.Error(codes.Unavailable, "cut") }
	slow := func(ctx context.Context) error {
		select {
		case <-time.After(300 * time.Millisecond):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	type cut struct {
		name   string
		call   string
		answer bool // it is the reply, and not the request
		how    func(context.Context) error
		lost   bool
	}
	var cuts []cut
	for _, call := range []string{rangeCall, txnCall, deleteCall, leaseCall, askCall} {
		for _, answer := range []bool{false, true} {
			for name, how := range map[string]func(context.Context) error{"lost": hang, "refused": refuse, "late": slow} {
				what := "request"
				if answer {
					what = "reply"
				}
				cuts = append(cuts, cut{fmt.Sprintf("%s, %s %s", path.Base(call), what, name), call, answer, how, name == "lost"})
			}
		}
	}
	c := cluster.Start(t, 1)
	other := c.Session(c.Client())
	for state, prepare := range map[string]func(ctx context.Context, lock string) func(){
		"free": func(context.Context, string) func() { return func() {} },
		"lost race": func(ctx context.Context, lock string) func() {
			return func() { _ = concurrency.NewMutex(other, lock).TryLock(ctx) }
		},
	} {
		for _, x := range cuts {
			for _, way := range []string{"TryLock", "WatchLock"} {
				for next, then := range map[string]func(ctx context.Context, s *concurrency.Session, lock string, m *etcdlock.Mutex) error{
					"cancel": func(context.Context, *concurrency.Session, string, *etcdlock.Mutex) error { return nil },
					"same Mutex": func(ctx context.Context, _ *concurrency.Session, _ string, m *etcdlock.Mutex) error {
						return m.TryLock(ctx)
					},
					"fresh Mutex": func(ctx context.Context, s *concurrency.Session, l string, _ *etcdlock.Mutex) error {
						return etcdlock.NewMutex(s, l).TryLock(ctx)
					},
					"end of session": func(_ context.Context, s *concurrency.Session, _ string, _ *etcdlock.Mutex) error {
						return closed(s)
					},
				} {
					t.Run(strings.Join([]string{state, x.name, way, next}, "/"), func(t *testing.T) {
						t.Parallel()
						ctx := limited(t) // they take turns
						lock := prefix + "/" + t.Name()
						w := &wire{}
						s := c.Session(c.Client(w.option))
						m := etcdlock.NewMutex(s, lock)
						race := prepare(ctx, lock)
						var done, raced atomic.Bool
						hook := func(answer bool) func(context.Context, string) error {
							return func(ctx context.Context, call string) error {
								if call == txnCall && !answer && raced.CompareAndSwap(false, true) {
									race()
								}
								if call == x.call && answer == x.answer && done.CompareAndSwap(false, true) {
									if call == leaseCall && x.lost {
										<-ctx.Done() // it is asked beside the try, which goes on
										return ctx.Err()
									}
									return x.how(ctx)
								}
								return nil
							}
						}
						w.set(hook(false), hook(true))
						try := m.TryLock
						if way == "WatchLock" {
							try = m.WatchLock
						}
						cut := untilCut(ctx)
						time.AfterFunc(2*time.Second, cut.end) // where nothing is cut and another holds it
						err := try(cut)
						w.set(nil, nil)
						if err != nil {
							if got := then(ctx, s, lock, m); got == nil && next != "cancel" && next != "end of session" {
								err = nil
							}
						}
						third, cli := etcdlock.NewMutex(c.Session(c.Client()), lock), c.Client()
						gone := func(key string) func() error {
							return func() error {
								_, err := cli.Delete(ctx, key)
								return err
							}
						}
						var holds bool
						must(t, served(func() error {
							resp, err := cli.Txn(ctx).If(m.IsOwner()).Then(clientv3.OpGet(lock)).Commit()
							holds = err == nil && resp.Succeeded
							return err
						}))
						if err == nil && holds {
							mustBe(t, served(func() error { return third.TryLock(ctx) }), concurrency.ErrLocked) // no second holder
							must(t, served(func() error { return m.Unlock(ctx) }))
						} else if err == nil {
							must(t, served(gone(m.Key()))) // a fresh Mutex has adopted the key
							must(t, served(gone(fmt.Sprintf("%s/%x", lock, s.Lease()))))
						}
						must(t, served(gone(fmt.Sprintf("%s/%x", lock, other.Lease())))) // who was faster goes
						if way == "TryLock" && next == "cancel" && err != nil {
							must(t, closed(s)) // as with the client: the key of a cut try is its session's next one's, or goes with it
						}
						must(t, served(func() error { return third.TryLock(ctx) })) // nobody is locked out
						must(t, served(func() error { return third.Unlock(ctx) }))
					})
				}
			}
		}
	}
}
