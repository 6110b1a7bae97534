// Package handover_test measures what it costs to pass a lock on, for the ways of the
// generated helper beside those of the client and those that are found in public code.
//
// Some candidates wait for a lock that one of them holds. It releases it after a random
// time, one of the waiters gets it, and then the former holder waits again. Three phases
// are counted apart: the first hand-over, to which all come fresh, the first ones after it,
// and the steady state. The figures, with "one-" and "first-" for those of the first two
// phases, are
//
//   - entries/handover: raft log entries, of which a delete and a put are the least,
//   - reads/handover: requests that only read,
//   - p50-ms, p99-ms: from the answer to the release to the next acquisition,
//   - handovers, unfinished: how many there were, and how many were left at the limit
//     or when a call failed, as those to a flooded server do.
//
// A phase without a hand-over has no figures. There is one server, in this process, and it
// does not sync its disk: a synced one adds a sync to the latency of all ways but Lock,
// whose waiters have written before.
package handover_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/etcd/client/v3/concurrency"
)

// courses are what the benchmark runs. One of a slow holder is among them, since a server
// looks only every 100 ms for news for a watch that began at a revision which it had
// reached before. That is how the watches of Lock begin, and those of the others if
// something was written meanwhile.
var courses = []course{
	{1, 150 * time.Millisecond, 10, 100, 30 * time.Second, 0},
	{1, 3 * time.Millisecond, 50, 300, 30 * time.Second, 0},
	{3, 3 * time.Millisecond, 50, 300, 30 * time.Second, 0},
	{10, 3 * time.Millisecond, 50, 300, 30 * time.Second, 0},
	{50, 3 * time.Millisecond, 50, 300, 30 * time.Second, 0},
	{100, 3 * time.Millisecond, 50, 300, 30 * time.Second, 0},
	{1000, 3 * time.Millisecond, 500, 500, 30 * time.Second, 0},
	{1, 3 * time.Millisecond, 50, 200, 60 * time.Second, far},
	{10, 3 * time.Millisecond, 50, 200, 60 * time.Second, far},
	{50, 3 * time.Millisecond, 50, 200, 60 * time.Second, far},
}

// far is the round trip between two data centres.
const far = 25 * time.Millisecond

func BenchmarkHandOver(b *testing.B) {
	for _, c := range courses {
		for _, w := range ways {
			b.Run(fmt.Sprintf("waiters=%d/hold=%v/rtt=%v/way=%s", c.waiters, c.hold, c.rtt, w.name), func(b *testing.B) {
				for b.Loop() {
					run(b, w, c).report(b)
				}
				b.ReportMetric(0, "ns/op") // the length of the run says nothing
			})
		}
	}
}

func (r *relay) report(b *testing.B) {
	b.ReportMetric(float64(r.taken), "handovers")
	b.ReportMetric(float64(len(r.handOvers)-r.taken), "unfinished")
	if r.taken < len(r.handOvers) {
		b.Logf("did not finish: %d of %d hand-overs, error: %v", r.taken, len(r.handOvers), r.err)
	}
	for i, c := range r.costs() {
		if c.handOvers == 0 {
			continue
		}
		phase := []string{"one-", "first-", ""}[i]
		b.ReportMetric(c.entries, phase+"entries/handover")
		b.ReportMetric(c.reads, phase+"reads/handover")
		b.ReportMetric(c.quantile(0.5), phase+"p50-ms")
		b.ReportMetric(c.quantile(0.99), phase+"p99-ms")
	}
}

func TestLockIsPassedOn(t *testing.T) {
	c := course{3, time.Millisecond, 2, 3, time.Minute, 0}
	for _, w := range ways {
		if w.name == "WatchPrefix" {
			continue // it may sleep for ever
		}
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			r := run(t, w, c)
			costs := r.costs()
			if len(costs) != 3 || costs[0].handOvers != 1 || costs[1].handOvers != c.first-1 || costs[2].handOvers != c.steady {
				t.Fatalf("%d hand-overs within %v: %+v, %v", r.taken, c.limit, costs, r.err)
			}
			for _, cost := range costs {
				if cost.entries < 1 { // at least two, but one of them may be counted late
					t.Errorf("%v entries per hand-over", cost.entries)
				}
				if reads := w.name != "Ticker"; reads != (cost.reads > 0) {
					t.Errorf("%v reads per hand-over", cost.reads)
				}
				if cost.quantile(0.5) > cost.quantile(0.99) || cost.quantile(1) > 60_000 {
					t.Errorf("the lock was free for %v", cost.free)
				}
			}
		})
	}
}

func TestUnfinishedRelayIsReported(t *testing.T) {
	t.Parallel()
	var locked atomic.Bool
	never := way{"never", func(s *concurrency.Session, prefix string) candidate {
		c := ways[0].candidate(s, prefix)
		lock := c.acquire
		c.acquire = func(ctx context.Context) error {
			if locked.CompareAndSwap(false, true) {
				return lock(ctx)
			}
			<-ctx.Done()
			return ctx.Err()
		}
		return c
	}, false}
	r := run(t, never, course{1, time.Millisecond, 2, 3, 100 * time.Millisecond, 0})
	if costs := r.costs(); r.taken != 0 || len(costs) != 1 || costs[0].handOvers != 0 || r.err != nil {
		t.Errorf("%d hand-overs: %+v, %v", r.taken, costs, r.err)
	}
}
