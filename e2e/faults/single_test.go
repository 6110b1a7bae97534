package faults_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
	"etcdmod/e2e/internal/etcdlock"
	"etcdmod/e2e/internal/tcpproxy"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// patience ends a test that hangs.
const patience = 5 * time.Minute

// A station is a client behind proxies of its own, with a session and a Mutex.
type station struct {
	proxies []*tcpproxy.Proxy
	session *concurrency.Session
	m       *etcdlock.Mutex
	meter   *meter
}

// newStation connects to one member through n proxies: through several, the client
// takes it for as many.
func newStation(t *testing.T, c *cluster.Cluster, member, n, ttl int, name string) *station {
	t.Helper()
	s := &station{meter: &meter{start: time.Now()}}
	var endpoints []string
	for range n {
		p := tcpproxy.Start(t, strings.TrimPrefix(c.Endpoints()[member], "http://"), c.Dial)
		s.proxies, endpoints = append(s.proxies, p), append(endpoints, p.Address())
	}
	config := clientv3.Config{Endpoints: endpoints, DialTimeout: 5 * time.Second, Logger: zap.NewNop()}
	if n > 1 { // a write that one of them swallows is waited for until the client notices, as its own TryLock waits
		config.DialKeepAliveTime, config.DialKeepAliveTimeout = 10*time.Second, 3*time.Second
	}
	cli, err := clientv3.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cli.Close() })
	s.meter.install(cli)
	s.session = c.Session(cli, concurrency.WithTTL(ttl))
	s.m = etcdlock.NewMutex(s.session, name)
	// Until the first answer the client gives the session DialTimeout and a second more,
	// whatever its TTL.
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	alive, err := cli.KeepAlive(ctx, s.session.Lease())
	if err != nil {
		t.Fatal(err)
	}
	if <-alive == nil {
		t.Fatal("the session does not live")
	}
	return s
}

// start starts a wait that meets the holder, and returns its result to come. A WatchLock has been told
// by then how long its lease lives, or it would give that a minute more when nobody answers any more.
func (s *station) start(ctx context.Context, t *testing.T, w wait) <-chan error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- w.wait(ctx, s) }()
	for s.meter.watches.Load() == 0 || w.asks && s.meter.told.Load() == 0 {
		still(t, done, time.Millisecond)
	}
	still(t, done, 300*time.Millisecond)
	return done
}

// A wait is one that meets a holder.
type wait struct {
	name string
	asks bool // how long the lease lives
	wait func(context.Context, *station) error
}

