package handover_test

import (
	"context"
	"math/rand"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
	"etcdmod/e2e/internal/tcpproxy"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

const (
	prefix = "locks/a"
	// clientLimit is how many candidates have a client, and so a connection and a stream of
	// watches, of their own, as in production. Beyond it ten share one at 1,000 waiters: the
	// connections of a thousand processes in one would be measured, and not the lock.
	clientLimit = 100
	// sessionTTL, in seconds, is so long that no lease is kept alive while it counts.
	sessionTTL = 600
)

// A course is how a relay is run.
type course struct {
	waiters       int
	hold          time.Duration // on average: a hold takes between a third and five thirds of it
	first, steady int           // hand-overs in the first phase and in the second
	limit         time.Duration // for both
	rtt           time.Duration // of the network between clients and server; 0: this machine's
}

// A relay is one lock that goes from candidate to candidate: one holds it and the others
// wait. Who had it waits again as soon as the next one has it.
type relay struct {
	tb      testing.TB
	cluster *cluster.Cluster
	counts

	course
	handOvers []handOver // with room for all
	over      context.CancelFunc

	mu     sync.Mutex // guards what follows and what handOvers holds
	taken  int        // hand-overs so far
	taking chan struct{}
	held   bool
	marks  []mark // the start, the first hand-over, the end of the first phase, and the end
	ended  bool
	err    error // what ended it early: a server that is flooded refuses calls
}

// A handOver is the end of one hold and the beginning of the next one.
type handOver struct{ released, acquired time.Time }

// A mark is what was counted at one moment.
type mark struct {
	entries uint64
	reads   int64
	taken   int
}

// A cost is what the hand-overs of one phase took.
type cost struct {
	handOvers      int
	entries, reads float64         // per hand-over
	free           []time.Duration // from release to acquisition, sorted
}

// run gives the lock to one candidate, lets the waiters come at random times within one
// interval, and then counts until all hand-overs are done or the limit is over.
func run(tb testing.TB, w way, c course) *relay {
	tb.Helper()
	r := &relay{
		tb: tb, cluster: cluster.Start(tb, 1), course: c,
		handOvers: make([]handOver, c.first+c.steady), taking: make(chan struct{}), held: true,
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r.over = cancel
	near := r.cluster.Endpoints()[0]
	network := tcpproxy.Start(tb, strings.TrimPrefix(near, "http://"), r.cluster.Dial)
	sessions := r.sessions(1+c.waiters, network.Address(), w.polls)
	network.Delay(c.rtt/2, c.rtt/2)
	first := w.candidate(sessions[0], prefix)
	if err := first.acquire(ctx); err != nil {
		tb.Fatal(err)
	}
	var running sync.WaitGroup
	for _, s := range sessions[1:] {
		running.Go(func() {
			if sleep(ctx, upTo(interval)) { // so that the tickers are not in step
				r.compete(ctx, w.candidate(s, prefix))
			}
		})
	}
	for start := time.Now(); r.settled.Load() < int64(c.waiters) && time.Since(start) < c.limit; { // until all wait
		time.Sleep(time.Millisecond)
	}
	r.mu.Lock()
	r.mark()
	r.mu.Unlock()
	time.AfterFunc(c.limit, cancel)
	running.Go(func() {
		defer first.stop()
		if r.hold(ctx, first) {
			r.compete(ctx, first)
		}
	})
	<-ctx.Done()
	r.mu.Lock()
	if !r.ended {
		r.ended = true
		r.mark()
	}
	r.mu.Unlock()
	running.Wait()
	return r
}

func (r *relay) sessions(n int, address string, polls bool) []*concurrency.Session {
	r.tb.Helper()
	var out []*concurrency.Session
	var clients []*clientv3.Client
	for i := range n {
		if i < clientLimit {
			clients = append(clients, r.cluster.Client(r.option(polls), func(cfg *clientv3.Config) {
				if r.rtt > 0 {
					cfg.Endpoints = []string{address}
				}
			}))
		}
		out = append(out, r.cluster.Session(clients[i%clientLimit], concurrency.WithTTL(sessionTTL)))
	}
	return out
}

// compete acquires and releases until the relay is over.
func (r *relay) compete(ctx context.Context, c candidate) {
	defer c.stop()
	for {
		err := c.acquire(ctx)
		now := time.Now()
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			r.fail(err)
			return
		}
		if !r.take(now) || !r.hold(ctx, c) {
			return
		}
	}
}

// take notes that the lock was acquired. False means that the relay is over.
func (r *relay) take(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return false
	}
	if r.held {
		r.tb.Error("the lock is held twice")
	}
	r.held = true
	r.handOvers[r.taken].acquired = now
	r.taken++
	close(r.taking)
	r.taking = make(chan struct{})
	r.ended = r.taken == len(r.handOvers)
	if r.taken == 1 || r.taken == r.first || r.ended {
		r.mark()
	}
	if r.ended {
		r.over()
	}
	return !r.ended
}

// hold holds the lock for a while, releases it, and returns when it was acquired again.
// False means that the relay is over.
func (r *relay) hold(ctx context.Context, c candidate) bool {
	if !sleep(ctx, r.course.hold/3+upTo(r.course.hold*4/3)) {
		return false
	}
	r.mu.Lock()
	r.held = false
	n, taking := r.taken, r.taking
	r.mu.Unlock()
	err := c.release(context.WithoutCancel(ctx))
	now := time.Now()
	if err != nil {
		r.fail(err)
		return false
	}
	r.mu.Lock()
	r.handOvers[n].released = now
	r.mu.Unlock()
	select {
	case <-taking:
		return true
	case <-ctx.Done():
		return false
	}
}

func (r *relay) fail(err error) {
	r.mu.Lock()
	r.err = err
	r.mu.Unlock()
	r.over()
}

// mark is called with mu. It takes its time, during which the lock stays as it is, so
// what the losers of the last hand-over still write is counted with it.
func (r *relay) mark() {
	entries := r.cluster.AppliedIndex()
	r.marks = append(r.marks, mark{entries, r.reads.Load(), r.taken})
}

// costs returns what the first hand-over took, what the rest of the first phase did and what
// the second phase did, as far as they came.
func (r *relay) costs() []cost {
	var out []cost
	for i, to := range r.marks[1:] {
		from := r.marks[i]
		c := cost{handOvers: to.taken - from.taken}
		c.entries = float64(to.entries-from.entries) / float64(c.handOvers)
		c.reads = float64(to.reads-from.reads) / float64(c.handOvers)
		for _, h := range r.handOvers[from.taken:to.taken] {
			// The answer to the release and the news of it come side by side.
			c.free = append(c.free, max(0, h.acquired.Sub(h.released)))
		}
		slices.Sort(c.free)
		out = append(out, c)
	}
	return out
}

// quantile is the free time, in milliseconds, which the part q of the hand-overs kept to.
func (c cost) quantile(q float64) float64 {
	i := int(q * float64(len(c.free)))
	return float64(c.free[min(i, len(c.free)-1)]) / float64(time.Millisecond)
}

func upTo(d time.Duration) time.Duration { return time.Duration(rand.Int63n(int64(d))) }

// sleep waits for d. False means that ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
