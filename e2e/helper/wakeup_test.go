package helper_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
	etcdlock "etcdmod/e2e/internal/withoutrereads"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// enough is how many hand-overs the long form makes at least. It makes 13,760, and the
// quick form 1,720.
const enough = 10_000

// The moments of a waiter at which the holder releases the lock.
const (
	anyTime     = "any time"
	beforeRead  = "before a read"
	afterRead   = "between a read and what follows"
	afterTry    = "between a refused try and the wait"
	beforeWatch = "before the watch is asked for"
	afterWatch  = "when the watch is there"
	// While somebody else holds the lock, only a waiter that has read before writes.
	beforeWrite = "before a write"
	afterWrite  = "between a write and what follows"
)

var (
	moments       = []string{anyTime, beforeRead, afterRead, afterTry, beforeWatch, afterWatch}
	faultyMoments = []string{beforeWrite, afterWrite}
)

// The faults that tries and Unlock meet.
const (
	replyLost   = "the reply to a write lost"
	unsent      = "a delete not sent"
	deletedLost = "the reply to a delete lost"
	tooShort    = "a deadline between one and two round trips"
)

// Each round, one candidate holds the lock and the others start to wait. It releases
// at a moment of one of them, before that one goes on or beside it, or at a random
// time; random delays stretch what lies between. Then the next holder releases, until
// all have had it. Nobody polls, and the slow read comes too late to hide that a
// wake-up was lost.
//
// It is done twice: with calls that succeed, and with calls that do not. There a
// candidate tries again after an error, as loops do, and must leave no key of a try
// that it does not know the end of.
func TestNoWakeUpIsLost(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, 1) // for all: what one writes makes the watch of another late
	var handOvers atomic.Int64
	planned, more := 0, 1
	if long {
		more = 8
	}
	server := watchDelays(t, c)
	calm, troubled := newTally(), newTally()
	t.Run("all", func(t *testing.T) {
		run := func(name string, n, rounds int, faults bool, of func(i int) way) {
			planned += rounds * (n - 1)
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				g := &game{t: t, c: c, server: server, trigger: trigger{moments: moments, tally: calm, patience: patience}}
				if faults {
					g.trigger.moments, g.trigger.tally = slices.Concat(moments, faultyMoments, faultyMoments), troubled
					g.faults = troubled
				}
				handOvers.Add(int64(g.play(n, rounds, of)))
			})
		}
		for n, rounds := range map[int]int{2: 40, 3: 12, 5: 3} {
			for _, w := range slices.Concat(ways, distracted) {
				for _, faults := range []bool{false, true} {
					name := fmt.Sprintf("%d candidates %s", n, w.name)
					if faults {
						name += " with faults"
					}
					run(name, n, more*rounds, faults, func(int) way { return w })
				}
			}
		}
		all := func(i int) way { return ways[i%len(ways)] }
		run("4 candidates of all ways", 4, more*8, false, all)
		run("4 candidates of all ways with faults", 4, more*8, true, all)
	})
	if long && planned < enough {
		t.Errorf("%d hand-overs, want %d", planned, enough)
	}
	if int(handOvers.Load()) < planned {
		return // a part was asked for, or has failed
	}
	// Whatever is to be proved happens. On a busy machine a waiter may have come too late to
	// one of the moments whenever that was looked for: those are waited for.
	for name, part := range map[string]struct {
		faults bool
		wanted []string
		tally  *tally
	}{
		"calm":        {false, moments, calm},
		"with faults": {true, slices.Concat(moments, faultyMoments, []string{replyLost, unsent, deletedLost, tooShort}), troubled},
	} {
		for missing := part.tally.missing(part.wanted); len(missing) > 0 && !t.Failed(); missing = part.tally.missing(part.wanted) {
			t.Run(fmt.Sprintf("%s, for %q", name, missing), func(t *testing.T) {
				g := &game{t: t, c: c, server: server, trigger: trigger{tally: part.tally, patience: time.Second}}
				if part.faults {
					g.faults = part.tally
				}
				g.trigger.moments = slices.DeleteFunc(missing, func(what string) bool {
					return !slices.Contains(moments, what) && !slices.Contains(faultyMoments, what)
				})
				if len(g.trigger.moments) == 0 { // faults are missing, which come at any time
					g.trigger.moments = []string{anyTime}
				}
				g.play(4, 8, func(i int) way { return ways[i%len(ways)] })
			})
		}
	}
	t.Logf("%d hand-overs\nreleased %v\nwith faults %v", handOvers.Load(), calm, troubled)
}

