package clientv3

import (
	"context"
	"time"
)

// A Fault is what goes wrong with one call.
type Fault struct {
	Slow    time.Duration // it takes so much longer
	Refused bool          // it never comes to the store
	Lost    bool          // its answer never comes back
}

// A Moment is what the store had from a time on.
type Moment struct {
	At   time.Time
	Rev  int64
	Keys map[string]KeyValue
}

// faulty is what a test has asked for.
type faulty struct {
	faults  func(context.Context) Fault
	seen    func(ctx context.Context, entry bool, resp *TxnResponse)
	lag     time.Duration
	moments []Moment
}

// SetFaults says what goes wrong with a call of that context. It is set before there are clients, as the others are.
func (s *Store) SetFaults(of func(context.Context) Fault) { s.faults = of }

// SetSeen has each transaction told that is committed: whether it is an entry of the raft log, and its answer, which
// is nil for an error. It is called with the store locked.
func (s *Store) SetSeen(seen func(ctx context.Context, entry bool, resp *TxnResponse)) { s.seen = seen }

// SetLag says how far a member lags behind, and has moments remembered.
func (s *Store) SetLag(d time.Duration) {
	s.lag = d
	s.remember()
}

// Moments are what the store had, in that order.
func (s *Store) Moments() []Moment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.moments
}

func (c *Client) fault(ctx context.Context) (none Fault) {
	if c.faults == nil {
		return none
	}
	return c.faults(ctx)
}

func (s *Store) committed(ctx context.Context, entry bool, resp *TxnResponse) {
	if s.seen != nil {
		s.seen(ctx, entry, resp)
	}
}

// remember is called with mu, behind a change.
func (s *Store) remember() {
	if s.lag == 0 {
		return
	}
	m := Moment{time.Now(), s.rev, map[string]KeyValue{}}
	for key, kv := range s.keys {
		m.Keys[key] = *kv
	}
	s.moments = append(s.moments, m)
}

// late is what a member has that lags behind.
func (s *Store) late() (map[string]*KeyValue, int64) {
	for i := len(s.moments) - 1; i >= 0; i-- {
		if m := s.moments[i]; time.Since(m.At) >= s.lag {
			keys := map[string]*KeyValue{}
			for key, kv := range m.Keys {
				keys[key] = &kv
			}
			return keys, m.Rev
		}
	}
	return s.keys, s.rev
}
