package verify

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"etcdmod/internal/gocmd"
)

func TestCancelledBefore(t *testing.T) {
	t.Parallel()
	f := setup(t, basic, "")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := f.try(t, ctx, f.request("-- a/a.go --\npackage a\n"))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want context.Canceled", err)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	const edit = "-- a/a.go --\npackage a\n"
	for _, test := range []struct {
		name   string
		module string
		sub    string
		change func(*Request)
		want   string
	}{{
		name:   "no module",
		module: "-- a/a.go --\npackage a\n",
		want:   "is not the root directory of a module",
	}, {
		name:   "not the root",
		module: basic,
		sub:    "a",
		want:   "is not the root directory of a module",
	}, {
		name:   "a package that is not there",
		module: basic,
		change: func(r *Request) { r.Packages = []string{"example.com/m/none"} },
		want:   "no package matches example.com/m/none",
	}, {
		name:   "a relative path",
		module: basic,
		change: func(r *Request) { r.Overlay["a/a.go"] = nil },
		want:   "the path a/a.go in the overlay is not absolute",
	}, {
		name:   "go.mod that cannot be read",
		module: "-- go.mod --\nmodul example.com/m\n-- a/a.go --\npackage a\n",
		want:   "unknown directive: modul",
	}, {
		name:   "a flag that is none",
		module: basic,
		change: func(r *Request) { r.Flags = []string{"-none"} },
		want:   "flag provided but not defined: -none",
	}, {
		name:   "another overlay",
		module: basic,
		change: func(r *Request) { r.Flags = []string{"-overlay=x.json"} },
		want:   "-overlay",
	}, {
		name:   "another overlay in the environment",
		module: basic,
		change: func(r *Request) { r.Go = r.Go.With("GOFLAGS=-overlay=x.json") },
		want:   "GOFLAGS has an -overlay",
	}, {
		name:   "a workspace that does not have the module",
		module: basic + "-- other/go.work --\ngo 1.21\n\nuse ./n\n-- other/n/go.mod --\nmodule example.com/n\n\ngo 1.21\n",
		change: func(r *Request) { r.Go = r.Go.With("GOWORK=" + filepath.Join(r.Go.Dir, "other/go.work")) },
		want:   "does not use the module",
	}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, test.module, test.sub)
			req := f.request(edit)
			if test.change != nil {
				test.change(&req)
			}
			_, err := f.try(t, context.Background(), req)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("err = %v, want one that contains %q", err, test.want)
			}
		})
	}
}

func TestNoGo(t *testing.T) {
	f := setup(t, basic, "")
	req := f.request("-- a/a.go --\npackage a\n")
	t.Setenv("PATH", "")
	_, err := f.try(t, context.Background(), req)
	if !errors.Is(err, gocmd.ErrNoGo) {
		t.Errorf("err = %v, want ErrNoGo", err)
	}
}

// A module on which nobody may write verifies like any other.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	f := setup(t, tested, "")
	var names []string
	for name := range hash(t, f.dir) {
		names = append(names, name)
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, info.Mode().Perm()&^0o222); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for _, name := range names {
			os.Chmod(name, 0o700)
		}
	})
	req := f.request("-- lock/lock.go --\npackage lock\n\nfunc Lock() {}\n-- a/a.go --\npackage a\n\nimport \"example.com/m/lock\"\n\nfunc A() int { lock.Lock(); return 2 }\n")
	req.Vet, req.Test = true, true
	f.unproved = []string{"example.com/m/a"}
	f.want(t, f.check(t, req),
		"test example.com/m/a a/a_test.go:18: TestA/../testdata/want.txt fails and passed before:",
		"test example.com/m/a a/a_test.go:18: TestA/testdata/want.txt fails and passed before:",
	)
}
