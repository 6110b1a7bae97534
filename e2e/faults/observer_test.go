package faults_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// An observer keeps what the server did. Its client reaches the members past the
// proxies.
type observer struct {
	t      *testing.T
	cli    *clientv3.Client
	start  time.Time
	cancel context.CancelFunc
	ended  chan struct{} // closed when the end of the history was seen
	once   sync.Once     // to close it

	mu      sync.Mutex
	changes []change
	samples []sample
	seen    int64 // revision
}

// A sample says that no later revision was there yet at the time.
type sample struct {
	at       time.Duration
	revision int64
}

// sampling is how often the observer reads the revision. It bounds how exactly it
// knows when a change happened.
const sampling = 10 * time.Millisecond

func observe(t *testing.T, cli *clientv3.Client) *observer {
	ctx, cancel := context.WithCancel(context.Background())
	o := &observer{t: t, cli: cli, start: time.Now(), cancel: cancel, ended: make(chan struct{})}
	var running sync.WaitGroup
	running.Go(func() { o.watch(ctx) })
	running.Go(func() { o.sample(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return o
}

func (o *observer) now() time.Duration { return time.Since(o.start) }

func (o *observer) watch(ctx context.Context) {
	next := int64(1)
	for ctx.Err() == nil {
		for resp := range o.cli.Watch(ctx, root, clientv3.WithPrefix(), clientv3.WithRev(next)) {
			at := o.now()
			if resp.CompactRevision > 0 {
				o.t.Errorf("the observer has missed revisions up to %d", resp.CompactRevision)
				return
			}
			o.take(resp.Events, at)
			if n := len(resp.Events); n > 0 {
				next = resp.Events[n-1].Kv.ModRevision + 1
			}
		}
	}
}

// take appends the changes of the events. A lease deletes all its keys in one revision.
func (o *observer) take(events []*clientv3.Event, at time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	type ending struct {
		revision int64
		lease    string
	}
	endings := map[ending]bool{}
	for _, e := range events {
		if lease, ok := strings.CutPrefix(string(e.Kv.Key), markers); ok && e.Type == clientv3.EventTypeDelete {
			endings[ending{e.Kv.ModRevision, lease}] = true
		}
	}
	for _, e := range events {
		key := string(e.Kv.Key)
		o.seen = e.Kv.ModRevision
		if key == end { // twice, where the answer to the first write was lost
			o.once.Do(func() { close(o.ended) })
		}
		if lease, ok := strings.CutPrefix(key, prefix+"/"); ok {
			o.changes = append(o.changes, change{
				revision: o.seen,
				key:      key,
				created:  e.IsCreate(),
				expired:  endings[ending{o.seen, lease}],
				ret:      at,
			})
		}
	}
}

func (o *observer) sample(ctx context.Context) {
	for ; ctx.Err() == nil; pause(ctx, sampling) {
		at := o.now()
		call, cancel := context.WithTimeout(ctx, time.Second)
		resp, err := o.cli.Get(call, end) // linearizable: not older than at
		cancel()
		if err == nil {
			o.mu.Lock()
			o.samples = append(o.samples, sample{at, resp.Header.Revision})
			o.mu.Unlock()
		}
	}
}

// revision is the last one that the observer has seen.
func (o *observer) revision() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.seen
}

// finish ends the history and returns the changes.
func (o *observer) finish(ctx context.Context) ([]change, error) {
	if err := persist(ctx, func(call context.Context) error {
		_, err := o.cli.Put(call, end, "")
		return err
	}); err != nil {
		return nil, err
	}
	select {
	case <-o.ended:
	case <-ctx.Done():
		return nil, fmt.Errorf("the observer did not see the end: %w", ctx.Err())
	}
	o.cancel()
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.changes {
		c := &o.changes[i]
		// Samples are in the order of their times, and so of their revisions.
		if at, _ := slices.BinarySearchFunc(o.samples, c.revision, func(s sample, r int64) int {
			return int(s.revision - r)
		}); at > 0 {
			c.call = o.samples[at-1].at
		}
	}
	return o.changes, nil
}

// persist repeats a call of the harness until the servers answer it.
func persist(ctx context.Context, f func(context.Context) error) error {
	for {
		call, cancel := context.WithTimeout(ctx, 2*time.Second)
		err := f(call)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
		pause(ctx, 50*time.Millisecond)
	}
}
