package journal

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

var errInjected = errors.New("injected failure")

// Killed before each of its steps, a run leaves a tree that Recover brings to
// before or after; what Recover says is what it did.
func TestKillAtEveryStep(t *testing.T) {
	t.Parallel()
	const n = 12
	was, is := beforeAfter(t, n)
	count := map[Action]int{}
	for step := 0; ; step++ {
		root := quickRoot(t)
		build(t, root, n)
		dead := until(func() {
			if err := apply(root, edits(root, n), killAt(step)); err != nil {
				t.Errorf("step %d: %v", step, err)
			}
		})
		if dead == nil {
			is.mustEqual(t, snap(t, root))
			t.Logf("%d steps: %d undone, %d finished", step, count[Undone], count[Finished])
			break
		}
		pending, err := Pending(root)
		if err != nil {
			t.Fatalf("killed at %v: %v", *dead, err)
		}
		out, err := Recover(root)
		if err != nil {
			t.Fatalf("killed at %v: %v", *dead, err)
		}
		if pending != (out.Action != Nothing) {
			t.Fatalf("killed at %v: Pending says %v, Recover did %v", *dead, pending, out)
		}
		count[out.Action]++
		want := was
		if out.Action == Finished || out.Action == Nothing && step > 0 { // the journal was removed already
			want = is
		}
		if d := want.diff(snap(t, root)); d != "" {
			t.Fatalf("killed at %v, %v:\n%s", *dead, out, d)
		}
	}
	if count[Undone] < n || count[Finished] < n || count[Nothing] != 2 {
		t.Errorf("kill points are not where they were thought to be: %v", count)
	}
}

// A Recover that is killed is itself recovered, in each of the three directions.
func TestKillRecoverAtEveryStep(t *testing.T) {
	t.Parallel()
	const n = 4
	was, is := beforeAfter(t, n)
	for _, tc := range []struct {
		name  string
		leave func(root string) error // leaves an interrupted run
		want  snapshot
	}{
		{"undo what was prepared", func(root string) error {
			return interrupt(root, n, "record", "commit", nil)
		}, was},
		{"finish what was decided", func(root string) error {
			return interrupt(root, n, "rename", name(2), nil)
		}, is},
		{"go on going back", func(root string) error {
			return interrupt(root, n, "rename", name(1), fail("rename", name(3)))
		}, was},
	} {
		for step := 0; ; step++ {
			root := quickRoot(t)
			build(t, root, n)
			if err := tc.leave(root); err != nil {
				t.Fatalf("%s: %v", tc.name, err)
			}
			dead := until(func() {
				if _, err := recoverRun(root, killAt(step)); err != nil {
					t.Errorf("%s: %v", tc.name, err)
				}
			})
			if _, err := Recover(root); err != nil {
				t.Fatalf("%s, recovery killed at %v: %v", tc.name, dead, err)
			}
			if d := tc.want.diff(snap(t, root)); d != "" {
				t.Fatalf("%s, recovery killed at %v:\n%s", tc.name, dead, d)
			}
			if dead == nil {
				if step < 4 {
					t.Errorf("%s: there was nothing to recover", tc.name)
				}
				break
			}
		}
	}
}

// fail returns a stepFunc that makes one operation fail.
func fail(op, name string) stepFunc {
	return func(o, n string) error {
		if o == op && n == name {
			return errInjected
		}
		return nil
	}
}

// interrupt runs edits on a tree of build until an operation. With before, an
// earlier operation fails, and the kill happens when op comes after that.
func interrupt(root string, n int, op, name string, before stepFunc) error {
	armed := before == nil
	dead := until(func() {
		apply(root, edits(root, n), func(o, n string) error {
			if armed && o == op && n == name {
				panic(killed{o, n})
			}
			if before != nil {
				if err := before(o, n); err != nil {
					armed = true
					return err
				}
			}
			return nil
		})
	})
	if dead == nil {
		return fmt.Errorf("never got to %s %s", op, name)
	}
	return nil
}

// When one operation fails, once, the tree is as before and nothing of ours is left.
func TestFailAtEveryStep(t *testing.T) {
	t.Parallel()
	const n = 8
	was, is := beforeAfter(t, n)
	for step := 0; ; step++ {
		root := quickRoot(t)
		build(t, root, n)
		at, left := "", step
		err := apply(root, edits(root, n), func(op, name string) error {
			left--
			if left == -1 {
				at = op + " " + name
				return errInjected
			}
			return nil
		})
		if at == "" {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		switch at {
		case "remove " + Name:
			// All is written; only the journal is still there.
			if !errors.Is(err, ErrPending) {
				t.Fatalf("%s failed: %v", at, err)
			}
			if out, err := Recover(root); err != nil || out.Action != Finished {
				t.Fatalf("%s failed: %v, %v", at, out, err)
			}
			is.mustEqual(t, snap(t, root))
			continue
		case "syncdir .":
			if err == nil { // the very last step
				is.mustEqual(t, snap(t, root))
				continue
			}
		}
		if strings.HasPrefix(at, "link ") && err == nil {
			is.mustEqual(t, snap(t, root)) // not all file systems have links
			continue
		}
		if !errors.Is(err, errInjected) || errors.Is(err, ErrPending) {
			t.Fatalf("%s failed: %v", at, err)
		}
		if d := was.diff(snap(t, root)); d != "" {
			t.Fatalf("%s failed:\n%s", at, d)
		}
	}
}

// When everything fails from some moment on, also undoing, the error says so, and
// Recover succeeds when the trouble is over.
func TestFailForGoodAtEveryStep(t *testing.T) {
	t.Parallel()
	const n = 4
	was, is := beforeAfter(t, n)
	for step := 0; ; step++ {
		root := quickRoot(t)
		build(t, root, n)
		at, left := "", step
		err := apply(root, edits(root, n), func(op, name string) error {
			left--
			if left < 0 {
				if at == "" {
					at = op + " " + name
				}
				return errInjected
			}
			return nil
		})
		if at == "" {
			break
		}
		now := snap(t, root)
		if err == nil {
			is.mustEqual(t, now)
			continue
		}
		if !errors.Is(err, ErrPending) {
			if d := was.diff(now); d != "" {
				t.Fatalf("from %s on: %v, and yet:\n%s", at, err, d)
			}
			continue
		}
		if pe, ok := errors.AsType[*PendingError](err); !ok || pe.Journal != filepath.Join(root, Name) ||
			!errors.Is(err, errInjected) || !strings.Contains(err.Error(), pe.Journal) {
			t.Fatalf("from %s on: %v", at, err)
		}
		out, err := Recover(root)
		if err != nil {
			t.Fatalf("from %s on: %v", at, err)
		}
		want := was
		if out.Action == Finished {
			want = is
		}
		if d := want.diff(snap(t, root)); d != "" {
			t.Fatalf("from %s on: %v:\n%s", at, out, d)
		}
	}
}
