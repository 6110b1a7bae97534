package journal

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"etcdmod/internal/vouch"

	"etcdmod/internal/change"
)

func TestRecoverNothing(t *testing.T) {
	t.Parallel()
	root := quickRoot(t)
	put(t, filepath.Join(root, "a.go"), "a", 0o644)
	was := snap(t, root)
	if p, err := Pending(root); p || err != nil {
		t.Errorf("Pending: %v, %v", p, err)
	}
	if out, err := Recover(root); out.Action != Nothing || out.Files != nil || out.String() != "" || err != nil {
		t.Errorf("Recover: %v, %v", out, err)
	}
	was.mustEqual(t, snap(t, root))
}

// With a journal there, Apply does nothing but say so, and Recover names the files.
func TestPending(t *testing.T) {
	t.Parallel()
	const n = 4
	for _, tc := range []struct {
		op, at string
		want   Action
		text   string
	}{
		{"record", "commit", Undone, "undid an interrupted run; as before: "},
		{"rename", name(2), Finished, "finished an interrupted run; written: "},
	} {
		root := quickRoot(t)
		build(t, root, n)
		if err := interrupt(root, n, tc.op, tc.at, nil); err != nil {
			t.Fatal(err)
		}
		left := snap(t, root)
		if p, err := Pending(root); !p || err != nil {
			t.Errorf("Pending: %v, %v", p, err)
		}
		err := Apply(root, edits(root, n))
		if !errors.Is(err, ErrPending) || !strings.Contains(err.Error(), filepath.Join(root, Name)) {
			t.Errorf("Apply: %v", err)
		}
		left.mustEqual(t, snap(t, root))

		out, err := Recover(root)
		if err != nil || out.Action != tc.want || !strings.HasPrefix(out.String(), tc.text) {
			t.Errorf("Recover: %v, %v", out, err)
		}
		var want []string
		for _, f := range edits(root, n) {
			p := f.Path
			if filepath.Base(p) == "link.go" {
				p = filepath.Join(root, name(0)) // links resolved
			}
			want = append(want, p)
		}
		if !slices.Equal(out.Files, want) {
			t.Errorf("Files = %q, want %q", out.Files, want)
		}
		if p, err := Pending(root); p || err != nil {
			t.Errorf("Pending after Recover: %v, %v", p, err)
		}
		if out, err := Recover(root); out.Action != Nothing || err != nil {
			t.Errorf("second Recover: %v, %v", out, err)
		}
	}
}

// A tree that was moved after the kill is recovered where it is now.
func TestRecoverMovedTree(t *testing.T) {
	t.Parallel()
	const n = 8
	_, is := beforeAfter(t, n)
	dir := quickRoot(t)
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	put(t, filepath.Join(a, "x"), "", 0o644)
	os.Remove(filepath.Join(a, "x"))
	build(t, a, n)
	if err := interrupt(a, n, "rename", name(4), nil); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(a, b); err != nil {
		t.Fatal(err)
	}
	if out, err := Recover(b); err != nil || out.Action != Finished {
		t.Fatal(out, err)
	}
	is.mustEqual(t, snap(t, b))
}