// A game hands one lock around.
type game struct {
	t       *testing.T
	c       *cluster.Cluster
	server  *delays
	trigger trigger
	faults  *tally // nil: none
	trace   trace
}

// play returns how many hand-overs there were.
func (g *game) play(n, rounds int, of func(i int) way) int {
	t, lock := g.t, prefix+"/"+g.t.Name()
	ctx, cancel := context.WithCancel(limited(g.t))
	var waiting sync.WaitGroup
	defer func() { // of the waits that a failure leaves
		cancel()
		waiting.Wait()
	}()
	mutexes := make([]*etcdlock.Mutex, n)
	acquire := make([]func(context.Context) error, n)
	for i := range n {
		w, stretched := of(i), &wire{}
		g.stretch(stretched, i)
		if g.faults != nil {
			w.perTry = hurry
		}
		mutexes[i] = etcdlock.NewMutex(g.c.Session(g.c.Client(stretched.option)), lock)
		acquire[i] = w.acquire(mutexes[i], never, func() { g.trace.add(i, "refused"); g.at(afterTry) })
	}
	holder, observer := 0, g.c.Client()
	must(t, g.insist(ctx, mutexes[0].TryLock))
	var slowest time.Duration
	for round := range rounds {
		got := make(chan int, n)
		for i := range n {
			if i == holder {
				continue
			}
			waiting.Go(func() {
				time.Sleep(upTo(2 * time.Millisecond))
				if err := g.insist(ctx, acquire[i]); err != nil {
					if ctx.Err() != nil && t.Failed() {
						return
					}
					t.Errorf("round %d, candidate %d: %v", round, i, err)
					return
				}
				got <- i
			})
		}
		for left := n - 1; left > 0; left-- {
			done := g.trigger.wait()
			if g.faults != nil && left > 1 {
				g.trigger.park()
			}
			must(t, g.insist(ctx, mutexes[holder].Unlock))
			released := time.Now()
			done()
			select {
			case holder = <-got:
			case <-ctx.Done():
				t.Fatalf("round %d: nobody came", round)
			}
			took := time.Since(released)
			slowest = max(slowest, took)
			// The news of the release, a read, a write and its answer may each have met the same stall.
			if stalled := g.server.since(released); took > woken+4*stalled {
				t.Fatalf("round %d: the lock was free for %v, and the server has stalled for %v\n%s", round, took, stalled, &g.trace)
			}
		}
		waiting.Wait()
		if keys := g.c.Keys(observer, lock+"/"); len(keys) != 1 || keys[0] != mutexes[holder].Key() {
			t.Fatalf("round %d: %q, the holder's is %q", round, keys, mutexes[holder].Key())
		}
	}
	t.Logf("%d hand-overs, slowest %v", rounds*(n-1), slowest)
	must(t, g.insist(ctx, mutexes[holder].Unlock))
	if keys := g.c.Keys(observer, lock+"/"); len(keys) > 0 {
		t.Errorf("left behind: %q", keys)
	}
	return rounds * (n - 1)
}

// insist calls f until it succeeds, where calls may fail: for a fault, or since the server
// stands still.
func (g *game) insist(ctx context.Context, f func(context.Context) error) error {
	for {
		err := f(ctx)
		if err == nil || ctx.Err() != nil || g.faults == nil && !errors.Is(err, rpctypes.ErrTimeout) {
			return err
		}
		time.Sleep(upTo(3 * time.Millisecond))
	}
}

// at is called by the waiters. Without a release, they are late now and then.
func (g *game) at(moment string) {
	if !g.trigger.at(moment) && rand.Intn(2) == 0 {
		time.Sleep(upTo(3 * time.Millisecond))
	}
}

