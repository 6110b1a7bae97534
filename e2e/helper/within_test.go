package helper_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
	etcdlock "etcdmod/e2e/internal/withoutrereads"

	"go.etcd.io/etcd/client/v3/concurrency"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Code compares the error with ==, as the client gives it.
func TestLockWithinWritesNothingWhileTheLockIsHeld(t *testing.T) {
	p := contended(t)
	index := p.AppliedIndex()
	for range 5 {
		ctx, cancel := context.WithTimeout(p.ctx, 300*time.Millisecond)
		full(t, "LockWithin", 300*time.Millisecond, func() {
			if err := p.m.LockWithin(ctx); err != context.DeadlineExceeded {
				t.Errorf("%v", err)
			}
		})
		cancel()
	}
	if n := p.AppliedIndex() - index; n != 0 {
		t.Errorf("%d entries", n)
	}
	watched(t, p.base, 0)
	must(t, p.holder.Unlock(p.ctx))
	p.noKeys(t)
	eventually(t, "no goroutine is left", func() bool { return len(lockGoroutines()) == 0 })
}

// within starts a LockWithin that has time, and returns when its watch is asked for.
func (p pair) within(d time.Duration) <-chan error {
	asked, done := p.asked(), make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(p.ctx, d)
		defer cancel()
		done <- p.m.LockWithin(ctx)
	}()
	<-asked
	return done
}

func TestLockWithinTakesTheLockThatIsReleased(t *testing.T) {
	t.Parallel()
	p := contended(t)
	done := p.within(never)
	index := p.AppliedIndex()
	must(t, p.holder.Unlock(p.ctx))
	must(t, within(t, woken, done))
	if n := p.AppliedIndex() - index; n != 2 { // the holder's delete and this one's put
		t.Errorf("%d entries", n)
	}
	must(t, p.m.Unlock(p.ctx))
	p.noKeys(t)
}

// queuer queues with the client's Lock. It returns when the key is there.
func (p pair) queuer(t *testing.T, keys int) (*concurrency.Mutex, <-chan error) {
	m, done := concurrency.NewMutex(p.Session(p.Client()), prefix), make(chan error, 1)
	go func() { done <- m.Lock(p.ctx) }()
	cli := p.Client()
	eventually(t, "the queuer queues", func() bool { return len(p.Keys(cli, prefix)) == keys })
	return m, done
}

// One hand-over is missed; the next ones come in turn.
func TestLockWithinQueuesBehindOthersAfterAHandOver(t *testing.T) {
	t.Parallel()
	p := contended(t)
	first, firstHas := p.queuer(t, 2)
	second, secondHas := p.queuer(t, 3)
	index := p.AppliedIndex()
	done := p.within(never)
	if n := p.AppliedIndex() - index; n != 0 {
		t.Errorf("%d entries behind a queue before a hand-over", n)
	}
	must(t, p.holder.Unlock(p.ctx))
	must(t, within(t, woken, firstHas))
	cli := p.Client()
	eventually(t, "it queues", func() bool { return len(p.Keys(cli, prefix)) == 3 })
	third, thirdHas := p.queuer(t, 4)
	must(t, first.Unlock(p.ctx))
	must(t, within(t, woken, secondHas))
	must(t, second.Unlock(p.ctx))
	must(t, within(t, woken, done))
	must(t, p.m.Unlock(p.ctx))
	must(t, within(t, woken, thirdHas))
	must(t, third.Unlock(p.ctx))
	p.noKeys(t)
}

// After a queuer that came and went, callers do not take each other for a queue.
func TestLockWithinStaysOutWhereNobodyElseQueues(t *testing.T) {
	t.Parallel()
	p := contended(t)
	queuer, has := p.queuer(t, 2)
	done := p.within(never)
	again := p.asked() // for a watch of the next holder
	index := p.AppliedIndex()
	must(t, p.holder.Unlock(p.ctx))
	must(t, within(t, woken, has))
	<-again
	if n := p.AppliedIndex() - index; n != 1 { // the holder's delete
		t.Errorf("%d entries", n)
	}
	must(t, queuer.Unlock(p.ctx))
	must(t, within(t, woken, done))
	must(t, p.m.Unlock(p.ctx))
	p.noKeys(t)
}

