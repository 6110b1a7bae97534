package helper_test

import (
	"context"
	"errors"
	"math/rand"
	"time"

	etcdlock "etcdmod/e2e/internal/withoutrereads"

	"go.etcd.io/etcd/client/v3/concurrency"
)

// A way is one of the ways to wait for a lock that the helper offers.
type way struct {
	name string
	// clock makes what a loop waits by between its tries.
	clock func(*etcdlock.Mutex, time.Duration) func(context.Context)
	// block is for the ways that are no loop: one call waits.
	block func(*etcdlock.Mutex) func(context.Context) error
	// perTry, if set, gives each try the context that it runs in.
	perTry func(context.Context) (context.Context, context.CancelFunc)
}

// acquire returns a function that waits for m until it is held. It keeps its clock
// from one call to the next, like a loop that goes on after success. between runs
// after each refused try.
func (w way) acquire(m *etcdlock.Mutex, d time.Duration, between func()) func(context.Context) error {
	if w.block != nil {
		return w.try(w.block(m))
	}
	wait, try := w.clock(m, d), w.try(m.TryLock)
	return func(ctx context.Context) error {
		for {
			err := try(ctx)
			if err == nil || !errors.Is(err, concurrency.ErrLocked) {
				return err
			}
			between()
			wait(ctx)
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
}

func (w way) try(f func(context.Context) error) func(context.Context) error {
	if w.perTry == nil {
		return f
	}
	return func(ctx context.Context) error {
		ctx, cancel := w.perTry(ctx)
		defer cancel()
		return f(ctx)
	}
}

var ways = []way{
	{name: "WatchLock", block: func(m *etcdlock.Mutex) func(context.Context) error { return m.WatchLock }},
	{name: "Sleep", clock: func(m *etcdlock.Mutex, d time.Duration) func(context.Context) {
		return func(context.Context) { m.Sleep(d) }
	}},
	{name: "Ticker", clock: func(m *etcdlock.Mutex, d time.Duration) func(context.Context) {
		t := m.NewTicker(d)
		return func(ctx context.Context) { receive(ctx, t.C) }
	}},
	{name: "After", clock: func(m *etcdlock.Mutex, d time.Duration) func(context.Context) {
		return func(ctx context.Context) { receive(ctx, m.After(d)) }
	}},
	{name: "Timer", clock: func(m *etcdlock.Mutex, d time.Duration) func(context.Context) {
		return func(ctx context.Context) {
			t := m.NewTimer(d)
			defer t.Stop()
			receive(ctx, t.C)
		}
	}},
	{name: "Timer.Reset", clock: func(m *etcdlock.Mutex, d time.Duration) func(context.Context) {
		t := m.NewTimer(d)
		t.Stop()
		return func(ctx context.Context) {
			t.Reset(d)
			receive(ctx, t.C)
		}
	}},
	{name: "Tick", clock: func(m *etcdlock.Mutex, d time.Duration) func(context.Context) {
		c := m.Tick(d)
		return func(ctx context.Context) { receive(ctx, c) }
	}},
	{name: "LockWithin", block: func(m *etcdlock.Mutex) func(context.Context) error {
		return func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			return m.LockWithin(ctx)
		}
	}},
}

// polling is TryLock with the clock of package time: what a guard alone gives.
var polling = way{name: "TryLock", clock: func(_ *etcdlock.Mutex, d time.Duration) func(context.Context) {
	return func(ctx context.Context) { receive(ctx, time.After(d)) }
}}

// distracted are ways whose wait is now and then ended by something else, so that a
// clock of an earlier wait is still running, or has fired unseen, during the next try.
var distracted = []way{
	{name: "After beside another case", clock: func(m *etcdlock.Mutex, d time.Duration) func(context.Context) {
		return func(ctx context.Context) { distract(ctx, m.After(d)) }
	}},
	{name: "Timer beside another case", clock: func(m *etcdlock.Mutex, d time.Duration) func(context.Context) {
		t := m.NewTimer(d)
		return func(ctx context.Context) {
			t.Reset(d)
			distract(ctx, t.C)
		}
	}},
	{name: "Ticker beside another case", clock: func(m *etcdlock.Mutex, d time.Duration) func(context.Context) {
		t := m.NewTicker(d)
		return func(ctx context.Context) { distract(ctx, t.C) }
	}},
}

func receive(ctx context.Context, c <-chan time.Time) {
	select {
	case <-c:
	case <-ctx.Done():
	}
}

// distract receives, but gives up soon in two of three calls.
func distract(ctx context.Context, c <-chan time.Time) {
	if rand.Intn(3) > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, upTo(4*time.Millisecond))
		defer cancel()
	}
	receive(ctx, c)
}

func upTo(d time.Duration) time.Duration { return time.Duration(rand.Int63n(int64(d))) }
