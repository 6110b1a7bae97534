package helper_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
	"etcdmod/e2e/internal/etcdlock"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.etcd.io/etcd/client/v3/namespace"
)

const space = "ns/"

func namespaced(_ *testing.T, cli *clientv3.Client) *clientv3.Client {
	cli.KV = namespace.NewKV(cli.KV, space)
	cli.Watcher = namespace.NewWatcher(cli.Watcher, space)
	cli.Lease = namespace.NewLease(cli.Lease, space)
	return cli
}

// halfNamespaced is a client as some services have it: its watches go to keys that
// nobody writes, and stay mute.
func halfNamespaced(_ *testing.T, cli *clientv3.Client) *clientv3.Client {
	cli.KV = namespace.NewKV(cli.KV, space)
	return cli
}

// machines are the two that wait.
var machines = map[string]func(context.Context, waiter) error{
	"WatchLock": func(ctx context.Context, m waiter) error { return m.WatchLock(ctx) },
	"Sleep": func(ctx context.Context, m waiter) error {
		for {
			if err := m.TryLock(ctx); !errors.Is(err, concurrency.ErrLocked) {
				return err
			}
			m.Sleep(never)
		}
	},
}

func TestNamespacedClient(t *testing.T) {
	t.Parallel()
	for name, wait := range machines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handOverOf(t, namespaced, space, editions["second"], wait) // which has no other way to hear of it
		})
	}
}

// The first reads beside a watch come after about 1, 3 and 7 seconds.
func TestMuteWatchIsMadeGoodByReads(t *testing.T) {
	t.Parallel()
	mutex := func(s *concurrency.Session, p string) waiter { return etcdlock.NewMutex(s, p) }
	for name, wait := range machines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handOverOf(t, halfNamespaced, space, mutex, wait)
		})
	}
}

// handOverOf demands that a release is noticed by clients that are wrapped, and put space before each key.
func handOverOf(t *testing.T, wrap func(*testing.T, *clientv3.Client) *clientv3.Client, space string,
	mutex func(*concurrency.Session, string) waiter, wait func(context.Context, waiter) error) {
	t.Helper()
	c := cluster.Start(t, 1)
	ctx, keys := limited(t), c.Client()
	holder, m := mutex(c.Session(wrap(t, c.Client())), prefix), mutex(c.Session(wrap(t, c.Client())), prefix)
	must(t, holder.TryLock(ctx))
	must(t, holder.TryLock(ctx))
	if got := c.Keys(keys, space+prefix); len(got) != 1 {
		t.Errorf("wrote %q", got)
	}
	done := make(chan error, 1)
	go func() { done <- wait(ctx, m) }()
	still(t, done, 300*time.Millisecond)
	index := c.AppliedIndex()
	still(t, done, 200*time.Millisecond)
	if got := c.AppliedIndex() - index; got != 0 {
		t.Errorf("%d entries while waiting", got)
	}
	must(t, holder.Unlock(ctx))
	start := time.Now()
	must(t, within(t, woken, done))
	t.Logf("noticed after %v", time.Since(start))
	mustBe(t, holder.TryLock(ctx), concurrency.ErrLocked)
	must(t, m.TryLock(ctx))
	must(t, m.Unlock(ctx))
	if got := c.Keys(keys, space+prefix); len(got) > 0 {
		t.Errorf("left behind: %q", got)
	}
}
