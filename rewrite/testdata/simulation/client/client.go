// Package clientv3 has the part of etcd's client that a lock needs, on a store in memory
// that takes no time to answer unless a test says so. Keys, revisions, transactions and watches are etcd's; what
// goes wrong, and when, is up to the test.
package clientv3

import (
	"context"
	"errors"
	"sync"
	"time"
)

// ErrUnavailable is what calls end with while the store is down.
var ErrUnavailable = errors.New("etcdserver: request timed out")

// ErrLeaseNotFound is what a put with the lease of a dead session ends with.
var ErrLeaseNotFound = errors.New("etcdserver: requested lease not found")

// A LeaseID is the identity of a session.
type LeaseID int64

// NoLease is that of nobody.
const NoLease LeaseID = 0

// A ResponseHeader says at which revision the store has answered.
type ResponseHeader struct{ Revision int64 }

// A KeyValue is one version of a key. A deleted one has no create revision.
type KeyValue struct {
	Key, Value                  []byte
	CreateRevision, ModRevision int64
	Lease                       int64
}

// A GetResponse is the answer to a read. Count is that of all keys, whatever the limit.
type GetResponse struct {
	Header *ResponseHeader
	Kvs    []*KeyValue
	Count  int64
}

// A DeleteResponse is the answer to a delete.
type DeleteResponse struct {
	Header  *ResponseHeader
	Deleted int64
}

// A Client is one connection to a Store.
type Client struct {
	*Store
	ctx    context.Context
	cancel context.CancelFunc
}

