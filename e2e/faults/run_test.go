package faults_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
	"etcdmod/e2e/internal/tcpproxy"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// sessionTTL is the TTL of the candidates' sessions, in seconds.
const sessionTTL = 3

// A run is a cluster with candidates for one lock and the history they make.
type run struct {
	t          *testing.T
	cluster    *cluster.Cluster
	admin      *clientv3.Client // past the proxies
	observer   *observer
	candidates []*candidate
	random     *rand.Rand
	enough     chan struct{} // closed when the candidates are to end
	user       string        // of the candidates' clients, where servers ask for one
	running    sync.WaitGroup
	cancel     context.CancelFunc // of the candidates

	mu      sync.Mutex
	rest    chan struct{} // who has had the lock since waits for it
	before  []int64       // how often each had had it then
	said    []statement
	ends    map[string]int // how waits ended, other than with the lock
	unnamed map[string]int
}

// newRun starts one candidate of each kind, behind proxies of its own.
func newRun(ctx context.Context, t *testing.T, c *cluster.Cluster, user string, kinds []kind) *run {
	t.Helper()
	r := &run{t: t, cluster: c, user: user, random: random(t), enough: make(chan struct{}),
		ends: map[string]int{}, unnamed: map[string]int{}}
	r.admin = c.Client(as(user))
	r.observer = observe(t, c.Client(as(user)))
	ctx, r.cancel = context.WithCancel(ctx) // that of the candidates
	t.Cleanup(r.cancel)
	for i, k := range kinds {
		one := &candidate{kind: k, r: r, id: i, random: rand.New(rand.NewPCG(r.random.Uint64(), 0))}
		one.meter.start = r.observer.start
		for _, e := range c.Endpoints() {
			one.proxies = append(one.proxies, tcpproxy.Start(t, strings.TrimPrefix(e, "http://"), c.Dial))
		}
		r.candidates = append(r.candidates, one)
		r.running.Go(func() { one.run(ctx) })
	}
	return r
}

func (r *run) state(s statement) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, s)
}

func (r *run) noteEnd(c *candidate, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ends[fmt.Sprintf("%s: %v", c.name, err)]++
}

func (r *run) noteUnnamed(c *candidate, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unnamed[fmt.Sprintf("%s: %v", c.name, err)]++
}

// lease grants a lease for a session, with its marker.
func (r *run) lease(ctx context.Context) (clientv3.LeaseID, error) {
	id := clientv3.NoLease
	err := persist(ctx, func(call context.Context) error {
		resp, err := r.admin.Grant(call, sessionTTL)
		if err != nil {
			return err
		}
		id = resp.ID
		_, err = r.admin.Put(call, fmt.Sprintf("%s%x", markers, id), "", clientv3.WithLease(id))
		return err
	})
	return id, err
}

// progressLimit bounds the time in which each candidate must have had the lock after a
// fault. The slowest way there is a session that has to expire, a new one, and the
// slow interval of somebody who meets an unlucky moment, on a machine that may be busy.
const progressLimit = 2 * time.Minute

// progress waits until every candidate has acquired the lock once more. Who has, rests
// until all have: a lock that is tried for is not fair to those who are late.
func (r *run) progress(ctx context.Context) bool {
	r.t.Helper()
	all := make(chan struct{})
	defer close(all)
	r.mu.Lock()
	r.rest = all
	var before []int64
	for _, c := range r.candidates {
		before = append(before, c.acquired.Load())
	}
	r.before = before
	r.mu.Unlock()
	limit := time.Now().Add(progressLimit)
	for i, c := range r.candidates {
		for c.acquired.Load() == before[i] {
			if time.Now().After(limit) || ctx.Err() != nil {
				r.t.Errorf("%q did not get the lock within %v", c.name, progressLimit)
				return false
			}
			pause(ctx, 5*time.Millisecond)
		}
	}
	return true
}

// resting waits while others are to have the lock.
func (r *run) resting(ctx context.Context, c *candidate) {
	r.mu.Lock()
	rest, before := r.rest, r.before
	r.mu.Unlock()
	if rest != nil && c.acquired.Load() > before[c.id] {
		select {
		case <-rest:
		case <-ctx.Done():
		}
	}
}

// finish ends the run: every candidate returns.
func (r *run) finish(ctx context.Context) *truth {
	r.t.Helper()
	close(r.enough)
	late := time.AfterFunc(progressLimit, func() {
		r.t.Errorf("a candidate has not returned within %v", progressLimit)
		r.cancel()
	})
	r.running.Wait()
	late.Stop()
	changes, err := r.observer.finish(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	return newTruth(changes, r.stale())
}

// stale answers newTruth. A deletion that the candidate's own release cannot have made,
// since that came later, is one of an earlier request whose answer was lost. Each of
// those explains one.
func (r *run) stale() staleDelete {
	said := map[int64]map[verb]statement{}
	for _, s := range r.said {
		if said[s.created] == nil {
			said[s.created] = map[verb]statement{}
		}
		if _, again := said[s.created][s.verb]; !again {
			said[s.created][s.verb] = s
		}
	}
	return func(created int64, deletion change) bool {
		claim, claimed := said[created][acquired]
		release, asked := said[created][released]
		if !claimed || asked && release.call <= deletion.ret {
			return false
		}
		return r.candidates[claim.client].meter.late(deletion.key, claim.ret)
	}
}

// report logs what the history holds.
func (r *run) report(tr *truth) {
	expiries, late := 0, 0
	for _, t := range tr.tenures {
		switch {
		case t.expired:
			expiries++
		case t.lost:
			late++
		}
	}
	r.t.Logf("%d statements, %d changes, %d tenures, %d of them expired, %d deleted by a late request",
		len(r.said), len(tr.changes), len(tr.tenures), expiries, late)
	for what, n := range r.ends {
		r.t.Logf("%4d waits ended: %s", n, what)
	}
	for _, c := range r.candidates {
		r.t.Logf("%-18s acquired %4d, sessions %2d, reads %5d, writes %5d, watches %4d", c.name,
			c.acquired.Load(), c.sessions.Load(), c.meter.reads.Load(), c.meter.writes.Load(), c.meter.watches.Load())
	}
}

// judge ends the run: nothing is left below the prefix, every error has a name, nobody
// has asked more often than by turns and by release, and the history fits the models.
func (r *run) judge(ctx context.Context) {
	r.t.Helper()
	tr := r.finish(ctx)
	if keys := r.cluster.Keys(r.admin, prefix); len(keys) > 0 {
		r.t.Errorf("left behind: %q", keys)
	}
	for what, n := range r.unnamed {
		r.t.Errorf("%d errors without a name: %s", n, what)
	}
	r.report(tr)
	// Ten a second is the pace of the fastest loop, which may write twice for each; what
	// is lost in a fault has a bound of its own (TestBackOff). A wait without a back-off
	// asks thousands of times.
	allowed := 6*int64(len(tr.tenures)) + 20*int64(r.observer.now()/time.Second+1)
	for _, c := range r.candidates {
		if n := c.meter.requests(); n > allowed {
			r.t.Errorf("%s: %d requests, more than %d", c.name, n, allowed)
		}
	}
	judge(r.t, tr, r.said)
}
