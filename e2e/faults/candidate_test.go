package faults_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"etcdmod/e2e/internal/etcdlock"
	"etcdmod/e2e/internal/tcpproxy"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.uber.org/zap"
	"google.golang.org/grpc"
)

// mutex is what concurrency.Mutex, etcdlock.Mutex and the broken ones have in common.
type mutex interface {
	Lock(context.Context) error
	TryLock(context.Context) error
	Unlock(context.Context) error
	IsOwner() clientv3.Cmp
}

// A kind is a way to make a mutex and to wait for it.
type kind struct {
	name    string
	mutex   func(*concurrency.Session) mutex
	acquire func(*candidate, context.Context) error
	foreign bool // its errors are the client's own, with a name or not
}

// interval is the one of the loops that come back by themselves.
const interval = 500 * time.Millisecond

func helper(s *concurrency.Session) mutex { return etcdlock.NewMutex(s, prefix) }
func plain(s *concurrency.Session) mutex  { return concurrency.NewMutex(s, prefix) }

// kinds are the ways in which programs wait for one lock, side by side: those of the
// helper, and a replica that was not rewritten.
var kinds = []kind{
	{"WatchLock", helper, func(c *candidate, ctx context.Context) error {
		return c.claim(func() error { return c.helper().WatchLock(ctx) })
	}, false},
	{"WatchLockRetry", helper, func(c *candidate, ctx context.Context) error {
		return c.claim(func() error { return c.helper().WatchLockRetry(ctx, interval) })
	}, false},
	{"Lock", helper, func(c *candidate, ctx context.Context) error {
		return c.claim(func() error { return c.m.Lock(ctx) })
	}, true},
	{"gate with a ticker", helper, func(c *candidate, ctx context.Context) error {
		t := c.helper().NewTicker(interval)
		defer t.Stop()
		return c.loop(ctx, func() {
			select {
			case <-t.C:
			case <-ctx.Done():
			}
		})
	}, false},
	{"gate with Sleep", helper, func(c *candidate, ctx context.Context) error {
		return c.loop(ctx, func() { c.helper().Sleep(interval) })
	}, false},
	{"guard", helper, func(c *candidate, ctx context.Context) error {
		return c.loop(ctx, func() { pause(ctx, interval/5) })
	}, false},
	{"fresh Mutex per attempt", helper, func(c *candidate, ctx context.Context) error {
		c.m = helper(c.session)
		if c.random.IntN(2) == 0 {
			return c.claim(func() error { return c.helper().WatchLock(ctx) })
		}
		return c.loop(ctx, func() {
			c.m = helper(c.session)
			pause(ctx, interval/5)
		})
	}, false},
	{"several of one session", newSiblings, func(c *candidate, ctx context.Context) error {
		return c.loop(ctx, func() { pause(ctx, interval/5) })
	}, false},
	{"not rewritten", plain, func(c *candidate, ctx context.Context) error {
		return c.loop(ctx, func() { pause(ctx, interval/5) })
	}, true},
}

// A candidate is a replica: it waits for the lock, holds it for a while, releases it,
// and starts again with a new session when its own has ended.
type candidate struct {
	kind
	r       *run
	id      int
	random  *rand.Rand
	proxies []*tcpproxy.Proxy // one per member
	meter   meter

	m        mutex  // of the session
	key      string // of the session
	tenure   int64  // the create revision of the key, when it was last acquired
	acquired atomic.Int64
	sessions atomic.Int64
	holding  atomic.Bool

	mu      sync.Mutex // guards what the nemesis asks for
	cli     *clientv3.Client
	session *concurrency.Session
}

func (c *candidate) helper() *etcdlock.Mutex { return c.m.(*etcdlock.Mutex) }

// run goes on until there was enough, and ends with the lock released. Every other
// candidate closes its session then; the others' live on.
func (c *candidate) run(ctx context.Context) {
	for ctx.Err() == nil && !ended(c.r.enough) {
		if c.over() {
			c.connect(ctx)
			continue
		}
		wait, cancel := ctx, context.CancelFunc(func() {})
		if c.random.IntN(4) == 0 { // some give up, in all states of their wait
			wait, cancel = context.WithTimeout(ctx, between(c.random, 0, time.Second))
		}
		err := c.acquire(c, wait)
		cancel()
		if err == nil {
			c.hold(ctx)
			c.r.resting(ctx, c)
		} else if ctx.Err() == nil {
			c.r.noteEnd(c, err)
		}
		pause(ctx, between(c.random, 0, 20*time.Millisecond))
	}
	if c.id%2 == 0 && !c.over() && ctx.Err() == nil {
		if err := c.session.Close(); err != nil {
			c.r.t.Errorf("%s: close of the session: %v", c.name, err)
		}
	}
}

