package helper_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
	"etcdmod/e2e/internal/etcdlock"

	clientv3 "go.etcd.io/etcd/client/v3"
)

func TestHandOverTakesLessThan200Milliseconds(t *testing.T) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			p := contended(t)
			holder, next := p.holder, p.m
			take := map[*etcdlock.Mutex]func(context.Context) error{}
			for _, m := range []*etcdlock.Mutex{holder, next} {
				take[m] = w.acquire(m, never, func() {})
			}
			var took []time.Duration
			for range times(7) {
				var locked time.Time
				done := make(chan error, 1)
				go func() {
					err := take[next](p.ctx)
					locked = time.Now()
					done <- err
				}()
				watched(t, p.base, 1)
				time.Sleep(upTo(50 * time.Millisecond))
				must(t, holder.Unlock(p.ctx))
				released := time.Now()
				must(t, <-done)
				took = append(took, locked.Sub(released))
				watched(t, p.base, 0)
				holder, next = next, holder
			}
			slices.Sort(took)
			t.Logf("median %v, slowest %v", took[len(took)/2], took[len(took)-1])
			if median := took[len(took)/2]; median > 200*time.Millisecond {
				t.Errorf("median %v", median)
			}
			if slowest := took[len(took)-1]; slowest > woken {
				t.Errorf("slowest %v", slowest)
			}
			must(t, holder.Unlock(p.ctx))
			p.noKeys(t)
		})
	}
}

// Each round, one candidate holds the lock and the others start to wait. It releases
// at a random moment: before, between and after their reads, tries, watches and waits,
// which random delays stretch. Then the next holder releases, until all have had it.
// Nobody polls, and the slow read comes too late to hide that a wake-up was lost.
func TestNoWakeUpIsLost(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, 1) // for all: what one writes makes the watch of another late
	run := func(name string, w way, n, rounds int) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handOvers(t, c, w, n, rounds)
		})
	}
	for n, rounds := range map[int]int{2: 120, 3: 40, 5: 10} {
		for _, w := range append(append([]way{}, ways...), distracted...) {
			run(fmt.Sprintf("%d candidates %s", n, w.name), w, n, times(rounds))
		}
	}
	i := 0
	run("4 candidates of all ways", way{"", func(m *etcdlock.Mutex, d time.Duration, between func()) func(context.Context) error {
		i++
		return ways[i%len(ways)].acquire(m, d, between)
	}}, 4, times(30))
}

func handOvers(t *testing.T, c *cluster.Cluster, w way, n, rounds int) {
	ctx, lock := limited(t), prefix+"/"+t.Name()
	between := func() { time.Sleep(upTo(3 * time.Millisecond)) }
	mutexes := make([]*etcdlock.Mutex, n)
	acquire := make([]func(context.Context) error, n)
	for i := range n {
		stretch := &wire{}
		stretch.set(nil, func(_ context.Context, method string) error {
			if method == rangeCall {
				between()
			}
			return nil
		})
		stretch.onWatch(between)
		mutexes[i] = etcdlock.NewMutex(c.Session(c.Client(stretch.option)), lock)
		acquire[i] = w.acquire(mutexes[i], never, between)
	}
	holder := 0
	must(t, mutexes[0].TryLock(ctx))
	var slowest time.Duration
	for round := range rounds {
		var waiting sync.WaitGroup
		got := make(chan int, n)
		for i := range n {
			if i == holder {
				continue
			}
			waiting.Go(func() {
				time.Sleep(upTo(2 * time.Millisecond))
				if err := acquire[i](ctx); err != nil {
					t.Errorf("round %d, candidate %d: %v", round, i, err)
					return
				}
				got <- i
			})
		}
		for range n - 1 {
			time.Sleep(upTo(12 * time.Millisecond))
			must(t, mutexes[holder].Unlock(ctx))
			released := time.Now()
			select {
			case holder = <-got:
			case <-time.After(2 * never):
				t.Fatalf("round %d: nobody came", round)
			}
			took := time.Since(released)
			slowest = max(slowest, took)
			if took > woken {
				t.Fatalf("round %d: the lock was free for %v", round, took)
			}
		}
		waiting.Wait()
	}
	t.Logf("%d hand-overs, slowest %v", rounds*(n-1), slowest)
	must(t, mutexes[holder].Unlock(ctx))
	if keys := c.Keys(c.Client(), lock+"/"); len(keys) > 0 {
		t.Errorf("left behind: %q", keys)
	}
}

// A key of which the lock's prefix is a prefix, and the other way round, is nobody's business.
func TestNeighbouringLocksWakeNobody(t *testing.T) {
	p := contended(t)
	reads := 0
	done := make(chan error, 1)
	go func() { done <- p.m.WatchLock(p.ctx) }()
	watched(t, p.base, 1)
	var mu sync.Mutex
	p.wire.set(func(context.Context, string) error {
		mu.Lock()
		defer mu.Unlock()
		reads++
		return nil
	}, nil)
	other := p.Client()
	for range 20 {
		// Some services keep who they are in the key that they hold.
		_, err := other.Put(p.ctx, p.holder.Key(), "me", clientv3.WithIgnoreLease())
		must(t, err)
		for _, key := range []string{prefix, prefix + "b/1", prefix + "/ffff", "locks/"} {
			_, err := other.Put(p.ctx, key, "")
			must(t, err)
			_, err = other.Delete(p.ctx, key)
			must(t, err)
		}
	}
	mu.Lock()
	if reads > 1 { // the slow read
		t.Errorf("%d calls", reads)
	}
	mu.Unlock()
	must(t, p.holder.Unlock(p.ctx))
	must(t, <-done)
}
