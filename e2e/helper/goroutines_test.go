package helper_test

import (
	"context"
	"errors"
	"math/rand"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"etcdmod/e2e/internal/etcdlock"

	"go.etcd.io/etcd/client/v3/concurrency"
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
