package helper_test

import (
	"context"
	"math/rand"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
)

// A wire stands between a client and the servers.
type wire struct {
	mu sync.Mutex
	// before and after run before a call is sent and when it was answered with nil. An
	// error takes the place of the answer. They are not called for their own calls.
	before, after func(ctx context.Context, method string) error
	// watching runs before a watch is asked for, and watched when the server has it.
	watching, watched func()
}

// What hooks are told of a call: reads, puts and deletes, whether alone or in a transaction,
// and the question for a lease.
const (
	rangeCall  = "/etcdserverpb.KV/Range"
	txnCall    = "/etcdserverpb.KV/Txn"
	deleteCall = "/etcdserverpb.KV/DeleteRange"
	leaseCall  = "/etcdserverpb.Lease/LeaseTimeToLive"
	askCall    = "/etcdserverpb.KV/Txn that asks what a lost write has put"
)

// called is the call that a request is.
func called(method string, req any) string {
	txn, ok := req.(*pb.TxnRequest)
	if !ok {
		return method
	}
	if len(txn.Success) == 1 && txn.Success[0].GetRequestDeleteRange() != nil && len(txn.Failure) > 0 {
		return askCall
	}
	for _, op := range slices.Concat(txn.Success, txn.Failure) {
		switch {
		case op.GetRequestPut() != nil:
			return txnCall
		case op.GetRequestDeleteRange() != nil:
			return deleteCall
		}
	}
	return rangeCall
}

func (w *wire) set(before, after func(context.Context, string) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.before, w.after = before, after
}

func (w *wire) onWatch(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watching = f
}

func (w *wire) onWatched(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watched = f
}

func (w *wire) option(cfg *clientv3.Config) {
	cfg.DialOptions = append(cfg.DialOptions,
		grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any,
			conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			w.mu.Lock()
			before, after, call := w.before, w.after, called(method, req)
			w.mu.Unlock()
			if before != nil {
				if err := before(ctx, call); err != nil {
					return err
				}
			}
			if err := invoke(ctx, method, req, reply, conn, opts...); err != nil {
				return err
			}
			if after != nil {
				return after(ctx, call)
			}
			return nil
		}),
		grpc.WithChainStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc,
			conn *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			s, err := streamer(ctx, desc, conn, method, opts...)
			if err == nil && strings.HasSuffix(method, "Watch/Watch") {
				s = watchStream{s, w}
			}
			return s, err
		}))
}

type watchStream struct {
	grpc.ClientStream
	w *wire
}

func (s watchStream) SendMsg(m any) error {
	if request, ok := m.(*pb.WatchRequest); ok && request.GetCreateRequest() != nil {
		s.run(func() func() { return s.w.watching })
	}
	return s.ClientStream.SendMsg(m)
}

func (s watchStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if response, ok := m.(*pb.WatchResponse); ok && err == nil && response.Created {
		s.run(func() func() { return s.w.watched })
	}
	return err
}

func (s watchStream) run(hook func() func()) {
	s.w.mu.Lock()
	f := hook()
	s.w.mu.Unlock()
	if f != nil {
		f()
	}
}

// hang waits until the call's context ends, like an answer that is lost. The deadline of a
// hurried one has passed then.
func hang(ctx context.Context) error {
	if h, ok := ctx.Value(hurriedKey{}).(*hurried); ok {
		h.end()
	}
	<-ctx.Done()
	return ctx.Err()
}

// untilCut is a context whose deadline passes where a call hangs, however long that takes.
func untilCut(parent context.Context) *hurried {
	return &hurried{Context: parent, done: make(chan struct{})}
}

// hurry gives every third try a deadline between one and two round trips, whatever a
// round trip takes: it passes before the second call is sent, or before its answer comes.
func hurry(parent context.Context) (context.Context, context.CancelFunc) {
	if rand.Intn(3) > 0 {
		return parent, func() {}
	}
	h := &hurried{Context: parent, done: make(chan struct{}), unsent: rand.Intn(2) == 0}
	stop := context.AfterFunc(parent, h.end)
	return h, func() { stop(); h.end() }
}

// A hurried context is one whose deadline passes when end is called.
type hurried struct {
	context.Context
	done   chan struct{}
	once   sync.Once
	trips  atomic.Int64
	unsent bool
}

type hurriedKey struct{}

func (h *hurried) end()                        { h.once.Do(func() { close(h.done) }) }
func (h *hurried) Done() <-chan struct{}       { return h.done }
func (h *hurried) Deadline() (time.Time, bool) { return time.Time{}, false }

func (h *hurried) Err() error {
	select {
	case <-h.done:
		if err := h.Context.Err(); err != nil {
			return err
		}
		return context.DeadlineExceeded
	default:
		return nil
	}
}

func (h *hurried) Value(key any) any {
	if key == (hurriedKey{}) {
		return h
	}
	return h.Context.Value(key)
}

// over counts the calls and reports whether this is where the deadline passes.
func (h *hurried) over(before bool) bool {
	if before {
		return h.trips.Add(1) > 1 && h.unsent
	}
	return h.trips.Load() > 1
}
