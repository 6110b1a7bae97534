package helper_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// delays tells a wake-up that was lost from a server, or a machine, that stood still for
// everybody: how long a write takes until it is seen by a watch, over and over again.
type delays struct {
	mu   sync.Mutex
	sent time.Time // when the write in progress was sent
	seen []delay   // those of the past
}

type delay struct {
	end  time.Time
	took time.Duration
}

// watchDelays measures until the test ends.
func watchDelays(t *testing.T, c *cluster.Cluster) *delays {
	t.Helper()
	const key = "delays"
	ctx, cancel := context.WithCancel(limited(t))
	cli, d := c.Client(), &delays{sent: time.Now()}
	events := cli.Watch(ctx, key, clientv3.WithCreatedNotify())
	<-events // what is written before it is there would never be seen
	var running sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	running.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			d.mu.Lock()
			d.sent = time.Now()
			d.mu.Unlock()
			if _, err := cli.Put(ctx, key, fmt.Sprint(i)); err != nil {
				continue
			}
			<-events
			d.mu.Lock()
			d.seen = append(d.seen, delay{time.Now(), time.Since(d.sent)})
			d.mu.Unlock()
			time.Sleep(20 * time.Millisecond)
		}
	})
	return d
}

// since is the longest delay of those that have ended since then, and of the one in progress.
func (d *delays) since(then time.Time) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	longest := time.Since(d.sent)
	for i := len(d.seen) - 1; i >= 0 && d.seen[i].end.After(then); i-- {
		longest = max(longest, d.seen[i].took)
	}
	return longest
}

// A trace is what the clients of some candidates have done lately.
type trace struct {
	mu    sync.Mutex
	lines []string
}

func (r *trace) add(candidate int, what string) {
	const most = 100
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, fmt.Sprintf("%s candidate %d: %s", time.Now().Format("04:05.000"), candidate, what))
	r.lines = r.lines[max(0, len(r.lines)-most):]
}

func (r *trace) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.lines, "\n")
}