// A session that unlocks and locks again at once is ahead of whoever asks first, each time: only a place in the queue is
// before it. Whoever has it there may have another Mutex each time.
func TestLockWithinQueuesBehindASessionThatLocksAgain(t *testing.T) {
	t.Parallel()
	for name, next := range map[string]func(p pair) *etcdlock.Mutex{
		"the same Mutex": func(p pair) *etcdlock.Mutex { return p.holder },
		"a fresh one":    func(p pair) *etcdlock.Mutex { return etcdlock.NewMutex(p.holding, prefix) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := contended(t)
			again, cli := next(p), p.Client()
			var reads atomic.Int64
			locked := make(chan struct{})
			p.wire.set(func(_ context.Context, call string) error {
				if call != rangeCall {
					return nil
				}
				switch n := reads.Add(1); {
				case n == 2: // the servers have the watch
					must(t, p.holder.Unlock(p.ctx))
					must(t, again.TryLock(p.ctx))
					close(locked)
				case n > 2:
					<-locked
				}
				return nil
			}, nil)
			done := p.within(never)
			eventually(t, "it queues", func() bool { return len(p.Keys(cli, prefix)) == 2 })
			must(t, again.Unlock(p.ctx))
			must(t, within(t, woken, done))
			must(t, p.m.Unlock(p.ctx))
			p.noKeys(t)
		})
	}
}

func TestLockWithinAndTheEndOfItsSession(t *testing.T) {
	t.Parallel()
	ends := func(p pair) {
		_, err := p.session.Client().Revoke(p.ctx, p.session.Lease())
		must(t, err)
		<-p.session.Done()
	}
	t.Run("the lock is held on", func(t *testing.T) {
		t.Parallel()
		p := contended(t, concurrency.WithTTL(2))
		done := p.within(6 * time.Second)
		ends(p)
		mustBe(t, within(t, 6*time.Second+woken, done), context.DeadlineExceeded)
	})
	t.Run("the lock is released", func(t *testing.T) {
		t.Parallel()
		p := contended(t, concurrency.WithTTL(2))
		done := p.within(never)
		ends(p)
		must(t, p.holder.Unlock(p.ctx))
		mustBe(t, within(t, woken, done), concurrency.ErrSessionExpired)
		p.noKeys(t)
	})
}

// Where the deletion cannot be watched, the client's Lock says so.
func TestLockWithinHasTheErrorOfAWatchThatBreaks(t *testing.T) {
	t.Parallel()
	p := contended(t)
	done := p.within(never)
	must(t, p.session.Client().Watcher.Close())
	got, want := within(t, woken, done), concurrency.NewMutex(p.session, prefix).Lock(p.ctx)
	if got == nil || want == nil || got.Error() != want.Error() {
		t.Errorf("got %v, and the client's is %v", got, want)
	}
	must(t, p.holder.Unlock(p.ctx))
	p.noKeys(t)
}

// With little time, or as much as it takes, it queues at once.
func TestLockWithinWithoutTimeToAsk(t *testing.T) {
	t.Parallel()
	p := contended(t)
	cli := p.Client()
	sometimes(t, func() string { // a busy machine does not send the put in that time
		index := p.AppliedIndex()
		ctx, cancel := context.WithTimeout(p.ctx, 200*time.Millisecond)
		defer cancel()
		mustBe(t, p.m.LockWithin(ctx), context.DeadlineExceeded)
		if n := p.AppliedIndex() - index; n != 2 {
			return fmt.Sprintf("%d entries", n)
		}
		return ""
	})
	unbounded, stop := context.WithCancel(context.Background())
	defer stop()
	done := make(chan error, 1)
	go func() { done <- p.m.LockWithin(unbounded) }()
	eventually(t, "it queues", func() bool { return len(p.Keys(cli, prefix)) == 2 })
	must(t, p.holder.Unlock(p.ctx))
	must(t, within(t, woken, done))
}

// That takes no longer than the client's takes.
func TestLockWithinHasThatErrorAtOnce(t *testing.T) {
	t.Parallel()
	p := contended(t)
	must(t, p.session.Client().Watcher.Close())
	want := concurrency.NewMutex(p.session, prefix).Lock(p.ctx)
	sometimes(t, func() string {
		ctx, cancel := context.WithTimeout(p.ctx, 900*time.Millisecond) // the shortest pause of those who watch again is a second
		defer cancel()
		if got := p.m.LockWithin(ctx); fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Sprintf("got %v, and the client's is %v", got, want)
		}
		return ""
	})
	must(t, p.holder.Unlock(p.ctx))
	p.noKeys(t)
}