// waits are the two machines that wait: that of WatchLock, and that of the clocks in a
// loop with a deadline for each try, which ends with the session.
var waits = []wait{
	{"WatchLock", true, func(ctx context.Context, s *station) error { return s.m.WatchLock(ctx) }},
	{"gate", false, func(ctx context.Context, s *station) error {
		ticker := s.m.NewTicker(gateInterval)
		defer ticker.Stop()
		for {
			call, cancel := context.WithTimeout(ctx, slowInterval)
			err := s.m.TryLock(call)
			cancel()
			if err == nil || !named(err) {
				return err
			}
			select {
			case <-ticker.C:
			case <-s.session.Done():
				return concurrency.ErrSessionExpired
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}},
}

// gateInterval is that of the gate, which tries as often without being told.
const gateInterval = 6 * time.Second

// An outcome is how a wait is to end.
type outcome int

const (
	acquires outcome = iota // the lock is released after the fault
	expires                 // with concurrency.ErrSessionExpired, within the TTL
	either                  // of these, or with the error of a write on a connection that was half-open
)

// Each fault by itself, while another holds the lock.
func TestOneFault(t *testing.T) {
	t.Parallel()
	freeze, cut, heal := (*tcpproxy.Proxy).Freeze, (*tcpproxy.Proxy).Cut, (*tcpproxy.Proxy).Heal
	freezeOpen := func(p *tcpproxy.Proxy) { p.EachOpen((*tcpproxy.Conn).Freeze) }
	slow := func(p *tcpproxy.Proxy) { p.Delay(150*time.Millisecond, time.Second) } // each way
	const short, ample = 6, 600                                                    // seconds
	c := cluster.Start(t, 1)
	for _, f := range []struct {
		name    string
		ttl     int
		proxies int // how many
		broken  int // how many of them
		fault   func(*tcpproxy.Proxy)
		lasts   time.Duration
		heal    func(*tcpproxy.Proxy) // nil: never
		early   bool                  // the lock is released before the network heals
		want    outcome
	}{
		{"cut", ample, 1, 1, cut, 1500 * time.Millisecond, heal, false, acquires},
		{"cut, released meanwhile", ample, 1, 1, cut, 1500 * time.Millisecond, heal, true, acquires},
		{"cut for good", short, 1, 1, cut, 0, nil, false, expires},
		{"silent for a moment", ample, 1, 1, freeze, 1500 * time.Millisecond, heal, false, acquires},
		{"silent for a moment, released meanwhile", ample, 1, 1, freeze, 1500 * time.Millisecond, heal, true, acquires},
		{"silent for longer than a call may take", ample, 1, 1, freeze, slowInterval + 2*time.Second, heal, false, acquires},
		{"half-open for good", short, 1, 1, freeze, 0, nil, false, expires},
		{"the old connection half-open for good", short, 1, 1, freezeOpen, 0, nil, false, expires},
		{"slow", ample, 1, 1, slow, 6 * time.Second, nil, false, acquires},
		{"one of three endpoints half-open for good", short, 3, 1, freeze, 1500 * time.Millisecond, nil, false, either},
		{"one of three endpoints cut for good", ample, 3, 1, cut, 1500 * time.Millisecond, nil, false, acquires},
	} {
		for _, w := range waits {
			t.Run(f.name+"/"+w.name, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				name := strings.ReplaceAll(t.Name(), "/", "-")
				holder := etcdlock.NewMutex(c.Session(c.Client()), name)
				if err := holder.TryLock(ctx); err != nil {
					t.Fatal(err)
				}
				s := newStation(t, c, 0, f.proxies, f.ttl, name)
				done := s.start(ctx, t, w)
				before, start := s.meter.requests(), time.Now()
				for _, p := range s.proxies[:f.broken] {
					f.fault(p)
				}
				if f.want == expires {
					err := within(t, time.Duration(f.ttl)*time.Second+margin, done)
					if !errors.Is(err, concurrency.ErrSessionExpired) {
						t.Fatalf("the wait ended with %v", err)
					}
					s.meter.within(t, before, time.Since(start))
					return
				}
				if f.early {
					unlock(ctx, t, holder)
					pause(ctx, f.lasts)
				} else if f.want != either {
					still(t, done, f.lasts)
				}
				s.meter.within(t, before, time.Since(start))
				if f.heal != nil {
					for _, p := range s.proxies {
						f.heal(p)
					}
				}
				if !f.early {
					unlock(ctx, t, holder)
				}
				// Where a release is not heard of, the slow read finds it. A call that goes
				// to the silent one of several endpoints costs its limit, and the next one
				// may go there too.
				err := within(t, 3*slowInterval+margin, done)
				switch {
				case err == nil:
					unlock(ctx, t, s.m)
					if keys := c.Keys(c.Client(), name); len(keys) > 0 {
						t.Errorf("left behind: %q", keys)
					}
				case f.want == either && (errors.Is(err, concurrency.ErrSessionExpired) || status.Code(err) == codes.Unavailable):
					t.Log(err)
				default:
					t.Fatalf("the wait ended with %v", err)
				}
				t.Logf("%d requests in %v", s.meter.requests()-before, time.Since(start).Round(time.Millisecond))
			})
		}
	}
}

// What breaks the watch itself, again and again, does not make a wait read faster than
// its back-off. (The client takes up by itself a watch whose connection broke.)
func TestBackOff(t *testing.T) {
	t.Parallel()
	const lasts = 8 * time.Second
	for _, f := range []struct {
		name        string
		members     int
		refuses     bool // watches, from the beginning
		fault, heal func(*cluster.Cluster)
	}{
		{"watches are refused", 1, true, func(*cluster.Cluster) {}, func(*cluster.Cluster) {}},
		{"the majority is gone", 3, false,
			func(c *cluster.Cluster) { c.Stop(1); c.Stop(2) }, func(c *cluster.Cluster) { restart(c, 1, 2) }},
	} {
		for _, w := range waits {
			t.Run(f.name+"/"+w.name, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				c := cluster.Start(t, f.members)
				holder := etcdlock.NewMutex(c.Session(c.Client()), prefix)
				if err := holder.TryLock(ctx); err != nil {
					t.Fatal(err)
				}
				s := newStation(t, c, 0, 1, 60, prefix)
				s.meter.refuse.Store(f.refuses)
				done := s.start(ctx, t, w)
				start := time.Now()
				f.fault(c)
				still(t, done, lasts)
				s.meter.within(t, 0, time.Since(start))
				f.heal(c)
				s.meter.refuse.Store(false)
				unlock(ctx, t, holder)
				// A try that meets an election ends WatchLock with its error.
				if err := within(t, 3*slowInterval+margin, done); err != nil {
					if !named(err) {
						t.Error(err)
					}
					t.Log(err)
				}
			})
		}
	}
}

