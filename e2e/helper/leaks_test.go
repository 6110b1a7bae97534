package helper_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
	etcdlock "etcdmod/e2e/internal/withoutrereads"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"
)

// streams counts the streams that a client has open, by method.
type streams struct {
	mu   sync.Mutex
	open map[string]int
}

// A call is what the handler of one call knows about it.
type call struct {
	method string
	stream bool
}

type callKey struct{}

func (s *streams) option(cfg *clientv3.Config) {
	cfg.DialOptions = append(cfg.DialOptions, grpc.WithStatsHandler(s))
}

func (s *streams) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, callKey{}, &call{method: info.FullMethodName})
}

func (s *streams) HandleRPC(ctx context.Context, event stats.RPCStats) {
	c := ctx.Value(callKey{}).(*call)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch event := event.(type) {
	case *stats.Begin:
		if c.stream = event.IsClientStream || event.IsServerStream; c.stream {
			s.open[c.method]++
		}
	case *stats.End:
		if c.stream {
			if s.open[c.method]--; s.open[c.method] == 0 {
				delete(s.open, c.method)
			}
		}
	}
}

func (s *streams) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (s *streams) HandleConn(context.Context, stats.ConnStats)                       {}

func (s *streams) now() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.open)
}

const watchStreams = "/etcdserverpb.Watch/Watch"

// A thousand waits in all, and a thousand in each way in the long form. All ways wait
// at the same time, on one client. Three of four waits are cancelled.
func TestWaitsLeaveNothingBehind(t *testing.T) {
	c := cluster.Start(t, 1)
	base, ctx := cluster.Watchers(t), limited(t)
	open := &streams{open: map[string]int{}}
	cli, other := c.Client(open.option), c.Client()
	blocking := func(name string, f func(m *etcdlock.Mutex, ctx context.Context) error) way {
		return way{name: name, block: func(m *etcdlock.Mutex) func(context.Context) error {
			return func(ctx context.Context) error { return f(m, ctx) }
		}}
	}
	all := append([]way{
		blocking("Lock", (*etcdlock.Mutex).Lock),
		blocking("WatchLockRetry", func(m *etcdlock.Mutex, ctx context.Context) error {
			return m.WatchLockRetry(ctx, never)
		}),
	}, ways...)
	each := (1000 + len(all) - 1) / len(all)
	if long {
		each = 1000
	}
	var repeats []func(int)
	for _, w := range all {
		lock := prefix + "/" + w.name
		holder, m := etcdlock.NewMutex(c.Session(other), lock), etcdlock.NewMutex(c.Session(cli), lock)
		d := never
		if w.name == "Sleep" {
			d = 5 * time.Millisecond // no context ends it
		}
		acquire := w.acquire(m, d, func() {})
		repeats = append(repeats, func(n int) {
			if err := waitOften(ctx, holder, m, acquire, n); err != nil {
				t.Errorf("%s: %v", w.name, err)
			}
		})
	}
	run := func(n int) {
		var waiting sync.WaitGroup
		for _, repeat := range repeats {
			waiting.Go(func() { repeat(n) })
		}
		waiting.Wait()
		watched(t, base, 0)
		eventually(t, "no goroutine of the helper", func() bool { return len(lockGoroutines()) == 0 })
		// The client keeps a stream whose first watch was cancelled before it was sent,
		// until the next watch on it ends. It has one stream for watches with a leader
		// and one for those without, as Lock asks for.
		if n := open.now()[watchStreams]; n > 2 {
			t.Errorf("%d watch streams", n)
		}
		for _, ctx := range []context.Context{ctx, clientv3.WithRequireLeader(ctx)} {
			ctx, cancel := context.WithCancel(ctx)
			events := cli.Watch(ctx, prefix)
			cancel()
			for range events {
			}
		}
		eventually(t, "no watch stream", func() bool { return open.now()[watchStreams] == 0 })
	}
	run(1) // the client's and the servers' own
	goroutines, before := goleak.IgnoreCurrent(), open.now()
	run(each)
	if err := goleak.Find(goroutines); err != nil {
		t.Error(err)
	}
	if after := open.now(); !maps.Equal(before, after) {
		t.Errorf("open streams: %v before, %v after", before, after)
	}
	t.Logf("%d waits in each of %d ways; open streams: %v", each, len(all), open.now())
}

