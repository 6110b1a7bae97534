package helper_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
	etcdlock "etcdmod/e2e/internal/withoutrereads"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// outcome is what a call gives: its error, or that it panics. The words of a panic
// depend on where the nil was met.
func outcome(f func() error) (what string) {
	defer func() {
		if recover() != nil {
			what = "panics"
		}
	}()
	return fmt.Sprint(f())
}

// outcomes are those of all calls that take a context.
func outcomes(m locker, ctx context.Context) map[string]string {
	return map[string]string{
		"TryLock": outcome(func() error { return m.TryLock(ctx) }),
		"Lock":    outcome(func() error { return m.Lock(ctx) }),
		"Unlock":  outcome(func() error { return m.Unlock(ctx) }),
	}
}

func TestNilContextFailsLikeThatOfThePlainMutex(t *testing.T) {
	t.Parallel()
	p := contended(t)
	must(t, p.holder.Unlock(p.ctx))
	plain := concurrency.NewMutex(p.Session(p.Client()), prefix)
	var none context.Context
	for state, prepare := range map[string]func(locker) error{
		"never locked": func(locker) error { return nil },
		"held":         func(m locker) error { return m.TryLock(p.ctx) },
		"refused": func(m locker) error {
			must(t, p.holder.TryLock(p.ctx))
			mustBe(t, m.TryLock(p.ctx), concurrency.ErrLocked)
			return p.holder.Unlock(p.ctx)
		},
	} {
		var got [2]map[string]string
		for i, m := range []locker{plain, p.m} {
			must(t, prepare(m))
			got[i] = outcomes(m, none)
			// It goes on working, and nothing waits for a turn that was never given back.
			must(t, m.TryLock(p.ctx))
			must(t, m.Unlock(p.ctx))
		}
		t.Logf("%s: %v", state, got[0])
		if diff := cmp.Diff(got[0], got[1]); diff != "" {
			t.Errorf("%s: plain and guarded differ (-plain +guarded):\n%s", state, diff)
		}
	}
	if what := outcome(func() error { return p.m.WatchLock(none) }); what != "panics" {
		t.Errorf("WatchLock without a context: %s", what)
	}
	p.everybodyGetsIt(t)
}

// Some tests of services make a mutex that they never use.
func TestMutexWithoutASessionConstructs(t *testing.T) {
	t.Parallel()
	plain, m := concurrency.NewMutex(nil, prefix), etcdlock.NewMutex(nil, prefix)
	if m.Key() != plain.Key() || !reflect.DeepEqual(m.IsOwner(), plain.IsOwner()) || m.Header() != plain.Header() {
		t.Errorf("%q, %v, %v", m.Key(), m.IsOwner(), m.Header())
	}
	if diff := cmp.Diff(outcomes(plain, t.Context()), outcomes(m, t.Context())); diff != "" {
		t.Errorf("plain and guarded differ (-plain +guarded):\n%s", diff)
	}
	full(t, "Sleep", 50*time.Millisecond, func() { m.Sleep(50 * time.Millisecond) })
	m.NewTicker(time.Second).Stop()
}

func TestWaitWithACancelledContextWritesNothing(t *testing.T) {
	t.Parallel()
	p := contended(t)
	ctx, cancel := context.WithCancel(p.ctx)
	cancel()
	for _, state := range []string{"refused", "free"} {
		index := p.AppliedIndex()
		for range 5 {
			mustBe(t, p.m.WatchLock(ctx), context.Canceled)
			mustBe(t, p.m.WatchLockRetry(ctx, time.Hour), context.Canceled)
			mustBe(t, p.m.TryLock(ctx), context.Canceled)
		}
		if got := p.AppliedIndex() - index; got != 0 {
			t.Errorf("%s: %d entries", state, got)
		}
		if state == "refused" {
			must(t, p.holder.Unlock(p.ctx))
		}
	}
	p.everybodyGetsIt(t)
	// What is held stays held.
	must(t, p.m.TryLock(p.ctx))
	mustBe(t, p.m.WatchLock(ctx), context.Canceled)
	mustBe(t, p.holder.TryLock(p.ctx), concurrency.ErrLocked)
	must(t, p.m.Unlock(p.ctx))
	p.everybodyGetsIt(t)
}

