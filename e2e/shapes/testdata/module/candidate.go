package main

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.uber.org/zap"
	"google.golang.org/grpc"
)

// A candidate is one replica of a service: it has a client and a session of its own, and
// runs one of the shapes.
type candidate struct {
	name    string // begins each line that it logs
	key     string // of the lock, or what the keys of its locks begin with
	every   time.Duration
	wild    bool // nothing paces it
	client  *clientv3.Client
	session *concurrency.Session
	swaps   chan *concurrency.Session // sessions to be used from here on
	leave   chan struct{}             // closed when it shall give the lock up
	cancel  context.CancelFunc

	mu     sync.Mutex
	state  State
	calls  int       // to etcd, in flight
	called time.Time // when the last one has ended
	began  time.Time // the last round
}

// A State is what a candidate has done so far.
type State struct {
	Rounds int            // reads and transactions: a try is one, or two where it is written after the read
	Beside int            // those of them that no call of the candidate has made
	Writes map[string]int // calls that write, by method
	Came   []time.Time    // when it got the lock, or found itself with it after it had been without
	Gone   int            // how often it gave it up, or found itself without
	Leads  bool
	Ended  bool
	Err    string // why, if not for success
	Lease  int64
}

func newCandidate(endpoints []string, name, key string, every time.Duration) (*candidate, error) {
	c := &candidate{name: name, key: key, every: every, swaps: make(chan *concurrency.Session, 1), leave: make(chan struct{})}
	c.state.Writes = map[string]int{}
	var err error
	c.client, err = clientv3.New(clientv3.Config{
		Context:     context.WithValue(context.Background(), beside{}, true),
		Endpoints:   endpoints,
		DialOptions: []grpc.DialOption{grpc.WithChainUnaryInterceptor(c.count)},
		Logger:      zap.NewNop(),
	})
	if err == nil {
		c.session, err = concurrency.NewSession(c.client, concurrency.WithTTL(600)) // none expires by itself
	}
	if err != nil {
		return nil, err
	}
	c.state.Lease = int64(c.session.Lease())
	return c, nil
}

// beside marks the context of the client, from which no call of a candidate has its own.
type beside struct{}

// count counts what is sent to etcd.
func (c *candidate) count(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	name := method[strings.LastIndex(method, "/")+1:]
	c.mu.Lock()
	switch {
	case name != "Range" && name != "Txn":
	case ctx.Value(beside{}) != nil:
		c.state.Beside++
	default:
		c.state.Rounds++
	}
	text := fmt.Sprint(req)
	if name != "Range" && (name != "Txn" || strings.Contains(text, "request_put") || strings.Contains(text, "request_delete_range")) {
		c.state.Writes[name]++ // a transaction that only reads is none
	}
	if c.calls++; time.Since(c.called) > c.every/8 {
		c.began = time.Now()
	}
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.calls--
		c.called = time.Now()
	}()
	return invoke(ctx, method, req, reply, cc, opts...)
}

// cancelled ends the context and returns true, where a round has been over for a while and the
// next one will begin in a while, be it an interval after the last one began; or where it has to
// be now. No call can begin meanwhile.
func (c *candidate) cancelled(now bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	idle := time.Since(c.called)
	pauses := c.calls == 0 && (idle > c.every/8 && time.Since(c.began) < c.every/2 || idle > 3*c.every)
	if pauses || now {
		c.cancel()
	}
	return pauses || now
}

// run runs the shape until it ends.
func (c *candidate) run(ctx context.Context, shape func(context.Context, *candidate) error) {
	ctx, c.cancel = context.WithCancel(ctx)
	go func() {
		err := shape(ctx, c)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.state.Ended = true
		if err != nil {
			c.state.Err = err.Error()
		}
	}()
}

// lead works under the lock until it is told to leave, and gives the lock up.
func (c *candidate) lead(unlock func(context.Context) error) error {
	c.leads(true)
	<-c.leave
	if err := unlock(context.Background()); err != nil {
		return err
	}
	c.leads(false)
	return nil
}

// told reports whether it was told to leave.
func (c *candidate) told() bool {
	select {
	case <-c.leave:
		return true
	default:
		return false
	}
}

// leads notes whether it has the lock.
func (c *candidate) leads(now bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now && !c.state.Leads {
		c.state.Came = append(c.state.Came, time.Now())
	} else if !now && c.state.Leads {
		c.state.Gone++
	}
	c.state.Leads = now
}

// now returns a copy of the state.
func (c *candidate) now() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.state
	s.Writes = maps.Clone(s.Writes)
	return s
}
