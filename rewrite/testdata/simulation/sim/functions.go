package sim

import (
	"fmt"
	"hash/fnv"
	"math/rand"
	"testing"
	"time"
)

// Compare runs a function and what became of it through the plain schedules and as many
// random ones as asked for.
func Compare(t *testing.T, f Function, schedules int) Stats {
	h := fnv.New64()
	h.Write([]byte(f.Name))
	r := rand.New(rand.NewSource(int64(h.Sum64())))
	horizon := func(d time.Duration) time.Duration {
		const odd = 12345 * time.Nanosecond // no try is at that moment
		if f.Spins {
			return 5*d + odd // they make many tries
		}
		return 20*d + odd
	}
	all := plain(time.Second, horizon(time.Second))
	for range schedules {
		d := time.Duration(300+r.Intn(7000))*time.Millisecond + time.Duration(r.Intn(1000))
		if r.Intn(2) > 0 {
			d = time.Second
		}
		all = append(all, random(r, d, horizon(d)))
	}

	c := comparison{Function: f, rounds: map[string]bool{}, tails: map[string]bool{}}
	olds := make([]*Trace, len(all))
	for i, s := range all {
		olds[i] = Run(t, f.Old, s)
		c.learn(olds[i])
	}
	check := func(tier string, p Poll, s *Schedule, old *Trace, same func(old, got *Trace) error) {
		if p == nil || t.Failed() {
			return
		}
		c.Runs++
		got := Run(t, p, s)
		if err := same(old, got); err != nil {
			t.Errorf("%s: %s: %v\n%v\noriginal:\n%v%s:\n%v", f.Name, tier, err, s, old, tier, got)
		}
	}
	for i, s := range all {
		check("guard", f.Guard, s, olds[i], c.guard)
		check("gate", f.Gate, s, olds[i], func(old, got *Trace) error { return c.gate(s, old, got) })
		check("collapse", f.Collapse, s, olds[i], func(old, got *Trace) error { return c.collapse(s, old, got) })
	}
	return c.Stats
}

// String lists at most the first events: what differs shows early.
func (t *Trace) String() string {
	out := ""
	for i, e := range t.Events {
		if i == 60 {
			out += "\t...\n"
			break
		}
		out += fmt.Sprintf("\t%v %s\n", e.At, e.What)
	}
	return out + fmt.Sprintf("\t%v %s, %d watches\n", t.EndAt, t.End, t.Watchers)
}

// CompareAll compares many functions, and demands that there was something to compare.
func CompareAll(t *testing.T, fs []Function, schedules int) {
	var all Stats
	tiers := map[string]int{}
	for _, f := range fs {
		for tier, p := range map[string]Poll{"guard": f.Guard, "gate": f.Gate, "collapse": f.Collapse} {
			if p != nil {
				tiers[tier]++
			}
		}
		t.Run(f.Name, func(t *testing.T) { all.add(Compare(t, f, schedules)) })
	}
	t.Logf("%d functions: %d guarded, %d gated, %d collapsed; %d runs compared, %d writes saved, %d early tries, %d waits ended by a release",
		len(fs), tiers["guard"], tiers["gate"], tiers["collapse"], all.Runs, all.OldWrites, all.Early, all.Won)
	if !t.Failed() && (all.OldWrites < all.Runs || all.Early < tiers["gate"] || all.Won < tiers["collapse"]) {
		t.Error("the schedules have shown too little")
	}
}
