package clientv3

import (
	"context"
	"errors"
)

// ErrNoLeader is what a watch ends with that the store has broken.
var ErrNoLeader = errors.New("etcdserver: no leader")

// EventType tells puts from deletes.
type EventType int

// The two kinds of change.
const (
	EventTypePut EventType = iota
	EventTypeDelete
)

// An Event is one change of a key.
type Event struct {
	Type EventType
	Kv   *KeyValue
}

// A WatchResponse has changes, or the end of the watch.
type WatchResponse struct {
	Header ResponseHeader
	Events []*Event
	err    error
}

// Err says why the watch has ended, if it has.
func (r WatchResponse) Err() error { return r.err }

// A WatchChan delivers changes until it is closed.
type WatchChan <-chan WatchResponse

// WithRequireLeader makes a watch end when there is no leader. It does so here in any case.
func WithRequireLeader(ctx context.Context) context.Context { return ctx }

type watcher struct {
	op Op
	c  chan WatchResponse
}

// Watch tells of changes of one key from a revision on, also of those that were before.
func (c *Client) Watch(ctx context.Context, key string, opts ...OpOption) WatchChan {
	s := c.Store
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &watcher{Op{kind: opWatch, key: key}.with(opts), make(chan WatchResponse, 64)}
	if s.down || ctx.Err() != nil || c.ctx.Err() != nil {
		close(w.c)
		return w.c
	}
	s.watchers[w] = true
	if w.op.rev > 0 && !s.mute {
		for _, e := range s.history {
			w.tell(e)
		}
	}
	for _, ended := range []context.Context{ctx, c.ctx} {
		context.AfterFunc(ended, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.end(w)
		})
	}
	return w.c
}

// BreakWatches ends all watches with an error.
func (s *Store) BreakWatches() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.watchers {
		w.c <- WatchResponse{err: ErrNoLeader}
		s.end(w)
	}
}

// Mute keeps watches open and tells them nothing any more. That is what a client sees of
// which only the keys were put into a namespace.
func (s *Store) Mute() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mute = true
}

func (s *Store) end(w *watcher) {
	if s.watchers[w] {
		delete(s.watchers, w)
		close(w.c)
	}
}

func (s *Store) tell(e Event) {
	for w := range s.watchers {
		if !s.mute {
			w.tell(e)
		}
	}
}

func (w *watcher) tell(e Event) {
	ours := string(e.Kv.Key) == w.op.key && e.Kv.ModRevision >= w.op.rev
	if ours && !(e.Type == EventTypePut && w.op.noPut) {
		w.c <- WatchResponse{Events: []*Event{&e}}
	}
}
