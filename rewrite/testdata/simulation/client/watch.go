package clientv3

import (
	"context"
	"errors"
	"sort"
	"time"
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
	op    Op
	c     chan WatchResponse
	ended bool
}

// Watch tells of changes of one key from a revision on, also of those that were before. It returns when
// the store has the watch.
func (c *Client) Watch(ctx context.Context, key string, opts ...OpOption) WatchChan {
	s := c.Store
	w := &watcher{op: Op{kind: opWatch, key: key}.with(opts), c: make(chan WatchResponse, 64)}
	_, err := call(c, ctx, func() (any, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.down || w.ended {
			return nil, ErrUnavailable
		}
		s.watchers[w] = true
		if w.op.rev > 0 && !s.mute {
			since := sort.Search(len(s.history), func(i int) bool { return s.history[i].Kv.ModRevision >= w.op.rev })
			for _, e := range s.history[since:] {
				s.send(w, e)
			}
		}
		return nil, nil
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.end(w)
		return w.c
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
	if !w.ended {
		w.ended = true
		delete(s.watchers, w)
		close(w.c)
	}
}

func (s *Store) tell(e Event) {
	for w := range s.watchers {
		if !s.mute {
			s.send(w, e)
		}
	}
}

// send is called with mu. What is told is on its way for half a round trip.
func (s *Store) send(w *watcher, e Event) {
	ours := string(e.Kv.Key) == w.op.key && e.Kv.ModRevision >= w.op.rev
	switch {
	case !ours || e.Type == EventTypePut && w.op.noPut:
	case s.trip == 0:
		w.c <- WatchResponse{Events: []*Event{&e}}
	default:
		time.AfterFunc(s.trip/2, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if !w.ended {
				w.c <- WatchResponse{Events: []*Event{&e}}
			}
		})
	}
}
