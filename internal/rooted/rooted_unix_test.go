//go:build unix

package rooted

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestNoPipeIsOpened(t *testing.T) {
	d, _ := tree(t)
	if err := syscall.Mkfifo(d.Path("pipe"), 0o666); err != nil {
		t.Skip(err)
	}
	link(t, "pipe", d.Path("linked"))
	within(t, func() {
		for _, name := range []string{"pipe", "linked"} {
			_, err := d.ReadFile(name, 100)
			var unfit *UnfitError
			if !errors.As(err, &unfit) || !strings.Contains(err.Error(), "named pipe") {
				t.Error(err)
			}
			if _, err := ReadNamed(d.Path(name), 100); err == nil {
				t.Errorf("%s is read", name)
			}
			if _, err := d.Append(name, 100); err == nil {
				t.Errorf("%s is written to", name)
			}
			if _, err := d.ReadDir(name); err == nil {
				t.Errorf("%s is listed", name)
			}
		}
	})
}

func TestOwnerOfTheDirectory(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root gives files away")
	}
	d, _ := tree(t)
	if err := errors.Join(os.Chown(d.Path("a"), 65534, 65534), os.Chown(d.Path("b/g.txt"), 1234, 1234)); err != nil {
		t.Skip(err)
	}
	if err := errors.Join(os.Remove(d.Path("a/f.txt")), d.WriteFile("a/new", nil), d.Mkdir("a/x"), d.WriteFile("a/x/new", nil), d.WriteFile("b/new", nil)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]uint32{"a/new": 65534, "a/x": 65534, "a/x/new": 65534, "b/new": 1234} {
		info, err := d.Lstat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Sys().(*syscall.Stat_t).Uid; got != want {
			t.Errorf("%s belongs to %d, not to %d", name, got, want)
		}
	}
}

// Where everybody may make files, what is made is nobody else's to write.
func TestInACommonDirectory(t *testing.T) {
	d, _ := tree(t)
	common := d.Path("common")
	if err := errors.Join(os.Mkdir(common, 0o777), os.Chmod(common, os.ModeSticky|0o777), os.WriteFile(d.Path("common/0"), nil, 0o666), os.Chmod(d.Path("common/0"), 0o666)); err != nil {
		t.Skip(err)
	}
	if os.Getuid() == 0 {
		if err := os.Chown(d.Path("common/0"), 1234, 1234); err != nil {
			t.Skip(err)
		}
	}
	out, err := Make(d.Path("common/out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	above, err := Open(common)
	if err != nil {
		t.Fatal(err)
	}
	defer above.Close()
	if err := errors.Join(out.Mkdir("units"), out.WriteFile("units/x", nil), above.WriteFile("beside", nil)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"common/out", "common/out/units", "common/out/units/x", "common/beside"} {
		info, err := os.Lstat(d.Path(name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode()&0o022 != 0 {
			t.Errorf("others may write %s: %v", name, info.Mode())
		}
		if got := int(info.Sys().(*syscall.Stat_t).Uid); got != os.Getuid() {
			t.Errorf("%s belongs to %d", name, got)
		}
	}
}
