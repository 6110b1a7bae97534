//go:build unix

package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"etcdmod/internal/vouch"

	"etcdmod/internal/change"
)

func init() {
	// Applies one edit in each of two directories, as a user who may not do everything.
	childRoles["unprivileged"] = func(root string) error {
		if os.Getuid() == 0 {
			const nobody = 65534
			// The keys of another user are none of this one's.
			err := errors.Join(os.Unsetenv(vouch.Variable), syscall.Setgroups(nil), syscall.Setgid(nobody), syscall.Setuid(nobody))
			if err != nil {
				fmt.Println("cannot give up privileges:", err)
				return nil
			}
		}
		if _, err := os.Stat(root); err != nil {
			fmt.Println("cannot give up privileges:", err)
			return nil
		}
		err := Apply(root, []change.Change{edit(root, "a/a.go"), create(root, "a/x/new.go"), edit(root, "b/b.go")})
		fmt.Println("error:", err)
		fmt.Println(errors.Is(err, fs.ErrPermission), errors.Is(err, ErrPending))
		return nil
	}
}

// What may not be written is noticed before anything is changed.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, path string
		perm       fs.FileMode
		want       string
	}{
		{"nothing", ".", 0o777, "error: <nil>"},
		{"root", ".", 0o555, "cannot create ROOT/" + Name + ": permission denied"},
		{"directory", "b", 0o555, "cannot write ROOT/b/b.go: permission denied"},
		{"directory of a new file", "a", 0o555, "cannot make directory ROOT/a/x: permission denied"},
		{"file", "b/b.go", 0o444, "ROOT/b/b.go: cannot be opened for writing: permission denied"},
		{"unreadable file", "b/b.go", 0o222, "ROOT/b/b.go: cannot be opened for writing: permission denied"},
		{"closed directory", "b", 0o000, "permission denied"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			root := tempRoot(t)
			os.Chmod(filepath.Dir(root), 0o755) // testing keeps it to its owner
			defer os.Chmod(root, 0o755)
			for _, f := range []string{"a/a.go", "b/b.go"} {
				put(t, filepath.Join(root, f), "old", 0o666)
			}
			for _, d := range []string{"a", "b", "."} {
				os.Chmod(filepath.Join(root, d), 0o777)
			}
			path := filepath.Join(root, tc.path)
			was := snap(t, root)
			os.Chmod(path, tc.perm)
			out, err := child(t, "unprivileged", root).Output()
			os.Chmod(path, 0o777)
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			got := string(out)
			if strings.HasPrefix(got, "cannot give up privileges") {
				t.Skip("NOT TESTED: ", got)
			}
			want := strings.ReplaceAll(tc.want, "ROOT", root)
			if !strings.Contains(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			if tc.name == "nothing" {
				return
			}
			if !strings.HasSuffix(got, "true false\n") || !strings.Contains(got, "writable") {
				t.Errorf("got %q", got)
			}
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				os.Chmod(path, 0o666)
			}
			was.mustEqual(t, snap(t, root))
		})
	}
}

// A privileged run does not take files away from their owners.
func TestOwnerIsKept(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED: only a privileged process may give files away")
	}
	root := tempRoot(t)
	path := filepath.Join(root, "a.go")
	put(t, path, "old", 0o640)
	if err := os.Chown(path, 1234, 4321); err != nil {
		t.Skipf("NOT TESTED: %v", err)
	}
	if err := os.Chmod(path, 0o750|fs.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	was, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := Apply(root, []change.Change{edit(root, "a.go")}); err != nil {
		t.Fatal(err)
	}
	now, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	st := now.Sys().(*syscall.Stat_t)
	if st.Uid != 1234 || st.Gid != 4321 || now.Mode() != was.Mode() {
		t.Errorf("owner %d:%d, %v, want 1234:4321, %v", st.Uid, st.Gid, now.Mode(), was.Mode())
	}
	// The same when the run goes back.
	put(t, filepath.Join(root, "b.go"), "old", 0o644)
	put(t, path+".old", "old", 0o644)
	back := change.Change{Path: path, Old: []byte("new"), New: []byte("newer")}
	if err := apply(root, []change.Change{back, edit(root, "b.go")}, fail("rename", "b.go")); !errors.Is(err, errInjected) {
		t.Fatal(err)
	}
	now, err = os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	st = now.Sys().(*syscall.Stat_t)
	if st.Uid != 1234 || st.Gid != 4321 || now.Mode() != was.Mode() || get(t, path) != "new" {
		t.Errorf("after going back: owner %d:%d, %v", st.Uid, st.Gid, now.Mode())
	}
}

// New files have the permissions of those around them, others keep theirs, whatever the umask
// is: whoever runs this need not be the one whose tree it is.
func TestUmask(t *testing.T) {
	// Not parallel: the umask is one for the process.
	root := tempRoot(t)
	put(t, filepath.Join(root, "a.go"), "old", 0o666)
	old := syscall.Umask(0o077)
	// The first one is made while nothing but the journal is there besides a.go.
	err := Apply(root, []change.Change{create(root, "D/x/b.go"), edit(root, "a.go"), create(root, "d/b.go")})
	syscall.Umask(old)
	if err != nil {
		t.Fatal(err)
	}
	snapshot{"a.go": `-rw-rw-rw- "new"`, "D": "drwxr-xr-x", "D/x": "drwxr-xr-x", "D/x/b.go": `-rw-rw-rw- "new"`, "d": "drwxr-xr-x", "d/b.go": `-rw-rw-rw- "new"`}.mustEqual(t, snap(t, root))
}
