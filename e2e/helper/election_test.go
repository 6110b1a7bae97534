package helper_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
	etcdlock "etcdmod/e2e/internal/withoutrereads"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

const office = "elections/a"

// ballot is a cluster of one with a leader and a second candidate, each of its own client.
type ballot struct {
	*cluster.Cluster
	ctx       context.Context
	base      int // watchers before anybody waited
	leader, e *concurrency.Election
	session   *concurrency.Session // of e
	wire      *wire                // of e's client
}

// elected returns one whose leader leads.
func elected(t *testing.T, options ...concurrency.SessionOption) ballot {
	t.Helper()
	b := ballot{Cluster: cluster.Start(t, 1), ctx: limited(t), wire: &wire{}}
	b.base = cluster.Watchers(t)
	b.leader = concurrency.NewElection(b.Session(b.Client()), office)
	b.session = b.Session(b.Client(b.wire.option), options...)
	b.e = concurrency.NewElection(b.session, office)
	must(t, b.leader.Campaign(b.ctx, "leader"))
	return b
}

func (b ballot) asked() <-chan struct{} { return pair{wire: b.wire}.asked() }

// within starts a CampaignWithin that has time, and returns when its watch is asked for.
func (b ballot) within(d time.Duration) <-chan error {
	asked, done := b.asked(), make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(b.ctx, d)
		defer cancel()
		done <- etcdlock.CampaignWithin(ctx, b.session, b.e, "me")
	}()
	<-asked
	return done
}

// queuer queues with the client's Campaign. It returns when the key is there.
func (b ballot) queuer(t *testing.T, keys int) (*concurrency.Election, <-chan error) {
	e, done := concurrency.NewElection(b.Session(b.Client()), office), make(chan error, 1)
	go func() { done <- e.Campaign(b.ctx, "queuer") }()
	b.keys(t, keys)
	return e, done
}

// keys waits until that many candidates have a key.
func (b ballot) keys(t *testing.T, n int) {
	t.Helper()
	cli := b.Client()
	eventually(t, fmt.Sprintf("%d keys", n), func() bool { return len(b.Keys(cli, office)) == n })
}

// The table of entries per failing try has these figures. Code compares the error with ==, as the client gives it.
func TestCampaignWithinWritesNothingWhileAnotherLeads(t *testing.T) {
	b := elected(t)
	const tries = 5
	campaign := func(how string, entries uint64, call func(context.Context) error) {
		index := b.AppliedIndex()
		for range tries {
			ctx, cancel := context.WithTimeout(b.ctx, 300*time.Millisecond)
			full(t, how, 300*time.Millisecond, func() {
				if err := call(ctx); err != context.DeadlineExceeded {
					t.Errorf("%s: %v", how, err)
				}
			})
			cancel()
		}
		if n := b.AppliedIndex() - index; n != tries*entries {
			t.Errorf("%s: %d entries in %d tries, want %d for each", how, n, tries, entries)
		}
		b.keys(t, 1)
	}
	campaign("Campaign", 2, func(ctx context.Context) error { return b.e.Campaign(ctx, "me") })
	campaign("CampaignWithin", 0, func(ctx context.Context) error { return etcdlock.CampaignWithin(ctx, b.session, b.e, "me") })
	watched(t, b.base, 0)
	eventually(t, "no goroutine is left", func() bool { return len(lockGoroutines()) == 0 })
}

func TestCampaignWithinEndsWithItsContext(t *testing.T) {
	t.Parallel()
	b := elected(t)
	asked, done := b.asked(), make(chan error, 1)
	ctx, cancel := context.WithTimeout(b.ctx, never)
	go func() { done <- etcdlock.CampaignWithin(ctx, b.session, b.e, "me") }()
	<-asked
	cancel()
	if err := within(t, woken, done); err != context.Canceled {
		t.Errorf("%v", err)
	}
	if err := etcdlock.CampaignWithin(ctx, b.session, b.e, "me"); err != context.Canceled {
		t.Errorf("after its end: %v", err)
	}
	b.keys(t, 1)
}

func TestCampaignWithinLeadsWhenTheLeaderResigns(t *testing.T) {
	t.Parallel()
	b := elected(t)
	done := b.within(never)
	index := b.AppliedIndex()
	must(t, b.leader.Resign(b.ctx))
	must(t, within(t, woken, done))
	if n := b.AppliedIndex() - index; n != 2 { // the leader's delete and this one's put
		t.Errorf("%d entries", n)
	}
	now, err := b.leader.Leader(b.ctx)
	must(t, err)
	if kv := now.Kvs[0]; string(kv.Value) != "me" || string(kv.Key) != b.e.Key() || kv.CreateRevision != b.e.Rev() {
		t.Errorf("%v leads, and the election says %s at %d", kv, b.e.Key(), b.e.Rev())
	}
	must(t, b.e.Resign(b.ctx))
	b.keys(t, 0)
}

