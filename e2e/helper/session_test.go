package helper_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
	etcdlock "etcdmod/e2e/internal/withoutrereads"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

const grantCall = "/etcdserverpb.Lease/LeaseGrant"

// late is a session of p's second client, as a program makes one for each try, and its mutex.
func (p pair) late(t *testing.T, opts ...etcdlock.SessionOption) (*etcdlock.Session, *etcdlock.Mutex) {
	t.Helper()
	s, err := etcdlock.NewSession(p.session.Client(), opts...)
	must(t, err)
	return s, etcdlock.NewMutexOf(s, prefix)
}

// leases is how many leases the servers have.
func (p pair) leases(t *testing.T, cli *clientv3.Client) int {
	t.Helper()
	resp, err := cli.Leases(p.ctx)
	must(t, err)
	return len(resp.Leases)
}

// Code compares the errors with ==, as the client gives them.
func TestSessionOfATryIsGrantedNothingWhileTheLockIsHeld(t *testing.T) {
	p := contended(t)
	rounds := times(100)
	index, leases := p.AppliedIndex(), p.leases(t, p.session.Client())
	for range rounds {
		s, m := p.late(t, etcdlock.WithTTL(1))
		if err := m.TryLock(p.ctx); err != concurrency.ErrLocked {
			t.Fatalf("%v", err)
		}
		must(t, s.Close())
	}
	for range 5 {
		s, m := p.late(t)
		ctx, cancel := context.WithTimeout(p.ctx, 300*time.Millisecond)
		full(t, "LockWithin", 300*time.Millisecond, func() {
			if err := m.LockWithin(ctx); err != context.DeadlineExceeded {
				t.Errorf("%v", err)
			}
		})
		cancel()
		s.Orphan()
	}
	if n := p.AppliedIndex() - index; n != 0 {
		t.Errorf("%d entries", n)
	}
	if n := p.leases(t, p.session.Client()); n != leases {
		t.Errorf("%d leases, and %d before", n, leases)
	}
	watched(t, p.base, 0)
	must(t, p.holder.Unlock(p.ctx))
	p.noKeys(t)
	eventually(t, "no goroutine is left", func() bool { return len(lockGoroutines()) == 0 })
}

// What is kept after success is a session as the client makes it.
func TestSessionOfATryThatWinsIsTheClients(t *testing.T) {
	t.Parallel()
	for name, lock := range map[string]func(*etcdlock.Mutex, context.Context) error{
		"TryLock": (*etcdlock.Mutex).TryLock, "Lock": (*etcdlock.Mutex).Lock, "LockWithin": (*etcdlock.Mutex).LockWithin,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := contended(t)
			must(t, p.holder.Unlock(p.ctx))
			s, m := p.late(t, etcdlock.WithTTL(7), etcdlock.WithContext(p.ctx))
			ctx, cancel := context.WithTimeout(p.ctx, woken)
			index := p.AppliedIndex()
			must(t, lock(m, ctx))
			if n := p.AppliedIndex() - index; n != 2 { // the lease and the key
				t.Errorf("%d entries", n)
			}
			cancel() // of the try alone
			resp, err := s.Client().TimeToLive(p.ctx, s.Lease(), clientv3.WithAttachedKeys())
			must(t, err)
			if resp.GrantedTTL != 7 || len(resp.Keys) != 1 || string(resp.Keys[0]) != m.Key() || !strings.HasPrefix(m.Key(), prefix+"/") {
				t.Errorf("a lease of %d s with %q, and the key is %q", resp.GrantedTTL, resp.Keys, m.Key())
			}
			select {
			case <-s.Done():
				t.Error("it is done")
			default:
			}
			mustBe(t, p.holder.TryLock(p.ctx), concurrency.ErrLocked)
			must(t, m.TryLock(p.ctx)) // as the holder's own does
			must(t, m.Unlock(p.ctx))
			must(t, m.TryLock(p.ctx))
			must(t, s.Close())
			<-s.Done()
			p.noKeys(t)
			if resp, err := p.session.Client().TimeToLive(p.ctx, s.Session.Lease()); err != nil || resp.TTL != -1 {
				t.Errorf("the lease: %v, %v", resp, err)
			}
		})
	}
}

// The lease is kept alive until the session is closed, and no longer than its client.
func TestSessionOfATryIsKeptAlive(t *testing.T) {
	t.Parallel()
	p := contended(t)
	must(t, p.holder.Unlock(p.ctx))
	s, m := p.late(t, etcdlock.WithTTL(2))
	must(t, m.TryLock(p.ctx))
	still := time.After(5 * time.Second)
	select {
	case <-s.Done():
		t.Fatal("it ended")
	case <-still:
	}
	mustBe(t, p.holder.TryLock(p.ctx), concurrency.ErrLocked)
	must(t, p.session.Client().Close())
	<-s.Done()
}

