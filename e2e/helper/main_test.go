// Package helper_test proves the generated helper against real servers: that waiting
// writes nothing, that every release is noticed, and that a Mutex answers like the
// client's own otherwise.
//
// The quick form is the default. ETCDMOD_E2E_LONG=1 runs more hand-overs, longer
// quiet periods, and each way of waiting by itself (about ten times as long).
//
// Tests that count the watchers of the servers do not run in parallel, since that
// number is one for the process. The others run together when those are through.
package helper_test

import (
	"context"
	"errors"
	"flag"
	"math/rand"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
	"etcdmod/e2e/internal/etcdlock"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"google.golang.org/grpc"
)

const (
	prefix = "locks/a"
	// never is an interval that no test waits for: who comes back earlier was woken.
	never = 30 * time.Second
	// reread is how often the helper reads the holder although its watch is silent.
	reread = 5 * time.Second
	// woken is the bound for everything that a release wakes. It lies below reread,
	// so that a wake-up that was lost and made good by the slow read still fails.
	woken = 4 * time.Second
)

var long = os.Getenv("ETCDMOD_E2E_LONG") != ""

// TestMain lets more tests run at once than there are processors: they wait for their
// servers most of the time.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// times is n, or more of it in the long form.
func times(n int) int {
	if long {
		return 10 * n
	}
	return n
}

// limited returns a context that ends a test that hangs.
func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// locker is what concurrency.Mutex and etcdlock.Mutex have in common.
type locker interface {
	Lock(context.Context) error
	TryLock(context.Context) error
	Unlock(context.Context) error
	Key() string
	IsOwner() clientv3.Cmp
}

// A way is one of the ways to wait for a lock that the helper offers.
type way struct {
	name string
	// acquire returns a function that waits for m until it is held. It keeps its clock
	// from one call to the next, like a loop that goes on after success. between runs
	// after each refused try.
	acquire func(m *etcdlock.Mutex, d time.Duration, between func()) func(context.Context) error
}

var ways = []way{
	{"WatchLock", func(m *etcdlock.Mutex, d time.Duration, _ func()) func(context.Context) error {
		return m.WatchLock
	}},
	loop("Sleep", func(m *etcdlock.Mutex, d time.Duration) func(context.Context) {
		return func(context.Context) { m.Sleep(d) }
	}),
	loop("Ticker", func(m *etcdlock.Mutex, d time.Duration) func(context.Context) {
		t := m.NewTicker(d)
		return func(ctx context.Context) { receive(ctx, t.C) }
	}),
	loop("After", func(m *etcdlock.Mutex, d time.Duration) func(context.Context) {
		return func(ctx context.Context) { receive(ctx, m.After(d)) }
	}),
	loop("Timer", func(m *etcdlock.Mutex, d time.Duration) func(context.Context) {
		return func(ctx context.Context) {
			t := m.NewTimer(d)
			defer t.Stop()
			receive(ctx, t.C)
		}
	}),
	loop("Timer.Reset", func(m *etcdlock.Mutex, d time.Duration) func(context.Context) {
		t := m.NewTimer(d)
		t.Stop()
		return func(ctx context.Context) {
			t.Reset(d)
			receive(ctx, t.C)
		}
	}),
	loop("Tick", func(m *etcdlock.Mutex, d time.Duration) func(context.Context) {
		c := m.Tick(d)
		return func(ctx context.Context) { receive(ctx, c) }
	}),
	loop("Released", func(m *etcdlock.Mutex, d time.Duration) func(context.Context) {
		return func(ctx context.Context) {
			timer := time.NewTimer(d)
			defer timer.Stop()
			select {
			case <-m.Released():
			case <-timer.C:
			case <-ctx.Done():
			}
		}
	}),
}

// distracted are ways whose wait is now and then ended by something else, so that a
// clock of an earlier wait is still running, or has fired unseen, during the next try.
var distracted = []way{
	loop("After beside another case", func(m *etcdlock.Mutex, d time.Duration) func(context.Context) {
		return func(ctx context.Context) { distract(ctx, m.After(d)) }
	}),
	loop("Timer beside another case", func(m *etcdlock.Mutex, d time.Duration) func(context.Context) {
		t := m.NewTimer(d)
		return func(ctx context.Context) {
			t.Reset(d)
			distract(ctx, t.C)
		}
	}),
	loop("Ticker beside another case", func(m *etcdlock.Mutex, d time.Duration) func(context.Context) {
		t := m.NewTicker(d)
		return func(ctx context.Context) { distract(ctx, t.C) }
	}),
}

