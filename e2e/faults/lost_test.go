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
		cancel time.Duration // 0: the wait ends by itself
		wait   func(context.Context, *station) error
	}{
		{"WatchLock, the connection broke", broken, 0, func(ctx context.Context, s *station) error {
			return s.m.WatchLock(ctx)
		}},
		{"WatchLock, cancelled during the call", silent, time.Second, func(ctx context.Context, s *station) error {
			return s.m.WatchLock(ctx)
		}},
		{"WatchLock, cancelled after a call that was too slow", silent, slowInterval + time.Second, func(ctx context.Context, s *station) error {
			return s.m.WatchLock(ctx)
		}},
		{"WatchLockRetry, cancelled during its pause", broken, time.Second, func(ctx context.Context, s *station) error {
			return s.m.WatchLockRetry(ctx, 30*time.Second)
		}},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			s := newStation(t, c, 0, 1, 60, t.Name())
			s.meter.lose.Store(&f.answer)
			if f.cancel > 0 {
				time.AfterFunc(f.cancel, cancel)
			}
			if err := f.wait(ctx, s); err == nil {
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