func TestSessionOfATryLocksAtARelease(t *testing.T) {
	t.Parallel()
	p := contended(t)
	s, m := p.late(t)
	asked, done := p.asked(), make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(p.ctx, never)
		defer cancel()
		done <- m.LockWithin(ctx)
	}()
	<-asked
	index := p.AppliedIndex()
	must(t, p.holder.Unlock(p.ctx))
	must(t, within(t, woken, done))
	if n := p.AppliedIndex() - index; n != 3 { // the holder's delete, the lease and the put
		t.Errorf("%d entries", n)
	}
	must(t, m.Unlock(p.ctx))
	must(t, s.Close())
	p.noKeys(t)
}

// A try that loses between its read and its write has the client's error, and Close gives the lease back.
func TestSessionOfATryThatIsLate(t *testing.T) {
	t.Parallel()
	p := contended(t)
	must(t, p.holder.Unlock(p.ctx))
	leases := p.leases(t, p.session.Client())
	p.wire.set(func(_ context.Context, call string) error {
		if call == grantCall {
			return p.holder.TryLock(p.ctx)
		}
		return nil
	}, nil)
	s, m := p.late(t)
	if err := m.TryLock(p.ctx); err != concurrency.ErrLocked {
		t.Errorf("%v", err)
	}
	if err, want := m.Unlock(p.ctx), concurrency.ErrLockReleased; err != want {
		t.Errorf("Unlock: %v", err)
	}
	must(t, s.Close())
	if n := p.leases(t, p.session.Client()); n != leases {
		t.Errorf("%d leases, and %d before", n, leases)
	}
	must(t, p.holder.Unlock(p.ctx))
	p.noKeys(t)
}

// The context of the try bounds the grant as well. A lease that is granted after all is given back.
func TestSessionWhoseGrantIsCut(t *testing.T) {
	t.Parallel()
	p := contended(t)
	must(t, p.holder.Unlock(p.ctx))
	leases := p.leases(t, p.session.Client())
	try, cancel := context.WithCancel(p.ctx)
	returned := make(chan struct{})
	var granted atomic.Bool
	p.wire.set(nil, func(_ context.Context, call string) error {
		if call == grantCall {
			granted.Store(true)
			cancel()
			<-returned
		}
		return nil
	})
	s, m := p.late(t)
	err := m.TryLock(try)
	if n := p.leases(t, p.holding.Client()); n != leases+1 || !granted.Load() {
		t.Errorf("%d leases, and %d before the grant", n, leases)
	}
	close(returned)
	if err != context.Canceled {
		t.Errorf("%v", err)
	}
	must(t, s.Close())
	eventually(t, "the lease is given back", func() bool { return p.leases(t, p.holding.Client()) == leases })
	p.noKeys(t)
}

// A grant that the servers refuse, or that its own context ends, is an error of the try.
func TestSessionWhoseGrantFails(t *testing.T) {
	t.Parallel()
	p := contended(t)
	must(t, p.holder.Unlock(p.ctx))
	own, end := context.WithCancel(p.ctx)
	end()
	s, m := p.late(t, etcdlock.WithContext(own))
	_, want := concurrency.NewSession(p.session.Client(), concurrency.WithContext(own))
	if err := m.TryLock(p.ctx); err != want || want == nil {
		t.Errorf("%v, and the client's is %v", err, want)
	}
	must(t, s.Close())
	const much = 1 << 40 // seconds
	s, m = p.late(t, etcdlock.WithTTL(much))
	_, want = concurrency.NewSession(p.session.Client(), concurrency.WithTTL(much))
	if err := m.TryLock(p.ctx); err != want || want == nil {
		t.Errorf("%v, and the client's is %v", err, want)
	}
	must(t, s.Close())
	p.noKeys(t)
}

