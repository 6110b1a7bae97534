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

// rereading are the two machines that wait, with the reads beside a silent watch.
var rereading = map[string]func(context.Context, *etcdlock.Mutex) error{
	"WatchLock": func(ctx context.Context, m *etcdlock.Mutex) error { return m.WatchLock(ctx) },
	"Sleep": func(ctx context.Context, m *etcdlock.Mutex) error {
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
	for name, wait := range rereading {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			took := namespacedHandOver(t, namespaced, wait)
			if took > woken {
				t.Errorf("noticed after %v", took)
			}
		})
	}
}

// The first reads beside a watch come after about 1, 3 and 7 seconds.
func TestMuteWatchIsMadeGoodByReads(t *testing.T) {
	t.Parallel()
	for name, wait := range rereading {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			took := namespacedHandOver(t, halfNamespaced, wait)
			t.Logf("noticed after %v", took)
			if took > never/2 {
				t.Errorf("noticed after %v", took)
			}
		})
	}
}

// namespacedHandOver returns how long a release goes unnoticed.
func namespacedHandOver(t *testing.T, wrap func(*clientv3.Client) *clientv3.Client,
	wait func(context.Context, *etcdlock.Mutex) error) time.Duration {
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
	go func() { done <- wait(ctx, m) }()
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