// The user edited files between the kill and the recovery. These stay; the error names
// them and where the run's content is; what the error says to do, works.
func TestConflict(t *testing.T) {
	t.Parallel()
	const n = 8
	const mine = "package mine\n"
	prepare := func(t *testing.T) (root string, is snapshot) {
		_, is = beforeAfter(t, n)
		root = quickRoot(t)
		build(t, root, n)
		if err := interrupt(root, n, "rename", name(3), nil); err != nil {
			t.Fatal(err)
		}
		return root, is
	}
	conflicts := func(t *testing.T, root string) *ConflictError {
		t.Helper()
		out, err := Recover(root)
		ce, ok := errors.AsType[*ConflictError](err)
		if !ok || !errors.Is(err, ErrPending) || out.Action != Nothing || ce.Journal != filepath.Join(root, Name) {
			t.Fatalf("Recover: %v, %T %v", out, err, err)
		}
		for _, c := range ce.Files {
			if !strings.Contains(err.Error(), c.Path) || !strings.Contains(err.Error(), c.Temp) {
				t.Errorf("%q does not name %+v", err, c)
			}
		}
		return ce
	}

	t.Run("not replaced yet", func(t *testing.T) {
		t.Parallel()
		root, is := prepare(t)
		put(t, filepath.Join(root, name(5)), mine, 0o644)
		os.Remove(filepath.Join(root, name(6)))
		put(t, filepath.Join(root, "new7", "deep", "f7.go"), mine, 0o644)
		ce := conflicts(t, root)
		want := []string{name(5), name(6), "new7/deep/f7.go"}
		if len(ce.Files) != len(want) {
			t.Fatalf("%+v", ce.Files)
		}
		for i, c := range ce.Files {
			if c.Path != filepath.Join(root, want[i]) || filepath.Dir(c.Temp) != filepath.Dir(c.Path) {
				t.Errorf("%+v", c)
			}
		}
		if got := get(t, ce.Files[0].Temp); got != after(5) {
			t.Errorf("the temporary file holds %q", got)
		}
		if got := get(t, filepath.Join(root, name(5))); got != mine {
			t.Errorf("the edited file holds %q", got)
		}
		// All others are completed, and only what the error names is left.
		if left := temps(t, root); len(left) != 4 {
			t.Errorf("left: %q", left)
		}
		// Asking again gives the same answer.
		if again := conflicts(t, root); !slices.Equal(again.Files, ce.Files) {
			t.Errorf("%+v", again.Files)
		}

		// One way out: take the new content.
		if err := os.Rename(ce.Files[1].Temp, ce.Files[1].Path); err != nil {
			t.Fatal(err)
		}
		// Another: put the old content back.
		put(t, ce.Files[0].Path, before(5), 0o600)
		os.Chmod(ce.Files[0].Path, 0o600)
		if again := conflicts(t, root); len(again.Files) != 1 {
			t.Errorf("%+v", again.Files)
		}
		// The last: keep one's own and remove what the error names.
		os.Remove(ce.Files[2].Temp)
		os.Remove(ce.Journal)
		if out, err := Recover(root); err != nil || out.Action != Nothing {
			t.Fatal(out, err)
		}
		is["new7/deep/f7.go"] = `-rw-r--r-- "package mine\n"`
		is.mustEqual(t, snap(t, root))
	})

	t.Run("replaced already", func(t *testing.T) {
		t.Parallel()
		root, is := prepare(t)
		put(t, filepath.Join(root, name(1)), mine, 0o600)
		ce := conflicts(t, root)
		if len(ce.Files) != 1 || ce.Files[0] != (Conflict{Path: filepath.Join(root, name(1))}) {
			t.Fatalf("%+v", ce.Files)
		}
		os.Remove(ce.Journal)
		is[name(1)] = `-rw------- "package mine\n"`
		is.mustEqual(t, snap(t, root))
	})

	t.Run("temporary file gone", func(t *testing.T) {
		t.Parallel()
		root, _ := prepare(t)
		for _, temp := range temps(t, root) {
			if strings.Contains(temp, ".new") && filepath.Dir(temp) == filepath.Dir(name(6)) {
				os.Remove(filepath.Join(root, temp))
			}
		}
		ce := conflicts(t, root)
		if len(ce.Files) != 1 || ce.Files[0] != (Conflict{Path: filepath.Join(root, name(6))}) {
			t.Fatalf("%+v", ce.Files)
		}
		if got := get(t, filepath.Join(root, name(6))); got != before(6) {
			t.Errorf("holds %q", got)
		}
	})

	t.Run("temporary file edited", func(t *testing.T) {
		t.Parallel()
		root, _ := prepare(t)
		for _, temp := range temps(t, root) {
			if strings.Contains(temp, ".new") && filepath.Dir(temp) == filepath.Dir(name(6)) {
				put(t, filepath.Join(root, temp), mine, 0o644)
			}
		}
		if ce := conflicts(t, root); len(ce.Files) != 1 {
			t.Fatalf("%+v", ce.Files)
		}
	})

	t.Run("a link now", func(t *testing.T) {
		t.Parallel()
		root, _ := prepare(t)
		path := filepath.Join(root, name(5))
		os.Remove(path)
		put(t, path+".real", before(5), 0o644)
		symlink(t, filepath.Base(path)+".real", path)
		if ce := conflicts(t, root); len(ce.Files) != 1 {
			t.Fatalf("%+v", ce.Files)
		}
		if got := get(t, path); got != before(5) {
			t.Errorf("holds %q", got)
		}
	})

	t.Run("directory gone", func(t *testing.T) {
		t.Parallel()
		root, _ := prepare(t)
		if err := os.RemoveAll(filepath.Join(root, "new7")); err != nil {
			t.Fatal(err)
		}
		if ce := conflicts(t, root); len(ce.Files) != 1 {
			t.Fatalf("%+v", ce.Files)
		}
	})

	t.Run("killed before going back", func(t *testing.T) {
		t.Parallel()
		root := quickRoot(t)
		build(t, root, n)
		if err := interrupt(root, n, "record", "undo", fail("rename", name(6))); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(root, name(7)), mine, 0o644)
		if ce := conflicts(t, root); len(ce.Files) != 1 {
			t.Fatalf("%+v", ce.Files)
		}
		if left := temps(t, root); len(left) != 2 { // the journal and what the error names
			t.Errorf("left: %q", left)
		}
	})

	t.Run("while going back", func(t *testing.T) {
		t.Parallel()
		was, _ := beforeAfter(t, n)
		root := quickRoot(t)
		build(t, root, n)
		if err := interrupt(root, n, "rename", name(2), fail("rename", name(6))); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(root, name(2)), mine, 0o755)
		put(t, filepath.Join(root, "new3", "deep", "f3.go"), mine, 0o644)
		ce := conflicts(t, root)
		if !ce.Undoing || len(ce.Files) != 2 || get(t, ce.Files[0].Temp) != before(2) || ce.Files[1].Temp != "" {
			t.Fatalf("%+v", ce)
		}
		if left := temps(t, root); len(left) != 2 {
			t.Errorf("left: %q", left)
		}
		os.Remove(ce.Files[1].Path)
		os.Rename(ce.Files[0].Temp, ce.Files[0].Path)
		if out, err := Recover(root); err != nil || out.Action != Undone {
			t.Fatal(out, err)
		}
		was.mustEqual(t, snap(t, root))
	})
}

