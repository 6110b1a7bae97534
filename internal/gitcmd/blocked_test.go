package gitcmd

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"etcdmod/internal/rooted"
)

// Git reads files of a repository that have no end, or some gigabytes of nothing. It is ended, and
// the file is named.
func TestNothingIsReadWithoutEnd(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no /dev/zero")
	}
	huge := func(t *testing.T, name string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o644)
		if err == nil {
			err = errors.Join(f.Truncate(8<<30), f.Close())
		}
		if err != nil {
			t.Skip(err)
		}
	}
	others := []string{"ls-files", "-z", "--others", "--exclude-standard"}
	for name, test := range map[string]struct {
		prepare func(t *testing.T, dir string)
		args    []string
		file    string
	}{
		".gitignore": {func(t *testing.T, dir string) { huge(t, filepath.Join(dir, "sub", ".gitignore")) }, others, "sub/.gitignore"},
		"exclude":    {func(t *testing.T, dir string) { huge(t, filepath.Join(dir, ".git", "info", "exclude")) }, others, ".git/info/exclude"},
		"excludes that are set": {func(t *testing.T, dir string) {
			huge(t, filepath.Join(dir, "excludes"))
			plain(t, dir, "config", "core.excludesFile", filepath.Join(dir, "excludes"))
		}, others, "excludes"},
		"HEAD":        {func(t *testing.T, dir string) { huge(t, filepath.Join(dir, ".git", "HEAD")) }, []string{"rev-parse", "HEAD"}, ".git/HEAD"},
		"packed refs": {func(t *testing.T, dir string) { huge(t, filepath.Join(dir, ".git", "packed-refs")) }, []string{"for-each-ref"}, ".git/packed-refs"},
		"attributes that are a device": {func(t *testing.T, dir string) {
			plain(t, dir, "config", "core.attributesFile", "/dev/zero")
			write(t, filepath.Join(dir, "a.txt"), "b\n")
		}, []string{"status", "--porcelain"}, "/dev/zero"},
		"a git directory elsewhere": {func(t *testing.T, dir string) {
			if err := os.Rename(filepath.Join(dir, ".git"), filepath.Join(dir, "elsewhere")); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, ".git"), "gitdir: elsewhere\n")
			huge(t, filepath.Join(dir, "elsewhere", "info", "exclude"))
		}, others, "elsewhere/info/exclude"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := repository(t)
			test.prepare(t, dir)
			begun := time.Now()
			_, err := New(dir, nil).Run(t.Context(), nil, test.args...)
			var unfit *rooted.UnfitError
			var said *Error
			switch {
			case errors.As(err, &unfit) && strings.HasSuffix(filepath.ToSlash(unfit.Path), test.file):
			case errors.As(err, &said) && strings.Contains(strings.ToLower(said.Said), "out of memory"): // it asked for all at once
			default:
				t.Errorf("%v", err)
			}
			if took := time.Since(begun); took > time.Minute {
				t.Errorf("after %v", took)
			}
		})
	}

	// A file of the names of people is read by git log line by line, for ever.
	dir, _ := repository(t)
	plain(t, dir, "config", "mailmap.file", "/dev/zero")
	if commit, _ := New(dir, nil).Head(t.Context()); commit == "" {
		t.Error("the commit is not told")
	}
	// The empty file has an end.
	plain(t, dir, "config", "core.attributesFile", os.DevNull)
	if err := blocked(t.Context(), dir); err != nil {
		t.Error(err)
	}
}
