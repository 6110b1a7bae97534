package sim

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"time"
)

// A Schedule is what happens to the lock while a function waits for it, by virtual time.
type Schedule struct {
	Interval time.Duration // of the clocks whose interval is not in the function
	Lag      time.Duration // from a try to its answer
	Horizon  time.Duration // when what has not ended is stopped
	Steps    []Step        // in the order of time
}

// A Step is one thing that happens.
type Step struct {
	At  time.Duration
	Do  Deed
	Key string // of other candidates
}

// A Deed is what somebody else does.
type Deed string

// What may happen.
const (
	Acquire Deed = "acquire" // a candidate takes the lock if it is free
	Queue   Deed = "queue"   // a candidate puts its key behind the holder's
	Release Deed = "release" // a candidate's key is deleted
	Down    Deed = "down"    // calls fail from now on
	Up      Deed = "up"      // calls work again
	Break   Deed = "break"   // watches end with an error
	Mute    Deed = "mute"    // watches tell nothing from now on
	Cancel  Deed = "cancel"  // the function's context ends
	Expire  Deed = "expire"  // the function's session ends
)

func (s *Schedule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "interval %v, lag %v, until %v:", s.Interval, s.Lag, s.Horizon)
	for _, st := range s.Steps {
		fmt.Fprintf(&b, "\n\t%v %s %s", st.At, st.Do, st.Key)
	}
	return b.String()
}

// when returns the time of the first step of that kind, or the horizon.
func (s *Schedule) when(d Deed) time.Duration {
	for _, st := range s.Steps {
		if st.Do == d {
			return st.At
		}
	}
	return s.Horizon
}

// taken reports whether somebody takes the lock between two times.
func (s *Schedule) taken(from, to time.Duration) bool {
	return slices.ContainsFunc(s.Steps, func(st Step) bool { return st.Do == Acquire && from <= st.At && st.At <= to })
}

// troubled reports whether a watch may be late at that time: it or the calls that make
// good for it have failed a little before, or do so now.
func (s *Schedule) troubled(at time.Duration) bool {
	failing := false
	for _, st := range s.Steps {
		if st.At > at {
			break
		}
		switch st.Do {
		case Down, Mute:
			failing = true
		case Up:
			failing = s.when(Mute) <= at
			fallthrough
		case Break:
			if st.At > at-2*slowInterval {
				return true
			}
		}
	}
	return failing
}

// faulty reports whether calls or watches fail at any time.
func (s *Schedule) faulty() bool {
	return slices.ContainsFunc(s.Steps, func(st Step) bool { return st.Do == Down || st.Do == Break || st.Do == Mute })
}

// plain are the schedules that show each way in which a function ends.
func plain(interval, horizon time.Duration) []*Schedule {
	held := Step{0, Acquire, "/a/other"}
	early := 2*interval + interval/3 + 1
	var out []*Schedule
	for _, steps := range [][]Step{
		{},
		{{0, Cancel, ""}},
		{held, {early, Cancel, ""}},
		{held, {interval / 200, Cancel, ""}}, // before the first answer, here and below
		{{0, Down, ""}, {interval / 200, Cancel, ""}, {horizon - 1, Up, ""}},
		{{0, Expire, ""}, {interval / 200, Cancel, ""}},
		{held, {early, Down, ""}, {3*interval + interval/200, Cancel, ""}, {horizon - 1, Up, ""}}, // clocks that tick first
		{held, {early, Release, held.Key}},
		{held, {early, Expire, ""}, {3 * early, Cancel, ""}},
		{{0, Down, ""}, {horizon - 1, Up, ""}},
		{{0, Expire, ""}},
	} {
		out = append(out, &Schedule{Interval: interval, Lag: interval / 100, Horizon: horizon, Steps: steps})
	}
	return out
}

// random makes a schedule. Its times have nanoseconds, so that nothing happens at the very
// moment of a try, where the outcome would be anybody's guess.
func random(r *rand.Rand, interval, horizon time.Duration) *Schedule {
	s := &Schedule{Interval: interval, Horizon: horizon, Lag: interval/50 + time.Duration(r.Int63n(int64(interval/20)))}
	chance := func(percent int) bool { return r.Intn(100) < percent }
	upTo := func(d time.Duration) time.Duration { return 1 + time.Duration(r.Int63n(int64(d))) }
	add := func(at time.Duration, do Deed, key string) { s.Steps = append(s.Steps, Step{at, do, key}) }
	at := time.Duration(0)
	if chance(15) {
		at = upTo(2 * interval)
	}
	for i := 0; at < horizon; i++ {
		key := fmt.Sprintf("/a/other%d", i)
		end := at + upTo(5*interval)
		add(at, Acquire, key)
		if chance(20) { // others who are about to lose, or wait in line for a moment
			from := at + upTo(end-at)
			for j := range 1 + r.Intn(maxCrowd) {
				other := fmt.Sprintf("%s-%d", key, j)
				add(from, Queue, other)
				add(from+upTo(2*interval), Release, other)
			}
		}
		add(end, Release, key)
		switch at = end; {
		case chance(40): // taken over at once
		case chance(50):
			at += upTo(interval)
		default:
			at += upTo(3 * interval)
		}
	}
	if chance(30) {
		from := upTo(horizon / 2)
		add(from, Down, "")
		add(from+upTo(2*interval), Up, "")
	}
	for chance(20) {
		add(upTo(horizon/2), Break, "")
	}
	if chance(15) {
		add(upTo(horizon/2), Mute, "")
	}
	if chance(40) {
		add(upTo(horizon/2), Cancel, "")
	}
	if chance(20) {
		add(upTo(horizon/2), Expire, "")
	}
	slices.SortStableFunc(s.Steps, func(a, b Step) int { return int(a.At - b.At) })
	s.Steps = slices.DeleteFunc(s.Steps, func(st Step) bool { return st.At >= horizon })
	return s
}
