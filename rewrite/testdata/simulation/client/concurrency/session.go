package concurrency

import (
	"context"
	"sync"

	v3 "go.etcd.io/etcd/client/v3"
)

// A Session is a lease that lives until it is closed, or the test ends it.
type Session struct {
	client *v3.Client
	lease  v3.LeaseID
	done   chan struct{}
	once   *sync.Once
}

// A SessionOption changes a session.
type SessionOption func(*v3.LeaseID)

// WithLease gives the session a lease that is there.
func WithLease(id v3.LeaseID) SessionOption { return func(lease *v3.LeaseID) { *lease = id } }

// WithTTL does nothing: leases live for ever.
func WithTTL(int) SessionOption { return func(*v3.LeaseID) {} }

// WithContext does nothing: sessions are closed.
func WithContext(context.Context) SessionOption { return func(*v3.LeaseID) {} }

// NewSession returns a session of the client, which is granted a lease unless it is given one.
func NewSession(client *v3.Client, opts ...SessionOption) (*Session, error) {
	lease := v3.NoLease
	for _, opt := range opts {
		opt(&lease)
	}
	if lease == v3.NoLease {
		resp, err := client.Grant(client.Ctx(), 60)
		if err != nil {
			return nil, err
		}
		lease = resp.ID
	}
	return &Session{client, lease, make(chan struct{}), new(sync.Once)}, nil
}

// Client is the session's client.
func (s *Session) Client() *v3.Client { return s.client }

// Lease is the session's lease.
func (s *Session) Lease() v3.LeaseID { return s.lease }

// Done is closed when the session has ended.
func (s *Session) Done() <-chan struct{} { return s.done }

// Orphan ends the session and leaves the lease.
func (s *Session) Orphan() { s.once.Do(func() { close(s.done) }) }

// Close ends the session and its lease.
func (s *Session) Close() error {
	s.Orphan()
	_, err := s.client.Revoke(s.client.Ctx(), s.lease)
	return err
}

// Expire ends the lease, once, and then the session.
func (s *Session) Expire() {
	s.once.Do(func() {
		s.client.Store.Revoke(s.lease)
		close(s.done)
	})
}