// NewClient returns a client of the store.
func NewClient(s *Store) *Client {
	c := &Client{Store: s}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// Ctx is the context of the client: it ends when the client is closed.
func (c *Client) Ctx() context.Context { return c.ctx }

// Close ends all calls of the client.
func (c *Client) Close() error { c.cancel(); return nil }

// Get reads.
func (c *Client) Get(ctx context.Context, key string, opts ...OpOption) (*GetResponse, error) {
	resp, err := c.Txn(ctx).Then(OpGet(key, opts...)).Commit()
	if err != nil {
		return nil, err
	}
	r := resp.Responses[0].GetResponseRange()
	r.Header = resp.Header
	return r, nil
}

// Delete deletes one key.
func (c *Client) Delete(ctx context.Context, key string, opts ...OpOption) (*DeleteResponse, error) {
	resp, err := c.Txn(ctx).Then(Op{kind: opDelete, key: key}.with(opts)).Commit()
	if err != nil {
		return nil, err
	}
	return &DeleteResponse{Header: resp.Header, Deleted: resp.Responses[0].deleted}, nil
}

// A LeaseTimeToLiveResponse says how many seconds a lease lives; -1 if it is gone.
type LeaseTimeToLiveResponse struct{ TTL int64 }

// TimeToLive asks for a lease. One that is not gone lives for ever.
func (c *Client) TimeToLive(ctx context.Context, id LeaseID) (*LeaseTimeToLiveResponse, error) {
	return call(c, ctx, func() (*LeaseTimeToLiveResponse, error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		switch {
		case c.down:
			return nil, ErrUnavailable
		case c.dead[id]:
			return &LeaseTimeToLiveResponse{TTL: -1}, nil
		}
		return &LeaseTimeToLiveResponse{TTL: 60}, nil
	})
}

// call does what a server does half way through a round trip. The end of the context ends the call,
// and not what was sent.
func call[T any](c *Client, ctx context.Context, do func() (T, error)) (out T, err error) {
	for _, ctx := range []context.Context{ctx, c.ctx} {
		if err := ctx.Err(); err != nil {
			return out, err
		}
	}
	fault := c.fault(ctx)
	trip := c.trip + fault.Slow
	if trip == 0 {
		return do()
	}
	type answer struct {
		out T
		err error
	}
	came := make(chan answer, 1)
	go func() {
		var a answer
		time.Sleep(trip / 2)
		if !fault.Refused {
			a.out, a.err = do()
		}
		time.Sleep(trip / 2)
		if fault.Refused || fault.Lost {
			a.err = ErrUnavailable
		}
		came <- a
	}()
	select {
	case a := <-came:
		return a.out, a.err
	case <-ctx.Done():
		return out, ctx.Err()
	case <-c.ctx.Done():
		return out, c.ctx.Err()
	}
}

// A KV reads and writes keys.
type KV interface {
	Get(ctx context.Context, key string, opts ...OpOption) (*GetResponse, error)
	Delete(ctx context.Context, key string, opts ...OpOption) (*DeleteResponse, error)
	Txn(ctx context.Context) Txn
}

// A Txn does one list of operations or another, at one revision.
type Txn interface {
	If(cs ...Cmp) Txn
	Then(ops ...Op) Txn
	Else(ops ...Op) Txn
	Commit() (*TxnResponse, error)
}

// Txn starts a transaction.
func (c *Client) Txn(ctx context.Context) Txn { return &txn{client: c, ctx: ctx} }

type txn struct {
	client    *Client
	ctx       context.Context
	cmps      []Cmp
	then, els []Op
}

// A TxnResponse is the answer to a transaction.
type TxnResponse struct {
	Header    *ResponseHeader
	Succeeded bool
	Responses []*ResponseOp
}

// A ResponseOp is the answer to one operation.
type ResponseOp struct {
	read    *GetResponse
	deleted int64
}

// GetResponseRange is the answer to a read, or nil.
func (r *ResponseOp) GetResponseRange() *GetResponse { return r.read }

// If adds conditions, all of which have to hold.
func (t *txn) If(cs ...Cmp) Txn { t.cmps = append(t.cmps, cs...); return t }

// Then adds what is done if they do.
func (t *txn) Then(ops ...Op) Txn { t.then = append(t.then, ops...); return t }

// Else adds what is done otherwise.
func (t *txn) Else(ops ...Op) Txn { t.els = append(t.els, ops...); return t }

// Commit sends the transaction.
func (t *txn) Commit() (*TxnResponse, error) {
	return call(t.client, t.ctx, func() (*TxnResponse, error) { return t.client.commit(t) })
}

// A Store is one etcd.
type Store struct {
	mu       sync.Mutex
	rev      int64
	keys     map[string]*KeyValue
	history  []Event // deletions only: nobody here watches for anything else in the past
	watchers map[*watcher]bool
	dead     map[LeaseID]bool
	down     bool
	mute     bool
	writes   int
	entries  int
	leases   map[LeaseID]bool
	trip     time.Duration
	faulty
}

// NewStore returns an empty store.
func NewStore() *Store {
	return &Store{rev: 1, keys: map[string]*KeyValue{}, watchers: map[*watcher]bool{}, dead: map[LeaseID]bool{}, leases: map[LeaseID]bool{}}
}

// SetTrip says how long a call takes, there and back. It is set before there are clients.
func (s *Store) SetTrip(d time.Duration) { s.trip = d }

// SetDown makes all calls fail, or work again.
func (s *Store) SetDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// Writes is how many puts and deletes clients have sent that changed the store.
func (s *Store) Writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

// Watchers is how many watches are open.
func (s *Store) Watchers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.watchers)
}

// Put creates a key of somebody else's.
func (s *Store) Put(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rev++
	s.put(key, "", 0)
}

// Remove deletes a key of somebody else's.
func (s *Store) Remove(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rev++
	s.delete(key)
}

// First is the oldest key with the prefix, or empty.
func (s *Store) First(prefix string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if kvs := s.get(OpGet(prefix, WithFirstCreate()...)).Kvs; len(kvs) > 0 {
		return string(kvs[0].Key)
	}
	return ""
}

// Revoke ends a lease: its keys are gone, and puts with it fail.
func (s *Store) Revoke(id LeaseID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead[id] = true
	delete(s.leases, id)
	for key, kv := range s.keys {
		if kv.Lease == int64(id) {
			s.rev++
			s.delete(key)
		}
	}
}