// Whoever leads already goes on leading, with the value of this call.
func TestCampaignWithinOfTheLeader(t *testing.T) {
	t.Parallel()
	b := elected(t)
	must(t, b.leader.Resign(b.ctx))
	for _, e := range []*concurrency.Election{b.e, b.e, concurrency.NewElection(b.session, office)} {
		for _, val := range []string{"first", "first", "second"} {
			ctx, cancel := context.WithTimeout(b.ctx, never)
			must(t, etcdlock.CampaignWithin(ctx, b.session, e, val))
			cancel()
			now, err := e.Leader(b.ctx)
			must(t, err)
			if got := string(now.Kvs[0].Value); got != val || now.Count != 1 {
				t.Errorf("%d candidates, of which %q leads; want %q alone", now.Count, got, val)
			}
		}
	}
}

// One hand-over is missed; the next ones come in turn.
func TestCampaignWithinQueuesBehindOthersAfterAHandOver(t *testing.T) {
	t.Parallel()
	b := elected(t)
	first, firstLeads := b.queuer(t, 2)
	second, secondLeads := b.queuer(t, 3)
	index := b.AppliedIndex()
	done := b.within(never)
	if n := b.AppliedIndex() - index; n != 0 {
		t.Errorf("%d entries behind a queue before a hand-over", n)
	}
	must(t, b.leader.Resign(b.ctx))
	must(t, within(t, woken, firstLeads))
	b.keys(t, 3) // it queues
	third, thirdLeads := b.queuer(t, 4)
	must(t, first.Resign(b.ctx))
	must(t, within(t, woken, secondLeads))
	must(t, second.Resign(b.ctx))
	must(t, within(t, woken, done))
	must(t, b.e.Resign(b.ctx))
	must(t, within(t, woken, thirdLeads))
	must(t, third.Resign(b.ctx))
	b.keys(t, 0)
}

// After a queuer that came and went, callers do not take each other for a queue.
func TestCampaignWithinStaysOutWhereNobodyElseQueues(t *testing.T) {
	t.Parallel()
	b := elected(t)
	queuer, leads := b.queuer(t, 2)
	done := b.within(never)
	again := b.asked() // for a watch of the next leader
	index := b.AppliedIndex()
	must(t, b.leader.Resign(b.ctx))
	must(t, within(t, woken, leads))
	<-again
	if n := b.AppliedIndex() - index; n != 1 { // the leader's delete
		t.Errorf("%d entries", n)
	}
	must(t, queuer.Resign(b.ctx))
	must(t, within(t, woken, done))
	must(t, b.e.Resign(b.ctx))
	b.keys(t, 0)
}

// A session that resigns and campaigns again at once is ahead of whoever asks first, each time: only a place in the queue is
// before it.
func TestCampaignWithinQueuesBehindALeaderThatLeadsAgain(t *testing.T) {
	t.Parallel()
	b := elected(t)
	var reads atomic.Int64
	b.wire.set(func(_ context.Context, call string) error {
		if call == rangeCall && reads.Add(1) == 2 { // the one after the release has to see the next lead
			must(t, b.leader.Campaign(b.ctx, "leader"))
		}
		return nil
	}, nil)
	done := b.within(never)
	must(t, b.leader.Resign(b.ctx))
	b.keys(t, 2)
	must(t, b.leader.Resign(b.ctx))
	must(t, within(t, woken, done))
	must(t, b.e.Resign(b.ctx))
	b.keys(t, 0)
}

// A Campaign whose answer was lost has left its key in the queue. The next one takes it up, and deletes it when it fails, as the
// client's does: otherwise it would lead while nobody knows.
func TestCampaignWithinTakesUpTheKeyOfACampaignThatWasCut(t *testing.T) {
	t.Parallel()
	b := elected(t)
	b.put(t)
	b.keys(t, 2)
	ctx, cancel := context.WithTimeout(b.ctx, time.Second)
	defer cancel()
	mustBe(t, etcdlock.CampaignWithin(ctx, b.session, b.e, "me"), context.DeadlineExceeded)
	b.keys(t, 1)
	b.put(t)
	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(b.ctx, never)
		defer cancel()
		done <- etcdlock.CampaignWithin(ctx, b.session, b.e, "me")
	}()
	must(t, b.leader.Resign(b.ctx))
	must(t, within(t, woken, done))
	must(t, b.e.Resign(b.ctx))
	b.keys(t, 0)
}