func (g *game) stretch(w *wire, i int) {
	moments := map[string][2]string{rangeCall: {beforeRead, afterRead}, txnCall: {beforeWrite, afterWrite}}
	w.onWatch(func() { g.trace.add(i, "asks for a watch"); g.at(beforeWatch) })
	w.onWatched(func() { g.trace.add(i, "watches"); g.at(afterWatch) })
	w.set(func(ctx context.Context, method string) error {
		g.trace.add(i, method+" sent")
		if m, ok := moments[method]; ok {
			g.at(m[0])
		}
		return g.lose(ctx, method, true)
	}, func(ctx context.Context, method string) error {
		g.trace.add(i, method+" answered")
		if m, ok := moments[method]; ok {
			g.at(m[1])
		}
		return g.lose(ctx, method, false)
	})
}

// lose gives a call the error that it ends with, if it is to fail: before it is sent,
// or after the server has done what it asked for.
func (g *game) lose(ctx context.Context, method string, before bool) error {
	if g.faults == nil {
		return nil
	}
	if h, ok := ctx.Value(hurriedKey{}).(*hurried); ok && h.over(before) {
		g.faults.add(tooShort)
		h.end()
		return hang(ctx)
	}
	fault := map[string]string{txnCall: replyLost, deleteCall: deletedLost}[method]
	if before {
		fault = map[string]string{deleteCall: unsent}[method]
	}
	if fault == "" || rand.Intn(6) > 0 {
		return nil
	}
	g.faults.add(fault)
	return status.Error(codes.Unavailable, fault)
}

// patience is how long a moment is waited for that may not come at all.
const patience = 30 * time.Millisecond

// A trigger releases the lock when a waiter comes to a moment.
type trigger struct {
	moments  []string
	tally    *tally
	patience time.Duration

	mu      sync.Mutex
	armed   *shot
	parking bool          // the next write waits
	parked  chan struct{} // until this is closed
}

type shot struct {
	moment  string
	reached chan struct{}
	done    chan struct{} // the lock is released
	beside  bool          // the waiter goes on while it is being released
}

// park keeps the waiter back that writes first after the coming release, until another
// has the lock: so somebody writes beside a holder, which chance alone brings about too
// seldom. Another waiter must be there.
func (g *trigger) park() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.parking = true
}

// wait returns when the lock is to be released; the caller says when it is.
func (g *trigger) wait() (done func()) {
	s := &shot{
		moment:  g.moments[rand.Intn(len(g.moments))],
		reached: make(chan struct{}),
		done:    make(chan struct{}),
		beside:  rand.Intn(3) == 0,
	}
	g.mu.Lock()
	if g.parked != nil {
		s.moment = faultyMoments[rand.Intn(len(faultyMoments))]
		close(g.parked)
	}
	g.armed, g.parking, g.parked = s, false, nil
	g.mu.Unlock()
	limit := upTo(12 * time.Millisecond)
	if s.moment != anyTime {
		limit = g.patience
	}
	select {
	case <-s.reached:
		g.tally.add(s.moment)
	case <-time.After(limit):
		g.tally.add(anyTime)
	}
	g.mu.Lock()
	g.armed = nil
	g.mu.Unlock()
	return func() { close(s.done) }
}

// at reports whether this was the moment.
func (g *trigger) at(moment string) bool {
	g.mu.Lock()
	if g.parking && moment == beforeWrite {
		parked := make(chan struct{})
		g.parking, g.parked = false, parked
		g.mu.Unlock()
		select {
		case <-parked:
		case <-time.After(2 * g.patience / 3): // a key that only it can remove may be in the way
		}
		g.mu.Lock()
	}
	s := g.armed
	if s == nil || s.moment != moment {
		g.mu.Unlock()
		return false
	}
	g.armed = nil
	g.mu.Unlock()
	close(s.reached)
	if !s.beside {
		<-s.done
	}
	return true
}

// A tally counts what happened.
type tally struct {
	mu sync.Mutex
	n  map[string]int
}

func newTally() *tally { return &tally{n: map[string]int{}} }

func (c *tally) add(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[what]++
}

// missing gives what has not happened yet.
func (c *tally) missing(all []string) (out []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, what := range all {
		if c.n[what] == 0 {
			out = append(out, what)
		}
	}
	return out
}

func (c *tally) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprint(c.n)
}
