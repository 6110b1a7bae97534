package journal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"etcdmod/internal/change"
)

func TestApply(t *testing.T) {
	t.Parallel()
	const n = 12
	was, is := beforeAfter(t, n)
	root := tempRoot(t)
	build(t, root, n)
	was.mustEqual(t, snap(t, root))
	if err := Apply(root, edits(root, n)); err != nil {
		t.Fatal(err)
	}
	is.mustEqual(t, snap(t, root)) // also: modes, the link, no temporary files
}

func TestApplyNothing(t *testing.T) {
	t.Parallel()
	if err := Apply(filepath.Join(t.TempDir(), "no such directory"), nil); err != nil {
		t.Error(err)
	}
}

// A file whose content stays is checked, but it keeps its identity.
func TestApplySameContent(t *testing.T) {
	t.Parallel()
	root := quickRoot(t)
	path := filepath.Join(root, "a.go")
	put(t, path, "a", 0o644)
	old, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	files := []change.Change{{Path: path, Old: []byte("a"), New: []byte("a")}}
	if err := Apply(root, files); err != nil {
		t.Fatal(err)
	}
	now, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(old, now) {
		t.Error("the file was replaced")
	}
	files[0].Old, files[0].New = []byte("b"), []byte("b")
	if _, ok := errors.AsType[*ChangedError](Apply(root, files)); !ok {
		t.Error("its content was not checked")
	}
}

