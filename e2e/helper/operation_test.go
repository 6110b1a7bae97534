package helper_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
	etcdlock "etcdmod/e2e/internal/withoutrereads"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.etcd.io/etcd/server/v3/embed"
)

// user has a client log in. The password is that of grant.
func user(name string) func(*clientv3.Config) {
	return func(cfg *clientv3.Config) { cfg.Username, cfg.Password = name, "secret" }
}

// cheap has servers check passwords fast.
func cheap(cfg *embed.Config) { cfg.BcryptCost = 4 }

// A wait does not see what goes wrong while the lock is held, not even what stays wrong: its next try does.
func TestRightsThatAreWithdrawnAreMissedAtTheRelease(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, 1, cheap)
	ctx := limited(t)
	grant(t, ctx, c.Client(), "locker", prefix+"/")
	root, w := c.Client(user("root")), &wire{}
	holder := etcdlock.NewMutex(c.Session(root), prefix)
	must(t, holder.TryLock(ctx))
	m := etcdlock.NewMutex(c.Session(c.Client(user("locker"), w.option)), prefix)
	watched, done := make(chan struct{}, 1), make(chan error, 1)
	w.onWatched(func() { watched <- struct{}{} })
	go func() { done <- m.WatchLock(ctx) }()
	<-watched
	_, err := root.RoleRevokePermission(ctx, "locker", prefix+"/", clientv3.GetPrefixRangeEnd(prefix+"/"))
	must(t, err)
	still(t, done, time.Second)
	must(t, holder.Unlock(ctx))
	mustBe(t, within(t, woken, done), rpctypes.ErrPermissionDenied)
}

// A client has one stream for its watches, with the token of when that was opened. Servers refuse a watch on a stream
// whose token is void by now; such a wait reads now and then, and writes nothing.
func TestWaitOnAStreamOfAnOldTokenReads(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, 1, cheap)
	ctx := limited(t)
	grant(t, ctx, c.Client(), "locker", prefix+"/")
	root, w := c.Client(user("root")), &wire{}
	holding, waiting := c.Session(root), c.Session(c.Client(user("locker"), w.option))
	var opened, reads atomic.Int64
	w.onWatched(func() { opened.Add(1) })
	start := func(name string) (holder *etcdlock.Mutex, done chan error) {
		holder, done = etcdlock.NewMutex(holding, name), make(chan error, 1)
		must(t, holder.TryLock(ctx))
		go func() { done <- etcdlock.NewMutex(waiting, name).WatchLock(ctx) }()
		return holder, done
	}
	first, firstDone := start(prefix + "/a")
	eventually(t, "the first wait watches", func() bool { return opened.Load() == 1 })
	_, err := root.UserChangePassword(ctx, "locker", "secret") // to what it was: that voids its tokens
	must(t, err)
	second, secondDone := start(prefix + "/b")
	eventually(t, "the second wait has asked for a watch", func() bool { return opened.Load() > 1 })
	w.set(func(_ context.Context, call string) error {
		if call == rangeCall {
			reads.Add(1)
		}
		return nil
	}, nil)
	revision := c.Revision()
	eventually(t, "it reads", func() bool { return reads.Load() >= 3 })
	if n := c.Revision() - revision; n != 0 {
		t.Errorf("%d revisions", n)
	}
	must(t, second.Unlock(ctx))
	must(t, within(t, woken, secondDone))
	must(t, first.Unlock(ctx))
	must(t, within(t, woken, firstDone))
}

// A server whose space is used up takes no key. A lock that is held can be waited for and unlocked; to take a free one
// gives the client's error, and leaves nothing.
func TestFullServer(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, 1, func(cfg *embed.Config) { cfg.QuotaBackendBytes = 1 << 20 })
	ctx, cli := limited(t), c.Client()
	holding, waiting := c.Session(c.Client()), c.Session(c.Client())
	holder, m := etcdlock.NewMutex(holding, prefix), etcdlock.NewMutex(waiting, prefix)
	must(t, holder.TryLock(ctx))
	var err error
	for i := 0; err == nil; i++ {
		_, err = cli.Put(ctx, fmt.Sprint("x", i), strings.Repeat("x", 1e5))
	}
	mustBe(t, err, rpctypes.ErrNoSpace)
	done := make(chan error, 1)
	go func() { done <- m.WatchLock(ctx) }()
	still(t, done, 300*time.Millisecond)
	must(t, holder.Unlock(ctx))
	mustBe(t, within(t, woken, done), rpctypes.ErrNoSpace)
	plain := concurrency.NewMutex(waiting, prefix)
	if diff := cmp.Diff(outcome(func() error { return plain.TryLock(ctx) }), outcome(func() error { return m.TryLock(ctx) })); diff != "" {
		t.Error(diff)
	}
	if keys := c.Keys(cli, prefix); len(keys) > 0 {
		t.Errorf("left behind: %q", keys)
	}
	resp, err := cli.Get(ctx, "x0")
	must(t, err)
	_, err = cli.Delete(ctx, "x", clientv3.WithPrefix())
	must(t, err)
	_, err = cli.Compact(ctx, resp.Header.Revision+1)
	must(t, err)
	_, err = cli.Defragment(ctx, c.Endpoints()[0])
	must(t, err)
	_, err = cli.AlarmDisarm(ctx, &clientv3.AlarmMember{})
	must(t, err)
	must(t, m.WatchLock(ctx))
	must(t, m.Unlock(ctx))
}

// A client that is closed tries each call again a hundred times, and seconds long. The helper asks it no more often than
// the client's own mutex does.
func TestClosedClientIsAskedNoMoreOften(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, 1)
	asked := func(try func(*concurrency.Session) func(context.Context) error) (n int64, err error) {
		w := &wire{}
		cli := c.Client(w.option)
		call := try(c.Session(cli))
		must(t, cli.Close())
		var calls atomic.Int64
		w.set(func(context.Context, string) error {
			calls.Add(1)
			time.Sleep(50 * time.Millisecond) // so that all take longer than a server is waited for
			return nil
		}, nil)
		err = call(context.Background())
		return calls.Load(), err
	}
	plain, want := asked(func(s *concurrency.Session) func(context.Context) error {
		return concurrency.NewMutex(s, prefix).TryLock
	})
	ours, err := asked(func(s *concurrency.Session) func(context.Context) error { return etcdlock.NewMutex(s, prefix).TryLock })
	if plain == 0 || ours > plain || fmt.Sprint(err) != fmt.Sprint(want) {
		t.Errorf("the helper asks %d times (%v), the client's mutex %d times (%v)", ours, err, plain, want)
	}
}
