package helper_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	etcdlock "etcdmod/e2e/internal/withoutrereads"

	"go.etcd.io/etcd/client/v3/concurrency"
)

// slack is how much earlier than due a timer of this machine may seem to fire.
const slack = 2 * time.Millisecond

// took runs f and returns how long it ran.
func took(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

// full checks that f takes d, and no release made it shorter.
func full(t *testing.T, what string, d time.Duration, f func()) {
	t.Helper()
	if got := took(f); got < d-slack || got > d+woken {
		t.Errorf("%s took %v, want %v", what, got, d)
	}
}

// early checks that f is ended long before its time.
func early(t *testing.T, what string, f func()) {
	t.Helper()
	if got := took(f); got > woken {
		t.Errorf("%s took %v, although the lock was released", what, got)
	}
}

// noTick checks that nothing arrives within d.
func noTick(t *testing.T, what string, c <-chan time.Time, d time.Duration) {
	t.Helper()
	select {
	case <-c:
		t.Errorf("%s ticked", what)
	case <-time.After(d):
	}
}

// armed returns a pair whose candidate has been refused and watches the holder.
func armed(t *testing.T) pair {
	t.Helper()
	p := contended(t)
	p.m.NewTimer(never) // its clocks are used
	mustBe(t, p.m.TryLock(p.ctx), concurrency.ErrLocked)
	watched(t, p.base, 1)
	return p
}

// release unlocks the holder's mutex, and returns when the candidate knows.
func (p pair) release(t *testing.T) {
	t.Helper()
	must(t, p.holder.Unlock(p.ctx))
	watched(t, p.base, 0)
	eventually(t, "the watch has told what it was told", func() bool { return len(lockGoroutines()) == 0 })
}

func TestReleaseBeforeTheWaitEndsIt(t *testing.T) {
	for name, wait := range map[string]func(*etcdlock.Mutex, time.Duration){
		"Sleep":  func(m *etcdlock.Mutex, d time.Duration) { m.Sleep(d) },
		"After":  func(m *etcdlock.Mutex, d time.Duration) { <-m.After(d) },
		"Timer":  func(m *etcdlock.Mutex, d time.Duration) { <-m.NewTimer(d).C },
		"Ticker": func(m *etcdlock.Mutex, d time.Duration) { <-m.NewTicker(d).C },
		"Tick":   func(m *etcdlock.Mutex, d time.Duration) { <-m.Tick(d) },
		"Reset": func(m *etcdlock.Mutex, d time.Duration) {
			timer := m.NewTimer(d)
			timer.Reset(d)
			<-timer.C
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := armed(t)
			p.release(t)
			early(t, "the first wait", func() { wait(p.m, never) })
			early(t, "the second wait before a try", func() { wait(p.m, never) })
			must(t, p.m.TryLock(p.ctx))
			full(t, "the wait after success", 300*time.Millisecond, func() { wait(p.m, 300*time.Millisecond) })
		})
	}
}

func TestReleaseDuringTheWaitEndsIt(t *testing.T) {
	p := armed(t)
	time.AfterFunc(100*time.Millisecond, func() { _ = p.holder.Unlock(p.ctx) })
	early(t, "the wait", func() { p.m.Sleep(never) })
	must(t, p.m.TryLock(p.ctx))
	full(t, "the wait after success", 300*time.Millisecond, func() { p.m.Sleep(300 * time.Millisecond) })
}

// Code that was written for earlier versions is told, too.
func TestReleasedIsTold(t *testing.T) {
	p := armed(t)
	released := p.m.Released()
	select {
	case <-released:
		t.Fatal("told of a release although the lock is held")
	case <-time.After(100 * time.Millisecond):
	}
	p.release(t)
	early(t, "the wait", func() { <-released })
	must(t, p.m.WatchLockEvery(p.ctx, never))
	must(t, p.m.Unlock(p.ctx))
}

// The clock of a wait that something else has ended fires for nobody: the next one is told
// of the release as well, be it while the loop was busy.
func TestReleaseBetweenTwoWaitsEndsTheSecond(t *testing.T) {
	p := armed(t)
	for range 3 {
		select {
		case <-p.m.After(never):
			t.Fatal("ended although the lock is held")
		case <-time.After(50 * time.Millisecond):
		}
	}
	p.release(t)
	early(t, "the wait", func() { <-p.m.After(never) })
}

