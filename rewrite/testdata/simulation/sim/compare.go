package sim

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// What the helper package promises of its waits.
const (
	slowInterval = 5 * time.Second
	maxCrowd     = 3 // other keys beside the holder's
	// spread is the longest span over which a candidate spreads out after a release:
	// 4 ms for each key beside the holder's.
	spread = maxCrowd * 4 * time.Millisecond
	// spinInterval is the wait that is put into a loop without any.
	spinInterval = 100 * time.Millisecond
)

// A Function is one polling function, with what became of it.
type Function struct {
	Name string
	// Phased says that its clock ticks at fixed times, whenever the loop comes to wait.
	Phased bool
	// Spins says that it has no clock.
	Spins                      bool
	Old, Guard, Gate, Collapse Poll
}

// A comparison is that of one function with its rewritten forms.
type comparison struct {
	Function
	rounds map[string]bool // all that the original was seen to do between two tries
	tails  map[string]bool // what it was seen to do at last
	Stats
}

// Stats tell what has been compared, and so whether a comparison says anything.
type Stats struct {
	Runs      int
	OldWrites int // of tries that met a holder
	Early     int // tries of gates at a release
	Won       int // collapsed loops that a release has ended
}

func (s *Stats) add(o Stats) {
	s.Runs += o.Runs
	s.OldWrites += o.OldWrites
	s.Early += o.Early
	s.Won += o.Won
}

// learn takes note of a run of the original.
func (c *comparison) learn(old *Trace) {
	for _, r := range roundsOf(old) {
		c.rounds[r] = true
	}
	if old.End != running {
		c.tails[tailOf(old)] = true
	}
	for _, t := range old.Tries {
		if t.Result == locked {
			c.OldWrites += t.Writes
		}
	}
}

// roundsOf splits what a function did by its tries. The last part has the end, and is not
// there if the function was stopped.
func roundsOf(t *Trace) []string {
	var out []string
	round := ""
	for _, e := range t.Events {
		if strings.HasPrefix(e.What, "tries: ") && round != "" {
			out = append(out, round)
			round = ""
		}
		round += e.What + "; "
	}
	if t.End != running {
		out = append(out, round+t.End)
	}
	return out
}

// tailOf is what a function did after its last try.
func tailOf(t *Trace) string {
	rounds := roundsOf(t)
	last := rounds[len(rounds)-1]
	if strings.HasPrefix(last, "tries: ") {
		_, last, _ = strings.Cut(last, "; ")
	}
	return last
}

// guard demands the same of both at the same times, and no write where another holds the lock.
func (c *comparison) guard(old, got *Trace) error {
	for _, t := range got.Tries {
		if t.Result == locked && t.Writes > 0 {
			return fmt.Errorf("the try at %v wrote although %s holds the lock", t.At, t.Holder)
		}
	}
	switch {
	case !reflect.DeepEqual(old.Events, got.Events):
		return fmt.Errorf("it does something else, or at another time")
	case !reflect.DeepEqual(old.Beats, got.Beats):
		return fmt.Errorf("it sends something else, or at another time")
	case old.End != got.End || old.EndAt != got.EndAt:
		return fmt.Errorf("it ends in another way or at another time")
	case got.Watchers > 0:
		return fmt.Errorf("%d watches are left", got.Watchers)
	}
	return nil
}

// gate demands tries at the old times and at releases, at no other time and none less;
// rounds that are the original's; and the end no later than the original's.
func (c *comparison) gate(s *Schedule, old, got *Trace) error {
	early := false
	for i, t := range got.Tries {
		if t.Result == locked && t.Writes > 0 {
			return fmt.Errorf("the try at %v wrote although %s holds the lock", t.At, t.Holder)
		}
		switch {
		case c.tied(s, old, got, i):
			early = true
		case c.regular(s, old, got, i):
		case i > 0 && atRelease(s, got, got.Tries[i-1], t):
			early = true
			c.Early++
		default:
			return fmt.Errorf("the try at %v is at no old time and at no release", t.At)
		}
	}
	if err := missed(s, got); err != nil {
		return err
	}
	for _, r := range roundsOf(got) {
		if !c.rounds[r] {
			return fmt.Errorf("the original has no round %q", r)
		}
	}
	// A wait that is counted from the last try starts anew at an early one. Where calls or
	// watches fail, that may be the difference between meeting a gap and missing it; so may
	// be an answer that takes longer than the gap, for a loop that tried all the time.
	slack := time.Duration(0)
	switch {
	case s.faulty() || early && c.Spins:
		slack = s.Horizon
	case c.Spins:
		slack = spinInterval + s.Lag
	case c.Phased:
		slack = s.Lag
	case early:
		slack = longestGap(old) + s.Lag
	}
	switch {
	case !early && !c.Spins && !reflect.DeepEqual(old.Events, got.Events):
		return fmt.Errorf("without a release it does something else, or at another time")
	case got.EndAt > old.EndAt+slack:
		return fmt.Errorf("it ends at %v, the original at %v", got.EndAt, old.EndAt)
	case got.EndAt+s.Lag < min(old.EndAt, s.when(Cancel)) && got.Tries[len(got.Tries)-1].Result == locked:
		return fmt.Errorf("it gives up at %v, the original goes on", got.EndAt)
	case got.Watchers > 0:
		return fmt.Errorf("%d watches are left", got.Watchers)
	}
	return nil
}