// Whether two names are one lock, two, or one within the other is as with the plain
// mutex, which appends a slash to whatever it is given.
func TestPrefixWithAndWithoutASlash(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, 1)
	ctx := limited(t)
	cli := c.Client()
	names := []string{"locks/a", "locks/a/", "locks/ab", "locks", "/", ""}
	sessions := [2]*concurrency.Session{c.Session(cli), c.Session(cli)}
	for _, held := range names {
		plainHolder := concurrency.NewMutex(sessions[0], held)
		guardedHolder := etcdlock.NewMutex(sessions[0], held)
		for _, wanted := range names {
			name := fmt.Sprintf("%q held, %q wanted", held, wanted)
			plain, guarded := concurrency.NewMutex(sessions[1], wanted), etcdlock.NewMutex(sessions[1], wanted)
			var got []string
			for _, pairing := range []struct{ holder, m locker }{
				{plainHolder, plain}, {plainHolder, guarded}, {guardedHolder, plain}, {guardedHolder, guarded},
			} {
				must(t, pairing.holder.TryLock(ctx))
				err := pairing.m.TryLock(ctx)
				got = append(got, fmt.Sprintf("%v, Key %q", err, pairing.m.Key()))
				if err == nil {
					must(t, pairing.m.Unlock(ctx))
				}
				must(t, pairing.holder.Unlock(ctx))
			}
			for _, answer := range got[1:] {
				if answer != got[0] {
					t.Errorf("%s: plain %s, but with guarded ones %q", name, got[0], got[1:])
					break
				}
			}
			if !strings.HasPrefix(got[0], "<nil>") {
				t.Logf("%s: %s", name, got[0])
			}
		}
	}
	if keys := c.Keys(cli, ""); len(keys) > 0 {
		t.Errorf("left behind: %q", keys)
	}
}

// A user who may touch the keys of its lock, and nothing else, can wait for it.
func TestUserWithRightsToItsLockOnly(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, 1)
	ctx := limited(t)
	there := &wire{}
	as := func(name string) *clientv3.Client {
		return c.Client(func(cfg *clientv3.Config) { cfg.Username, cfg.Password = name, "secret" }, there.option)
	}
	grant(t, ctx, c.Client(), "locker", prefix+"/")
	holding, waiting := c.Session(as("locker")), c.Session(as("locker"))
	for _, w := range waits {
		holder, m := etcdlock.NewMutex(holding, prefix), etcdlock.NewMutex(waiting, prefix)
		must(t, holder.TryLock(ctx))
		must(t, holder.TryLock(ctx))
		done, watched := make(chan error, 1), make(chan struct{}, 1)
		there.onWatched(func() { watched <- struct{}{} })
		go func() { done <- w.acquire(m, never, func() {})(ctx) }()
		<-watched // logging in takes its time
		revision := c.Revision()
		still(t, done, 300*time.Millisecond)
		// A client may log in again, which is an entry, but changes no key.
		if got := c.Revision() - revision; got != 0 {
			t.Errorf("%s: %d revisions while waiting", w.name, got)
		}
		must(t, holder.Unlock(ctx))
		must(t, within(t, woken, done))
		must(t, m.Unlock(ctx))
	}
	// Elsewhere it gets the error that it always got, and at once.
	plain, m := concurrency.NewMutex(waiting, "others"), etcdlock.NewMutex(waiting, "others")
	if diff := cmp.Diff(outcomes(plain, ctx), outcomes(m, ctx)); diff != "" {
		t.Errorf("plain and guarded differ (-plain +guarded):\n%s", diff)
	}
	mustBe(t, m.TryLock(ctx), rpctypes.ErrPermissionDenied)
	mustBe(t, m.WatchLock(ctx), rpctypes.ErrPermissionDenied)
	full(t, "Sleep", 200*time.Millisecond, func() { m.Sleep(200 * time.Millisecond) })
	if keys := c.Keys(as("root"), ""); len(keys) > 0 {
		t.Errorf("left behind: %q", keys)
	}
}

// grant makes a user that may read and write what is below prefix, and switches
// authentication on.
func grant(t *testing.T, ctx context.Context, cli *clientv3.Client, name, prefix string) {
	t.Helper()
	for _, user := range []string{"root", name} {
		_, err := cli.RoleAdd(ctx, user)
		must(t, err)
		_, err = cli.UserAdd(ctx, user, "secret")
		must(t, err)
		_, err = cli.UserGrantRole(ctx, user, user)
		must(t, err)
	}
	_, err := cli.RoleGrantPermission(ctx, name, prefix, clientv3.GetPrefixRangeEnd(prefix),
		clientv3.PermissionType(clientv3.PermReadWrite))
	must(t, err)
	_, err = cli.AuthEnable(ctx)
	must(t, err)
}

// Tries with deadlines of their own, as services have them, wait and hand over, however
// short those are: too short ones get nowhere while they are, and hurt nobody.
func TestTriesWithShortDeadlinesOfTheirOwn(t *testing.T) {
	t.Parallel()
	p := contended(t)
	done := make(chan error, 1)
	go func() {
		for longest := 20 * time.Millisecond; ; longest += longest / 8 { // a machine may be slow
			ctx, cancel := context.WithTimeout(p.ctx, upTo(longest))
			err := p.m.TryLock(ctx)
			cancel()
			if err == nil {
				done <- nil
				return
			}
			if !errors.Is(err, concurrency.ErrLocked) && !errors.Is(err, context.DeadlineExceeded) {
				done <- err
				return
			}
			if errors.Is(err, concurrency.ErrLocked) {
				p.m.Sleep(never)
			}
		}
	}()
	still(t, done, 500*time.Millisecond)
	must(t, p.holder.Unlock(p.ctx))
	must(t, within(t, woken, done))
	must(t, p.m.Unlock(p.ctx))
	p.everybodyGetsIt(t)
}