func loop(name string, clock func(*etcdlock.Mutex, time.Duration) func(context.Context)) way {
	return way{name, func(m *etcdlock.Mutex, d time.Duration, between func()) func(context.Context) error {
		wait := clock(m, d)
		return func(ctx context.Context) error {
			for {
				err := m.TryLock(ctx)
				if err == nil || !errors.Is(err, concurrency.ErrLocked) {
					return err
				}
				between()
				wait(ctx)
				if ctx.Err() != nil {
					return ctx.Err()
				}
			}
		}
	}}
}

func receive(ctx context.Context, c <-chan time.Time) {
	select {
	case <-c:
	case <-ctx.Done():
	}
}

// distract receives, but gives up soon in two of three calls.
func distract(ctx context.Context, c <-chan time.Time) {
	if rand.Intn(3) > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, upTo(4*time.Millisecond))
		defer cancel()
	}
	receive(ctx, c)
}

func upTo(d time.Duration) time.Duration { return time.Duration(rand.Int63n(int64(d))) }

// A wire stands between a client and the servers.
type wire struct {
	mu sync.Mutex
	// before and after run before a call is sent and when it was answered with nil. An
	// error takes the place of the answer. They are not called for their own calls.
	before, after func(ctx context.Context, method string) error
	watching      func() // runs before a watch is asked for
}

const (
	rangeCall  = "/etcdserverpb.KV/Range"
	txnCall    = "/etcdserverpb.KV/Txn"
	deleteCall = "/etcdserverpb.KV/DeleteRange"
)

func (w *wire) set(before, after func(context.Context, string) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.before, w.after = before, after
}

func (w *wire) onWatch(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watching = f
}

func (w *wire) option(cfg *clientv3.Config) {
	cfg.DialOptions = append(cfg.DialOptions,
		grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any,
			conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			w.mu.Lock()
			before, after := w.before, w.after
			w.mu.Unlock()
			if before != nil {
				if err := before(ctx, method); err != nil {
					return err
				}
			}
			if err := invoke(ctx, method, req, reply, conn, opts...); err != nil {
				return err
			}
			if after != nil {
				return after(ctx, method)
			}
			return nil
		}),
		grpc.WithChainStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc,
			conn *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			s, err := streamer(ctx, desc, conn, method, opts...)
			if err == nil && strings.HasSuffix(method, "Watch/Watch") {
				s = watchStream{s, w}
			}
			return s, err
		}))
}

type watchStream struct {
	grpc.ClientStream
	w *wire
}

func (s watchStream) SendMsg(m any) error {
	s.w.mu.Lock()
	f := s.w.watching
	s.w.mu.Unlock()
	if f != nil {
		f()
	}
	return s.ClientStream.SendMsg(m)
}

// hang waits until the call's context ends, like an answer that is lost.
func hang(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustBe(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
}

// eventually waits for something that needs no promise about its time.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 30s: %s", what)
		}
	}
}

// watched waits until the server holds n watchers more than base.
func watched(t *testing.T, base, n int) {
	t.Helper()
	last := 0
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if last = cluster.Watchers(t) - base; last == n {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d watchers, want %d", last, n)
		}
	}
}

// lockGoroutines returns the stacks of the goroutines that run code of the helper.
func lockGoroutines() []string {
	buf := make([]byte, 1<<24)
	all := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
	return slices.DeleteFunc(all, func(s string) bool { return !strings.Contains(s, "internal/etcdlock.") })
}

// asked returns a channel that is closed when m's client asks for its first watch.
func (p pair) asked() <-chan struct{} {
	c := make(chan struct{})
	var once sync.Once
	p.wire.onWatch(func() { once.Do(func() { close(c) }) })
	return c
}

// pair is a cluster of one with a holder and a second candidate, each of its own client.
type pair struct {
	*cluster.Cluster
	ctx       context.Context
	base      int // watchers before anybody waited
	holder, m *etcdlock.Mutex
	session   *concurrency.Session // of m
	wire      *wire                // of m's client
}

// contended returns a pair whose holder holds the lock.
func contended(t *testing.T, options ...concurrency.SessionOption) pair {
	t.Helper()
	p := pair{Cluster: cluster.Start(t, 1), ctx: limited(t), wire: &wire{}}
	p.base = cluster.Watchers(t)
	p.holder = etcdlock.NewMutex(p.Session(p.Client()), prefix)
	p.session = p.Session(p.Client(p.wire.option), options...)
	p.m = etcdlock.NewMutex(p.session, prefix)
	must(t, p.holder.TryLock(p.ctx))
	return p
}

// noKeys checks that nothing is left below the prefix.
func (p pair) noKeys(t *testing.T) {
	t.Helper()
	if keys := p.Keys(p.Client(), prefix); len(keys) > 0 {
		t.Errorf("left behind: %q", keys)
	}
}
