// Package smoke drives the generated helper, and beside it the plain mutex of the client
// that both are compiled with, against a running server.
//
// It is copied into modules with other clients and other versions of Go. So it keeps to
// what Go 1.16 and the oldest client offer, and the import paths below are changed to
// those of the module.
package smoke

import (
	"context"
	"errors"
	"flag"
	"testing"
	"time"

	"example.com/service/internal/etcdlock"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

const (
	// never is an interval that no test waits for: who comes back earlier was woken.
	never = 10 * time.Minute
	// woken is the bound for what a release wakes. This copy of the helper does not read
	// the holder again beside a silent watch, so a release that nobody noticed fails.
	woken = time.Minute
)

var endpoint = flag.String("endpoint", "", "client address of the server")

// A bench is a lock with its holder and another candidate, each with a client and a
// session of its own.
type bench struct {
	ctx       context.Context
	prefix    string
	holder, m *etcdlock.Mutex
	cli       *clientv3.Client     // of m
	watches   <-chan struct{}      // receives when m's client has a watch
	session   *concurrency.Session // of m
}

// held returns a bench whose holder holds the lock. No key is left when the test ends.
func held(t *testing.T, options ...concurrency.SessionOption) bench {
	t.Helper()
	b := bench{ctx: limited(t), prefix: t.Name(), cli: client(t)}
	watches := make(chan struct{}, 1)
	b.watches, b.cli.Watcher = watches, watcher{b.cli.Watcher, watches}
	b.session = session(t, b.cli, options...)
	b.m = etcdlock.NewMutex(b.session, b.prefix)
	b.holder = etcdlock.NewMutex(session(t, client(t)), b.prefix)
	must(t, b.holder.TryLock(b.ctx))
	return b
}

// A watcher tells when the server has a watch.
type watcher struct {
	clientv3.Watcher
	opened chan<- struct{}
}

func (w watcher) Watch(ctx context.Context, key string, opts ...clientv3.OpOption) clientv3.WatchChan {
	c := w.Watcher.Watch(ctx, key, opts...)
	select {
	case w.opened <- struct{}{}:
	default:
	}
	return c
}

// limited returns a context that ends a test that hangs.
func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func client(t *testing.T) *clientv3.Client {
	t.Helper()
	cli, err := clientv3.New(clientv3.Config{Endpoints: []string{*endpoint}, DialTimeout: never})
	must(t, err)
	t.Cleanup(func() { cli.Close() })
	return cli
}

func session(t *testing.T, cli *clientv3.Client, options ...concurrency.SessionOption) *concurrency.Session {
	t.Helper()
	s, err := concurrency.NewSession(cli, options...)
	must(t, err)
	return s
}

// free releases the lock and checks that this was the last key below the prefix.
func (b bench) free(t *testing.T, m *etcdlock.Mutex) {
	t.Helper()
	must(t, m.Unlock(b.ctx))
	resp, err := b.cli.Get(b.ctx, b.prefix+"/", clientv3.WithPrefix())
	must(t, err)
	for _, kv := range resp.Kvs {
		t.Errorf("left behind: %s", kv.Key)
	}
}

// A mark is how much a server has written.
type mark struct {
	applied  uint64 // raft log entries
	revision int64  // of the key space
}

func (b bench) mark(t *testing.T) mark {
	t.Helper()
	// A server answers a request before it counts its entry, but reads nothing before that.
	_, err := b.cli.Get(b.ctx, b.prefix)
	must(t, err)
	status, err := b.cli.Status(b.ctx, *endpoint)
	must(t, err)
	return mark{status.RaftAppliedIndex, status.Header.Revision}
}

// TestTriesWriteNothing runs before the other tests: they would write meanwhile.
func TestTriesWriteNothing(t *testing.T) {
	b := held(t)
	plain := concurrency.NewMutex(b.session, b.prefix)
	before := b.mark(t)
	if err := plain.TryLock(b.ctx); err != concurrency.ErrLocked {
		t.Fatalf("the plain mutex says %v", err)
	}
	if after := b.mark(t); after.applied != before.applied+2 || after.revision != before.revision+2 {
		t.Fatalf("a try of the plain mutex took the server from %+v to %+v: not a put and a delete", before, after)
	}
	before = b.mark(t)
	for i := 0; i < 20; i++ {
		if err := b.m.TryLock(b.ctx); err != concurrency.ErrLocked || !errors.Is(err, concurrency.ErrLocked) {
			t.Fatalf("refused with %v", err)
		}
		if err := b.holder.TryLock(b.ctx); err != nil {
			t.Fatalf("the holder is told %v", err)
		}
	}
	if after := b.mark(t); after != before {
		t.Errorf("20 refused tries, and as many of the holder, took the server from %+v to %+v", before, after)
	}
	if b.holder.Header() == nil || b.holder.Header().Revision == 0 {
		t.Errorf("the holder's header is %v", b.holder.Header())
	}
	b.free(t, b.holder)
}

// retry is a loop that tries, and waits for its clock after each refusal.
func retry(ctx context.Context, m *etcdlock.Mutex, wait func()) error {
	for {
		if err := m.TryLock(ctx); !errors.Is(err, concurrency.ErrLocked) {
			return err
		}
		wait()
	}
}

func TestReleaseWakes(t *testing.T) {
	ways := map[string]func(context.Context, *etcdlock.Mutex) error{
		"WatchLock": func(ctx context.Context, m *etcdlock.Mutex) error { return m.WatchLock(ctx) },
		"WatchLockRetry": func(ctx context.Context, m *etcdlock.Mutex) error {
			return m.WatchLockRetry(ctx, never)
		},
		"Lock": func(ctx context.Context, m *etcdlock.Mutex) error { return m.Lock(ctx) },
		"NewTicker": func(ctx context.Context, m *etcdlock.Mutex) error {
			ticker := m.NewTicker(never)
			defer ticker.Stop()
			return retry(ctx, m, func() { <-ticker.C })
		},
		"Tick": func(ctx context.Context, m *etcdlock.Mutex) error {
			c := m.Tick(never)
			return retry(ctx, m, func() { <-c })
		},
		"NewTimer": func(ctx context.Context, m *etcdlock.Mutex) error {
			timer := m.NewTimer(never)
			defer timer.Stop()
			return retry(ctx, m, func() { timer.Reset(never); <-timer.C })
		},
		"After": func(ctx context.Context, m *etcdlock.Mutex) error {
			return retry(ctx, m, func() { <-m.After(never) })
		},
		"Sleep": func(ctx context.Context, m *etcdlock.Mutex) error {
			return retry(ctx, m, func() { m.Sleep(never) })
		},
	}
	for name, wait := range ways {
		wait := wait
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := held(t)
			locked := make(chan error, 1)
			go func() { locked <- wait(b.ctx, b.m) }()
			select {
			case err := <-locked:
				t.Fatalf("did not wait for the holder: %v", err)
			case <-b.watches:
			}
			must(t, b.holder.Unlock(b.ctx))
			select {
			case err := <-locked:
				must(t, err)
			case <-time.After(woken):
				t.Fatalf("asleep %v after the release", woken)
			}
			b.free(t, b.m)
		})
	}
}