// A try that failed in another way says nothing about the lock: without a full wait
// after it, a loop that retries every error would spin.
func TestWaitAfterAnotherErrorIsFull(t *testing.T) {
	const d = 400 * time.Millisecond
	for name, wait := range map[string]func(*etcdlock.Mutex){
		"Sleep": func(m *etcdlock.Mutex) { m.Sleep(d) },
		"After": func(m *etcdlock.Mutex) { <-m.After(d) },
		"Timer": func(m *etcdlock.Mutex) { <-m.NewTimer(d).C },
		"Tick":  func(m *etcdlock.Mutex) { <-m.Tick(d) },
	} {
		t.Run(name, func(t *testing.T) {
			p := armed(t)
			p.release(t)
			short, cancel := context.WithTimeout(p.ctx, 0)
			defer cancel()
			for range 2 {
				mustBe(t, p.m.TryLock(short), context.DeadlineExceeded)
				full(t, "the wait", d, func() { wait(p.m) })
			}
			must(t, p.m.TryLock(p.ctx))
		})
	}
}

// A release that the try has seen itself is no news. Where a clock has fired for it already,
// that costs one try more, and no second one.
func TestFireThatATryMadeOldCostsOneTry(t *testing.T) {
	for name, clock := range map[string]func(*etcdlock.Mutex) <-chan time.Time{
		"Ticker": func(m *etcdlock.Mutex) <-chan time.Time { return m.NewTicker(never).C },
		"Timer":  func(m *etcdlock.Mutex) <-chan time.Time { return m.NewTimer(never).C },
	} {
		t.Run(name, func(t *testing.T) {
			p := armed(t)
			c := clock(p.m)
			p.release(t)
			must(t, p.holder.TryLock(p.ctx))
			mustBe(t, p.m.TryLock(p.ctx), concurrency.ErrLocked)
			early(t, name, func() { <-c })
			noTick(t, name, c, 300*time.Millisecond)
			if name == "Ticker" {
				time.AfterFunc(100*time.Millisecond, func() { _ = p.holder.Unlock(p.ctx) })
				early(t, name, func() { <-c })
			}
		})
	}
}

func TestTickerKeepsItsPhase(t *testing.T) {
	const d = 2 * time.Second
	sometimes(t, func() string {
		p := armed(t)
		ticker, start := p.m.NewTicker(d), time.Now()
		defer ticker.Stop()
		time.Sleep(d / 2)
		p.release(t)
		if first := (<-ticker.C).Sub(start); first > d-slack {
			return fmt.Sprintf("the release ticks after %v", first)
		}
		for i := range 2 {
			tick, due := (<-ticker.C).Sub(start), time.Duration(i+1)*d
			if tick < due-slack {
				t.Errorf("tick %d after %v, due after %v", i+1, tick, due)
			}
			if tick > due+d/4 {
				return fmt.Sprintf("tick %d comes after %v, due after %v", i+1, tick, due)
			}
		}
		return ""
	})
}

func TestSlowReceiverGetsOneTick(t *testing.T) {
	p := armed(t)
	ticker := p.m.NewTicker(50 * time.Millisecond)
	time.Sleep(400 * time.Millisecond)
	ticker.Reset(never)
	noTick(t, "the ticker after Reset", ticker.C, 100*time.Millisecond)
	ticker.Reset(50 * time.Millisecond)
	time.Sleep(400 * time.Millisecond)
	ticker.Stop()
	noTick(t, "the stopped ticker", ticker.C, 100*time.Millisecond)
}

func TestStopAndResetLikeThoseOfPackageTime(t *testing.T) {
	p := armed(t)
	for name, m := range map[string]*etcdlock.Mutex{"mutex": p.m, "nil": nil} {
		timer := m.NewTimer(never)
		if !timer.Stop() {
			t.Errorf("%s: Stop of a running timer is false", name)
		}
		if timer.Stop() {
			t.Errorf("%s: Stop of a stopped timer is true", name)
		}
		if timer.Reset(10 * time.Millisecond) {
			t.Errorf("%s: Reset of a stopped timer is true", name)
		}
		<-timer.C
		if timer.Stop() {
			t.Errorf("%s: Stop of a received fire is true", name)
		}
		timer.Reset(10 * time.Millisecond)
		time.Sleep(200 * time.Millisecond)
		if !timer.Stop() {
			t.Errorf("%s: Stop of an undelivered fire is false", name)
		}
		noTick(t, name+": the stopped timer", timer.C, 50*time.Millisecond)
		timer.Reset(10 * time.Millisecond)
		time.Sleep(200 * time.Millisecond)
		if !timer.Reset(never) {
			t.Errorf("%s: Reset of an undelivered fire is false", name)
		}
		noTick(t, name+": the timer after Reset", timer.C, 50*time.Millisecond)
		// As it was written before Go 1.23.
		if !timer.Stop() {
			<-timer.C
		}
	}
	timer := p.m.NewTimer(never)
	p.release(t)
	if !timer.Stop() {
		t.Error("Stop of an undelivered release is false")
	}
	noTick(t, "the stopped timer", timer.C, 50*time.Millisecond)
	// A release that was stopped ended no wait: it is still to come.
	timer.Reset(never)
	early(t, "the timer after Stop and Reset", func() { <-timer.C })
}

