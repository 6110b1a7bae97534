package journal

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"etcdmod/internal/change"
)

// What a power failure can take is decided by the order of writing and syncing, and no
// test here can cut the power: so the order itself is pinned.
func TestOrder(t *testing.T) {
	t.Parallel()
	run := func(step stepFunc) []string {
		root := tempRoot(t)
		put(t, filepath.Join(root, "a", "a.go"), "old", 0o644)
		put(t, filepath.Join(root, "b", "b.go"), "old", 0o644)
		var ops []string
		apply(root, []change.Change{edit(root, "a/a.go"), edit(root, "b/b.go"), create(root, "b/new/c.go")}, func(op, name string) error {
			name = regexp.MustCompile(`etcdmod-[0-9a-f]+-`).ReplaceAllString(filepath.ToSlash(name), "")
			ops = append(ops, op+" "+name)
			if step != nil {
				return step(op, name)
			}
			return nil
		})
		return ops
	}
	prepare := []string{
		"lock " + Name,
		"record prepare", "recorded prepare", "syncdir .",
		"mkdir b/new",
		"create a/.0.new", "write a/.0.new", "chmod a/.0.new", "sync a/.0.new",
		"create b/.1.new", "write b/.1.new", "chmod b/.1.new", "sync b/.1.new",
		"create b/new/.2.new", "write b/new/.2.new", "chmod b/new/.2.new", "sync b/new/.2.new",
		"syncdir b", "syncdir a", "syncdir b/new",
		"record commit", "recorded commit",
		"link a/.0.old", "rename a/a.go", "remove a/.0.old", "link b/.1.old", "rename b/b.go",
	}
	for _, tc := range []struct {
		name string
		step stepFunc
		want []string
	}{
		{"done", nil, []string{
			"remove b/.1.old", "link b/new/c.go", "remove b/new/.2.new",
			"syncdir a", "syncdir b", "syncdir b/new",
			"remove " + Name, "syncdir .",
		}},
		{"going back", fail("rename", "b/b.go"), []string{
			"create a/.0.old", "write a/.0.old", "chmod a/.0.old", "sync a/.0.old", "syncdir a",
			"record undo", "recorded undo",
			"link a/.0.new", "rename a/a.go", "remove a/.0.new", "syncdir a",
			"remove b/.1.new", "remove b/.1.old", "remove b/new/.2.new", "syncdir b", "syncdir b/new",
			"remove b/new", "syncdir b",
			"remove " + Name, "syncdir .",
		}},
	} {
		want := slices.Concat(prepare, tc.want)
		if got := run(tc.step); !slices.Equal(got, want) {
			t.Errorf("%s: got\n%s\nwant\n%s", tc.name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// A rename that is done and fails all the same (file systems over a network do that) is
// taken back as well.
func TestRenameDoneAndFailed(t *testing.T) {
	t.Parallel()
	const n = 8
	was, _ := beforeAfter(t, n)
	root := quickRoot(t)
	build(t, root, n)
	failed := false
	err := apply(root, edits(root, n), func(op, at string) error {
		if op != "rename" || at != name(5) {
			return nil
		}
		for _, temp := range temps(t, root) {
			path := filepath.Join(root, temp)
			if strings.HasSuffix(temp, ".new") && get(t, path) == after(5) {
				if err := os.Rename(path, filepath.Join(root, name(5))); err != nil {
					t.Error(err)
				}
			}
		}
		if failed {
			return nil // this is the way back
		}
		failed = true
		return errInjected
	})
	if !errors.Is(err, errInjected) || errors.Is(err, ErrPending) {
		t.Fatal(err)
	}
	was.mustEqual(t, snap(t, root))
}

// When syncing the decision fails, the decision is taken out of the journal before
// anything else is: a kill during the undoing that follows is undone too.
func TestUndecided(t *testing.T) {
	t.Parallel()
	const n = 8
	was, _ := beforeAfter(t, n)
	root := quickRoot(t)
	build(t, root, n)
	err := interrupt(root, n, "syncdir", ".", fail("recorded", "commit"))
	if err != nil {
		t.Fatal(err)
	}
	if left := temps(t, root); !slices.Equal(left, []string{Name}) {
		t.Fatalf("left: %q", left)
	}
	if out, err := Recover(root); err != nil || out.Action != Undone {
		t.Fatal(out, err)
	}
	was.mustEqual(t, snap(t, root))
}

// The new content of a file that others may not read can never be read by others.
func TestTempIsPrivate(t *testing.T) {
	t.Parallel()
	root := quickRoot(t)
	put(t, filepath.Join(root, "a.go"), "old", 0o600)
	err := apply(root, []change.Change{edit(root, "a.go")}, func(op, name string) error {
		for _, temp := range temps(t, root) {
			info, err := os.Stat(filepath.Join(root, temp))
			if err != nil {
				t.Error(err)
			} else if temp != Name && info.Mode().Perm() != 0o600 {
				t.Errorf("%s has %v before %s", temp, info.Mode(), op)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
