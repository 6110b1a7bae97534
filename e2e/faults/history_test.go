package faults_test

import (
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// created and deleted are changes that are known to the millisecond; gone is a
// deletion with the lease.
func created(revision int64, key string, at int) change {
	return change{revision: revision, key: key, created: true, call: ms(at), ret: ms(at + 1)}
}

func deleted(revision int64, key string, at int) change {
	return change{revision: revision, key: key, call: ms(at), ret: ms(at + 1)}
}

func expired(revision int64, key string, at int) change {
	return change{revision: revision, key: key, expired: true, call: ms(at), ret: ms(at + 1)}
}

func says(verb verb, key string, created int64, call, ret int) statement {
	return statement{verb: verb, key: key, created: created, call: ms(call), ret: ms(ret)}
}

// The models tell a lock from what is none.
func TestModels(t *testing.T) {
	const ok, illegal = porcupine.Ok, porcupine.Illegal
	handOver := []change{created(1, "a", 10), deleted(2, "a", 30), created(3, "b", 40), deleted(4, "b", 60)}
	queue := []change{created(1, "a", 10), created(2, "b", 20), deleted(3, "a", 30), deleted(4, "b", 60)}
	takeOver := []change{created(1, "a", 10), expired(2, "a", 30), created(3, "b", 40), deleted(4, "b", 60)}
	for _, c := range []struct {
		name            string
		changes         []change
		stale           bool
		said            []statement
		ownership, lock porcupine.CheckResult
	}{
		{"nobody", nil, false, nil, ok, ok},
		{"a hand-over", handOver, false, []statement{
			says(acquired, "a", 1, 5, 12), says(refused, "b", 0, 15, 20), says(holds, "a", 1, 25, 25),
			says(released, "a", 1, 28, 33), says(acquired, "b", 3, 14, 45), says(released, "b", 3, 58, 62)}, ok, ok},
		{"a queue", queue, false, []statement{
			says(acquired, "a", 1, 5, 12), says(acquired, "b", 2, 15, 35), says(holds, "a", 1, 25, 25),
			says(released, "a", 1, 28, 33), says(released, "b", 2, 58, 62)}, ok, ok},
		{"a holder that tries again", handOver, false, []statement{
			says(acquired, "a", 1, 5, 12), says(acquired, "a", 1, 15, 20), says(released, "a", 1, 28, 33)}, ok, ok},
		{"a release without an answer", handOver, false, []statement{
			says(acquired, "a", 1, 5, 12), {verb: released, key: "a", created: 1, call: ms(20), ret: forever},
			says(acquired, "b", 3, 14, 45)}, ok, ok},

		{"two at once", queue, false, []statement{
			says(acquired, "a", 1, 5, 12), says(acquired, "b", 2, 15, 22), says(holds, "a", 1, 25, 25)}, illegal, illegal},
		{"a second before the first is gone", queue, false, []statement{
			says(acquired, "b", 2, 15, 22)}, illegal, ok},
		{"a key that was never there", handOver, false, []statement{
			says(acquired, "c", 9, 1, 70)}, illegal, ok},
		{"another's key", handOver, false, []statement{
			says(acquired, "b", 1, 5, 25)}, illegal, ok},
		{"held longer than its key", handOver, false, []statement{
			says(acquired, "a", 1, 5, 12), says(holds, "a", 1, 35, 35)}, illegal, ok},
		{"two in turn, the first unaware", handOver, false, []statement{
			says(acquired, "a", 1, 5, 12), says(acquired, "b", 3, 14, 45), says(holds, "a", 1, 50, 50)}, illegal, illegal},
		{"refused by nobody", handOver, false, []statement{
			says(refused, "c", 0, 1, 8)}, illegal, ok},
		{"the holder refused", handOver, false, []statement{
			says(acquired, "a", 1, 5, 12), says(refused, "a", 0, 15, 20), says(released, "a", 1, 28, 33)}, illegal, illegal},
		{"released, and still there", queue, false, []statement{
			says(acquired, "a", 1, 5, 12), says(released, "a", 1, 15, 25)}, illegal, ok},

		{"expired unawares", takeOver, false, []statement{
			says(acquired, "a", 1, 5, 12), says(acquired, "b", 3, 14, 45), says(holds, "a", 1, 50, 50),
			says(released, "a", 1, 55, 56), says(released, "b", 3, 58, 62)}, ok, ok},
		{"acquired after it expired", takeOver, false, []statement{
			says(acquired, "a", 1, 35, 38)}, illegal, illegal},
		{"acquired again after it expired", takeOver, false, []statement{
			says(acquired, "a", 1, 5, 12), says(acquired, "b", 3, 14, 45), says(acquired, "a", 1, 50, 55),
			says(holds, "b", 3, 57, 57)}, illegal, illegal},
		{"a successor before it expired", takeOver, false, []statement{
			says(acquired, "a", 1, 5, 12), says(acquired, "b", 3, 14, 25)}, illegal, illegal},
		{"deleted by a late request", handOver, true, []statement{
			says(acquired, "a", 1, 5, 12), says(acquired, "b", 3, 14, 45), says(holds, "a", 1, 50, 50)}, ok, ok},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := newTruth(c.changes, func(_ int64, d change) bool { return c.stale && d.key == "a" })
			got, err := verdicts(tr, c.said, "")
			if err != nil {
				t.Fatal(err)
			}
			if got["ownership"] != c.ownership || got["lock"] != c.lock {
				t.Errorf("ownership: %v, want %v; lock: %v, want %v", got["ownership"], c.ownership, got["lock"], c.lock)
			}
		})
	}
}
