package faults_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"

	"github.com/anishathalye/porcupine"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// A broken mutex tries in a wrong way. owner is what its IsOwner claims.
type broken struct {
	*concurrency.Mutex
	try   func(context.Context, *broken) error
	cli   *clientv3.Client
	lease clientv3.LeaseID
	key   string
	owner int64 // create revision
}

func (b *broken) TryLock(ctx context.Context) error { return b.try(ctx, b) }

func (b *broken) IsOwner() clientv3.Cmp {
	return clientv3.Compare(clientv3.CreateRevision(b.key), "=", b.owner)
}

func (b *broken) Unlock(ctx context.Context) error {
	_, err := b.cli.Delete(ctx, b.key)
	return err
}

// honest tries as the client does.
func (b *broken) honest(ctx context.Context) error {
	err := b.Mutex.TryLock(ctx)
	if err == nil {
		b.owner = b.Header().Revision
		resp, getErr := b.cli.Get(ctx, b.key)
		if getErr == nil && len(resp.Kvs) > 0 {
			b.owner = resp.Kvs[0].CreateRevision
		}
	}
	return err
}

// The models reject histories of locks that are none, on a cluster without a fault.
func TestBrokenLocksAreRejected(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	for name, b := range map[string]struct {
		try     func(context.Context, *broken) error
		rejects []string // the models that must
	}{
		"takes every write for the lock": {func(ctx context.Context, b *broken) error {
			resp, err := b.cli.Put(ctx, b.key, "", clientv3.WithLease(b.lease))
			if err == nil && b.owner < resp.Header.Revision {
				b.owner = resp.Header.Revision
			}
			return err
		}, []string{"ownership", "lock"}},
		"takes a free lock for its own": {func(ctx context.Context, b *broken) error {
			resp, err := b.cli.Get(ctx, prefix+"/", clientv3.WithPrefix())
			if err == nil && len(resp.Kvs) > 0 {
				err = concurrency.ErrLocked
			}
			return err
		}, []string{"ownership", "lock"}},
		"throws the holder out": {func(ctx context.Context, b *broken) error {
			if _, err := b.cli.Delete(ctx, prefix+"/", clientv3.WithPrefix()); err != nil {
				return err
			}
			return b.honest(ctx)
		}, []string{"ownership", "lock"}},
		"refuses by itself": {func(ctx context.Context, b *broken) error {
			if time.Now().UnixNano()/1000%2 == 0 {
				return concurrency.ErrLocked
			}
			return b.honest(ctx)
		}, []string{"ownership"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := kind{name, func(s *concurrency.Session) mutex {
				return &broken{concurrency.NewMutex(s, prefix), b.try, s.Client(), s.Lease(),
					fmt.Sprintf("%s/%x", prefix, s.Lease()), 0}
			}, func(c *candidate, ctx context.Context) error {
				return c.loop(ctx, func() { pause(ctx, time.Millisecond) })
			}, true}
			// What is wrong with a lock shows when candidates meet, if not in the first history.
			for {
				got := brokenHistory(ctx, t, k)
				t.Log(got)
				accepts := slices.ContainsFunc(b.rejects, func(model string) bool { return got[model] != porcupine.Illegal })
				if !accepts {
					return
				}
				if ctx.Err() != nil {
					t.Fatal("not rejected")
				}
			}
		})
	}
}

// brokenHistory is what the models say of fifty statements of three candidates, or of as many as
// they make before nothing happens any more.
func brokenHistory(ctx context.Context, t *testing.T, k kind) map[string]porcupine.CheckResult {
	t.Helper()
	r := newRun(ctx, t, cluster.Start(t, 1), "", []kind{k, k, k})
	for n, idle := 0, 0; n <= 50 && idle < 5000 && ctx.Err() == nil; pause(ctx, time.Millisecond) {
		before := n
		r.mu.Lock()
		n = len(r.said)
		r.mu.Unlock()
		if idle++; n > before {
			idle = 0
		}
	}
	// Who was refused the lock that it holds never gives it back: nobody waits for that.
	r.cancel()
	tr := r.finish(ctx)
	got, err := verdicts(tr, r.said, "")
	if err != nil {
		t.Fatal(err)
	}
	return got
}
