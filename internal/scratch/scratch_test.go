package scratch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/gofrs/flock"
)

func TestRemove(t *testing.T) {
	above := t.TempDir()
	d, err := New(above, "/place")
	if err != nil {
		t.Fatal(err)
	}
	if !form.MatchString(filepath.Base(d.Name())) || filepath.Dir(d.Name()) != above {
		t.Errorf("it is %s", d.Name())
	}
	if info, err := os.Stat(d.Name()); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	deep := filepath.Join(d.Name(), "a", "b")
	if err := errors.Join(os.MkdirAll(deep, 0o777), os.WriteFile(filepath.Join(deep, "c"), nil, 0o666), os.Chmod(deep, 0o500)); err != nil {
		t.Fatal(err)
	}
	d.Remove()
	if list, err := os.ReadDir(above); err != nil || len(list) > 0 {
		t.Errorf("left: %v, %v", list, err)
	}
}

// A run takes away what runs have left that do not live any more, and nothing else.
func TestSweep(t *testing.T) {
	above, elsewhere := t.TempDir(), t.TempDir()
	living, err := New(above, "/place")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(living.Remove)
	at := func(name string) string { return filepath.Join(above, name) }
	put := func(name string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte("x"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	put(filepath.Join(elsewhere, lockFile))
	put(filepath.Join(elsewhere, "mine"))
	put(at("etcdmod-run-0000000000000001/lock"))
	put(at("etcdmod-run-0000000000000001/deep/file"))
	if err := os.Chmod(at("etcdmod-run-0000000000000001/deep"), 0o500); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(at("etcdmod-run-0000000000000002"), 0o700); err != nil { // killed before it had a lock
		t.Fatal(err)
	}
	put(at("etcdmod-run-0000000000000003/deep/file")) // a command of a run that was killed has made it again
	put(at("etcdmod-run-000000000000000/lock"))
	put(at("etcdmod-run-0000000000000004"))
	if err := os.Symlink(elsewhere, at("etcdmod-run-0000000000000005")); err != nil {
		t.Skip(err)
	}
	put(at("etcdmod-run-0000000000000006/lock"))
	if err := os.Chmod(at("etcdmod-run-0000000000000006"), 0o777); err != nil { // anybody may have made what is in it
		t.Fatal(err)
	}
	d, err := New(above, "/place")
	if err != nil {
		t.Fatal(err)
	}
	put(at("etcdmod-run-0000000000000007/deep/file")) // as its commands still lived
	d.Remove()
	list, err := os.ReadDir(above)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		filepath.Base(living.Name()),
		"etcdmod-run-000000000000000", "etcdmod-run-0000000000000004", "etcdmod-run-0000000000000005", "etcdmod-run-0000000000000006",
	}
	slices.Sort(want)
	var got []string
	for _, e := range list {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, want) {
		t.Errorf("left: %q\nwant: %q", got, want)
	}
	if list, err := os.ReadDir(elsewhere); err != nil || len(list) != 2 {
		t.Errorf("behind the link: %v, %v", list, err)
	}
}

// Runs that begin at once take nothing away from each other.
func TestAtOnce(t *testing.T) {
	above := t.TempDir()
	const runs = 30
	dirs := make([]*Dir, runs)
	var begun sync.WaitGroup
	for i := range dirs {
		begun.Go(func() {
			d, err := New(above, "/place")
			if err != nil {
				t.Error(err)
				return
			}
			dirs[i] = d
		})
	}
	begun.Wait()
	for _, d := range dirs {
		if d == nil {
			continue
		}
		if ok, err := flock.New(filepath.Join(d.Name(), lockFile), flock.SetFlag(os.O_RDONLY)).TryLock(); ok || err != nil {
			t.Errorf("%s is nobody's: %v", d.Name(), err)
		}
		d.Remove()
	}
	if list, err := os.ReadDir(above); err != nil || len(list) > 0 {
		t.Errorf("left: %v, %v", list, err)
	}
}

// Runs in one place have one name, and whoever has it has it alone.
func TestAgain(t *testing.T) {
	above := t.TempDir()
	first, err := New(above, "/place")
	if err != nil {
		t.Fatal(err)
	}
	second, err := New(above, "/place")
	if err != nil {
		t.Fatal(err)
	}
	other, err := New(above, "/other")
	if err != nil {
		t.Fatal(err)
	}
	if names := []string{first.Name(), second.Name(), other.Name()}; len(slices.Compact(slices.Sorted(slices.Values(names)))) != 3 {
		t.Errorf("two have one directory: %q", names)
	}
	for _, d := range []*Dir{first, second, other} {
		d.Remove()
	}
	again, err := New(above, "/place")
	if err != nil {
		t.Fatal(err)
	}
	again.Remove()
	if name := usual("/place"); again.Name() != first.Name() && name == usual("/place") { // else the system has no such names
		t.Errorf("%s, then %s", first.Name(), again.Name())
	}
	var runs sync.WaitGroup
	for range 8 {
		runs.Go(func() {
			for range 25 {
				d, err := New(above, "/place")
				if err != nil {
					t.Error(err)
					return
				}
				for i := range 30 {
					if err := os.Mkdir(filepath.Join(d.Name(), fmt.Sprint(i)), 0o700); err != nil {
						t.Errorf("somebody else is there: %v", err)
					}
				}
				if list, err := os.ReadDir(d.Name()); err != nil || len(list) != 31 {
					t.Errorf("somebody has taken some away: %d, %v", len(list), err)
				}
				d.Remove()
			}
		})
	}
	runs.Wait()
	if list, err := os.ReadDir(above); err != nil || len(list) > 0 {
		t.Errorf("left: %v, %v", list, err)
	}
}
