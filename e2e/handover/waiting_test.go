package handover_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
	"etcdmod/e2e/internal/tcpproxy"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// many is how many locks one client waits for.
const many = 1000

// named returns the ways of those names.
func named(names ...string) (out []way) {
	for _, name := range names {
		for _, w := range ways {
			if w.name == name {
				out = append(out, w)
			}
		}
	}
	return out
}

// A crowd is one client that waits for many locks, which another one holds.
type crowd struct {
	counts
	cluster *cluster.Cluster
	holders []*concurrency.Mutex
	running sync.WaitGroup
	locked  sync.WaitGroup
	before  footprint
}

// A footprint is what a process has at a moment, those of client and server in one.
type footprint struct {
	goroutines int
	bytes      uint64
}

func measure() footprint {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{runtime.NumGoroutine(), m.HeapAlloc + m.StackInuse}
}

// gather has the waits begin, and returns when all wait, or after two minutes.
func gather(ctx context.Context, b *testing.B, w way, rtt time.Duration) *crowd {
	c := &crowd{cluster: cluster.Start(b, 1)}
	holding := c.cluster.Session(c.cluster.Client(), concurrency.WithTTL(sessionTTL))
	for i := range many {
		m := concurrency.NewMutex(holding, fmt.Sprintf("%s/%d", prefix, i))
		if err := m.TryLock(ctx); err != nil {
			b.Fatal(err)
		}
		c.holders = append(c.holders, m)
	}
	network := tcpproxy.Start(b, strings.TrimPrefix(c.cluster.Endpoints()[0], "http://"), c.cluster.Dial)
	s := c.cluster.Session(c.cluster.Client(c.option(w.polls), func(cfg *clientv3.Config) {
		if rtt > 0 {
			cfg.Endpoints = []string{network.Address()}
		}
	}), concurrency.WithTTL(sessionTTL))
	network.Delay(rtt/2, rtt/2)
	c.before = measure()
	for i := range many {
		c.locked.Add(1)
		one := w.candidate(s, fmt.Sprintf("%s/%d", prefix, i))
		c.running.Go(func() {
			defer one.stop()
			if err := one.acquire(ctx); err == nil {
				c.locked.Done()
			} else if ctx.Err() == nil {
				b.Error(err)
			}
		})
	}
	for start := time.Now(); c.settled.Load() < many && time.Since(start) < 2*time.Minute; {
		time.Sleep(time.Millisecond)
	}
	return c
}

// What it costs to wait: goroutines beside the caller's and memory, of client and server, and
// reads and raft entries per second, in the first minute and later.
func BenchmarkWaiting(b *testing.B) {
	for _, w := range named("WatchLock", "FirstEdition", "Lock", "Ticker") {
		b.Run("way="+w.name, func(b *testing.B) {
			for b.Loop() {
				ctx, cancel := context.WithCancel(context.Background())
				c := gather(ctx, b, w, 0)
				start, reads := time.Now(), c.reads.Load()
				time.Sleep(64 * time.Second)
				b.ReportMetric(float64(c.reads.Load()-reads)/many/time.Since(start).Seconds(), "early-reads/s")
				start, reads = time.Now(), c.reads.Load()
				entries := c.cluster.AppliedIndex()
				time.Sleep(40 * time.Second)
				seconds := time.Since(start).Seconds()
				b.ReportMetric(float64(c.reads.Load()-reads)/many/seconds, "reads/s")
				b.ReportMetric(float64(c.cluster.AppliedIndex()-entries)/seconds, "all-entries/s")
				now := measure()
				b.ReportMetric(float64(now.goroutines-c.before.goroutines)/many-1, "goroutines")
				b.ReportMetric((float64(now.bytes)-float64(c.before.bytes))/1024/many, "KB")
				cancel()
				c.running.Wait()
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// One client far from its servers: how long it takes until all of its waits have a watch, and,
// from when all holders begin to release, until all have their lock.
func BenchmarkManyWaits(b *testing.B) {
	for _, w := range named("WatchLock", "FirstEdition", "Lock") {
		b.Run("way="+w.name, func(b *testing.B) {
			for b.Loop() {
				ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
				start := time.Now()
				c := gather(ctx, b, w, far)
				b.ReportMetric(time.Since(start).Seconds(), "settled-s")
				b.ReportMetric(float64(c.settled.Load()), "watches")
				b.ReportMetric(float64(c.reads.Load())/many, "reads")
				start = time.Now()
				for _, m := range c.holders {
					if err := m.Unlock(ctx); err != nil {
						b.Fatal(err)
					}
				}
				c.locked.Wait()
				b.ReportMetric(time.Since(start).Seconds(), "locked-s")
				cancel()
				c.running.Wait()
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}
