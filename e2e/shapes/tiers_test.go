package shapes_test

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestReports demands that etcdmod gives each shape the tier that it is listed with, or
// the one that was asked for where that is weaker.
func TestReports(t *testing.T) {
	for _, version := range []string{guard, gate, collapse, "lock"} {
		want := map[finding]bool{}
		for _, sh := range shapes {
			f := finding{Rule: "trylock-poll", Func: sh.name, Tier: sh.in(version)}
			if sh.rule != "" {
				f.Rule = sh.rule
			}
			if sh.loop != "" {
				f.Func = sh.loop
			}
			want[f] = true
		}
		// This one is on top of the guard.
		want[finding{Rule: "session-per-try", Func: "sessionPerTry", Tier: refused}] = true
		got := map[finding]bool{}
		for _, f := range reports[version] {
			if f.Type == "finding" {
				got[finding{Rule: f.Rule, Func: f.Func, Tier: f.Tier}] = true
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", version, d)
		}
	}
}

// in is the tier of a shape in a version of the program.
func (sh shape) in(version string) string {
	most, capped := strength[version]
	switch {
	case !capped || strength[sh.tier] <= most:
		return sh.tier
	case version == gate && sh.rule == "watch-storm": // it has no clock
		return guard
	}
	return version
}

// changed are the shapes that a version has in a tier of its own: what it leaves to a
// weaker one is the same as there.
func changed(version string, wild bool) (out []shape) {
	for _, sh := range shapes {
		switch {
		case sh.wild != wild || sh.writes():
		case version == "original", version == "lock" && sh.queues, sh.in(version) == version:
			out = append(out, sh)
		}
	}
	return out
}

// writes says that a shape writes in each round whatever becomes of it.
func (sh shape) writes() bool { return sh.tier == refused || sh.name == "sessionPerTry" }

// TestTiers compares what the original does with what becomes of it in each tier.
func TestTiers(t *testing.T) {
	for _, wild := range []bool{false, true} {
		name := "paced"
		if wild {
			name = "wild"
		}
		t.Run(name, func(t *testing.T) {
			polling := changed("original", wild)
			original := observe(t, "original", polling, nil)
			t.Logf("original: %d entries while idle, %d while one leads", original.idle.entries, original.led.entries)
			for _, who := range original.behind("original", polling, nil) {
				t.Error(who)
			}
			for _, version := range []string{guard, gate, collapse, "lock"} {
				if shapes := changed(version, wild); len(shapes) > 0 {
					t.Run(version, func(t *testing.T) {
						if !wild || version != guard { // a guarded spin takes all the time there is
							t.Parallel()
						}
						compare(t, version, shapes, original, observe(t, version, shapes, original))
					})
				}
			}
		})
	}
}

func compare(t *testing.T, version string, shapes []shape, original, now *outcome) {
	t.Helper()
	if n := now.idle.entries; n != 0 {
		t.Errorf("%d raft entries while somebody else had the locks, want 0: %s", n, now.idle.writers())
	}
	if n := now.led.entries; n != 0 {
		t.Errorf("%d raft entries while candidates had the locks, want 0: %s", n, now.led.writers())
	}
	for _, who := range now.behind(version, shapes, original) {
		t.Error(who)
	}
	for _, sh := range shapes {
		t.Run(sh.name, func(t *testing.T) {
			switch {
			case sh.kind == giveUp:
				now.gaveUp(t, sh, original)
			case !sh.wild:
				now.pace(t, version, sh, original)
			case sh.in(version) == gate:
				now.calm(t, sh)
			}
			if a, b := original.ended[sh.name], now.ended[sh.name]; a.Ended != b.Ended || a.Err != b.Err {
				t.Errorf("its context ended: it ended %v with %q, originally %v with %q", b.Ended, b.Err, a.Ended, a.Err)
			}
			now.turns(t, sh, original)
			if sh.in(version) != collapse {
				if d := cmp.Diff(original.lines(sh), now.lines(sh)); d != "" {
					t.Errorf("lines (-original +now):\n%s", d)
				}
			}
		})
	}
}

// A pair is what one candidate did in a phase, originally and now.
type pair struct {
	who     string
	took    time.Duration // of the phase, now
	was, is state
}

// pairs are those of the candidates whose pace says something.
func (o *outcome) pairs(sh shape, original *outcome) (all []pair) {
	for _, name := range names(sh) {
		all = append(all, pair{name, o.idle.took, original.idle.did[name], o.idle.did[name]})
	}
	if sh.kind != works && o.led.did != nil {
		all = append(all,
			pair{sh.name + ", a loser", o.led.took, original.led.did[original.loser(sh)], o.led.did[o.loser(sh)]},
			pair{sh.name + ", the leader", o.led.took, original.led.did[original.winners[sh.name]], o.led.did[o.winners[sh.name]]})
	}
	return all
}

// behind names the candidates that have done less, in the phases that there were, than they
// will if they are given time: the original's have to write, which is what the rewrite is
// for; and loops that are left have to come round, and to log what they logged.
func (o *outcome) behind(version string, shapes []shape, original *outcome) (all []string) {
	for _, sh := range shapes {
		switch {
		case original == nil:
			for _, name := range names(sh) {
				if sh.kind != giveUp && len(o.idle.did[name].Writes) == 0 {
					all = append(all, name+" wrote nothing while it waited")
				}
			}
			if winner := o.winners[sh.name]; sh.kind == leads && o.led.did != nil && len(o.led.did[winner].Writes) == 0 {
				all = append(all, winner+" wrote nothing while it led and tried again")
			}
		case sh.kind == giveUp || sh.waits(version) || sh.writes():
		case !sh.wild:
			for _, p := range o.pairs(sh, original) {
				if 2*p.is.Rounds < min(p.was.Rounds, beats*max(sh.keys, 1)) {
					all = append(all, fmt.Sprintf("%s: %d rounds in %v, originally %d", p.who, p.is.Rounds, p.took, p.was.Rounds))
				}
				if sum(p.was.Lines) > 0 && sum(p.is.Lines) == 0 {
					all = append(all, fmt.Sprintf("%s logged nothing in %v, originally %v", p.who, p.took, p.was.Lines))
				}
			}
		case sh.in(version) == gate:
			for _, name := range names(sh) {
				if n := o.idle.did[name].Rounds; n < beats {
					all = append(all, fmt.Sprintf("%s: %d rounds in %v, want %d", name, n, o.idle.took, beats))
				}
			}
		}
	}
	return all
}

// waits says that a version of a shape waits for its turn where the original polled.
func (sh shape) waits(version string) bool { return sh.in(version) == collapse || version == "lock" }

// pace compares the rounds, and what was logged in them, with those of the original. A
// guard has no more; a gate neither, as no lock was released; and the wait that a loop has
// collapsed to reads no more often than the loop did. However slow the machine is, as many
// rounds fit in a phase as intervals and one; one may come of a tick from before, and one may
// have been under way.
func (o *outcome) pace(t *testing.T, version string, sh shape, original *outcome) {
	t.Helper()
	for _, p := range o.pairs(sh, original) {
		most := (int(p.took/every) + 3) * max(sh.keys, 1)
		if p.is.Beside > rereads(p.took) {
			t.Errorf("%s: %d reads beside those of its tries in %v, want at most %d", p.who, p.is.Beside, p.took, rereads(p.took))
		}
		if p.is.Rounds > most {
			t.Errorf("%s: %d rounds in %v, want at most %d", p.who, p.is.Rounds, p.took, most)
		}
		switch logged := sum(p.is.Lines); {
		case sh.waits(version) && logged != 0:
			t.Errorf("%s logged %v while it waited", p.who, p.is.Lines)
		case !sh.waits(version) && sum(p.was.Lines) > 0 && logged > most:
			t.Errorf("%s logged %v in %v, want at most %d lines", p.who, p.is.Lines, p.took, most)
		}
	}
}

// loser is the candidate that still waits while another one leads.
func (o *outcome) loser(sh shape) string {
	for _, name := range names(sh) {
		if name != o.victims[sh.name] && name != o.winners[sh.name] {
			return name
		}
	}
	return ""
}

// rereads are how many reads there may be in that time beside a watch: they come after one,
// three, seven, ... seconds.
func rereads(took time.Duration) (n int) {
	for next := time.Second; took > 0; next *= 2 {
		took -= next
		n++
	}
	return n
}

// gaveUp compares how candidates gave up, who count their tries or have a deadline.
func (o *outcome) gaveUp(t *testing.T, sh shape, original *outcome) {
	t.Helper()
	for _, name := range names(sh) {
		was, is := original.last[name], o.last[name]
		same := is.Rounds == was.Rounds
		if sh.tier == gate { // it has a deadline of two and a half rounds, and no number of tries
			same = is.Rounds <= 3
		}
		if most := rereads(3 * time.Second); is.Beside > most {
			t.Errorf("%s: %d reads beside those of its tries, want at most %d", name, is.Beside, most)
		}
		if !same || !is.Ended || was.Err != is.Err {
			t.Errorf("%s gave up after %d rounds with %q, originally after %d with %q", name, is.Rounds, is.Err, was.Rounds, was.Err)
		}
		if d := cmp.Diff(was.Lines, is.Lines); d != "" {
			t.Errorf("%s: lines (-original +now):\n%s", name, d)
		}
	}
}

// calm demands of a spin that it waits between its tries, and of its log that it has a line
// for each if it had.
func (o *outcome) calm(t *testing.T, sh shape) {
	t.Helper()
	const pause = 100 * time.Millisecond // that etcdmod puts there
	for _, name := range names(sh) {
		did := o.idle.did[name]
		if most := int(o.idle.took/pause) + 2; did.Rounds > most {
			t.Errorf("%s: %d rounds in %v, want at most %d", name, did.Rounds, o.idle.took, most)
		}
		if lines := sum(did.Lines); lines > 0 && (lines > did.Rounds+1 || lines < did.Rounds-1) {
			t.Errorf("%s: %d rounds and %d lines", name, did.Rounds, lines)
		}
	}
}

func sum(lines map[string]int) (n int) {
	for _, count := range lines {
		n += count
	}
	return n
}

var number = regexp.MustCompile("[0-9]+")

// lines is what a shape's candidates have logged in all, but for numbers and how often.
func (o *outcome) lines(sh shape) []string {
	all := map[string]bool{}
	for _, name := range names(sh) {
		for line := range o.last[name].Lines {
			if !sh.wild || line != context.Canceled.Error() { // a chance that a gate's wait has not
				all[number.ReplaceAllString(line, "N")] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// turns demands that one candidate after the other got the lock, and that they ended as
// those of the original did.
func (o *outcome) turns(t *testing.T, sh shape, original *outcome) {
	t.Helper()
	if sh.kind != waits && sh.kind != leads {
		return
	}
	for _, name := range names(sh) {
		if s := o.last[name]; name == o.victims[sh.name] && len(s.Came) > 0 {
			t.Errorf("%s got the lock after its context had ended", name)
		} else if name != o.victims[sh.name] && len(s.Came) != 1 {
			t.Errorf("%s got the lock %d times, want once", name, len(s.Came))
		}
	}
	if was, is := leaders(sh, original.last), leaders(sh, o.last); sh.kind == leads && len(is) != len(was) || sh.kind == waits && len(is) != 1 {
		t.Errorf("%v have the lock in the end, originally %v", is, was)
	}
	was, is := original.last[original.winners[sh.name]], o.last[o.winners[sh.name]]
	if sh.wild { // whether the original comes so far is luck
		was = state{Ended: true, Gone: 1}
	}
	if was.Ended != is.Ended || was.Err != is.Err || was.Gone != is.Gone {
		t.Errorf("the first one lost the lock: it ended %v with %q and gave up %d times, originally %v with %q and %d times",
			is.Ended, is.Err, is.Gone, was.Ended, was.Err, was.Gone)
	}
}

// TestHandOver demands of gates, and of waits that took the place of a loop, that they end
// soon after a release, although a round takes long, and that the others stand by again.
func TestHandOver(t *testing.T) {
	t.Parallel()
	const (
		interval = 20 * time.Second
		soon     = 15 * time.Second // there is a round of every loop right before the release
	)
	for _, version := range []string{gate, collapse, "lock"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			var slow []shape
			for _, sh := range changed(version, false) {
				if sh.kind == waits {
					slow = append(slow, sh)
				}
			}
			s := newScene(t, bins[version], slow, interval)
			tried := map[string]bool{}
			all := s.d.await(limit, func(all map[string]state) (missing []string) {
				for _, sh := range slow {
					switch untried := s.untried(sh, all); {
					case len(untried) > 0:
						missing = append(missing, untried...)
					case !tried[sh.name]: // now, as the next round has just begun
						tried[sh.name] = true
						s.unlock(sh)
						fallthrough
					case leaders(sh, all) == nil:
						missing = append(missing, "a leader of "+sh.name)
					}
				}
				return missing
			})
			s.d.rest(2)
			later := s.d.states()
			for _, sh := range slow {
				first := leaders(sh, all)
				if len(first) != 1 || len(leaders(sh, later)) != 1 {
					t.Errorf("%s: %v have the lock, and then %v, want one", sh.name, first, leaders(sh, later))
					continue
				}
				if took := later[first[0]].Came[0].Sub(s.freed[sh.name]); took > soon {
					t.Errorf("%s: the lock was taken after %v, at an interval of %v", sh.name, took, interval)
				}
				for _, name := range names(sh) {
					if n := sum(later[name].Lines); n > 3 { // the first try, an early one and the next
						t.Errorf("%s has logged %v", name, later[name].Lines)
					}
				}
			}
		})
	}
}

// TestWritersGoOn is about what a rewrite leaves as it is: code that is refused, and a
// session for each try, which is guarded and still costs a lease.
func TestWritersGoOn(t *testing.T) {
	t.Parallel()
	var writers []shape
	for _, sh := range shapes {
		if sh.writes() {
			writers = append(writers, sh)
		}
	}
	original := observe(t, "original", writers, nil)
	now := observe(t, collapse, writers, original)
	for _, sh := range writers {
		now.turns(t, sh, original)
		for _, name := range names(sh) {
			was, is := original.idle.did[name].Writes, now.idle.did[name].Writes
			if sh.tier == refused {
				if is["Txn"] == 0 || was["Txn"] == 0 {
					t.Errorf("%s: wrote %v, originally %v; is it not refused any more?", name, is, was)
				}
			} else if len(is) != 1 || is["LeaseGrant"] == 0 || was["Txn"] == 0 {
				t.Errorf("%s: wrote %v, originally %v, want leases alone", name, is, was)
			}
		}
	}
}
