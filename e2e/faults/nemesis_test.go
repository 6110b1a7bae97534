package faults_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
	"etcdmod/e2e/internal/tcpproxy"
)

// A fault is what the nemesis does: it breaks something and heals it.
type fault struct {
	name string
	do   func(context.Context, *run)
}

var faults = []fault{
	{"a member restarts", func(ctx context.Context, r *run) {
		r.restart(ctx, r.random.IntN(3))
	}},
	{"the leader restarts", func(ctx context.Context, r *run) {
		r.restart(ctx, max(0, r.cluster.Leader()))
	}},
	{"the leader changes", func(ctx context.Context, r *run) {
		for range 3 {
			r.cluster.MoveLeader((r.cluster.Leader() + 1 + r.random.IntN(2)) % 3)
			pause(ctx, between(r.random, 0, 300*time.Millisecond))
		}
	}},
	{"the majority restarts", func(ctx context.Context, r *run) {
		first := r.random.IntN(3)
		r.restart(ctx, first, (first+1)%3)
	}},
	{"the watched revision is compacted while the network is cut", func(ctx context.Context, r *run) {
		r.some(func(c *candidate) {
			c.network((*tcpproxy.Proxy).Cut)
		})
		pause(ctx, between(r.random, 100*time.Millisecond, 500*time.Millisecond))
		r.must(persist(ctx, func(call context.Context) error {
			_, err := r.admin.Put(call, "other", "")
			return err
		}))
		r.must(persist(ctx, func(call context.Context) error {
			// No further than the observer has come.
			_, err := r.admin.Compact(call, r.observer.revision())
			return err
		}))
		r.heal()
	}},
	{"the network is cut", func(ctx context.Context, r *run) {
		r.some(func(c *candidate) {
			c.network(func(p *tcpproxy.Proxy) {
				if r.random.IntN(4) > 0 {
					p.Cut()
				}
			})
		})
		pause(ctx, between(r.random, 200*time.Millisecond, 2*time.Second))
		r.heal()
	}},
	{"all connections break", func(ctx context.Context, r *run) {
		r.some(func(c *candidate) {
			c.network(func(p *tcpproxy.Proxy) { p.EachOpen((*tcpproxy.Conn).Cut) })
		})
	}},
	{"the network is silent for a moment", func(ctx context.Context, r *run) {
		r.some(func(c *candidate) {
			c.network(func(p *tcpproxy.Proxy) {
				if r.random.IntN(3) > 0 {
					p.Freeze()
				}
			})
		})
		pause(ctx, between(r.random, 200*time.Millisecond, 2*time.Second))
		r.heal()
	}},
	{"connections are half-open, and new ones work", func(ctx context.Context, r *run) {
		r.some(func(c *candidate) {
			c.network(func(p *tcpproxy.Proxy) { p.EachOpen((*tcpproxy.Conn).Freeze) })
		})
		pause(ctx, between(r.random, time.Second, 2*sessionTTL*time.Second))
		r.heal()
	}},
	{"the holder's connection is half-open until its lease has expired", func(ctx context.Context, r *run) {
		c := r.holder(ctx)
		c.network((*tcpproxy.Proxy).Freeze)
		pause(ctx, sessionTTL*time.Second+between(r.random, 500*time.Millisecond, 2*time.Second))
		if r.random.IntN(2) == 0 { // what was held back is lost
			c.network((*tcpproxy.Proxy).Cut)
		}
		r.heal()
	}},
	{"the holder's lease ends", func(ctx context.Context, r *run) {
		for range 5 {
			r.revoke(ctx, r.holder(ctx))
		}
	}},
	{"waiters' leases end", func(ctx context.Context, r *run) {
		r.some(func(c *candidate) { r.revoke(ctx, c) })
	}},
	{"clients are closed", func(ctx context.Context, r *run) {
		r.some(func(c *candidate) {
			if cli, _ := c.current(); cli != nil {
				cli.Close()
			}
		})
	}},
	{"the network is slow", func(ctx context.Context, r *run) {
		r.some(func(c *candidate) {
			c.network(func(p *tcpproxy.Proxy) {
				p.Delay(0, between(r.random, 10*time.Millisecond, 600*time.Millisecond))
			})
		})
		pause(ctx, between(r.random, time.Second, 3*time.Second))
		r.heal()
	}},
}

// some calls f for about half of the candidates, and for one at least.
func (r *run) some(f func(*candidate)) {
	order := r.random.Perm(len(r.candidates))
	for _, i := range order[:1+r.random.IntN(len(order))] {
		f(r.candidates[i])
	}
}

// holder waits for somebody to hold the lock. It may release it at any time.
func (r *run) holder(ctx context.Context) *candidate {
	for ctx.Err() == nil {
		for _, c := range r.candidates {
			if c.holding.Load() {
				return c
			}
		}
		pause(ctx, time.Millisecond)
	}
	return r.candidates[0]
}

// network calls f for each of the candidate's proxies.
func (c *candidate) network(f func(*tcpproxy.Proxy)) {
	for _, p := range c.proxies {
		f(p)
	}
}

func (r *run) heal() {
	for _, c := range r.candidates {
		c.network((*tcpproxy.Proxy).Heal)
	}
}

// revoke ends the lease of c's session on the server, without a word to its client.
func (r *run) revoke(ctx context.Context, c *candidate) {
	if _, lease := c.current(); lease != 0 {
		call, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		r.admin.Revoke(call, lease) // it may be gone
	}
}

// restart stops the members together, and starts them again after a while.
func (r *run) restart(ctx context.Context, members ...int) {
	for _, i := range members {
		r.cluster.Stop(i)
	}
	pause(ctx, between(r.random, 100*time.Millisecond, 2*time.Second))
	restart(r.cluster, members...)
}

// restart starts members again. They may wait for each other.
func restart(c *cluster.Cluster, members ...int) {
	var restarted sync.WaitGroup
	for _, i := range members {
		restarted.Go(func() { c.Restart(i) })
	}
	restarted.Wait()
}

func (r *run) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Error(err)
	}
}

// All kinds of candidates, all faults, in random order at random moments. The quick
// form has every fault once, on one of the clusters.
func TestNemesis(t *testing.T) {
	t.Parallel()
	const clusters = 3
	order := random(t).Perm(len(faults))
	for i := range clusters {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			mine := order[i*len(order)/clusters : (i+1)*len(order)/clusters]
			if long {
				mine = slices.Clone(order)
			}
			nemesis(t, cluster.Start(t, 3), mine)
		})
	}
}

func nemesis(t *testing.T, c *cluster.Cluster, order []int) {
	least := time.Duration(0)
	if long {
		least = 8 * time.Minute
	}
	ctx, cancel := context.WithTimeout(t.Context(), least+10*time.Minute)
	defer cancel()
	r := newRun(ctx, t, c, "", kinds)
	for start, good := time.Now(), r.progress(ctx); good; {
		for _, i := range order {
			good = good && r.inject(ctx, faults[i])
		}
		if time.Since(start) >= least {
			break
		}
		r.random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	}
	r.judge(ctx)
}

// inject lets the candidates contend for a while, and waits after the fault until each
// has had the lock.
func (r *run) inject(ctx context.Context, f fault) bool {
	r.t.Helper()
	pause(ctx, between(r.random, 0, 500*time.Millisecond))
	began := time.Now()
	f.do(ctx, r)
	healed := time.Now()
	good := r.progress(ctx)
	r.t.Logf("%5.1fs, then %4.1fs: %s", healed.Sub(began).Seconds(), time.Since(healed).Seconds(), f.name)
	return good
}