func TestCancelledWait(t *testing.T) {
	t.Parallel()
	b := held(t)
	ctx, cancel := context.WithCancel(b.ctx)
	go func() {
		<-b.watches
		cancel()
	}()
	for _, when := range []string{"while it waits", "before it starts"} {
		if err := b.m.WatchLock(ctx); err != context.Canceled {
			t.Errorf("cancelled %s, WatchLock says %v", when, err)
		}
	}
	err, want := b.m.TryLock(ctx), concurrency.NewMutex(b.session, b.prefix).TryLock(ctx)
	if err == nil || err.Error() != want.Error() {
		t.Errorf("TryLock says %v, that of the plain mutex %v", err, want)
	}
	b.free(t, b.holder)
}

// Lock is the client's, and is not here: that of 3.5 waits on.
func TestEndOfSession(t *testing.T) {
	waits := map[string]func(context.Context, *etcdlock.Mutex) error{
		"WatchLock": func(ctx context.Context, m *etcdlock.Mutex) error { return m.WatchLock(ctx) },
		"WatchLockRetry": func(ctx context.Context, m *etcdlock.Mutex) error {
			return m.WatchLockRetry(ctx, never)
		},
	}
	for name, wait := range waits {
		wait := wait
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := held(t, concurrency.WithTTL(3)) // kept alive every second
			go func() {
				<-b.watches
				if _, err := b.cli.Revoke(b.ctx, b.session.Lease()); err != nil {
					t.Error(err)
				}
			}()
			if err := wait(b.ctx, b.m); err != concurrency.ErrSessionExpired {
				t.Errorf("when its lease was revoked it said %v", err)
			}
			b.free(t, b.holder)
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