// over reports whether there is no living session.
func (c *candidate) over() bool {
	return c.session == nil || ended(c.session.Done()) || c.cli.Ctx().Err() != nil
}

// connect makes a new session, and a new client where the last was closed. Its lease
// comes from the harness, whose network is sound, with a marker that ends with it. It
// may fail, and is called again then.
func (c *candidate) connect(ctx context.Context) {
	lease, err := c.r.lease(ctx)
	if err != nil {
		return
	}
	cli := c.cli
	if cli == nil || cli.Ctx().Err() != nil {
		var endpoints []string
		for _, p := range c.proxies {
			endpoints = append(endpoints, p.Address())
		}
		cfg := clientv3.Config{
			Endpoints: endpoints,
			// The client gives a session whose first answer is lost a second more than
			// this, whatever its TTL.
			DialTimeout: 2 * time.Second,
			Logger:      zap.NewNop(),
		}
		as(c.r.user)(&cfg)
		cfg.DialOptions = append(cfg.DialOptions, grpc.WithChainUnaryInterceptor(c.meter.intercept))
		cli, err = clientv3.New(cfg)
		if err != nil { // it could not log in
			pause(ctx, 50*time.Millisecond)
			return
		}
		c.r.t.Cleanup(func() { cli.Close() })
		c.meter.install(cli)
	}
	session, err := concurrency.NewSession(cli, concurrency.WithLease(lease))
	if err != nil { // the client was closed meanwhile
		return
	}
	c.mu.Lock()
	c.cli, c.session = cli, session
	c.mu.Unlock()
	c.sessions.Add(1)
	c.m, c.key = c.kind.mutex(session), fmt.Sprintf("%s/%x", prefix, lease)
}

// current is the client and the lease, for the nemesis.
func (c *candidate) current() (*clientv3.Client, clientv3.LeaseID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == nil {
		return nil, clientv3.NoLease
	}
	return c.cli, c.session.Lease()
}

// claim calls f, which acquires the lock, and states that it did.
func (c *candidate) claim(f func() error) error {
	call := c.r.observer.now()
	err := f()
	ret := c.r.observer.now()
	switch {
	case err == nil:
		owner := pb.Compare(c.m.IsOwner())
		c.tenure = owner.GetCreateRevision()
		c.r.state(statement{acquired, c.id, string(owner.Key), c.tenure, call, ret})
	case errors.Is(err, concurrency.ErrLocked):
		c.r.state(statement{refused, c.id, c.key, 0, call, ret})
	case !named(err) && !c.foreign:
		c.r.noteUnnamed(c, err)
	}
	return err
}

// try is one TryLock with a deadline of its own, as services have it.
func (c *candidate) try(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return c.claim(func() error { return c.m.TryLock(ctx) })
}

// loop tries until the lock is held, retries all errors, and ends with the session.
func (c *candidate) loop(ctx context.Context, wait func()) error {
	for {
		err := c.try(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case c.over():
			return concurrency.ErrSessionExpired
		}
		wait()
	}
}

// hold holds the lock for a while, tries it again meanwhile, and releases it.
func (c *candidate) hold(ctx context.Context) {
	c.acquired.Add(1)
	c.holding.Store(true)
	defer c.holding.Store(false)
	for range c.random.IntN(3) {
		longest := 10 * time.Millisecond
		if c.random.IntN(20) == 0 {
			longest = 500 * time.Millisecond
		}
		pause(ctx, between(c.random, 0, longest))
		if errors.Is(c.try(ctx), concurrency.ErrLocked) {
			return // lost, and it knows
		}
	}
	if at := c.r.observer.now(); !c.over() {
		c.r.state(statement{holds, c.id, c.key, c.tenure, at, at})
	}
	c.release(ctx)
}

// release unlocks, and asks again until the servers have answered.
func (c *candidate) release(ctx context.Context) {
	s := statement{released, c.id, c.key, c.tenure, c.r.observer.now(), forever}
	for !c.over() && ctx.Err() == nil {
		call, cancel := context.WithTimeout(ctx, time.Second)
		err := c.m.Unlock(call)
		cancel()
		if err == nil {
			s.ret = c.r.observer.now()
			break
		}
		pause(ctx, 50*time.Millisecond)
	}
	c.r.state(s)
}
