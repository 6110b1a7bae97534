package faults_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
)

// A meter counts what a candidate asks its client for. It sits above the client's own
// retries: those are the client's pace, and not that of the wait.
type meter struct {
	reads, writes, watches atomic.Int64
	told                   atomic.Int64                                // how often the servers have said how long a lease lives
	logins                 atomic.Int64                                // of the client, for a new token
	refuse                 atomic.Bool                                 // watches end at once
	lose                   atomic.Pointer[func(context.Context) error] // stands for the next answer to a write

	mu    sync.Mutex
	start time.Time
	lost  []lostDelete
}

// A lostDelete is a request that may arrive later: its outcome is unknown.
type lostDelete struct {
	key  string
	call time.Duration
}

// install makes cli count with m.
func (m *meter) install(cli *clientv3.Client) {
	cli.KV = meteredKV{cli.KV, m}
	cli.Watcher = meteredWatcher{cli.Watcher, m}
	cli.Lease = meteredLease{cli.Lease, m}
}

// intercept counts what the client does by itself.
func (m *meter) intercept(ctx context.Context, method string, req, reply any,
	conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if method == "/etcdserverpb.Auth/Authenticate" {
		m.logins.Add(1)
	}
	return invoke(ctx, method, req, reply, conn, opts...)
}

type meteredKV struct {
	clientv3.KV
	m *meter
}

func (k meteredKV) Get(ctx context.Context, key string, opts ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	k.m.reads.Add(1)
	return k.KV.Get(ctx, key, opts...)
}

func (k meteredKV) Delete(ctx context.Context, key string, opts ...clientv3.OpOption) (*clientv3.DeleteResponse, error) {
	k.m.writes.Add(1)
	call := time.Since(k.m.start)
	resp, err := k.KV.Delete(ctx, key, opts...)
	if err != nil {
		k.m.mu.Lock()
		k.m.lost = append(k.m.lost, lostDelete{key, call})
		k.m.mu.Unlock()
	}
	return resp, err
}

// Txn counts as a read where it only reads: the helper's check of its own key.
func (k meteredKV) Txn(ctx context.Context) clientv3.Txn {
	return &meteredTxn{Txn: k.KV.Txn(ctx), m: k.m, count: &k.m.reads, ctx: ctx}
}

type meteredTxn struct {
	clientv3.Txn
	m     *meter
	count *atomic.Int64
	ctx   context.Context
}

func (x *meteredTxn) If(cs ...clientv3.Cmp) clientv3.Txn {
	x.Txn = x.Txn.If(cs...)
	return x
}

func (x *meteredTxn) Then(ops ...clientv3.Op) clientv3.Txn {
	x.note(ops)
	x.Txn = x.Txn.Then(ops...)
	return x
}

func (x *meteredTxn) Else(ops ...clientv3.Op) clientv3.Txn {
	x.note(ops)
	x.Txn = x.Txn.Else(ops...)
	return x
}

func (x *meteredTxn) note(ops []clientv3.Op) {
	for _, op := range ops {
		if !op.IsGet() {
			x.count = &x.m.writes
		}
	}
}

func (x *meteredTxn) Commit() (*clientv3.TxnResponse, error) {
	x.count.Add(1)
	resp, err := x.Txn.Commit()
	if x.count == &x.m.writes && err == nil {
		if answer := x.m.lose.Swap(nil); answer != nil {
			return nil, (*answer)(x.ctx)
		}
	}
	return resp, err
}

type meteredLease struct {
	clientv3.Lease
	m *meter
}

func (l meteredLease) TimeToLive(ctx context.Context, id clientv3.LeaseID, opts ...clientv3.LeaseOption) (*clientv3.LeaseTimeToLiveResponse, error) {
	resp, err := l.Lease.TimeToLive(ctx, id, opts...)
	if err == nil {
		l.m.told.Add(1)
	}
	return resp, err
}

type meteredWatcher struct {
	clientv3.Watcher
	m *meter
}

func (w meteredWatcher) Watch(ctx context.Context, key string, opts ...clientv3.OpOption) clientv3.WatchChan {
	w.m.watches.Add(1)
	if w.m.refuse.Load() {
		c := make(chan clientv3.WatchResponse)
		close(c)
		return c
	}
	return w.Watcher.Watch(ctx, key, opts...)
}

// late reports whether a lost request to delete the key was sent before that time, and
// takes it away.
func (m *meter) late(key string, before time.Duration) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, l := range m.lost {
		if l.key == key && l.call < before {
			m.lost = slices.Delete(m.lost, i, i+1)
			return true
		}
	}
	return false
}

func (m *meter) requests() int64 { return m.reads.Load() + m.writes.Load() + m.watches.Load() }

// backOff is how many requests a wait may make in that time on its own account: a
// watch and a read per pause, where pauses double from the first up to the slow
// interval; a try per slow interval, of the wait or of the loop around it; and what was
// under way at either end.
func backOff(d time.Duration) int64 {
	rounds := int64(0)
	for at, p := time.Duration(0), firstPause; at <= d; at, p = at+p, min(2*p, slowInterval) {
		rounds++
	}
	return 2*rounds + int64(d/slowInterval) + 3
}

// within checks that a wait made no more requests in that time than its back-off allows.
func (m *meter) within(t *testing.T, before int64, d time.Duration) {
	t.Helper()
	n := m.requests() - before
	t.Logf("%d requests in %v, %d allowed", n, d.Round(time.Millisecond), backOff(d))
	if n > backOff(d) {
		t.Errorf("%d requests in %v, more than %d", n, d, backOff(d))
	}
}
