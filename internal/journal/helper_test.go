package journal

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"etcdmod/internal/change"
)

// A snapshot is everything below a root: name -> kind, permissions and content.
type snapshot map[string]string

func snap(t testing.TB, root string) snapshot {
	t.Helper()
	s := snapshot{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case name == ".":
		case d.IsDir():
			s[name] = fmt.Sprint(info.Mode())
		case info.Mode()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			s[name] = "link to " + to
		case info.Mode().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			s[name] = fmt.Sprintf("%v %q", info.Mode(), data)
		default:
			s[name] = fmt.Sprint(info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// diff says where b differs from a; "" means nowhere.
func (a snapshot) diff(b snapshot) string {
	names := maps.Clone(a)
	maps.Copy(names, b)
	var out []string
	for _, n := range slices.Sorted(maps.Keys(names)) {
		if a[n] != b[n] {
			out = append(out, fmt.Sprintf("%s: want %s, have %s", n, a[n], b[n]))
		}
	}
	return strings.Join(out, "\n")
}

func (a snapshot) mustEqual(t testing.TB, b snapshot) {
	t.Helper()
	if d := a.diff(b); d != "" {
		t.Fatalf("tree differs:\n%s", d)
	}
}

// put writes a file and its directories.
func put(t testing.TB, path, content string, perm fs.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), perm); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, perm); err != nil {
		t.Fatal(err)
	}
}

func get(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// tempRoot returns a directory that is named without symbolic links, which
// the tests of paths need.
func tempRoot(t testing.TB) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err == nil {
		err = os.Chmod(root, 0o755) // new directories are like it
	}
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// quickRoot is tempRoot for tests that make hundreds of trees. It is in memory where
// the system has such a place: a kill of the process cannot tell the difference, and
// syncing a disk thousands of times takes minutes on a busy machine.
func quickRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "journal-test-")
	if err != nil {
		return tempRoot(t)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // new directories are like it
		t.Fatal(err)
	}
	return dir
}

// temps returns the files of this package below root.
func temps(t testing.TB, root string) []string {
	t.Helper()
	var found []string
	for name := range snap(t, root) {
		if base := filepath.Base(name); base == Name || tempName.MatchString(base) {
			found = append(found, name)
		}
	}
	return found
}

// build makes a tree with n files to edit, spread over directories and with
// several permissions, and one behind a link.
func build(t testing.TB, root string, n int) {
	t.Helper()
	for i := range n {
		put(t, filepath.Join(root, name(i)), before(i), []fs.FileMode{0o644, 0o600, 0o755, 0o664}[i%4])
	}
	put(t, filepath.Join(root, "untouched.txt"), "untouched\n", 0o644)
	if err := os.Symlink(filepath.Join("..", name(0)), filepath.Join(root, "d1", "link.go")); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
}

// edits returns the change of a tree that build made: n files edited, the first
// through its link, and, for every fourth, a file created.
func edits(root string, n int) []change.Change {
	var files []change.Change
	for i := range n {
		path := filepath.Join(root, name(i))
		if i == 0 {
			path = filepath.Join(root, "d1", "link.go")
		}
		files = append(files, change.Change{Path: path, Old: []byte(before(i)), New: []byte(after(i))})
		if i%4 == 3 {
			path := filepath.Join(root, fmt.Sprintf("new%d", i%8), "deep", fmt.Sprintf("f%d.go", i))
			files = append(files, change.Change{Path: path, New: []byte(after(i)), Created: true})
		}
	}
	return files
}

func name(i int) string {
	if i%4 == 0 {
		return fmt.Sprintf("f%d.go", i)
	}
	return filepath.Join(fmt.Sprintf("d%d", i%4), fmt.Sprintf("f%d.go", i))
}

func before(i int) string {
	return fmt.Sprintf("package old%d\n%s", i, strings.Repeat("// old\n", i*40))
}
func after(i int) string {
	return fmt.Sprintf("package new%d\r\n%s", i, strings.Repeat("// newer\r\n", i*40))
}

// beforeAfter returns what a tree of build looks like before and after edits, made by
// plain writes in another directory.
func beforeAfter(t testing.TB, n int) (was, is snapshot) {
	t.Helper()
	root := quickRoot(t)
	build(t, root, n)
	was = snap(t, root)
	for _, f := range edits(root, n) {
		if err := os.MkdirAll(filepath.Dir(f.Path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.Path, f.New, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return was, snap(t, root)
}

// A killed is what a stepFunc panics with to stand for the end of the process: no
// deferred function of this package may put anything in order then.
type killed struct{ op, name string }

// until runs f and reports whether it was killed.
func until(f func()) (dead *killed) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case killed:
			dead = &r
		default:
			panic(r)
		}
	}()
	f()
	return nil
}

// killAt returns a stepFunc that kills before step n, counted from 0.
func killAt(n int) stepFunc {
	return func(op, name string) error {
		if n == 0 {
			panic(killed{op, name})
		}
		n--
		return nil
	}
}