// waitOften makes n waits, and has the holder release in every fourth. The holder has
// the lock in the meantime, and nobody afterwards.
func waitOften(ctx context.Context, holder, m *etcdlock.Mutex, acquire func(context.Context) error, n int) error {
	if err := holder.Lock(ctx); err != nil {
		return err
	}
	for i := range n {
		if i%4 != 0 {
			short, cancel := context.WithTimeout(ctx, upTo(6*time.Millisecond))
			err := acquire(short)
			cancel()
			if err == nil {
				return errors.New("locked although the lock was held")
			}
			continue
		}
		released := make(chan error, 1)
		time.AfterFunc(upTo(6*time.Millisecond), func() { released <- holder.Unlock(ctx) })
		unlocked := func(context.Context) error { return <-released }
		// TryLock tells the clocks, where Lock or WatchLock has locked.
		for _, step := range []func(context.Context) error{acquire, unlocked, m.TryLock, m.Unlock, holder.Lock} {
			if err := step(ctx); err != nil {
				return err
			}
		}
	}
	// Success ends the watch of the clocks.
	for _, step := range []func(context.Context) error{holder.Unlock, m.TryLock, m.Unlock} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func TestForgottenStopLeavesNothing(t *testing.T) {
	p := contended(t)
	const d = time.Second
	ticker := p.m.NewTicker(d)   // never stopped
	sometimes(t, func() string { // a try within 2 d keeps the watch
		mustBe(t, p.m.TryLock(p.ctx), concurrency.ErrLocked)
		watched(t, p.base, 1)
		time.Sleep(d)
		mustBe(t, p.m.TryLock(p.ctx), concurrency.ErrLocked)
		time.Sleep(d)
		if got := cluster.Watchers(t) - p.base; got != 1 {
			return fmt.Sprintf("there are %d watchers between tries", got)
		}
		return ""
	})
	// Without tries it is dropped, and then not asked for again.
	start := time.Now()
	watched(t, p.base, 0)
	if got := time.Since(start); got > 2*d+woken {
		t.Errorf("the watch was dropped after %v", got)
	}
	<-ticker.C
	<-ticker.C
	noWatch := func(when string) {
		t.Helper()
		if got := cluster.Watchers(t) - p.base; got != 0 {
			t.Errorf("%s: %d watchers", when, got)
		}
		eventually(t, when+": no goroutine", func() bool { return len(lockGoroutines()) == 0 })
	}
	noWatch("without tries")
	// The next refused try starts it, for as long, and success drops it.
	mustBe(t, p.m.TryLock(p.ctx), concurrency.ErrLocked)
	watched(t, p.base, 1)
	watched(t, p.base, 0)
	mustBe(t, p.m.TryLock(p.ctx), concurrency.ErrLocked)
	watched(t, p.base, 1)
	must(t, p.holder.Unlock(p.ctx))
	must(t, p.m.TryLock(p.ctx))
	watched(t, p.base, 0)
	<-ticker.C
	noWatch("after success")
}

func TestTryLockAloneOpensNoWatch(t *testing.T) {
	p := contended(t)
	var watches atomic.Int64
	p.wire.onWatch(func() { watches.Add(1) })
	for range 20 {
		mustBe(t, p.m.TryLock(p.ctx), concurrency.ErrLocked)
	}
	if watches.Load() != 0 || len(lockGoroutines()) != 0 {
		t.Errorf("%d watches, goroutines:\n%s", watches.Load(), strings.Join(lockGoroutines(), "\n\n"))
	}
}

// A hundred rounds with a deadline each, and a thousand in the long form: of LockWithin on a session that is made for
// the try, and of CampaignWithin. Four of five locks and elections are another's throughout; the fifth goes from hand to
// hand, and rounds at it fail and win.
func TestRoundsOfTriesLeaveNothingBehind(t *testing.T) {
	const workers = 10
	c := cluster.Start(t, 1)
	base, ctx := cluster.Watchers(t), limited(t)
	open := &streams{open: map[string]int{}}
	cli, other := c.Client(open.option), c.Session(c.Client())
	at := func(what string, i int) string { return fmt.Sprint(prefix, "/", what, "/", i%5) }
	for i := range 4 {
		must(t, concurrency.NewMutex(other, at("lock", i)).Lock(ctx))
		must(t, concurrency.NewElection(other, at("lead", i)).Campaign(ctx, "other"))
	}
	campaigning := make([]*concurrency.Session, workers)
	for i := range campaigning {
		campaigning[i] = c.Session(cli)
	}
	var wins atomic.Int64
	lock := func(i int) error {
		s, err := etcdlock.NewSession(cli, etcdlock.WithTTL(10))
		if err != nil {
			return err
		}
		defer s.Close()
		m := etcdlock.NewMutexOf(s, at("lock", i))
		short, cancel := context.WithTimeout(ctx, 260*time.Millisecond+upTo(40*time.Millisecond))
		defer cancel()
		if err := m.LockWithin(short); err != nil {
			return err
		}
		wins.Add(1)
		time.Sleep(upTo(200 * time.Millisecond))
		return m.Unlock(ctx)
	}
	lead := func(i int) error {
		e := concurrency.NewElection(campaigning[i], at("lead", i))
		short, cancel := context.WithTimeout(ctx, 260*time.Millisecond+upTo(40*time.Millisecond))
		defer cancel()
		if err := etcdlock.CampaignWithin(short, campaigning[i], e, "me"); err != nil {
			return err
		}
		wins.Add(1)
		time.Sleep(upTo(200 * time.Millisecond))
		return e.Resign(ctx)
	}
	run := func(n int) {
		var trying sync.WaitGroup
		for i := range workers {
			for _, round := range []func(int) error{lock, lead} {
				trying.Go(func() {
					for range n {
						if err := round(i); err != nil && err != context.DeadlineExceeded {
							t.Errorf("%v", err)
						}
					}
				})
			}
		}
		trying.Wait()
		watched(t, base, 0)
		eventually(t, "no goroutine of the helper", func() bool { return len(lockGoroutines()) == 0 })
	}
	leases := func() int {
		resp, err := cli.Leases(ctx)
		must(t, err)
		return len(resp.Leases)
	}
	run(1) // the client's and the servers' own
	goroutines, granted := goleak.IgnoreCurrent(), leases()
	rounds := 5
	if long {
		rounds = 50
	}
	run(rounds)
	eventually(t, "no lease more than before", func() bool { return leases() == granted })
	resp, err := cli.Get(ctx, prefix, clientv3.WithPrefix(), clientv3.WithKeysOnly())
	must(t, err)
	if len(resp.Kvs) != 8 { // the other's
		t.Errorf("keys: %v", resp.Kvs)
	}
	if err := goleak.Find(goroutines); err != nil {
		t.Error(err)
	}
	t.Logf("%d rounds, %d of them won", 2*workers*rounds, wins.Load())
	if wins.Load() == 0 {
		t.Error("no round has won")
	}
}