// A run that was killed before its decision is undone whatever the user did since.
func TestUndoKeepsEdits(t *testing.T) {
	t.Parallel()
	const n = 8
	was, _ := beforeAfter(t, n)
	root := quickRoot(t)
	build(t, root, n)
	if err := interrupt(root, n, "record", "commit", nil); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(root, name(5)), "mine", 0o600)
	put(t, filepath.Join(root, "new3", "mine.go"), "mine", 0o644)
	os.RemoveAll(filepath.Join(root, "new7"))
	put(t, filepath.Join(root, "new7"), "mine", 0o644)
	if out, err := Recover(root); err != nil || out.Action != Undone {
		t.Fatal(out, err)
	}
	was[name(5)] = strings.Fields(was[name(5)])[0] + ` "mine"`
	was["new3"], was["new3/mine.go"] = "drwxr-xr-x", `-rw-r--r-- "mine"`
	was["new7"] = `-rw-r--r-- "mine"`
	was.mustEqual(t, snap(t, root))
}

// The journal is cut off at every byte, as a kill or a power failure during its
// writing leaves it.
func TestTornJournal(t *testing.T) {
	t.Parallel()
	const n = 4
	was, is := beforeAfter(t, n)
	for _, tc := range []struct {
		name   string
		op, at string // where the run is killed: all that is cut off was being written then
		before stepFunc
		floor  state // the last record that is certain
		action Action
		want   snapshot
	}{
		{"prepare", "recorded", "prepare", nil, begun, Undone, was},
		{"commit", "recorded", "commit", nil, prepared, Undone, was},
		{"undo", "recorded", "undo", fail("rename", name(2)), decided, Finished, is},
	} {
		root := quickRoot(t)
		build(t, root, n)
		if err := interrupt(root, n, tc.op, tc.at, tc.before); err != nil {
			t.Fatal(err)
		}
		whole := get(t, filepath.Join(root, Name))
		lines := strings.SplitAfter(whole, "\n")
		from := len(whole) - len(lines[len(lines)-2])
		for size := from; size < len(whole); size++ {
			h, err := parse([]byte(whole[:size]), root)
			if err != nil || h.State != tc.floor {
				t.Fatalf("%s cut at %d: %q, %v", tc.name, size, h.State, err)
			}
		}
		put(t, filepath.Join(root, Name), whole[:len(whole)-1], 0o644)
		out, err := Recover(root)
		if err != nil || out.Action != tc.action {
			t.Fatalf("%s: %v, %v", tc.name, out, err)
		}
		if d := tc.want.diff(snap(t, root)); d != "" {
			t.Fatalf("%s:\n%s", tc.name, d)
		}
	}
}

