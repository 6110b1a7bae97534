package helper_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	etcdlock "etcdmod/e2e/internal/withoutrereads"

	"go.etcd.io/etcd/client/v3/concurrency"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// All Mutexes of a session have one key. One that has lost, and has removed what its own try
// has left, is unlocked by a deferred call while another one holds the lock.
func TestUnlockOfARefusedMutexLeavesTheLockOfASibling(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]func(*testing.T, pair) (before, after func(context.Context, string) error){
		"reply lost": func(t *testing.T, p pair) (before, after func(context.Context, string) error) {
			return faster(t, p, nil), lose(txnCall)
		},
		"delete not sent": func(t *testing.T, p pair) (before, after func(context.Context, string) error) {
			return faster(t, p, lose(deleteCall)), nil
		},
		"reply to the delete lost": func(t *testing.T, p pair) (before, after func(context.Context, string) error) {
			return faster(t, p, nil), lose(deleteCall)
		},
	} {
		for way, try := range map[string]func(*etcdlock.Mutex, context.Context) error{
			"TryLock": (*etcdlock.Mutex).TryLock, "WatchLock": (*etcdlock.Mutex).WatchLock,
		} {
			for _, held := range []bool{false, true} { // before, by the Mutex that is refused later
				t.Run(name+", "+way+map[bool]string{true: ", once the holder"}[held], func(t *testing.T) {
					t.Parallel()
					p := contended(t)
					must(t, p.holder.Unlock(p.ctx))
					if held {
						must(t, p.m.TryLock(p.ctx))
						must(t, p.m.Unlock(p.ctx))
					}
					before, after := cut(t, p)
					mustBe(t, p.cutShort(t, try, before, after), context.DeadlineExceeded)
					if way == "TryLock" { // it does not clean up itself: the next one does
						mustBe(t, p.m.TryLock(p.ctx), concurrency.ErrLocked)
					}
					if key := p.m.Key(); key != "\x00" {
						t.Errorf("refused, and its key is %q", key)
					}
					must(t, p.holder.Unlock(p.ctx))
					sibling := etcdlock.NewMutex(p.session, prefix)
					must(t, sibling.TryLock(p.ctx))
					mustBe(t, p.m.Unlock(p.ctx), concurrency.ErrLockReleased)
					mustBe(t, p.holder.TryLock(p.ctx), concurrency.ErrLocked)
					must(t, sibling.TryLock(p.ctx))
					must(t, sibling.Unlock(p.ctx))
					p.everybodyGetsIt(t)
				})
			}
		}
	}
}

// The key that a try has left goes with Unlock, where its own delete was cut.
func TestUnlockOfARefusedMutexRemovesWhatItHasLeft(t *testing.T) {
	t.Parallel()
	p := contended(t)
	must(t, p.holder.Unlock(p.ctx))
	mustBe(t, p.cutShort(t, (*etcdlock.Mutex).TryLock, faster(t, p, nil), lose(txnCall)), context.DeadlineExceeded)
	mustBe(t, p.cutShort(t, (*etcdlock.Mutex).TryLock, lose(deleteCall), nil), context.DeadlineExceeded)
	must(t, p.m.Unlock(p.ctx))
	mustBe(t, p.m.Unlock(p.ctx), concurrency.ErrLockReleased)
	must(t, p.holder.Unlock(p.ctx))
	must(t, p.holder.TryLock(p.ctx))
	must(t, p.holder.Unlock(p.ctx))
	p.noKeys(t)
}

// A wait pauses after a write whose answer was lost. Another Mutex of the session locks
// meanwhile, with the key of that write or with one of its own, and the wait ends.
func TestWaitThatPausesLeavesTheLockOfASibling(t *testing.T) {
	t.Parallel()
	refuse := func(context.Context) error { return status.Error(codes.Unavailable, "cut") }
	for name, ask := range map[string]func(context.Context) error{
		"it knows what the write has put": nil,
		"the question is refused":         refuse,
		"the question is never answered":  hang,
	} {
		for _, sent := range []bool{true, false} {
			t.Run(name+map[bool]string{false: ", not sent"}[sent], func(t *testing.T) {
				t.Parallel()
				p := contended(t)
				must(t, p.holder.Unlock(p.ctx))
				var cut, asked atomic.Bool
				lost := func(_ context.Context, call string) error {
					if call == txnCall && cut.CompareAndSwap(false, true) {
						return status.Error(codes.Unavailable, "cut")
					}
					return nil
				}
				before := func(ctx context.Context, call string) error {
					if call == askCall && !asked.Load() && ask != nil {
						defer asked.Store(true)
						return ask(ctx)
					}
					if !sent {
						return lost(ctx, call)
					}
					return nil
				}
				after := func(ctx context.Context, call string) error {
					if call == askCall {
						asked.Store(true)
					}
					if sent {
						return lost(ctx, call)
					}
					return nil
				}
				p.wire.set(before, after)
				ctx, cancel := context.WithCancel(p.ctx)
				done := make(chan error, 1)
				go func() { done <- p.m.WatchLockRetry(ctx, time.Hour) }()
				eventually(t, "asked", asked.Load)
				if ask == nil {
					eventually(t, "nobody is locked out by the pause", func() bool { return len(p.Keys(p.Client(), prefix)) == 0 })
				}
				p.wire.set(nil, nil)
				sibling := etcdlock.NewMutex(p.session, prefix)
				must(t, sibling.TryLock(p.ctx))
				cancel()
				mustBe(t, <-done, context.Canceled)
				mustBe(t, p.holder.TryLock(p.ctx), concurrency.ErrLocked)
				must(t, sibling.TryLock(p.ctx))
				must(t, sibling.Unlock(p.ctx))
				p.everybodyGetsIt(t)
			})
		}
	}
}
