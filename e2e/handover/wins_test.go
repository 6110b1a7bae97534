package handover_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
	"etcdmod/e2e/internal/etcdlock"

	"go.etcd.io/etcd/client/v3/concurrency"
)

// plainEvery polls with the client's Mutex, guardEvery with that of the helper.
func plainEvery(d time.Duration) func(*concurrency.Session, string) candidate {
	return func(s *concurrency.Session, prefix string) candidate {
		m := concurrency.NewMutex(s, prefix)
		t := time.NewTicker(d)
		return candidate{poll(m.TryLock, t.C), m.Unlock, t.Stop}
	}
}

func guardEvery(d time.Duration) func(*concurrency.Session, string) candidate {
	return func(s *concurrency.Session, prefix string) candidate {
		m := etcdlock.NewMutex(s, prefix)
		t := time.NewTicker(d)
		return candidate{poll(m.TryLock, t.C), m.Unlock, t.Stop}
	}
}

// impatient gives each wait a tenth of a second.
func impatient(s *concurrency.Session, prefix string) candidate {
	m := etcdlock.NewMutex(s, prefix)
	return candidate{func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		return m.WatchLock(ctx)
	}, m.Unlock, func() {}}
}

var (
	quick, slow = plainEvery(10 * time.Millisecond), plainEvery(time.Second)
	// fleets are of old pollers alone, and of what is there in the middle of a rollout.
	fleets = map[string][]func(*concurrency.Session, string) candidate{
		"pollers": {quick, quick, quick},
		"mixed": {quick, plainEvery(100 * time.Millisecond), slow, ways[0].candidate, guardEvery(10 * time.Millisecond),
			impatient, named("Gate")[0].candidate, named("FirstEdition")[0].candidate},
	}
	// subjects take one place beside a fleet. A plain poller in it is what they are compared with.
	subjects = append([]way{
		{"Plain10ms", quick, true}, {"Guard10ms", guardEvery(10 * time.Millisecond), true}, {"Plain1s", slow, true},
	}, named("WatchLock", "Gate", "FirstEdition", "Lock")...)
)

// How often one candidate gets a lock in ten seconds beside a fleet.
func BenchmarkWins(b *testing.B) {
	for name, fleet := range fleets {
		for _, subject := range subjects {
			b.Run("fleet="+name+"/subject="+subject.name, func(b *testing.B) {
				for b.Loop() {
					c := cluster.Start(b, 1)
					session := func() *concurrency.Session { return c.Session(c.Client()) }
					b.ReportMetric(float64(wins(b, session, subject.candidate, fleet)), "wins")
				}
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// wins gives each candidate a session.
func wins(tb testing.TB, session func() *concurrency.Session, subject func(*concurrency.Session, string) candidate,
	fleet []func(*concurrency.Session, string) candidate) int64 {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var won, inside atomic.Int64
	var running sync.WaitGroup
	compete := func(one candidate, won *atomic.Int64) {
		defer one.stop()
		for ctx.Err() == nil {
			if one.acquire(ctx) != nil {
				continue
			}
			if inside.Add(1) != 1 {
				tb.Error("the lock is held twice")
			}
			won.Add(1)
			sleep(ctx, 3*time.Millisecond)
			inside.Add(-1)
			if err := one.release(context.WithoutCancel(ctx)); err != nil {
				tb.Error(err)
			}
			sleep(ctx, 20*time.Millisecond)
		}
	}
	var others atomic.Int64
	for _, make := range fleet {
		one := make(session(), prefix)
		running.Go(func() { compete(one, &others) })
	}
	one := subject(session(), prefix)
	running.Go(func() { compete(one, &won) })
	running.Wait()
	return won.Load()
}
