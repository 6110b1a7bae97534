// Package queues runs callers of the client's timed calls, and of what takes their place, beside queuers, in
// virtual time on a store in memory whose calls take a while and may be cut on their way.
package queues

import (
	"context"
	"fmt"
	"math/rand"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"

	"m/internal/etcdlock"
)

const prefix = "/lock"

// A world is one store and who uses it.
type world struct {
	t       *testing.T
	helped  bool // timed calls that are made from here on are the helper's
	trip    time.Duration
	store   *clientv3.Store
	clients []*clientv3.Client
	leases  int             // of those who keep their session
	ctx     context.Context // ends with the run
	all     sync.WaitGroup

	mu      sync.Mutex
	holders int
	free    time.Time // since when nobody has the lock
	result
}

// A result is what was seen of a run.
type result struct {
	wins, fails, queued int           // of timed calls, and turns of queuers
	entries             int           // of the raft log
	gap                 time.Duration // the longest time between a release and the next turn
}

func (w *world) client() *clientv3.Client {
	c := clientv3.NewClient(w.store)
	w.mu.Lock()
	w.clients = append(w.clients, c)
	w.mu.Unlock()
	return c
}

func (w *world) session() *concurrency.Session {
	w.leases++
	s, err := concurrency.NewSession(w.client())
	if err != nil {
		w.t.Error(err)
	}
	return s
}

func (w *world) enter() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.holders++; w.holders > 1 {
		w.t.Errorf("%d holders", w.holders)
	}
	if !w.free.IsZero() {
		w.gap = max(w.gap, time.Since(w.free))
	}
}

func (w *world) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.holders--
	w.free = time.Now()
}

// queue has one more caller of the client's Lock, which waits as long as it takes and holds the lock for some time
// between least and most.
func (w *world) queue(least, most, pause time.Duration) {
	m := concurrency.NewMutex(w.session(), prefix)
	w.all.Go(func() {
		for w.ctx.Err() == nil {
			if m.Lock(context.Background()) == nil {
				w.enter()
				w.queued++
				time.Sleep(least + time.Duration(rand.Int63n(int64(most-least)+1)))
				w.leave()
				_ = m.Unlock(context.Background())
			}
			rest(w.ctx, pause)
		}
	})
}

// A call takes the lock within a context; what it returns gives it back.
type call func(ctx context.Context) (release func(), err error)

// lock is Lock of one mutex, or LockWithin.
func (w *world) lock() call {
	s := w.session()
	m, mine := concurrency.NewMutex(s, prefix), etcdlock.NewMutex(s, prefix)
	if w.helped {
		return func(ctx context.Context) (func(), error) {
			return func() { _ = mine.Unlock(context.Background()) }, mine.LockWithin(ctx)
		}
	}
	return func(ctx context.Context) (func(), error) {
		return func() { _ = m.Unlock(context.Background()) }, m.Lock(ctx)
	}
}

// sessions is Lock of a mutex on a session that is made for each call and closed behind it.
func (w *world) sessions() call {
	c, helped := w.client(), w.helped
	return func(ctx context.Context) (func(), error) {
		if helped {
			s, err := etcdlock.NewSession(c, etcdlock.WithTTL(10))
			if err != nil {
				return nil, err
			}
			m := etcdlock.NewMutexOf(s, prefix)
			if err := m.LockWithin(ctx); err != nil {
				_ = s.Close()
				return nil, err
			}
			return func() { _, _ = m.Unlock(context.Background()), s.Close() }, nil
		}
		s, err := concurrency.NewSession(c, concurrency.WithTTL(10))
		if err != nil {
			return nil, err
		}
		m := concurrency.NewMutex(s, prefix)
		if err := m.Lock(ctx); err != nil {
			_ = s.Close()
			return nil, err
		}
		return func() { _, _ = m.Unlock(context.Background()), s.Close() }, nil
	}
}

// campaign is Campaign of one election, or CampaignWithin.
func (w *world) campaign() call {
	s := w.session()
	e, helped := concurrency.NewElection(s, prefix), w.helped
	return func(ctx context.Context) (func(), error) {
		resign := func() { _ = e.Resign(context.Background()) }
		if helped {
			return resign, etcdlock.CampaignWithin(ctx, s, e, "me")
		}
		return resign, e.Campaign(ctx, "me")
	}
}

// try is one call that gives up.
func (w *world) try(take call, limit, hold time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	began := time.Now()
	release, err := take(ctx)
	took := time.Since(began)
	if err == nil {
		w.enter()
		w.wins++
		time.Sleep(hold)
		w.leave()
		release()
		return
	}
	w.mu.Lock()
	w.fails++
	w.mu.Unlock()
	// A call that fails has the bare error of its context, and ends with it, but for what is cleaned up.
	if err != context.DeadlineExceeded || took < limit || took > limit+4*w.trip {
		w.t.Errorf("after %v of %v: %v", took, limit, err)
	}
}

// poll has one more caller that tries again and again, after pauses of that length on average.
func (w *world) poll(take call, limit, hold, pause time.Duration) {
	w.all.Go(func() {
		for w.ctx.Err() == nil {
			w.try(take, limit, hold)
			rest(w.ctx, time.Duration(rand.Int63n(int64(2*pause)+1)))
		}
	})
}