// What was closed is granted nothing any more, also where that was while it was being granted its lease.
func TestSessionThatIsClosedBefore(t *testing.T) {
	t.Parallel()
	p := contended(t)
	must(t, p.holder.Unlock(p.ctx))
	s, m := p.late(t)
	index := p.AppliedIndex()
	must(t, s.Close())
	must(t, s.Close())
	mustBe(t, m.TryLock(p.ctx), concurrency.ErrSessionExpired)
	mustBe(t, m.Unlock(p.ctx), concurrency.ErrSessionExpired)
	if n := p.AppliedIndex() - index; n != 0 {
		t.Errorf("%d entries", n)
	}
	s, m = p.late(t)
	closed := make(chan error, 1)
	p.wire.set(func(_ context.Context, call string) error {
		if call == grantCall {
			go func() { closed <- s.Close() }()
		}
		return nil
	}, nil)
	_ = m.TryLock(p.ctx) // before it or after
	must(t, <-closed)
	p.noKeys(t)
	eventually(t, "the lease is given back", func() bool { return p.leases(t, p.holding.Client()) == 2 })
}

// A grant that hangs holds up nobody but its own try: neither Close, nor another mutex of the session beyond its deadline.
func TestSessionWhoseGrantHangs(t *testing.T) {
	t.Parallel()
	p := contended(t)
	must(t, p.holder.Unlock(p.ctx))
	hangs := make(chan struct{}, 1)
	p.wire.set(func(ctx context.Context, call string) error {
		if call == grantCall {
			hangs <- struct{}{}
			return hang(ctx)
		}
		return nil
	}, nil)
	s, m := p.late(t)
	try, cancel := context.WithCancel(p.ctx)
	defer cancel()
	tried := make(chan error, 1)
	go func() { tried <- m.TryLock(try) }()
	<-hangs
	returned := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(p.ctx, time.Second)
		defer cancel()
		returned <- etcdlock.NewMutexOf(s, prefix).LockWithin(ctx)
	}()
	if err := within(t, woken, returned); err != context.DeadlineExceeded {
		t.Errorf("another mutex: %v", err)
	}
	go func() { returned <- s.Close() }()
	must(t, within(t, woken, returned))
	cancel()
	if err := within(t, woken, tried); err != context.Canceled {
		t.Errorf("%v", err)
	}
	mustBe(t, m.TryLock(p.ctx), concurrency.ErrSessionExpired)
	p.noKeys(t)
}

// Before it has a lease, the session has no key: one that is named like that of no lease is somebody's.
func TestSessionOfATryLeavesTheKeysOfOthers(t *testing.T) {
	t.Parallel()
	p := contended(t)
	cli := p.Client()
	_, err := cli.Put(p.ctx, prefix+"/0", "data")
	must(t, err)
	for _, oldest := range []bool{false, true} {
		if oldest {
			must(t, p.holder.Unlock(p.ctx))
		}
		index := p.AppliedIndex()
		for _, lock := range []func(*etcdlock.Mutex, context.Context) error{(*etcdlock.Mutex).TryLock, (*etcdlock.Mutex).LockWithin} {
			_, m := p.late(t)
			ctx, cancel := context.WithTimeout(p.ctx, 400*time.Millisecond)
			if err := lock(m, ctx); err != concurrency.ErrLocked && err != context.DeadlineExceeded {
				t.Errorf("%v", err)
			}
			cancel()
		}
		if n := p.AppliedIndex() - index; n != 0 {
			t.Errorf("oldest: %v; %d entries", oldest, n)
		}
		if resp, err := cli.Get(p.ctx, prefix+"/0"); err != nil || len(resp.Kvs) != 1 || string(resp.Kvs[0].Value) != "data" {
			t.Errorf("oldest: %v; it has become %v (%v)", oldest, resp, err)
		}
	}
}

// Rounds of several that each make a session per try: all get the lock, and never two at once.
func TestSessionsOfTriesExclude(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, 1)
	ctx := limited(t)
	var holders, wins atomic.Int64
	const each = 10
	done := make(chan error, 3)
	for range 3 {
		cli := c.Client()
		go func() {
			for won := 0; won < each; {
				s, err := etcdlock.NewSession(cli, etcdlock.WithTTL(30))
				if err != nil {
					done <- err
					return
				}
				m := etcdlock.NewMutexOf(s, prefix)
				try, cancel := context.WithTimeout(ctx, time.Second)
				if err := m.LockWithin(try); err == nil {
					if holders.Add(1) != 1 {
						t.Error("two hold it")
					}
					time.Sleep(time.Millisecond)
					holders.Add(-1)
					won++
					wins.Add(1)
				} else if err != context.DeadlineExceeded {
					t.Error(err)
				}
				cancel()
				if err := s.Close(); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range 3 {
		must(t, within(t, 5*woken, done))
	}
	cli := c.Client()
	if resp, err := cli.Leases(ctx); err != nil || len(resp.Leases) > 0 || wins.Load() != 3*each {
		t.Errorf("leases %v, %v; %d wins", resp, err, wins.Load())
	}
}
