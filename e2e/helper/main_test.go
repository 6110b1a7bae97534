// Package helper_test proves the generated helper against real servers: that waiting
// writes nothing, that every release is noticed, and that a Mutex answers like the
// client's own otherwise. Its copy of the helper does not read the holder again beside a
// silent watch, unless a test is about that: no wake-up that was lost is made good.
//
// The quick form is the default: 1,720 hand-overs, a thousand waits, and two seconds of
// silence of up to 30 candidates on one member. ETCDMOD_E2E_LONG=1 runs 13,760
// hand-overs, ten thousand waits, and ten seconds of up to 100 candidates in each way of
// waiting, on one and on three members (ten times as long: go test -timeout 60m).
//
// Tests that count the watchers of the servers do not run in parallel, since that
// number is one for the process. The others run together when those are through.
package helper_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
	etcdlock "etcdmod/e2e/internal/withoutrereads"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

const (
	prefix = "locks/a"
	// never is an interval that no test waits for: who comes back earlier was woken.
	never = 5 * time.Minute
	// woken is the bound for everything that a release wakes, on a machine that may be busy.
	// It only has to tell that from never.
	woken = time.Minute
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
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(times(15))*time.Minute)
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

// served repeats a call as long as the servers are too busy for it.
func served(call func() error) error {
	for {
		if err := call(); !errors.Is(err, rpctypes.ErrTimeout) {
			return err
		}
	}
}

// eventually waits for something that needs no promise about its time.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(woken); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", woken, what)
		}
	}
}

// sometimes demands that one of many runs finds nothing wrong. It is for what has to do with
// time: a busy machine is late now and then, and what is broken is wrong in each run.
func sometimes(t *testing.T, run func() (wrong string)) {
	t.Helper()
	const most = 20
	for n := 1; ; n++ {
		switch wrong := run(); {
		case wrong == "":
			return
		case n == most:
			t.Errorf("in each of %d runs; in the last one %s", most, wrong)
			return
		default:
			t.Logf("run %d: %s", n, wrong)
		}
	}
}

// watched waits until the server holds n watchers more than base.
func watched(t *testing.T, base, n int) {
	t.Helper()
	last := 0
	for end := time.Now().Add(woken); ; time.Sleep(5 * time.Millisecond) {
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
	return slices.DeleteFunc(all, func(s string) bool { return !strings.Contains(s, "internal/withoutrereads.") })
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
	holding   *concurrency.Session // of the holder
	session   *concurrency.Session // of m
	wire      *wire                // of m's client
}

// contended returns a pair whose holder holds the lock.
func contended(t *testing.T, options ...concurrency.SessionOption) pair {
	t.Helper()
	p := pair{Cluster: cluster.Start(t, 1), ctx: limited(t), wire: &wire{}}
	p.base = cluster.Watchers(t)
	p.holding = p.Session(p.Client())
	p.holder = etcdlock.NewMutex(p.holding, prefix)
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
