package helper_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	etcdlock "etcdmod/e2e/internal/withoutrereads"

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
			sometimes(t, func() string {
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
				if slowest := took[len(took)-1]; slowest > woken {
					t.Errorf("slowest %v", slowest)
				}
				if median := took[len(took)/2]; median > 200*time.Millisecond {
					return fmt.Sprintf("the median is %v, the slowest %v", median, took[len(took)-1])
				}
				t.Logf("median %v, slowest %v", took[len(took)/2], took[len(took)-1])
				return ""
			})
			must(t, holder.Unlock(p.ctx))
			p.noKeys(t)
		})
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
