package helper_test

// client is what the generated package may use of an etcd client: all of it is in every
// client that has TryLock. CLIENT stands for the import path. Package messages is what
// the client takes from another module, which the generated package must not import.
const client = `
-- CLIENT/messages --
package messages

type (
	KeyValue struct {
		Key                         []byte
		CreateRevision, ModRevision int64
		Lease                       int64
	}
	ResponseHeader struct{ Revision int64 }
	ResponseOp     struct{}
	RangeResponse  struct {
		Header *ResponseHeader
		Kvs    []*KeyValue
		Count  int64
	}
)

func (*ResponseOp) GetResponseRange() *RangeResponse
-- CLIENT --
package clientv3

import (
	"context"

	"CLIENT/messages"
)

type (
	Client         struct{}
	Cmp            struct{}
	DeleteResponse struct{ Header *messages.ResponseHeader }
	Event          struct{ Kv *messages.KeyValue }
	GetResponse    messages.RangeResponse
	LeaseID        int64
	LeaseOption    func(*int)
	LeaseGrantResponse struct{ ID LeaseID }
	LeaseRevokeResponse struct{}
	LeaseTimeToLiveResponse struct{ TTL int64 }
	Op             struct{}
	OpOption       func(*Op)
	TxnResponse    struct {
		Header    *messages.ResponseHeader
		Succeeded bool
		Responses []*messages.ResponseOp
	}
	WatchChan     <-chan WatchResponse
	WatchResponse struct{ Events []*Event }
)

type KV interface{ Txn(context.Context) Txn }

type Txn interface {
	If(...Cmp) Txn
	Then(...Op) Txn
	Else(...Op) Txn
	Commit() (*TxnResponse, error)
}

func (*Client) Ctx() context.Context
func (*Client) Get(context.Context, string, ...OpOption) (*GetResponse, error)
func (*Client) Delete(context.Context, string, ...OpOption) (*DeleteResponse, error)
func (*Client) Grant(context.Context, int64) (*LeaseGrantResponse, error)
func (*Client) Revoke(context.Context, LeaseID) (*LeaseRevokeResponse, error)
func (*Client) TimeToLive(context.Context, LeaseID, ...LeaseOption) (*LeaseTimeToLiveResponse, error)
func (*Client) Txn(context.Context) Txn
func (*Client) Watch(context.Context, string, ...OpOption) WatchChan

func (*WatchResponse) Err() error

const NoLease LeaseID = 0

func (*Cmp) KeyBytes() []byte

func Compare(Cmp, string, interface{}) Cmp
func CreateRevision(string) Cmp
func OpDelete(string, ...OpOption) Op
func OpGet(string, ...OpOption) Op
func WithCountOnly() OpOption
func WithFilterPut() OpOption
func WithFirstCreate() []OpOption
func WithKeysOnly() OpOption
func WithRequireLeader(context.Context) context.Context
func WithRev(int64) OpOption
-- CLIENT/concurrency --
package concurrency

import (
	"context"

	clientv3 "CLIENT"
	"CLIENT/messages"
)

type (
	Session       struct{}
	SessionOption func(*int)
)

func NewSession(*clientv3.Client, ...SessionOption) (*Session, error)
func WithContext(context.Context) SessionOption
func WithLease(clientv3.LeaseID) SessionOption
func WithTTL(int) SessionOption
func (*Session) Close() error
func (*Session) Orphan()
func (*Session) Client() *clientv3.Client
func (*Session) Done() <-chan struct{}
func (*Session) Lease() clientv3.LeaseID

type Mutex struct{}

func NewMutex(*Session, string) *Mutex
func (*Mutex) Header() *messages.ResponseHeader
func (*Mutex) IsOwner() clientv3.Cmp
func (*Mutex) Key() string
func (*Mutex) Lock(context.Context) error
func (*Mutex) TryLock(context.Context) error
func (*Mutex) Unlock(context.Context) error

type Election struct{}

func (*Election) Campaign(context.Context, string) error
func (*Election) Leader(context.Context) (*clientv3.GetResponse, error)

var ErrLocked, ErrSessionExpired error
`