// regular reports whether the i-th try is at a time at which the old clock has it.
func (c *comparison) regular(s *Schedule, old, got *Trace, i int) bool {
	t := got.Tries[i]
	at := func(from, to time.Duration) bool {
		return slices.ContainsFunc(old.Tries, func(o Try) bool { return from <= o.At && o.At <= to })
	}
	switch {
	case i == 0:
		return at(t.At, t.At)
	case c.Spins:
		return t.At-got.Tries[i-1].At == spinInterval+s.Lag
	case c.Phased: // a tick may have come before the last answer
		last := got.Tries[i-1]
		return at(t.At, t.At) || t.At == last.Until && at(last.At+1, last.Until)
	}
	for k := 1; k < len(old.Tries); k++ {
		if old.Tries[k].At-old.Tries[k-1].At == t.At-got.Tries[i-1].At {
			return true
		}
	}
	return false
}

// tied reports whether the i-th try is the regular one of a moment at which an early one came
// first, as far as there is an order.
func (c *comparison) tied(s *Schedule, old, got *Trace, i int) bool {
	if !c.Phased || i < 2 {
		return false
	}
	last := got.Tries[i-1]
	due := slices.ContainsFunc(old.Tries, func(o Try) bool { return o.At == last.At })
	return due && got.Tries[i].At == last.Until && atRelease(s, got, got.Tries[i-2], last)
}

func longestGap(t *Trace) (d time.Duration) {
	for k := 1; k < len(t.Tries); k++ {
		d = max(d, t.Tries[k].At-t.Tries[k-1].At)
	}
	return d
}

// atRelease reports whether a try follows from the release of a holder that the one before
// it had met.
func atRelease(s *Schedule, got *Trace, last, t Try) bool {
	for _, r := range got.Releases {
		late := spread
		if s.troubled(r.At) {
			late += slowInterval
		}
		if last.Result == locked && last.At < r.At && r.At <= t.At && t.At <= max(r.At, last.Until)+late {
			return true
		}
	}
	return false
}

// missed returns an error if a release has woken nobody.
func missed(s *Schedule, got *Trace) error {
	for i, t := range got.Tries {
		if t.Result != locked {
			continue
		}
		for _, r := range got.Releases {
			if r.At <= t.At {
				continue
			}
			by := max(r.At, t.Until) + spread
			known := r.Key == t.Holder && !s.troubled(r.At) && r.At < s.when(Expire) &&
				(r.At > t.Until || r.Next == "" && !s.taken(r.At, t.Until+s.Lag)) // else the read behind the try sees who has it now
			woken := got.EndAt <= by || i+1 < len(got.Tries) && got.Tries[i+1].At <= by
			if known && !woken {
				return fmt.Errorf("it slept over the release at %v", r.At)
			}
			break
		}
	}
	return nil
}

// collapse demands the same end, and none later: with the first release that others leave
// it the time to use, with the context and with the session.
func (c *comparison) collapse(s *Schedule, old, got *Trace) error {
	const expired = "mutex: session is expired"
	if len(got.Tries) > 0 {
		return fmt.Errorf("it counts tries")
	}
	if got.End != running {
		tail := tailOf(got)
		known := c.tails[tail]
		for was := range c.tails {
			for _, err := range []string{"context canceled", "etcdserver: requested lease not found"} {
				known = known || s.when(Expire) <= got.EndAt && strings.ReplaceAll(was, err, expired) == tail
			}
		}
		if !known {
			return fmt.Errorf("the original does not end in %q", tail)
		}
	}
	by := min(s.when(Cancel), s.when(Expire))
	if len(got.Releases) > 0 {
		by = min(by, chance(s, got))
	}
	// What only a try would have met, the wait does not; and an error that it does meet
	// while calls fail sets the time of the next try, which may miss a gap.
	if s.when(Down) == 0 || !s.faulty() {
		by = min(by, old.EndAt+spread)
	}
	switch {
	case got.EndAt > by:
		return fmt.Errorf("it ends at %v, and could at %v", got.EndAt, by)
	case got.Watchers > 0:
		return fmt.Errorf("%d watches are left", got.Watchers)
	case tailOrRunning(got) == ending(nil) && len(got.Releases) > 0:
		c.Won++
	}
	return nil
}

func tailOrRunning(t *Trace) string {
	if t.End == running {
		return running
	}
	return tailOf(t)
}

// chance is when a waiter that misses nothing has the lock at the latest.
func chance(s *Schedule, got *Trace) time.Duration {
	for _, r := range got.Releases {
		taken := slices.ContainsFunc(s.Steps, func(st Step) bool {
			return st.Do == Acquire && r.At <= st.At && st.At <= r.At+spread
		})
		if r.Next == "" && !taken && !s.troubled(r.At) {
			return r.At + spread
		}
	}
	return s.Horizon
}