// put writes the key of e's session.
func (b ballot) put(t *testing.T) {
	t.Helper()
	lease := b.session.Lease()
	_, err := b.session.Client().Put(b.ctx, fmt.Sprintf("%s/%x", office, lease), "me", clientv3.WithLease(lease))
	must(t, err)
}

// When the session has ended, the error of the client's Campaign says so at once. During a wait it does when the leader has gone;
// the client's would return nil then, with its key gone.
func TestCampaignWithinAndTheEndOfItsSession(t *testing.T) {
	t.Parallel()
	b := elected(t, concurrency.WithTTL(2))
	done := b.within(never)
	_, err := b.session.Client().Revoke(b.ctx, b.session.Lease())
	must(t, err)
	<-b.session.Done()
	want := b.e.Campaign(b.ctx, "me")
	ctx, cancel := context.WithTimeout(b.ctx, never)
	defer cancel()
	if got := etcdlock.CampaignWithin(ctx, b.session, b.e, "me"); got == nil || want == nil || got.Error() != want.Error() {
		t.Errorf("got %v, and the client's is %v", got, want)
	}
	must(t, b.leader.Resign(b.ctx))
	if got := within(t, woken, done); got == nil || got.Error() != want.Error() {
		t.Errorf("got %v, and the client's is %v", got, want)
	}
	b.keys(t, 0)
}

// Where the deletion cannot be watched, the client's Campaign says so.
func TestCampaignWithinHasTheErrorOfAWatchThatBreaks(t *testing.T) {
	t.Parallel()
	b := elected(t)
	done := b.within(never)
	must(t, b.session.Client().Watcher.Close())
	got, want := within(t, woken, done), concurrency.NewElection(b.session, office).Campaign(b.ctx, "me")
	if got == nil || want == nil || got.Error() != want.Error() {
		t.Errorf("got %v, and the client's is %v", got, want)
	}
}

// With hardly any time left, or none to end, it is the client's.
func TestCampaignWithinWithoutTimeToAsk(t *testing.T) {
	t.Parallel()
	b := elected(t)
	index := b.AppliedIndex()
	ctx, cancel := context.WithTimeout(b.ctx, 100*time.Millisecond)
	defer cancel()
	mustBe(t, etcdlock.CampaignWithin(ctx, b.session, b.e, "me"), context.DeadlineExceeded)
	b.keys(t, 1)
	if n := b.AppliedIndex() - index; n != 2 {
		t.Errorf("%d entries", n)
	}
	unbounded, stop := context.WithCancel(context.Background())
	defer stop()
	done := make(chan error, 1)
	go func() { done <- etcdlock.CampaignWithin(unbounded, b.session, b.e, "me") }()
	b.keys(t, 2)
	must(t, b.leader.Resign(b.ctx))
	must(t, within(t, woken, done))
}

// Beside three that queue, one that gives up after a second gets its turns.
func TestCampaignWithinWinsAmongQueuers(t *testing.T) {
	t.Parallel()
	const rounds = 200
	c := cluster.Start(t, 1)
	ctx, cancel := context.WithCancel(limited(t))
	defer cancel()
	var running sync.WaitGroup
	var turns, wins atomic.Int64
	for i := range 3 {
		e := concurrency.NewElection(c.Session(c.Client()), office)
		running.Go(func() {
			for turns.Load() < rounds {
				if err := e.Campaign(t.Context(), "queuer"); err != nil {
					t.Errorf("queuer %d: %v", i, err)
					return
				}
				turns.Add(1)
				time.Sleep(time.Millisecond)
				must(t, e.Resign(t.Context()))
			}
			cancel()
		})
	}
	s := c.Session(c.Client())
	e := concurrency.NewElection(s, office)
	running.Go(func() {
		for ctx.Err() == nil {
			func() {
				try, end := context.WithTimeout(ctx, time.Second)
				defer end()
				if etcdlock.CampaignWithin(try, s, e, "me") == nil {
					wins.Add(1)
					must(t, e.Resign(t.Context()))
				}
			}()
		}
	})
	running.Wait()
	t.Logf("%d wins among %d turns of three queuers", wins.Load(), turns.Load())
	if wins.Load() < rounds/10 {
		t.Errorf("%d wins among %d turns of three queuers", wins.Load(), turns.Load())
	}
}
