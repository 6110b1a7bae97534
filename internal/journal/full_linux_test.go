package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"etcdmod/internal/change"
	"etcdmod/internal/vouch"
)

func init() {
	// Applies files of which the last is larger than a file may be.
	childRoles["limit"] = func(root string) error {
		signal.Ignore(syscall.SIGXFSZ)
		limit := syscall.Rlimit{Cur: 20000, Max: 20000}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			return err
		}
		err := Apply(root, fullFiles(root))
		fmt.Println("error:", err)
		fmt.Println(errors.Is(err, syscall.EFBIG), errors.Is(err, ErrPending))
		return nil
	}

	// Applies files where no key can be written.
	childRoles["keys"] = func(root string) error {
		signal.Ignore(syscall.SIGXFSZ)
		limit := syscall.Rlimit{Cur: 10, Max: 10}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			return err
		}
		old, name := []byte("ooo"), filepath.Join(root, "a.go")
		fmt.Println("error:", Apply(root, []change.Change{{Path: name, Old: old, New: []byte("nnn")}}))
		return nil
	}

	// Mounts a tiny file system that nobody else sees and fills it, by all of the run
	// or by its journal already.
	childRoles["full"] = func(root string) error {
		if err := syscall.Mount("tmpfs", root, "tmpfs", 0, "size=32k,mode=755"); err != nil {
			fmt.Println("NOT TESTED: mount:", err)
			return nil
		}
		for _, f := range fullFiles(root) {
			if f.Created {
				continue
			}
			if err := os.WriteFile(f.Path, f.Old, 0o644); err != nil {
				return err
			}
		}
		check := func() error {
			err := Apply(root, fullFiles(root))
			fmt.Println("error:", err)
			fmt.Println(errors.Is(err, syscall.ENOSPC), errors.Is(err, ErrPending))
			entries, readErr := os.ReadDir(root)
			if readErr != nil {
				return readErr
			}
			for _, e := range entries {
				data, err := os.ReadFile(filepath.Join(root, e.Name()))
				fmt.Println(e.Name(), len(data), bytes.Count(data, []byte("o")), err)
			}
			return nil
		}
		if err := check(); err != nil {
			return err
		}
		// Now there is no room for a single record.
		if f, err := os.Create(filepath.Join(root, "filler")); err == nil {
			for err == nil {
				_, err = f.Write(make([]byte, 4096))
			}
			f.Close()
		}
		return check()
	}
}

func fullFiles(root string) []change.Change {
	small, large := bytes.Repeat([]byte("n"), 100), bytes.Repeat([]byte("n"), 30000)
	return []change.Change{
		{Path: filepath.Join(root, "a.go"), Old: []byte("ooo"), New: small},
		{Path: filepath.Join(root, "d", "b.go"), New: small, Created: true},
		{Path: filepath.Join(root, "c.go"), Old: []byte("ooo"), New: large},
	}
}

// A write that is cut off by a limit of the system.
func TestFileSizeLimit(t *testing.T) {
	t.Parallel()
	root := quickRoot(t)
	put(t, filepath.Join(root, "a.go"), "ooo", 0o644)
	put(t, filepath.Join(root, "c.go"), "ooo", 0o644)
	was := snap(t, root)
	out, err := child(t, "limit", root).Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := fmt.Sprintf("error: cannot write %s/c.go: file too large; free some space there or raise the quota; every file is as before\ntrue false\n", root)
	if string(out) != want {
		t.Errorf("got %q, want %q", out, want)
	}
	was.mustEqual(t, snap(t, root))
}

// A directory of keys that is full is not the journal, which is elsewhere: the error names the one
// that needs room, and leaves no half of a key there.
func TestFullKeys(t *testing.T) {
	t.Parallel()
	root, keys := quickRoot(t), filepath.Join(t.TempDir(), "keys")
	put(t, filepath.Join(root, "a.go"), "ooo", 0o644)
	was := snap(t, root)
	cmd := child(t, "keys", root)
	cmd.Env = append(cmd.Environ(), vouch.Variable+"="+keys)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := fmt.Sprintf("error: keys of records cannot be kept in %s (file too large): repair that, or have ETCDMOD_KEYS name another directory; every file is as before\n", keys)
	if string(out) != want {
		t.Errorf("got %q, want %q", out, want)
	}
	was.mustEqual(t, snap(t, root))
	if left, err := os.ReadDir(keys); err != nil || len(left) != 0 {
		t.Errorf("left in the directory of keys: %v, %v", left, err)
	}
}

// A disk that is full: while the new contents are written, and before.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	root := tempRoot(t)
	cmd := child(t, "full", root)
	// A mount of the child's own, which ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.Output()
	if _, ran := errors.AsType[*exec.ExitError](err); err != nil && !ran {
		t.Skipf("NOT TESTED: no user namespaces here: %v", err)
	}
	if strings.HasPrefix(string(out), "NOT TESTED") {
		t.Skip(string(out))
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	const tail = ": no space left on device; free some space there or raise the quota; every file is as before\ntrue false\na.go 3 3 <nil>\nc.go 3 3 <nil>\n"
	got := strings.ReplaceAll(string(out), root, "ROOT")
	first := "error: cannot write ROOT/c.go" + tail
	second := "error: cannot write ROOT/" + Name + tail
	if !strings.HasPrefix(got, first) || !strings.HasPrefix(got[len(first):], second) {
		t.Errorf("got %s", got)
	}
}

// A target that is a mount point can be written but not replaced: the run fails when
// others are replaced already, and goes back.
func TestMountPoint(t *testing.T) {
	t.Parallel()
	root := tempRoot(t)
	for _, f := range []string{"a.go", "b.go", "c.go", "mounted"} {
		put(t, filepath.Join(root, f), "old", 0o644)
	}
	cmd := child(t, "mount point", root)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	was := snap(t, root)
	out, err := cmd.Output()
	if _, ran := errors.AsType[*exec.ExitError](err); err != nil && !ran {
		t.Skipf("NOT TESTED: no user namespaces here: %v", err)
	}
	if strings.HasPrefix(string(out), "NOT TESTED") {
		t.Skip(string(out))
	}
	want := fmt.Sprintf("error: cannot replace %s/b.go: device or resource busy; every file is as before\n", root)
	if err != nil || string(out) != want {
		t.Errorf("%v: got %q, want %q", err, out, want)
	}
	was.mustEqual(t, snap(t, root))
}

func init() {
	childRoles["mount point"] = func(root string) error {
		if err := syscall.Mount(filepath.Join(root, "mounted"), filepath.Join(root, "b.go"), "", syscall.MS_BIND, ""); err != nil {
			fmt.Println("NOT TESTED: mount:", err)
			return nil
		}
		fmt.Println("error:", Apply(root, []change.Change{edit(root, "a.go"), create(root, "x/y.go"), edit(root, "b.go"), edit(root, "c.go")}))
		return nil
	}
}