// tick has one more replica that tries at each tick, whatever became of the tries before.
func (w *world) tick(take func() call, limit, hold, every time.Duration) {
	w.all.Go(func() {
		rest(w.ctx, time.Duration(rand.Int63n(int64(every))))
		for w.ctx.Err() == nil {
			w.all.Go(func() { w.try(take(), limit, hold) })
			rest(w.ctx, every)
		}
	})
}

func rest(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// run runs a scenario for a while, with what takes the place of the client's calls or without it.
func run(t *testing.T, helped bool, trip, length time.Duration, scenario func(*world)) (out result) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, helped: helped, trip: trip, store: clientv3.NewStore()}
		w.store.SetTrip(trip)
		ctx, cancel := context.WithTimeout(context.Background(), length)
		defer cancel()
		w.ctx = ctx
		scenario(w)
		w.all.Wait()
		time.Sleep(3 * time.Second) // what was cut is cleaned up in the background
		// A put of the client's that its deadline cuts leaves a key.
		if keys, watches := w.store.Keys(), w.store.Watchers(); watches > 0 || helped && keys > 0 {
			t.Errorf("%d keys and %d watches are left", keys, watches)
		}
		if n := w.store.Leases(); n != w.leases {
			t.Errorf("%d leases are left, want %d", n, w.leases)
		}
		w.entries = w.store.Entries()
		for _, c := range w.clients {
			_ = c.Close()
		}
		out = w.result
	})
	return out
}

// Beside queuers, and among themselves, calls of the helper win as often as the client's, and cost no more
// but where the scenario says so.
func TestTimedCallsBesideQueuers(t *testing.T) {
	const ms = time.Millisecond
	ways := []struct {
		name string
		of   func(*world) call
	}{{"Lock", (*world).lock}, {"session", (*world).sessions}, {"Campaign", (*world).campaign}}
	for _, way := range ways {
		for _, tc := range []struct {
			name   string
			length time.Duration
			run    func(*world)
			// cost and share are the most entries per turn, and the least wins, of those of the client's calls.
			cost, share float64
			rests       time.Duration // all may rest at once, for so long
		}{
			{"one among three queuers", 20 * time.Second, func(w *world) {
				for range 3 {
					w.queue(10*ms, 10*ms, 0)
				}
				w.poll(way.of(w), time.Second, 10*ms, 0)
			}, 1.1, 0.75, 0}, // each call misses one hand-over
			{"beside one who comes and goes", 20 * time.Second, func(w *world) {
				w.queue(ms, 130*ms, 600*ms)
				w.poll(way.of(w), time.Second, 300*ms, 60*ms)
			}, 1.1, 0.9, 120 * ms},
			{"half of the replicas are old", time.Minute, func(w *world) {
				helped := w.helped
				for i := range 6 {
					w.helped = helped && i%2 == 0
					w.poll(way.of(w), time.Second, 50*ms, 100*ms)
				}
			}, 1.2, 0.9, 200 * ms},
			{"twenty handlers", 20 * time.Second, func(w *world) {
				for range 20 {
					w.poll(way.of(w), time.Second, 20*ms, 5*ms)
				}
			}, 1.2, 0.8, 10 * ms},
			{"a job at each tick", time.Minute, func(w *world) {
				for range 3 {
					w.tick(func() call { return way.of(w) }, time.Second, time.Second, time.Second)
				}
			}, 1.05, 0.9, 0},
			{"holds of nearly the limit", time.Minute, func(w *world) {
				for range 3 {
					w.poll(way.of(w), time.Second, 900*ms, 100*ms)
				}
			}, 1.15, 0.9, 200 * ms}, // the place in the queue is what the client's calls begin with
			{"holds of more than the limit", time.Minute, func(w *world) {
				for range 3 {
					w.poll(way.of(w), time.Second, 1100*ms, 100*ms)
				}
			}, 1.05, 0.9, 200 * ms},
			{"the lead stays", 20 * time.Second, func(w *world) {
				w.queue(time.Minute, time.Minute, 0)
				for range 5 {
					rest(w.ctx, 50*ms)
					w.poll(way.of(w), time.Second, 0, 100*ms)
				}
			}, 0.1, 1, 0},
		} {
			for _, trip := range []time.Duration{2 * ms, 24 * ms} {
				t.Run(fmt.Sprintf("%s/%s/%v", way.name, tc.name, trip), func(t *testing.T) {
					old, now := run(t, false, trip, tc.length, tc.run), run(t, true, trip, tc.length, tc.run)
					per := func(r result) float64 { return float64(r.entries) / float64(max(1, r.wins+r.queued)) }
					t.Logf("client: %+v, %.2f entries a turn; helper: %+v, %.2f", old, per(old), now, per(now))
					if float64(now.wins) < tc.share*float64(old.wins) {
						t.Errorf("%d wins, with the client's calls %d", now.wins, old.wins)
					}
					if per(now) > tc.cost*per(old) {
						t.Errorf("%.2f entries a turn, with the client's calls %.2f", per(now), per(old))
					}
					if now.gap > max(old.gap, tc.rests)+10*trip {
						t.Errorf("nobody has the lock for %v, with the client's calls %v", now.gap, old.gap)
					}
				})
			}
		}
	}
}