// A file under the journal's name that no run wrote is left alone, and so is the tree.
func TestForeignJournal(t *testing.T) {
	t.Parallel()
	victim := entry{Path: "a.go", Temp: "b.go", Undo: "c.go", Old: sum([]byte("a")), New: sum([]byte("b"))}
	fine := victim
	fine.Temp, fine.Undo = tempNames(runID(), 0)
	outside, self, temp, undo := fine, fine, fine, fine
	temp.Temp, undo.Undo = victim.Temp, victim.Undo
	outside.Path = "../a.go"
	self.Path = Name
	key, err := vouch.New("/x")
	if err != nil {
		t.Fatal(err)
	}
	unknown, err := vouch.New("/x")
	if err != nil {
		t.Fatal(err)
	}
	by := func(key *vouch.Key, records ...record) string {
		var s string
		for _, r := range records {
			s += string(r.encode(key))
		}
		return s
	}
	line := func(records ...record) string { return by(key, records...) }
	git := func(path string) string {
		in := fine
		in.Path = path
		return line(record{State: prepared, Files: []entry{in}}, record{State: decided})
	}
	strange := by(unknown, record{State: prepared, Files: []entry{fine}}, record{State: decided})
	unknown.Forget()
	flipped := strings.Replace(line(record{State: prepared, Files: []entry{fine}}), "a.go", "b.go", 1)
	for name, content := range map[string]string{
		"text":             "hello\n",
		"text, no newline": "hello",
		"other version":    "etcdmod-journal 1 x\n",
		"no key":           "etcdmod-journal 2 x y {}\n",
		"another's key":    strange,
		"two keys":         line(record{State: prepared, Files: []entry{fine}}) + strange,
		"git":              git(".git/HEAD"),
		"git in capitals":  git("sub/.GIT/config"),
		"git for windows":  git("git~1/HEAD"),
		"git with a dot":   git(".git./HEAD"),
		"unclean":          git("x/../a.go"),
		"backslashes":      git(`.git\HEAD`),
		"edited":           flipped,
		"no first record":  line(record{State: decided}),
		"wrong order":      line(record{State: prepared, Files: []entry{fine}}, record{State: undoing}),
		"not our temp":     line(record{State: prepared, Files: []entry{temp}}, record{State: decided}),
		"not our undo":     line(record{State: prepared, Files: []entry{undo}}, record{State: decided}),
		"outside":          line(record{State: prepared, Files: []entry{outside}}, record{State: decided}),
		"itself":           line(record{State: prepared, Files: []entry{self}}, record{State: decided}),
		"dir outside":      line(record{State: prepared, Dirs: []string{"../d"}}),
		"bad index":        line(record{State: prepared}, record{State: decided}, record{State: undoing, Written: []int{0}}),
		"unknown state":    line(record{State: "done"}),
	} {
		root := quickRoot(t)
		put(t, filepath.Join(root, "a.go"), "a", 0o644)
		put(t, filepath.Join(root, "b.go"), "b", 0o644)
		put(t, filepath.Join(root, Name), content, 0o644)
		was := snap(t, root)
		out, err := Recover(root)
		if !errors.Is(err, ErrDamaged) || out.Action != Nothing || !strings.Contains(err.Error(), filepath.Join(root, Name)) {
			t.Errorf("%s: %v, %v", name, out, err)
		}
		if err := Apply(root, []change.Change{edit(root, "a.go")}); !errors.Is(err, ErrPending) {
			t.Errorf("%s: Apply: %v", name, err)
		}
		was.mustEqual(t, snap(t, root))
	}
}

// The journal's name is taken by something that is no file.
func TestJournalIsNoFile(t *testing.T) {
	t.Parallel()
	for name, occupy := range map[string]func(t *testing.T, path string){
		"directory": func(t *testing.T, path string) { os.Mkdir(path, 0o755) },
		"link":      func(t *testing.T, path string) { symlink(t, "a.go", path) },
		"link out":  func(t *testing.T, path string) { symlink(t, "../elsewhere", path) },
	} {
		root := filepath.Join(quickRoot(t), "root")
		put(t, filepath.Join(root, "a.go"), "old", 0o644)
		occupy(t, filepath.Join(root, Name))
		was := snap(t, filepath.Dir(root))
		if err := Apply(root, []change.Change{edit(root, "a.go")}); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: Apply: %v", name, err)
		}
		if _, err := Recover(root); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: Recover: %v", name, err)
		}
		if _, err := Pending(root); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: Pending: %v", name, err)
		}
		was.mustEqual(t, snap(t, filepath.Dir(root)))
	}
}

// A directory on the way to a target was replaced by a link that leads out of the tree.
func TestRecoverStaysInside(t *testing.T) {
	t.Parallel()
	const n = 4
	dir := quickRoot(t)
	root := filepath.Join(dir, "root")
	put(t, filepath.Join(root, "x"), "", 0o644)
	build(t, root, n)
	if err := interrupt(root, n, "rename", name(0), nil); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(root, "d2"), filepath.Join(dir, "d2")); err != nil {
		t.Fatal(err)
	}
	symlink(t, "../d2", filepath.Join(root, "d2"))
	was := snap(t, filepath.Join(dir, "d2"))
	if _, err := Recover(root); !errors.Is(err, ErrPending) {
		t.Fatal(err)
	}
	was.mustEqual(t, snap(t, filepath.Join(dir, "d2")))
}
