package helper_test

import (
	"context"
	"errors"
	"testing"
	"time"

	etcdlock "etcdmod/e2e/internal/withoutrereads"

	"go.etcd.io/etcd/client/v3/concurrency"
)

// waiting starts WatchLock and returns its result to come, when it watches.
func (p pair) waiting(t *testing.T, ctx context.Context) <-chan error {
	t.Helper()
	asked, done := p.asked(), make(chan error, 1)
	go func() { done <- p.m.WatchLock(ctx) }()
	<-asked
	still(t, done, 100*time.Millisecond)
	return done
}

// within returns what c gives within d.
func within(t *testing.T, d time.Duration, c <-chan error) error {
	t.Helper()
	select {
	case err := <-c:
		return err
	case <-time.After(d):
		t.Fatalf("not within %v", d)
		return nil
	}
}

func TestWatchLockEndsWithItsContext(t *testing.T) {
	t.Parallel()
	p := contended(t)
	ctx, cancel := context.WithCancel(p.ctx)
	done := p.waiting(t, ctx)
	cancel()
	mustBe(t, within(t, woken, done), context.Canceled)

	ctx, cancel = context.WithTimeout(p.ctx, 200*time.Millisecond)
	defer cancel()
	full(t, "WatchLock", 200*time.Millisecond, func() { mustBe(t, p.m.WatchLock(ctx), context.DeadlineExceeded) })
	mustBe(t, p.m.WatchLock(ctx), context.DeadlineExceeded)
	must(t, p.holder.Unlock(p.ctx))
	p.noKeys(t)
}

func TestWaitEndsWithItsSession(t *testing.T) {
	t.Parallel()
	for name, wait := range map[string]func(*etcdlock.Mutex, context.Context) error{
		"WatchLock": (*etcdlock.Mutex).WatchLock,
		"WatchLockRetry": func(m *etcdlock.Mutex, ctx context.Context) error {
			return m.WatchLockRetry(ctx, etcdlock.RetryInterval)
		},
	} {
		for cause, end := range map[string]func(pair) error{
			"its lease is revoked": func(p pair) error {
				_, err := p.session.Client().Revoke(p.ctx, p.session.Lease())
				return err
			},
			"it is closed":         func(p pair) error { return p.session.Close() },
			"its client is closed": func(p pair) error { return p.session.Client().Close() },
		} {
			t.Run(name+" "+cause, func(t *testing.T) {
				t.Parallel()
				p := contended(t, concurrency.WithTTL(2))
				asked, done := p.asked(), make(chan error, 1)
				go func() { done <- wait(p.m, p.ctx) }()
				<-asked
				must(t, end(p))
				// The client learns of a revoked lease when it keeps it alive next.
				mustBe(t, within(t, 2*time.Second+woken, done), concurrency.ErrSessionExpired)
			})
		}
	}
}

func TestTryOnADeadSessionGivesTheClientsError(t *testing.T) {
	t.Parallel()
	p := contended(t)
	must(t, p.holder.Unlock(p.ctx))
	must(t, p.session.Close())
	want := concurrency.NewMutex(p.session, prefix).TryLock(p.ctx)
	got := p.m.TryLock(p.ctx)
	if want == nil || got == nil || got.Error() != want.Error() {
		t.Errorf("got %v, the client's is %v", got, want)
	}
	mustBe(t, p.m.WatchLock(p.ctx), concurrency.ErrSessionExpired)
	p.noKeys(t)
}

// The holder's process is gone without a word; its lease goes on until it expires.
func TestExpiredHolderIsTakenOver(t *testing.T) {
	t.Parallel()
	p := contended(t)
	must(t, p.holder.Unlock(p.ctx))
	dying := p.Session(p.Client(), concurrency.WithTTL(2))
	must(t, etcdlock.NewMutex(dying, prefix).TryLock(p.ctx))
	dying.Orphan()
	started := time.Now()
	watch := p.waiting(t, p.ctx)
	gate := make(chan error, 1)
	other := etcdlock.NewMutex(p.Session(p.Client()), prefix)
	go func() {
		for {
			err := other.TryLock(p.ctx)
			if !errors.Is(err, concurrency.ErrLocked) {
				gate <- err
				return
			}
			other.Sleep(never)
		}
	}()
	// Either may be first.
	select {
	case err := <-watch:
		must(t, err)
		t.Logf("taken over after %v", time.Since(started))
		must(t, p.m.Unlock(p.ctx))
		must(t, within(t, woken, gate))
		must(t, other.Unlock(p.ctx))
	case err := <-gate:
		must(t, err)
		t.Logf("taken over after %v", time.Since(started))
		must(t, other.Unlock(p.ctx))
		must(t, within(t, woken, watch))
		must(t, p.m.Unlock(p.ctx))
	case <-time.After(woken):
		t.Fatalf("not within %v", woken)
	}
	p.noKeys(t)
}

func TestWaiterOnAHalfOpenConnectionEndsWithTheSessionsTime(t *testing.T) {
	t.Parallel()
	const ttl = 2
	p := contended(t, concurrency.WithTTL(ttl))
	done := p.waiting(t, p.ctx)
	p.Freeze()
	mustBe(t, within(t, ttl*time.Second+woken, done), concurrency.ErrSessionExpired)
	mustBe(t, p.m.WatchLock(p.ctx), concurrency.ErrSessionExpired)
}
