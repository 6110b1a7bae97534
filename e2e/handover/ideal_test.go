package handover_test

import (
	"context"
	"math/rand"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// An ideal is an etcd that has delays and nothing else: the time of a test bubble passes there, and neither
// processors nor a hundred clients on one machine have a say. It knows what tries and waits ask for, and not what Lock does.
type ideal struct {
	trip, write time.Duration // of a request and its answer together, and of the disk, each half as much to half as much again

	mu       sync.Mutex // guards what follows
	revision int64
	entries  int
	created  map[string]int64 // the create revision of each key
	deleted  []event
	watching map[*watching]bool
	leases   clientv3.LeaseID
}

// An event is the deletion of a key.
type event struct {
	key      string
	revision int64
}

type watching struct {
	key    string
	from   int64
	events chan clientv3.WatchResponse
}

func newIdeal(trip, write time.Duration) *ideal {
	return &ideal{trip: trip, write: write, revision: 1, created: map[string]int64{}, watching: map[*watching]bool{}}
}

// session returns one of a client of its own, of which only what is used here works.
func (s *ideal) session(t *testing.T) *concurrency.Session {
	c := clientv3.NewCtxClient(t.Context())
	c.KV, c.Watcher, c.Lease = idealKV{ideal: s}, idealWatcher{ideal: s}, idealLease{ideal: s}
	session, err := concurrency.NewSession(c)
	if err != nil {
		t.Fatal(err)
	}
	return session
}

func around(d time.Duration) time.Duration {
	return d/2 + time.Duration(rand.Int63n(int64(d)+1))
}

// call sends a request, has the server do it, and waits for the answer.
func (s *ideal) call(ctx context.Context, writes bool, do func()) error {
	d := around(s.trip / 2)
	if writes {
		d += around(s.write)
	}
	if !sleep(ctx, d) {
		return ctx.Err()
	}
	s.mu.Lock()
	if writes {
		s.entries++
	}
	do()
	s.mu.Unlock()
	if !sleep(ctx, around(s.trip/2)) {
		return ctx.Err()
	}
	return nil
}

// do is called with mu.
func (s *ideal) do(op clientv3.Op) *pb.ResponseOp {
	key := string(op.KeyBytes())
	switch {
	case op.IsPut():
		s.revision++
		if s.created[key] == 0 {
			s.created[key] = s.revision
		}
		return &pb.ResponseOp{Response: &pb.ResponseOp_ResponsePut{ResponsePut: &pb.PutResponse{}}}
	case op.IsDelete():
		if s.created[key] > 0 {
			s.revision++
			delete(s.created, key)
			s.tell(event{key, s.revision})
		}
		return &pb.ResponseOp{Response: &pb.ResponseOp_ResponseDeleteRange{ResponseDeleteRange: &pb.DeleteRangeResponse{}}}
	}
	r := &pb.RangeResponse{Header: s.header()}
	for k, created := range s.created {
		if k != key && (op.RangeBytes() == nil || !strings.HasPrefix(k, key)) {
			continue
		}
		r.Count++
		if len(r.Kvs) == 0 || created < r.Kvs[0].CreateRevision { // all ranges are for the oldest
			r.Kvs = []*mvccpb.KeyValue{{Key: []byte(k), CreateRevision: created}}
		}
	}
	return &pb.ResponseOp{Response: &pb.ResponseOp_ResponseRange{ResponseRange: r}}
}

func (s *ideal) header() *pb.ResponseHeader { return &pb.ResponseHeader{Revision: s.revision} }

func (s *ideal) tell(e event) {
	s.deleted = append(s.deleted, e)
	for w := range s.watching {
		s.send(w, e)
	}
}

func (s *ideal) send(w *watching, e event) {
	if e.key == w.key && e.revision >= w.from {
		w.events <- clientv3.WatchResponse{Events: []*clientv3.Event{{
			Type: mvccpb.DELETE, Kv: &mvccpb.KeyValue{Key: []byte(e.key), ModRevision: e.revision}}}}
	}
}

type idealKV struct {
	clientv3.KV
	*ideal
}

func (s idealKV) Get(ctx context.Context, key string, opts ...clientv3.OpOption) (r *clientv3.GetResponse, err error) {
	err = s.call(ctx, false, func() {
		r = (*clientv3.GetResponse)(s.do(clientv3.OpGet(key, opts...)).GetResponseRange())
	})
	return r, err
}

func (s idealKV) Delete(ctx context.Context, key string, opts ...clientv3.OpOption) (*clientv3.DeleteResponse, error) {
	err := s.call(ctx, true, func() { s.do(clientv3.OpDelete(key, opts...)) })
	return &clientv3.DeleteResponse{}, err
}

func (s idealKV) Txn(ctx context.Context) clientv3.Txn { return &idealTxn{ideal: s.ideal, ctx: ctx} }

type idealTxn struct {
	*ideal
	ctx         context.Context
	cmps        []clientv3.Cmp
	then, other []clientv3.Op
}

func (t *idealTxn) If(cs ...clientv3.Cmp) clientv3.Txn   { t.cmps = cs; return t }
func (t *idealTxn) Then(ops ...clientv3.Op) clientv3.Txn { t.then = ops; return t }
func (t *idealTxn) Else(ops ...clientv3.Op) clientv3.Txn { t.other = ops; return t }

func (t *idealTxn) Commit() (*clientv3.TxnResponse, error) {
	r := &clientv3.TxnResponse{Succeeded: true}
	writes := slices.ContainsFunc(slices.Concat(t.then, t.other), func(op clientv3.Op) bool { return !op.IsGet() })
	err := t.call(t.ctx, writes, func() {
		for _, c := range t.cmps { // all are for a create revision that is equal
			c := pb.Compare(c)
			r.Succeeded = r.Succeeded && t.created[string(c.Key)] == c.GetCreateRevision()
		}
		ops := t.other
		if r.Succeeded {
			ops = t.then
		}
		for _, op := range ops {
			r.Responses = append(r.Responses, t.do(op))
		}
		r.Header = t.header()
	})
	return r, err
}

type idealWatcher struct {
	clientv3.Watcher
	*ideal
}

// Watch returns when the server has the watch, or ctx has ended.
func (s idealWatcher) Watch(ctx context.Context, key string, opts ...clientv3.OpOption) clientv3.WatchChan {
	w := &watching{key, clientv3.OpGet(key, opts...).Rev(), make(chan clientv3.WatchResponse, 1000)}
	_ = s.call(ctx, false, func() {
		s.watching[w] = true
		for _, e := range s.deleted {
			if w.from > 0 {
				s.send(w, e)
			}
		}
	})
	heard := make(chan clientv3.WatchResponse)
	go func() {
		defer close(heard)
		defer func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			delete(s.watching, w)
		}()
		for {
			select {
			case e := <-w.events:
				if !sleep(ctx, around(s.trip/2)) {
					return
				}
				select {
				case heard <- e:
				case <-ctx.Done():
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return heard
}

type idealLease struct {
	clientv3.Lease
	*ideal
}

func (s idealLease) Grant(ctx context.Context, ttl int64) (*clientv3.LeaseGrantResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leases++
	return &clientv3.LeaseGrantResponse{ID: s.leases, TTL: ttl}, nil
}

func (s idealLease) KeepAlive(ctx context.Context, _ clientv3.LeaseID) (<-chan *clientv3.LeaseKeepAliveResponse, error) {
	c := make(chan *clientv3.LeaseKeepAliveResponse)
	context.AfterFunc(ctx, func() { close(c) })
	return c, nil
}

func (s idealLease) TimeToLive(ctx context.Context, id clientv3.LeaseID, _ ...clientv3.LeaseOption) (*clientv3.LeaseTimeToLiveResponse, error) {
	return &clientv3.LeaseTimeToLiveResponse{ID: id, TTL: 60}, s.call(ctx, false, func() {})
}

// A passing is what it took to hand a lock on, again and again.
type passing struct {
	entries float64         // per hand-over
	free    []time.Duration // from the answer to the release to the next acquisition, sorted
	waits   []time.Duration // of those who got it, and of those who still wait at the end, sorted
}

// pass hands a lock on among a holder and n waiters. Who had it waits again when the next one has it. What came
// before the first 50 hand-overs does not count.
func (s *ideal) pass(t *testing.T, w way, n, steady int) (p passing) {
	const first = 50
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var running sync.WaitGroup
	var mu sync.Mutex // guards what follows, and p
	var holders, before int
	var acquired, released []time.Time
	took := func(waited time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		if holders++; holders != 1 {
			t.Error("the lock is held twice")
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		acquired = append(acquired, time.Now())
		switch n := len(acquired); {
		case n == first:
			before = s.entries
		case n == first+steady:
			p.entries = float64(s.entries-before) / float64(steady)
			cancel()
			fallthrough
		case n > first:
			p.waits = append(p.waits, waited)
		}
	}
	for range n + 1 {
		c := w.candidate(s.session(t), prefix)
		running.Go(func() {
			defer c.stop()
			for {
				start := time.Now()
				if c.acquire(ctx) != nil {
					mu.Lock()
					p.waits = append(p.waits, time.Since(start))
					mu.Unlock()
					return
				}
				took(time.Since(start))
				sleep(t.Context(), around(3*time.Millisecond))
				mu.Lock()
				holders--
				i := len(released)
				released = append(released, time.Time{})
				mu.Unlock()
				if err := c.release(t.Context()); err != nil {
					t.Error(err)
				}
				mu.Lock()
				released[i] = time.Now()
				for len(acquired) == i+1 && ctx.Err() == nil { // the next one comes first
					mu.Unlock()
					sleep(ctx, s.trip)
					mu.Lock()
				}
				mu.Unlock()
			}
		})
	}
	running.Wait()
	for i := first; i < first+steady; i++ {
		p.free = append(p.free, max(0, acquired[i].Sub(released[i-1])))
	}
	slices.Sort(p.free)
	slices.Sort(p.waits)
	return p
}

func quantile(of []time.Duration, q float64) time.Duration {
	return of[int(q*float64(len(of)-1))].Round(10 * time.Microsecond)
}

// What passing a lock on costs where nothing but the protocol has a say: a server near by, with a fast disk.
func TestHandOverOfAnIdealEtcd(t *testing.T) {
	for _, c := range []struct {
		waiters int
		entries float64 // at most; a delete and a put are the least
	}{{1, 2.2}, {3, 2.4}, {10, 3}, {50, 4}, {100, 5}} {
		synctest.Test(t, func(t *testing.T) {
			p := newIdeal(200*time.Microsecond, 500*time.Microsecond).pass(t, named("WatchLock")[0], c.waiters, 1000)
			t.Logf("%d waiters: %.2f entries; free for %v, 99%% %v; waits %v, 90%% %v, longest %v", c.waiters, p.entries,
				quantile(p.free, 0.5), quantile(p.free, 0.99), quantile(p.waits, 0.5), quantile(p.waits, 0.9), quantile(p.waits, 1))
			if p.entries > c.entries {
				t.Errorf("%d waiters: %v entries per hand-over, and %v is the most", c.waiters, p.entries, c.entries)
			}
			if got := quantile(p.free, 0.99); got > 10*time.Millisecond {
				t.Errorf("%d waiters: one of a hundred hand-overs took more than %v", c.waiters, got)
			}
		})
	}
}

// How often each of the subjects gets the lock in ten seconds. Where a write takes a millisecond, who asks first gets it
// about as often as who does not; where it takes several, it does not, which the page for reviewers says.
func TestWinsOfAnIdealEtcd(t *testing.T) {
	near := [2]time.Duration{200 * time.Microsecond, 500 * time.Microsecond} // round trip, and disk
	for _, net := range [][2]time.Duration{near, {time.Millisecond, 2 * time.Millisecond}, {2 * time.Millisecond, 5 * time.Millisecond}} {
		for name, fleet := range fleets {
			won := map[string]int64{}
			for _, subject := range subjects {
				if subject.name == "Lock" {
					continue
				}
				synctest.Test(t, func(t *testing.T) {
					etcd := newIdeal(net[0], net[1])
					won[subject.name] = wins(t, func() *concurrency.Session {
						time.Sleep(upTo(10 * time.Millisecond)) // pollers are not in step
						return etcd.session(t)
					}, subject.candidate, fleet)
				})
			}
			t.Logf("%v, %s: %v", net, name, won)
			for _, asks := range []string{"WatchLock", "Guard10ms", "Gate"} {
				if plain := won["Plain10ms"]; net == near && name == "pollers" && won[asks] < plain*9/10 {
					t.Errorf("%s has won %d times, and a plain poller in its place %d", asks, won[asks], plain)
				}
			}
		}
	}
}
