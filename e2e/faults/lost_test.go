package faults_test

import (
	"context"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A wait whose write got no answer may have left a key. However it ends, other than
// with the lock, the key must not lock everybody out for as long as the session lives.
func TestWaitThatEndsWithoutTheLockLeavesNoKey(t *testing.T) {
	t.Parallel()
	broken := func(context.Context) error { return status.Error(codes.Unavailable, "error reading from server: EOF") }
	silent := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	c := cluster.Start(t, 1)
	for _, f := range []struct {
		name   string
		answer func(context.Context) error
		cancel func(t *testing.T) // returns when the wait is to be cancelled, after the servers have written; nil: it ends by itself
		wait   func(context.Context, *station) error
	}{
		{"WatchLock, the connection broke", broken, nil, func(ctx context.Context, s *station) error {
			return s.m.WatchLock(ctx)
		}},
		{"WatchLock, cancelled during the call", silent, func(*testing.T) {}, func(ctx context.Context, s *station) error {
			return s.m.WatchLock(ctx)
		}},
		{"WatchLock, cancelled after a call that was too slow", silent, func(*testing.T) {
			time.Sleep(slowInterval + time.Second)
		}, func(ctx context.Context, s *station) error {
			return s.m.WatchLock(ctx)
		}},
		{"WatchLockRetry, cancelled during its pause", broken, func(t *testing.T) {
			for len(c.Keys(c.Client(), t.Name())) > 0 { // it has cleaned up
				time.Sleep(10 * time.Millisecond)
			}
		}, func(ctx context.Context, s *station) error {
			return s.m.WatchLockRetry(ctx, time.Hour)
		}},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			s := newStation(t, c, 0, 1, 60, t.Name())
			written := make(chan struct{})
			answer := func(ctx context.Context) error {
				close(written)
				return f.answer(ctx)
			}
			s.meter.lose.Store(&answer)
			ended := make(chan error, 1)
			go func() { ended <- f.wait(ctx, s) }()
			<-written
			if f.cancel != nil {
				f.cancel(t)
				cancel()
			}
			if err := <-ended; err == nil {
				t.Fatal("the wait ended with the lock")
			} else if !named(err) {
				t.Error(err)
			}
			if keys := c.Keys(c.Client(), t.Name()); len(keys) > 0 {
				t.Errorf("left behind: %q", keys)
			}
		})
	}
}
