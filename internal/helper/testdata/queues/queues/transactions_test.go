package queues

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// transact runs a scenario for a while, and judges it.
func transact(t *testing.T, helped bool, trip, length time.Duration, scenario func(*court)) (out result, v verdict) {
	synctest.Test(t, func(t *testing.T) {
		c := &court{world: world{t: t, helped: helped, trip: trip, store: clientv3.NewStore()}, leases: map[int]clientv3.LeaseID{}}
		c.store.SetTrip(trip)
		c.store.SetLag(time.Second)
		c.store.SetFaults(c.fault)
		c.store.SetSeen(c.saw)
		ctx, cancel := context.WithTimeout(context.Background(), length)
		defer cancel()
		c.ctx = ctx
		time.Sleep(2 * time.Second) // the member that lags behind knows of nothing
		scenario(c)
		c.all.Wait()
		if keys, leases := c.store.Keys(), c.store.Leases(); keys > 0 || leases > 0 {
			t.Errorf("%d keys and %d leases are left", keys, leases)
		}
		for _, c := range c.clients {
			_ = c.Close()
		}
		out, v = c.result, c.judge()
	})
	return out, v
}

// Transactions of the helper tell their callers what the client's could have told, have one winner, win as often,
// and write nothing where the key is there.
func TestTransactions(t *testing.T) {
	const ms = time.Millisecond
	for _, tc := range []struct {
		name   string
		length time.Duration
		run    func(*court)
		share  float64       // the least wins, of those of the client's transactions with a trip more for each turn
		late   float64       // the most entries of a try that fails: one that has read before another wrote is late
		rests  time.Duration // all may rest at once, for so long
	}{
		{"among themselves", time.Minute, func(c *court) {
			for i := range 8 {
				c.candidate(c.helped, shapes[i%len(shapes)], 0, 50*ms, 100*ms)
			}
		}, 0.9, 0.4, 200 * ms},
		{"half of the replicas are old", time.Minute, func(c *court) {
			for i := range 8 {
				c.candidate(c.helped && i%2 == 0, shapes[i/2], time.Second, 50*ms, 100*ms)
			}
		}, 0.9, 0.8, 200 * ms},
		{"twenty handlers", 20 * time.Second, func(c *court) {
			for i := range 20 {
				c.candidate(c.helped, shapes[i%len(shapes)], 0, 20*ms, 5*ms)
			}
		}, 0.9, 0.6, 10 * ms},
		{"a replica now and then", time.Minute, func(c *court) {
			for i := range 3 {
				c.candidate(c.helped, shapes[i%len(shapes)], 0, 300*ms, time.Second)
			}
		}, 0.85, 0.4, 6 * time.Second},
		{"the lead stays", 20 * time.Second, func(c *court) {
			c.candidate(c.helped, shapes[0], 0, time.Minute, 0)
			time.Sleep(100 * ms)
			for i := range 5 {
				c.candidate(c.helped, shapes[i%len(shapes)], 0, 0, 100*ms)
			}
		}, 1, 0, 0},
		{"faults", 2 * time.Minute, func(c *court) {
			c.hazards = true
			for i := range 12 {
				helped := c.helped && i%3 > 0 // of every three, one stays old
				c.candidate(helped, shapes[i%len(shapes)], time.Duration(i%2)*4*c.trip, 50*ms, 100*ms)
			}
			c.endanger()
		}, 0.85, 0.6, 0},
	} {
		for _, trip := range []time.Duration{2 * ms, 24 * ms} {
			t.Run(fmt.Sprintf("%s/%v", tc.name, trip), func(t *testing.T) {
				old, was := transact(t, false, trip, tc.length, tc.run)
				now, is := transact(t, true, trip, tc.length, tc.run)
				t.Logf("client: %+v %+v; helper: %+v %+v", old, was, now, is)
				if want := tc.share / (1/float64(old.wins) + float64(trip)/float64(tc.length)); float64(now.wins) < want {
					t.Errorf("%d wins, with the client's %d, want %.0f", now.wins, old.wins, want)
				}
				if tc.name == "half of the replicas are old" && float64(is.ours) < 0.15*float64(now.wins) {
					t.Errorf("%d of %d wins are those of the helper's", is.ours, now.wins)
				}
				if in := float64(is.entries) / float64(max(1, is.refused+is.failed)); in > tc.late {
					t.Errorf("%.2f entries for a try that fails", in)
				}
				if now.gap > max(old.gap, tc.rests)+10*trip {
					t.Errorf("nobody has the lock for %v, with the client's %v", now.gap, old.gap)
				}
				if was.entries < was.refused {
					t.Errorf("the client's have written %d entries for %d refusals", was.entries, was.refused)
				}
				if tc.name == "faults" && (is.late == 0 || is.gone == 0 || is.unheard == 0 || is.expired == 0 || is.ended == 0) {
					t.Errorf("not all that can go wrong has: %+v", is)
				}
			})
		}
	}
}