func TestEmptyContents(t *testing.T) {
	t.Parallel()
	root := quickRoot(t)
	put(t, filepath.Join(root, "filled"), "", 0o644)
	put(t, filepath.Join(root, "emptied"), "x", 0o644)
	err := Apply(root, []change.Change{
		{Path: filepath.Join(root, "filled"), New: []byte("x")},
		{Path: filepath.Join(root, "emptied"), Old: []byte("x")},
		{Path: filepath.Join(root, "created"), Created: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := snapshot{"filled": `-rw-r--r-- "x"`, "emptied": `-rw-r--r-- ""`, "created": `-rw-r--r-- ""`}
	want.mustEqual(t, snap(t, root))
}

// The root and the paths may be spelled through different links.
func TestRootBehindLink(t *testing.T) {
	t.Parallel()
	dir := tempRoot(t)
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	put(t, filepath.Join(real, "a.go"), "a", 0o644)
	put(t, filepath.Join(real, "b.go"), "b", 0o644)
	symlink(t, "real", link)
	err := Apply(link, []change.Change{
		{Path: filepath.Join(real, "a.go"), Old: []byte("a"), New: []byte("A")},
		{Path: filepath.Join(link, "b.go"), Old: []byte("b"), New: []byte("B")},
		{Path: filepath.Join(link, "x", "c.go"), New: []byte("C"), Created: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	snapshot{
		"a.go": `-rw-r--r-- "A"`, "b.go": `-rw-r--r-- "B"`,
		"x": "drwxr-xr-x", "x/c.go": `-rw-r--r-- "C"`,
	}.mustEqual(t, snap(t, real))
}

func symlink(t *testing.T, to, at string) {
	t.Helper()
	if err := os.Symlink(to, at); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
}

// Everything here is refused before anything is written, and the tree is left
// without a trace.
func TestRefused(t *testing.T) {
	t.Parallel()
	changed := func(err error) bool { _, ok := errors.AsType[*ChangedError](err); return ok }
	unfit := func(err error) bool { _, ok := errors.AsType[*TargetError](err); return ok }

	for _, tc := range []struct {
		name string
		make func(t *testing.T, root string) []change.Change
		kind func(error) bool
		want []string // parts of the message
	}{
		{"content changed", func(t *testing.T, root string) []change.Change {
			put(t, filepath.Join(root, "b.go"), "edited", 0o644)
			return []change.Change{edit(root, "b.go")}
		}, changed, []string{"b.go changed since the diff was computed", "run again", "as before"}},

		{"deleted", func(t *testing.T, root string) []change.Change {
			return []change.Change{edit(root, "b.go")}
		}, changed, []string{"deleted"}},

		{"directory deleted", func(t *testing.T, root string) []change.Change {
			return []change.Change{edit(root, "gone/b.go")}
		}, changed, []string{"deleted"}},

		{"created by somebody else", func(t *testing.T, root string) []change.Change {
			put(t, filepath.Join(root, "b.go"), "theirs", 0o644)
			return []change.Change{create(root, "b.go")}
		}, changed, []string{"it exists now"}},

		{"create over a link that leads nowhere", func(t *testing.T, root string) []change.Change {
			symlink(t, "nowhere", filepath.Join(root, "b.go"))
			return []change.Change{create(root, "b.go")}
		}, changed, []string{"it exists now"}},

		{"create below a link that leads nowhere", func(t *testing.T, root string) []change.Change {
			symlink(t, "nowhere", filepath.Join(root, "d"))
			return []change.Change{create(root, "d/b.go")}
		}, unfit, []string{"leads nowhere"}},

		{"create below a file", func(t *testing.T, root string) []change.Change {
			return []change.Change{create(root, "a.go/b.go")}
		}, unfit, []string{"cannot be created", "not a directory"}},

		{"create a file and, below it, another", func(t *testing.T, root string) []change.Change {
			return []change.Change{create(root, "d"), create(root, "d/b.go")}
		}, unfit, []string{"needs a directory of that name"}},

		{"target is a directory", func(t *testing.T, root string) []change.Change {
			put(t, filepath.Join(root, "d", "x"), "", 0o644)
			return []change.Change{edit(root, "d")}
		}, unfit, []string{"is a directory"}},

		{"target is the root", func(t *testing.T, root string) []change.Change {
			return []change.Change{{Path: root}}
		}, unfit, []string{"is a directory"}},

		{"relative path", func(t *testing.T, root string) []change.Change {
			return []change.Change{{Path: "a.go"}}
		}, unfit, []string{"must be absolute"}},

		{"unclean path", func(t *testing.T, root string) []change.Change {
			return []change.Change{{Path: root + "/x/../a.go"}}
		}, unfit, []string{"clean"}},

		{"listed twice", func(t *testing.T, root string) []change.Change {
			put(t, filepath.Join(root, "b.go"), "old", 0o644)
			return []change.Change{edit(root, "b.go"), edit(root, "b.go")}
		}, unfit, []string{"listed twice"}},

		{"created twice", func(t *testing.T, root string) []change.Change {
			return []change.Change{create(root, "d/b.go"), create(root, "d/b.go")}
		}, unfit, []string{"listed twice"}},

		{"one file through a link", func(t *testing.T, root string) []change.Change {
			put(t, filepath.Join(root, "b.go"), "old", 0o644)
			symlink(t, "b.go", filepath.Join(root, "c.go"))
			return []change.Change{edit(root, "b.go"), edit(root, "c.go")}
		}, unfit, []string{"c.go: is the same file as", "b.go"}},

		{"one new file through a linked directory", func(t *testing.T, root string) []change.Change {
			put(t, filepath.Join(root, "d", "x"), "", 0o644)
			symlink(t, "d", filepath.Join(root, "e"))
			return []change.Change{create(root, "d/b.go"), create(root, "e/b.go")}
		}, unfit, []string{"is the same file as"}},

		{"hard links", func(t *testing.T, root string) []change.Change {
			put(t, filepath.Join(root, "b.go"), "old", 0o644)
			if err := os.Link(filepath.Join(root, "b.go"), filepath.Join(root, "c.go")); err != nil {
				t.Skipf("no hard links here: %v", err)
			}
			return []change.Change{edit(root, "b.go")}
		}, unfit, []string{"2 hard links"}},

		{"outside", func(t *testing.T, root string) []change.Change {
			put(t, filepath.Join(root, "..", "b.go"), "old", 0o644)
			return []change.Change{edit(filepath.Dir(root), "b.go")}
		}, unfit, []string{"is outside"}},

		{"create outside", func(t *testing.T, root string) []change.Change {
			return []change.Change{create(filepath.Dir(root), "rootless/b.go")}
		}, unfit, []string{"is outside"}},

		{"link to a file outside", func(t *testing.T, root string) []change.Change {
			put(t, filepath.Join(root, "..", "b.go"), "old", 0o644)
			symlink(t, "../b.go", filepath.Join(root, "b.go"))
			return []change.Change{edit(root, "b.go")}
		}, unfit, []string{"leads to", "outside"}},

		{"create behind a link to a directory outside", func(t *testing.T, root string) []change.Change {
			symlink(t, "..", filepath.Join(root, "d"))
			return []change.Change{create(root, "d/e/b.go")}
		}, unfit, []string{"leads to", "outside"}},

		{"links in a circle", func(t *testing.T, root string) []change.Change {
			symlink(t, "b.go", filepath.Join(root, "b.go"))
			return []change.Change{edit(root, "b.go")}
		}, unfit, []string{"cannot be resolved"}},

		{"the journal", func(t *testing.T, root string) []change.Change {
			return []change.Change{{Path: filepath.Join(root, strings.ToUpper(Name)), Created: true}}
		}, unfit, []string{"journal"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := tempRoot(t)
			root := filepath.Join(dir, "root")
			put(t, filepath.Join(root, "a.go"), "old", 0o644)
			// The file that is refused is the last: those before it must not be written.
			files := append([]change.Change{edit(root, "a.go"), create(root, "fine/new.go")}, tc.make(t, root)...)
			was := snap(t, dir)
			err := Apply(root, files)
			if err == nil || !tc.kind(err) || errors.Is(err, ErrPending) {
				t.Fatalf("got %T %v", err, err)
			}
			for _, part := range tc.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
			was.mustEqual(t, snap(t, dir))
		})
	}
}

func edit(root, name string) change.Change {
	return change.Change{Path: filepath.Join(root, filepath.FromSlash(name)), Old: []byte("old"), New: []byte("new")}
}

func create(root, name string) change.Change {
	return change.Change{Path: filepath.Join(root, filepath.FromSlash(name)), New: []byte("new"), Created: true}
}

func TestRootIsNoDirectory(t *testing.T) {
	t.Parallel()
	root := tempRoot(t)
	put(t, filepath.Join(root, "a.go"), "old", 0o644)
	for _, r := range []string{filepath.Join(root, "a.go"), filepath.Join(root, "none")} {
		if err := Apply(r, []change.Change{edit(r, "b.go")}); err == nil || !strings.Contains(err.Error(), "must be a directory") {
			t.Errorf("Apply(%s): %v", r, err)
		}
		if _, err := Recover(r); err == nil {
			t.Errorf("Recover(%s) succeeded", r)
		}
		if _, err := Pending(r); err == nil {
			t.Errorf("Pending(%s) succeeded", r)
		}
	}
}

// Somebody saves a file while a run is busy. Whenever that is, what was saved stays, and
// so does everything else.
func TestEditedMeanwhile(t *testing.T) {
	t.Parallel()
	const n = 8
	edited := name(5)
	for _, tc := range []struct {
		name, op, at string
		act          func(path string) error
	}{
		{"while preparing", "sync", "", func(p string) error { return os.WriteFile(p, []byte("mine"), 0o644) }},
		{"deleted while preparing", "sync", "", os.Remove},
		{"while publishing", "rename", name(4), func(p string) error { return os.WriteFile(p, []byte("mine"), 0o644) }},
		{"deleted while publishing", "rename", name(4), os.Remove},
		{"a directory now", "rename", name(4), func(p string) error {
			return errors.Join(os.Remove(p), os.Mkdir(p, 0o755))
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			root := quickRoot(t)
			build(t, root, n)
			done := false
			var want snapshot
			decided := false
			err := apply(root, edits(root, n), func(op, name string) error {
				decided = decided || op == "record" && name == "commit"
				if !done && op == tc.op && (tc.at == "" || tc.at == name) {
					done = true
					if err := tc.act(filepath.Join(root, edited)); err != nil {
						t.Fatal(err)
					}
				}
				return nil
			})
			ce, ok := errors.AsType[*ChangedError](err)
			if !ok || !strings.HasSuffix(ce.Path, edited) || errors.Is(err, ErrPending) {
				t.Fatal(err)
			}
			if decided != (tc.op == "rename") {
				t.Errorf("decided: %v", decided)
			}
			other := quickRoot(t)
			build(t, other, n)
			if err := tc.act(filepath.Join(other, edited)); err != nil {
				t.Fatal(err)
			}
			want = snap(t, other)
			want.mustEqual(t, snap(t, root))
		})
	}
}

// A file that appears where one is to be created is not overwritten, and the
// directory that it made its own is not removed.
func TestCreatedMeanwhile(t *testing.T) {
	t.Parallel()
	root := quickRoot(t)
	put(t, filepath.Join(root, "a.go"), "old", 0o644)
	files := []change.Change{edit(root, "a.go"), create(root, "d/e/b.go"), create(root, "d/f/c.go")}
	err := apply(root, files, func(op, name string) error {
		if op == "rename" && name == "a.go" {
			put(t, files[1].Path, "theirs", 0o644)
		}
		return nil
	})
	if _, ok := errors.AsType[*ChangedError](err); !ok {
		t.Fatal(err)
	}
	snapshot{
		"a.go": `-rw-r--r-- "old"`, "d": "drwxr-xr-x", "d/e": "drwxr-xr-x", "d/e/b.go": `-rw-r--r-- "theirs"`,
	}.mustEqual(t, snap(t, root))
}

// A directory that appears while one is to be made is used, and stays on undo.
func TestDirectoryMadeMeanwhile(t *testing.T) {
	t.Parallel()
	root := quickRoot(t)
	err := apply(root, []change.Change{create(root, "d/e/b.go")}, func(op, name string) error {
		if op == "mkdir" && name == "d" {
			return os.Mkdir(filepath.Join(root, "d"), 0o755)
		}
		if op == "rename" || op == "link" {
			return errInjected
		}
		return nil
	})
	if !errors.Is(err, errInjected) || errors.Is(err, ErrPending) {
		t.Fatal(err)
	}
	snapshot{"d": "drwxr-xr-x"}.mustEqual(t, snap(t, root))
}

// What somebody else puts where a directory is to be made is an error like any other.
func TestFileMadeMeanwhile(t *testing.T) {
	t.Parallel()
	root := quickRoot(t)
	err := apply(root, []change.Change{create(root, "d/b.go")}, func(op, name string) error {
		if op == "mkdir" {
			put(t, filepath.Join(root, "d"), "theirs", 0o644)
		}
		return nil
	})
	if !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	snapshot{"d": `-rw-r--r-- "theirs"`}.mustEqual(t, snap(t, root))
}

// Somebody cleans the tree while a run is busy (git clean).
func TestTempRemovedMeanwhile(t *testing.T) {
	t.Parallel()
	const n = 8
	was, _ := beforeAfter(t, n)
	root := quickRoot(t)
	build(t, root, n)
	err := apply(root, edits(root, n), func(op, at string) error {
		if op != "rename" || at != name(4) {
			return nil
		}
		for _, temp := range temps(t, root) {
			if strings.HasSuffix(temp, ".new") {
				os.Remove(filepath.Join(root, temp))
			}
		}
		return nil
	})
	we, ok := errors.AsType[*WriteError](err)
	if !ok || we.Op != "replace" || errors.Is(err, ErrPending) {
		t.Fatal(err)
	}
	was.mustEqual(t, snap(t, root))
}

// An edit that somebody makes between the last look at a file and its replacement is not
// lost: the file is put back, and so are all others.
func TestEditInTheLastMoment(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		file func(root string) change.Change
		edit func(path string) error
		want string
	}{
		"appended to": {func(root string) change.Change { return edit(root, "b.go") }, func(p string) error { return appendTo(p, "// EDITED") }, `-rw-r--r-- "old// EDITED"`},
		"replaced":    {func(root string) change.Change { return edit(root, "b.go") }, func(p string) error { return replaceBy(p, "mine") }, `-rw-r--r-- "mine"`},
		"edited, not removed": {func(root string) change.Change {
			return change.Change{Path: filepath.Join(root, "b.go"), Old: []byte("old"), Deleted: true}
		}, func(p string) error { return appendTo(p, "!") }, `-rw-r--r-- "old!"`},
		"made": {func(root string) change.Change { return create(root, "b.go") }, func(p string) error { return os.WriteFile(p, []byte("theirs"), 0o644) }, `-rw-r--r-- "theirs"`},
	} {
		root := quickRoot(t)
		put(t, filepath.Join(root, "a.go"), "old", 0o644)
		f := tc.file(root)
		if !f.Created {
			put(t, f.Path, "old", 0o644)
		}
		last := "link"
		err := apply(root, []change.Change{edit(root, "a.go"), f}, func(op, at string) error {
			if op == last && (f.Created && at == "b.go" || !f.Created && strings.HasSuffix(at, "-1.old")) {
				return tc.edit(f.Path)
			}
			return nil
		})
		if _, ok := errors.AsType[*ChangedError](err); !ok || errors.Is(err, ErrPending) {
			t.Errorf("%s: %v", name, err)
		}
		snapshot{"a.go": `-rw-r--r-- "old"`, "b.go": tc.want}.mustEqual(t, snap(t, root))
	}
}

// The same behind the link: the edit goes into the file that has two names for a moment.
func TestEditBehindTheLink(t *testing.T) {
	t.Parallel()
	root := quickRoot(t)
	put(t, filepath.Join(root, "a.go"), "old", 0o644)
	err := apply(root, []change.Change{edit(root, "a.go")}, func(op, at string) error {
		if op == "rename" {
			return appendTo(filepath.Join(root, "a.go"), "!")
		}
		return nil
	})
	if _, ok := errors.AsType[*ChangedError](err); !ok || errors.Is(err, ErrPending) {
		t.Error(err)
	}
	snapshot{"a.go": `-rw-r--r-- "old!"`}.mustEqual(t, snap(t, root))
}

// A run that is killed right behind the replacement of an edited file puts the edit back.
func TestKilledBehindALostEdit(t *testing.T) {
	t.Parallel()
	root := quickRoot(t)
	put(t, filepath.Join(root, "a.go"), "old", 0o644)
	dead := until(func() {
		apply(root, []change.Change{edit(root, "a.go")}, func(op, at string) error {
			if op == "rename" && at == "a.go" {
				if get(t, filepath.Join(root, "a.go")) != "old" {
					panic(killed{op, at})
				}
				return appendTo(filepath.Join(root, "a.go"), "!")
			}
			return nil
		})
	})
	if dead == nil {
		t.Fatal("it was not killed")
	}
	_, err := Recover(root)
	if c, ok := errors.AsType[*ConflictError](err); !ok || len(c.Files) != 1 || get(t, filepath.Join(root, "a.go")) != "old!" {
		t.Fatalf("%v: %q", err, get(t, filepath.Join(root, "a.go")))
	}
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

func replaceBy(path, text string) error {
	if err := os.WriteFile(path+".tmp", []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}
