package helper_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
	"etcdmod/e2e/internal/etcdlock"

	clientv3 "go.etcd.io/etcd/client/v3"
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

func TestNamespacedClient(t *testing.T) {
	t.Parallel()
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			took := namespacedHandOver(t, namespaced, w)
			if took > woken {
				t.Errorf("noticed after %v", took)
			}
		})
	}
}

func TestMuteWatchIsMadeGoodByTheSlowRead(t *testing.T) {
	t.Parallel()
	every := way{name: "WatchLockEvery", block: func(m *etcdlock.Mutex) func(context.Context) error {
		return func(ctx context.Context) error { return m.WatchLockEvery(ctx, 500*time.Millisecond) }
	}}
	for _, w := range []way{ways[0], ways[1], every} {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			limit := reread + woken
			if w.name == every.name {
				limit = woken
			}
			took := namespacedHandOver(t, halfNamespaced, w)
			t.Logf("noticed after %v", took)
			if took > limit {
				t.Errorf("noticed after %v", took)
			}
		})
	}
}

// namespacedHandOver returns how long a release goes unnoticed.
func namespacedHandOver(t *testing.T, wrap func(*clientv3.Client) *clientv3.Client, w way) time.Duration {
	c := cluster.Start(t, 1)
	ctx := limited(t)
	holder := etcdlock.NewMutex(c.Session(wrap(c.Client())), prefix)
	m := etcdlock.NewMutex(c.Session(wrap(c.Client())), prefix)
	must(t, holder.TryLock(ctx))
	must(t, holder.TryLock(ctx))
	for _, key := range c.Keys(c.Client(), "") {
		if !strings.HasPrefix(key, space) {
			t.Errorf("wrote %q", key)
		}
	}
	done := make(chan error, 1)
	go func() { done <- w.acquire(m, never, func() {})(ctx) }()
	still(t, done, 300*time.Millisecond)
	index := c.AppliedIndex()
	still(t, done, 200*time.Millisecond)
	if got := c.AppliedIndex() - index; got != 0 {
		t.Errorf("%d entries while waiting", got)
	}
	must(t, holder.Unlock(ctx))
	start := time.Now()
	must(t, within(t, never/2, done))
	took := time.Since(start)
	must(t, m.TryLock(ctx))
	must(t, m.Unlock(ctx))
	if keys := c.Keys(c.Client(), space); len(keys) > 0 {
		t.Errorf("left behind: %q", keys)
	}
	return took
}
