package helper_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
	"etcdmod/e2e/internal/etcdlock"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.etcd.io/etcd/client/v3/namespace"
)

const space = "ns/"

func namespaced(cli *clientv3.Client) *clientv3.Client {
	cli.KV = namespace.NewKV(cli.KV, space)
	cli.Watcher = namespace.NewWatcher(cli.Watcher, space)
	cli.Lease = namespace.NewLease(cli.Lease, space)
	return cli
}

// halfNamespaced is a client as some services have it: its watches go to keys that
// nobody writes, and stay mute.
func halfNamespaced(cli *clientv3.Client) *clientv3.Client {
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
			namespacedHandOver(t, namespaced, editions["second"], wait) // which has no other way to hear of it
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
			namespacedHandOver(t, halfNamespaced, mutex, wait)
		})
	}
}

// namespacedHandOver demands that a release is noticed.
func namespacedHandOver(t *testing.T, wrap func(*clientv3.Client) *clientv3.Client,
	mutex func(*concurrency.Session, string) waiter, wait func(context.Context, waiter) error) {
	t.Helper()
	c := cluster.Start(t, 1)
	ctx := limited(t)
	holder, m := mutex(c.Session(wrap(c.Client())), prefix), mutex(c.Session(wrap(c.Client())), prefix)
	must(t, holder.TryLock(ctx))
	must(t, holder.TryLock(ctx))
	for _, key := range c.Keys(c.Client(), "") {
		if !strings.HasPrefix(key, space) {
			t.Errorf("wrote %q", key)
		}
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
	must(t, m.TryLock(ctx))
	must(t, m.Unlock(ctx))
	if keys := c.Keys(c.Client(), space); len(keys) > 0 {
		t.Errorf("left behind: %q", keys)
	}
}
