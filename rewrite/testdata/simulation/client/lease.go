package clientv3

import "context"

// A LeaseGrantResponse is a new lease.
type LeaseGrantResponse struct{ ID LeaseID }

// A LeaseRevokeResponse says that a lease is gone.
type LeaseRevokeResponse struct{}

// Grant makes a lease, which lives until it is revoked.
func (c *Client) Grant(ctx context.Context, ttl int64) (*LeaseGrantResponse, error) {
	return call(c, ctx, func() (*LeaseGrantResponse, error) {
		s := c.Store
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.down {
			return nil, ErrUnavailable
		}
		s.entries++
		id := LeaseID(len(s.leases) + len(s.dead) + 1)
		s.leases[id] = true
		return &LeaseGrantResponse{ID: id}, nil
	})
}

// Revoke ends a lease with its keys.
func (c *Client) Revoke(ctx context.Context, id LeaseID) (*LeaseRevokeResponse, error) {
	return call(c, ctx, func() (*LeaseRevokeResponse, error) {
		c.Store.mu.Lock()
		c.Store.entries++
		c.Store.mu.Unlock()
		c.Store.Revoke(id)
		return &LeaseRevokeResponse{}, nil
	})
}

// Entries is how many entries of the raft log clients have caused: transactions that hold a put or a
// delete, and leases that were granted or revoked.
func (s *Store) Entries() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.entries
}

// Leases is how many leases there are.
func (s *Store) Leases() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.leases)
}

// Keys is how many keys there are.
func (s *Store) Keys() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.keys)
}
