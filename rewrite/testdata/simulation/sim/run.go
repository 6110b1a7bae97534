// Package sim runs functions that poll a lock, and what became of them, through the same
// schedules in virtual time, and compares what they do.
//
// In their sources it takes the place of package log, and is asked around each try.
package sim

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// prefix is that of the lock.
const prefix = "/a/"

// A Poll is a function that polls the lock.
type Poll func(context.Context, *concurrency.Session) error

// A Trace is what a function did.
type Trace struct {
	Events   []Event // tries among them
	Beats    []Event // what it sent
	Tries    []Try
	Releases []Freed // of keys that held the lock, until the function ended
	End      string  // how it ended
	EndAt    time.Duration
	Watchers int // how many watches it left behind
}

// running is the end of what did not end.
const running = "running"

// An Event is one thing that can be seen from outside.
type Event struct {
	At   time.Duration
	What string
}

// A Try is one TryLock.
type Try struct {
	At, Until time.Duration // it is asked for, and answered
	Result    string
	Holder    string // the key that holds the lock when it begins, if any
	Writes    int    // what it wrote
}

// A Freed is the deletion of a holder's key.
type Freed struct {
	At   time.Duration
	Key  string
	Next string // who has the lock then, if anybody
}

// run is a run in progress. There is one at a time.
type run struct {
	schedule *Schedule
	store    *clientv3.Store
	start    time.Time
	ticker   *time.Ticker
	beats    chan int

	mu    sync.Mutex
	trace *Trace
	over  bool // what happens from now on does not count
}

var current *run

// limit is how many events a function may have before it counts as gone mad.
const limit = 20000

// Run runs a function through a schedule.
func Run(t *testing.T, f Poll, s *Schedule) *Trace {
	r := &run{schedule: s, trace: &Trace{}}
	synctest.Test(t, func(*testing.T) { r.run(f) })
	return r.trace
}

func (r *run) run(f Poll) {
	current = r
	r.start, r.store = time.Now(), clientv3.NewStore()
	r.ticker, r.beats = time.NewTicker(r.schedule.Interval), make(chan int)
	defer r.ticker.Stop()
	client := clientv3.NewClient(r.store)
	session, _ := concurrency.NewSession(client, concurrency.WithLease(0x1234))
	ctx, cancel := context.WithCancel(context.Background())

	steps := r.schedule.Steps
	for ; len(steps) > 0 && steps[0].At == 0; steps = steps[1:] {
		r.do(steps[0], cancel, session)
	}
	done, quiet := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		defer r.stop(running) // where it has not ended by itself
		r.stop(ending(f(ctx, session)))
	}()
	go func() {
		defer close(quiet)
		for n := range r.beats {
			r.beat(n)
		}
	}()
	steps = append(steps[:len(steps):len(steps)], Step{At: r.schedule.Horizon})
	ended := false
	for _, st := range steps {
		select {
		case <-time.After(time.Until(r.start.Add(st.At))):
			r.do(st, cancel, session)
		case <-done:
			ended = true
		}
		if ended {
			break
		}
	}
	if ended {
		// The watch of a clock outlives the last try by two intervals.
		time.Sleep(2*max(r.schedule.Interval, time.Second) + time.Millisecond)
		r.trace.Watchers = r.store.Watchers()
	}
	r.stop(running)
	cancel()
	session.Expire()
	_ = client.Close()
	<-done
	close(r.beats)
	<-quiet
}

// do carries out a step.
func (r *run) do(st Step, cancel context.CancelFunc, session *concurrency.Session) {
	switch st.Do {
	case Acquire:
		if r.store.First(prefix) == "" {
			r.store.Put(st.Key)
		}
	case Queue:
		if r.store.First(prefix) != "" {
			r.store.Put(st.Key)
		}
	case Release:
		held := r.store.First(prefix) == st.Key
		r.mu.Lock() // before anybody is told
		r.store.Remove(st.Key)
		if held && !r.over {
			r.trace.Releases = append(r.trace.Releases, Freed{r.since(), st.Key, r.store.First(prefix)})
		}
		r.mu.Unlock()
	case Down:
		r.store.SetDown(true)
	case Up:
		r.store.SetDown(false)
	case Break:
		r.store.BreakWatches()
	case Mute:
		r.store.Mute()
	case Cancel:
		cancel()
	case Expire:
		session.Expire()
	}
}

func (r *run) since() time.Duration { return time.Since(r.start) }

// see adds an event. A function that goes on although its time is over ends here.
func (r *run) see(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.trace.Events) == limit && !r.over {
		r.over, r.trace.End, r.trace.EndAt = true, "too many events", r.since()
	}
	if r.over {
		runtime.Goexit()
	}
	r.trace.Events = append(r.trace.Events, Event{r.since(), what})
}

func (r *run) beat(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over {
		r.trace.Beats = append(r.trace.Beats, Event{r.since(), fmt.Sprint("beat ", n)})
	}
}

// stop notes how the function ended, once.
func (r *run) stop(how string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over {
		r.over, r.trace.End, r.trace.EndAt = true, how, r.since()
	}
}

func ending(err error) string { return fmt.Sprintf("returns %v", err) }

// Print is log.Print.
func Print(v ...any) { current.see("logs " + fmt.Sprint(v...)) }

// Fatal is log.Fatal: nothing happens after it.
func Fatal(v ...any) {
	current.see("exits: " + fmt.Sprint(v...))
	current.stop("exits")
	runtime.Goexit()
}

// Work is the work that is done under the lock, or without it.
func Work() { current.see("works") }

// Begin is called before a try.
func Begin() Try {
	return Try{At: current.since(), Holder: current.store.First(prefix), Writes: current.store.Writes()}
}

// Answer is given the outcome of a try, and takes its time to pass it on.
func (t Try) Answer(err error) error {
	r := current
	t.Writes = r.store.Writes() - t.Writes
	switch {
	case err == nil:
		t.Result = "won"
	case errors.Is(err, concurrency.ErrLocked):
		t.Result = locked
	default:
		t.Result = err.Error()
	}
	r.see("tries: " + t.Result)
	time.Sleep(r.schedule.Lag)
	t.Until = r.since()
	r.mu.Lock()
	r.trace.Tries = append(r.trace.Tries, t)
	r.mu.Unlock()
	return err
}

const locked = "locked"

// Interval is the interval of the clocks.
func Interval() time.Duration { return current.schedule.Interval }

// Ticker is a ticker that was made elsewhere.
func Ticker() *time.Ticker { return current.ticker }

// Beats is a channel that somebody else reads.
func Beats() chan int { return current.beats }
