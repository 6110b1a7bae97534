package helper_test

import (
	"context"
	"sync/atomic"
	"testing"

	etcdlock "etcdmod/e2e/internal/withoutrereads"

	"go.etcd.io/etcd/client/v3/concurrency"
)

// cutShort makes one try of p.m that has read a free lock, writes, and is cut at a
// point of choice. It returns the error.
func (p pair) cutShort(t *testing.T, try func(*etcdlock.Mutex, context.Context) error, before, after func(ctx context.Context, method string) error) error {
	t.Helper()
	p.wire.set(before, after)
	defer p.wire.set(nil, nil)
	return try(p.m, untilCut(p.ctx))
}

// lose returns a hook that loses the first call of a method.
func lose(method string) func(context.Context, string) error {
	var done atomic.Bool
	return func(ctx context.Context, m string) error {
		if m == method && done.CompareAndSwap(false, true) {
			return hang(ctx)
		}
		return nil
	}
}

// faster returns a hook that lets another one lock after the read of a free lock.
func faster(t *testing.T, p pair, then func(context.Context, string) error) func(context.Context, string) error {
	var done atomic.Bool
	return func(ctx context.Context, m string) error {
		if m == txnCall && done.CompareAndSwap(false, true) {
			if err := p.holder.TryLock(p.ctx); err != nil {
				t.Errorf("the faster one: %v", err)
			}
		}
		if then != nil {
			return then(ctx, m)
		}
		return nil
	}
}

// everybodyGetsIt checks that nobody is locked out and nothing is left, once the holder
// of the moment, if any, has gone.
func (p pair) everybodyGetsIt(t *testing.T) {
	t.Helper()
	third := etcdlock.NewMutex(p.Session(p.Client()), prefix)
	for _, m := range []*etcdlock.Mutex{p.m, p.holder, third} {
		must(t, m.TryLock(p.ctx))
		must(t, m.Unlock(p.ctx))
	}
	p.noKeys(t)
}

func TestTryWhoseReplyWasLostLeavesNoZombie(t *testing.T) {
	t.Parallel()
	// It won, and does not know.
	t.Run("won", func(t *testing.T) {
		p := contended(t)
		must(t, p.holder.Unlock(p.ctx))
		mustBe(t, p.cutShort(t, (*etcdlock.Mutex).TryLock, nil, lose(txnCall)), context.DeadlineExceeded)
		if keys := p.Keys(p.Client(), prefix); len(keys) != 1 {
			t.Fatalf("not the state to test: %q", keys)
		}
		mustBe(t, p.holder.TryLock(p.ctx), concurrency.ErrLocked)
		must(t, p.m.TryLock(p.ctx))
		must(t, p.m.Unlock(p.ctx))
		p.everybodyGetsIt(t)
	})
	// It lost, and its key stands behind the winner's.
	for name, hooks := range map[string]func(*testing.T, pair) (before, after func(context.Context, string) error){
		"lost, reply lost": func(t *testing.T, p pair) (before, after func(context.Context, string) error) {
			return faster(t, p, nil), lose(txnCall)
		},
		"lost, delete not sent": func(t *testing.T, p pair) (before, after func(context.Context, string) error) {
			return faster(t, p, lose(deleteCall)), nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := contended(t)
			must(t, p.holder.Unlock(p.ctx))
			before, after := hooks(t, p)
			mustBe(t, p.cutShort(t, (*etcdlock.Mutex).TryLock, before, after), context.DeadlineExceeded)
			if keys := p.Keys(p.Client(), prefix); len(keys) != 2 {
				t.Fatalf("not the state to test: %q", keys)
			}
			mustBe(t, p.m.TryLock(p.ctx), concurrency.ErrLocked)
			if keys := p.Keys(p.Client(), prefix); len(keys) != 1 {
				t.Errorf("the next try has not cleaned up: %q", keys)
			}
			index := p.AppliedIndex()
			mustBe(t, p.m.TryLock(p.ctx), concurrency.ErrLocked)
			if p.AppliedIndex() != index {
				t.Error("the try after that has written")
			}
			must(t, p.holder.Unlock(p.ctx))
			p.everybodyGetsIt(t)
		})
		// The winner goes first: the key that was left locks everybody out but its owner.
		t.Run(name+", winner gone", func(t *testing.T) {
			p := contended(t)
			must(t, p.holder.Unlock(p.ctx))
			before, after := hooks(t, p)
			mustBe(t, p.cutShort(t, (*etcdlock.Mutex).TryLock, before, after), context.DeadlineExceeded)
			must(t, p.holder.Unlock(p.ctx))
			must(t, p.m.TryLock(p.ctx))
			mustBe(t, p.holder.TryLock(p.ctx), concurrency.ErrLocked)
			must(t, p.m.Unlock(p.ctx))
			p.everybodyGetsIt(t)
		})
		// WatchLock that is cancelled at that point cleans up itself.
		t.Run(name+", WatchLock", func(t *testing.T) {
			p := contended(t)
			must(t, p.holder.Unlock(p.ctx))
			before, after := hooks(t, p)
			mustBe(t, p.cutShort(t, (*etcdlock.Mutex).WatchLock, before, after), context.DeadlineExceeded)
			if keys := p.Keys(p.Client(), prefix); len(keys) != 1 {
				t.Errorf("left behind beside the holder's: %q", keys)
			}
			mustBe(t, p.m.TryLock(p.ctx), concurrency.ErrLocked)
			must(t, p.holder.Unlock(p.ctx))
			p.everybodyGetsIt(t)
		})
	}
}