// A loop makes its ticker before its first try. The watch behind it lasts from one
// tick to the next nevertheless, so that the release wakes it in between.
func TestReleaseWakesATickerThatIsOlderThanItsFirstTry(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := cluster.Start(t, 1)
	holder, s := newStation(t, c, 0, 1, 60, prefix), newStation(t, c, 0, 1, 60, prefix)
	if err := holder.m.TryLock(ctx); err != nil {
		t.Fatal(err)
	}
	ticker := s.m.NewTicker(10 * patience)
	defer ticker.Stop()
	if err := s.m.TryLock(ctx); !errors.Is(err, concurrency.ErrLocked) {
		t.Fatal(err)
	}
	pause(ctx, 3*time.Second)
	unlock(ctx, t, holder.m)
	select {
	case <-ticker.C:
	case <-time.After(margin):
		t.Errorf("not woken within %v", margin)
	}
}

// The holder's connection goes silent: its lease expires on the server, and whoever
// waits takes over, while the holder learns of it from its own session.
func TestHolderBehindAHalfOpenConnection(t *testing.T) {
	t.Parallel()
	const ttl = 6
	c := cluster.Start(t, 1)
	for _, w := range waits {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			name := strings.ReplaceAll(t.Name(), "/", "-")
			holder, s := newStation(t, c, 0, 1, ttl, name), newStation(t, c, 0, 1, 600, name)
			if err := holder.m.TryLock(ctx); err != nil {
				t.Fatal(err)
			}
			done := s.start(ctx, t, w)
			gone := c.Client().Watch(ctx, holder.m.Key(), clientv3.WithFilterPut())
			frozen := time.Now()
			holder.proxies[0].Freeze()
			<-gone // when the server expires a lease is its own affair
			t.Logf("expired after %v", time.Since(frozen).Round(time.Millisecond))
			if err := within(t, gateInterval+margin, done); err != nil {
				t.Fatal(err)
			}
			select {
			case <-holder.session.Done():
			case <-time.After(ttl*time.Second + margin):
				t.Error("the holder's session does not end")
			}
			holder.proxies[0].Heal()
			if err := holder.m.TryLock(ctx); err == nil {
				t.Error("the former holder holds the lock too")
			}
			unlock(ctx, t, s.m)
		})
	}
}

// still checks that a wait has not ended.
func still(t *testing.T, done <-chan error, d time.Duration) {
	t.Helper()
	select {
	case err := <-done:
		t.Fatalf("the wait ended with %v although the lock is held", err)
	case <-time.After(d):
	}
}

// within returns how the wait ended. If it did not, it fails the test and says where the
// helper waits.
func within(t *testing.T, d time.Duration, done <-chan error) error {
	t.Helper()
	start := time.Now()
	select {
	case err := <-done:
		t.Logf("ended after %v", time.Since(start).Round(time.Millisecond))
		return err
	case <-time.After(d):
		buf := make([]byte, 1<<24)
		for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(g, "etcdlock") {
				t.Log(g)
			}
		}
		t.Fatalf("the wait has not ended within %v", d)
		return nil
	}
}

func unlock(ctx context.Context, t *testing.T, m *etcdlock.Mutex) {
	t.Helper()
	if err := persist(ctx, m.Unlock); err != nil {
		t.Fatal(fmt.Errorf("unlock: %w", err))
	}
}