func TestIntervalsThatAreNotPositive(t *testing.T) {
	p := armed(t)
	panics := func(what string, f func()) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Errorf("%s does not panic", what)
			}
		}()
		f()
	}
	for _, m := range []*etcdlock.Mutex{p.m, nil} {
		for _, d := range []time.Duration{0, -1} {
			panics("NewTicker", func() { m.NewTicker(d) })
			panics("Reset", func() { m.NewTicker(never).Reset(d) })
			if m.Tick(d) != nil {
				t.Errorf("Tick(%d) is a channel", d)
			}
			early(t, "Sleep", func() { m.Sleep(d) })
			early(t, "After", func() { <-m.After(d) })
			early(t, "NewTimer", func() { <-m.NewTimer(d).C })
		}
	}
}

func TestClocksOfANilMutexAreThoseOfPackageTime(t *testing.T) {
	t.Parallel()
	var m *etcdlock.Mutex
	const d = 100 * time.Millisecond
	full(t, "Sleep", d, func() { m.Sleep(d) })
	full(t, "After", d, func() { <-m.After(d) })
	full(t, "NewTimer", d, func() { <-m.NewTimer(d).C })
	tick := m.Tick(d)
	full(t, "Tick", 2*d, func() { <-tick; <-tick })
	ticker := m.NewTicker(d)
	defer ticker.Stop()
	full(t, "NewTicker", 2*d, func() { <-ticker.C; <-ticker.C })
}

// A loop that asks its context before it tries does not touch the mutex where that has ended.
func TestEndedContextEndsTheWaitOfANilMutex(t *testing.T) {
	t.Parallel()
	var m *etcdlock.Mutex
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	mustBe(t, m.WatchLock(ctx), context.Canceled)
	mustBe(t, m.WatchLockRetry(ctx, time.Second), context.Canceled)
}

// Nobody holds the lock, or the Mutex itself: there is nothing to wait for.
func TestClocksWithoutAHolderAreThoseOfPackageTime(t *testing.T) {
	p := contended(t)
	const d = 200 * time.Millisecond
	full(t, "Sleep before a try", d, func() { p.m.Sleep(d) })
	full(t, "Sleep of the holder", d, func() { p.holder.Sleep(d) })
	watched(t, p.base, 0)
}

// A deadline of one try is not the one of the wait.
func TestDeadlineOfATryDoesNotCutTheWaitShort(t *testing.T) {
	p := contended(t)
	p.m.NewTimer(never)
	try, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	mustBe(t, p.m.TryLock(try), concurrency.ErrLocked)
	cancel()
	full(t, "Sleep", 300*time.Millisecond, func() { p.m.Sleep(300 * time.Millisecond) })
	watched(t, p.base, 1)
	time.AfterFunc(100*time.Millisecond, func() { _ = p.holder.Unlock(p.ctx) })
	early(t, "Sleep", func() { p.m.Sleep(never) })
}

func TestClocksGoOnAfterTheSession(t *testing.T) {
	p := armed(t)
	must(t, p.session.Close())
	const d = 200 * time.Millisecond
	for range 3 {
		full(t, "Sleep", d, func() { p.m.Sleep(d) })
		if err := p.m.TryLock(p.ctx); err == nil {
			t.Fatal("a session that is closed has locked")
		}
	}
	must(t, p.session.Client().Close())
	full(t, "Sleep", d, func() { p.m.Sleep(d) })
}

// Loops that back off ask for more than the time for which the last try has kept the watch.
func TestLongerWaitKeepsTheWatch(t *testing.T) {
	p := contended(t)
	p.m.Sleep(100 * time.Millisecond)
	mustBe(t, p.m.TryLock(p.ctx), concurrency.ErrLocked) // its watch lasts for a second
	time.AfterFunc(2500*time.Millisecond, func() { _ = p.holder.Unlock(p.ctx) })
	early(t, "Sleep", func() { p.m.Sleep(never) })
	must(t, p.m.TryLock(p.ctx))
}