// A wait finds the key that an earlier try of its session has left, and that is the oldest.
// Before it writes the key goes and another one locks, and its own delete is cut: what it has
// put then goes, too.
func TestWaitWhoseOldKeyHasGoneLeavesNoKey(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]string{"reply lost": txnCall, "delete not sent": deleteCall} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := contended(t)
			must(t, p.holder.Unlock(p.ctx))
			mustBe(t, p.cutShort(t, (*etcdlock.Mutex).TryLock, nil, lose(txnCall)), context.DeadlineExceeded)
			own := p.Keys(p.Client(), prefix)
			if len(own) != 1 {
				t.Fatalf("not the state to test: %q", own)
			}
			deleteAndLock := faster(t, p, nil)
			before := func(ctx context.Context, call string) error {
				if call == txnCall {
					if _, err := p.Client().Delete(p.ctx, own[0]); err != nil {
						t.Error(err)
					}
				}
				return deleteAndLock(ctx, call)
			}
			var after func(context.Context, string) error
			if cut == txnCall {
				after = lose(cut)
			} else {
				lost, gone := lose(cut), before
				before = func(ctx context.Context, call string) error {
					if err := gone(ctx, call); err != nil {
						return err
					}
					return lost(ctx, call)
				}
			}
			mustBe(t, p.cutShort(t, (*etcdlock.Mutex).WatchLock, before, after), context.DeadlineExceeded)
			if keys := p.Keys(p.Client(), prefix); len(keys) != 1 || keys[0] != p.holder.Key() {
				t.Errorf("left behind beside the holder's: %q", keys)
			}
			must(t, p.holder.Unlock(p.ctx))
			p.everybodyGetsIt(t)
		})
	}
}

// After a dirty try, a release that comes between the next try and its wait counts too.
func TestReleaseAfterADirtyTryEndsTheWait(t *testing.T) {
	p := contended(t)
	must(t, p.holder.Unlock(p.ctx))
	mustBe(t, p.cutShort(t, (*etcdlock.Mutex).TryLock, faster(t, p, lose(deleteCall)), nil), context.DeadlineExceeded)
	p.m.NewTimer(never) // its clocks are used
	mustBe(t, p.m.TryLock(p.ctx), concurrency.ErrLocked)
	watched(t, p.base, 1)
	p.release(t)
	early(t, "the wait", func() { p.m.Sleep(never) })
	p.everybodyGetsIt(t)
}

// A lost Unlock reply is the client's own matter; the Mutex must get over it.
func TestUnlockWhoseReplyWasLostCanBeRepeated(t *testing.T) {
	t.Parallel()
	p := contended(t)
	must(t, p.holder.Unlock(p.ctx))
	must(t, p.m.TryLock(p.ctx))
	mustBe(t, p.cutShort(t, (*etcdlock.Mutex).Unlock, nil, lose(deleteCall)), context.DeadlineExceeded)
	must(t, p.holder.TryLock(p.ctx))
	mustBe(t, p.m.TryLock(p.ctx), concurrency.ErrLocked)
	must(t, p.holder.Unlock(p.ctx))
	p.everybodyGetsIt(t)
}

// A loop whose tries are all cut after their first round trip does what the client's
// does: it gets nowhere while that lasts, and is well afterwards.
func TestLoopWithTooShortDeadlinesRecovers(t *testing.T) {
	t.Parallel()
	p := contended(t)
	must(t, p.holder.Unlock(p.ctx))
	before := faster(t, p, func(ctx context.Context, m string) error {
		if m == deleteCall {
			return hang(ctx)
		}
		return nil
	})
	p.wire.set(before, nil)
	for range 5 {
		ctx, cancel := context.WithCancel(untilCut(p.ctx))
		if p.m.TryLock(ctx) == nil {
			t.Error("locked")
		}
		cancel()
	}
	p.wire.set(nil, nil)
	must(t, p.holder.Unlock(p.ctx))
	p.everybodyGetsIt(t)
}