// A client that is closed tries each call a hundred times, which takes seconds: waits end without one.
func TestWaitsEndWithTheirClient(t *testing.T) {
	t.Parallel()
	for name, wait := range map[string]struct {
		f    func(pair, context.Context) error
		want error
	}{
		"WatchLock":  {func(p pair, ctx context.Context) error { return p.m.WatchLock(ctx) }, concurrency.ErrSessionExpired},
		"LockWithin": {func(p pair, ctx context.Context) error { return p.m.LockWithin(ctx) }, concurrency.ErrSessionExpired},
		"LockWithin of a session of a try": {func(p pair, ctx context.Context) error {
			s, _ := etcdlock.NewSession(p.session.Client())
			return etcdlock.NewMutexOf(s, prefix).LockWithin(ctx)
		}, concurrency.ErrSessionExpired},
		"CampaignWithin": {func(p pair, ctx context.Context) error {
			return etcdlock.CampaignWithin(ctx, p.session, concurrency.NewElection(p.session, prefix), "me")
		}, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sometimes(t, func() string {
				p := contended(t)
				asked, done := make(chan struct{}, 1), make(chan error, 1)
				p.wire.onWatched(func() { asked <- struct{}{} })
				ctx, cancel := context.WithTimeout(p.ctx, never)
				defer cancel()
				go func() { done <- wait.f(p, ctx) }()
				<-asked
				time.Sleep(100 * time.Millisecond) // for the read that follows
				var calls atomic.Int64
				p.wire.set(func(context.Context, string) error { calls.Add(1); return nil }, nil)
				must(t, p.session.Client().Close())
				if err := within(t, woken, done); err != wait.want || calls.Load() > 0 {
					return fmt.Sprintf("%v, and %d calls of a closed client", err, calls.Load())
				}
				return ""
			})
		})
	}
}

// A call under way ends with its client as well, which would try it a hundred times, and so does the question for the
// lease: the wait is the first to see it.
func TestWaitWhoseTryMeetsTheEndOfItsClient(t *testing.T) {
	t.Parallel()
	c, ctx := cluster.Start(t, 1), limited(t)
	for _, call := range []string{rangeCall, txnCall} {
		for range 5 {
			w, calls := &wire{}, atomic.Int64{}
			cli := c.Client(w.option)
			m := etcdlock.NewMutex(c.Session(cli), prefix+call)
			w.set(func(_ context.Context, method string) error {
				calls.Add(1)
				if method != call {
					return nil
				}
				cli.Close()
				return status.Error(codes.Canceled, "grpc: the client connection is closing")
			}, nil)
			done := make(chan error, 1)
			go func() { done <- m.WatchLock(ctx) }()
			if err := within(t, woken, done); err != concurrency.ErrSessionExpired || calls.Load() > 40 {
				t.Errorf("%s: %v, and %d calls of a closed client", call, err, calls.Load())
			}
		}
	}
}

// Beside three that queue, one that gives up after a second gets its turns.
func TestLockWithinWinsAmongQueuers(t *testing.T) {
	t.Parallel()
	const rounds = 200
	c := cluster.Start(t, 1)
	ctx, cancel := context.WithCancel(limited(t))
	defer cancel()
	var running sync.WaitGroup
	var turns, wins atomic.Int64
	for i := range 3 {
		m := concurrency.NewMutex(c.Session(c.Client()), prefix)
		running.Go(func() {
			for turns.Load() < rounds {
				if err := m.Lock(t.Context()); err != nil {
					t.Errorf("queuer %d: %v", i, err)
					return
				}
				turns.Add(1)
				time.Sleep(time.Millisecond)
				must(t, m.Unlock(t.Context()))
			}
			cancel()
		})
	}
	m := etcdlock.NewMutex(c.Session(c.Client()), prefix)
	running.Go(func() {
		for ctx.Err() == nil {
			func() {
				try, end := context.WithTimeout(ctx, time.Second)
				defer end()
				if m.LockWithin(try) == nil {
					wins.Add(1)
					must(t, m.Unlock(t.Context()))
				}
			}()
		}
	})
	running.Wait()
	t.Logf("%d wins among %d turns of three queuers", wins.Load(), turns.Load())
	// Each of its own turns costs one more of others; the naive one, which never queues, gets one in all.
	if wins.Load() < rounds/10 {
		t.Errorf("%d wins among %d turns of three queuers", wins.Load(), turns.Load())
	}
}
