package pipeline

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"etcdmod/internal/change"
	"etcdmod/internal/finding"
	"etcdmod/internal/verify"
)

const twoLoops = `
-- a/a.go --
package main

import (
	"context"
	"time"

	"go.etcd.io/etcd/client/v3/concurrency"
)

func wait(ctx context.Context, mu *concurrency.Mutex) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		if err := mu.TryLock(ctx); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

func main() {
	_ = wait(context.Background(), concurrency.NewMutex(nil, "/app/a"))
}
-- b/b.go --
package main

import (
	"context"
	"time"

	"go.etcd.io/etcd/client/v3/concurrency"
)

func main() {
	ctx := context.Background()
	mu := concurrency.NewMutex(nil, "/app/b")
	for mu.TryLock(ctx) != nil {
		time.Sleep(time.Second)
		println("waiting")
	}
}
`

// newModule writes an archive to a new module that requires the client.
func newModule(t *testing.T, archive string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	files := txtar.Parse([]byte(archive)).Files
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join("../../testdata/example", name))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, txtar.File{Name: name, Data: data})
	}
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A verdict says which problems a set of files has; names are relative.
type verdict func(files map[string]string) []finding.Problem

// judge runs the pipeline with another verification than the real one.
func judge(t *testing.T, dir string, v verdict) (*Result, []string) {
	t.Helper()
	var rounds []string
	r := newRun(Options{Dir: dir, Env: append(os.Environ(), "GOFLAGS=", "GOWORK=off"), Tier: finding.Collapse, Edit: true, Vet: true}, func(_ context.Context, req verify.Request) (*verify.Result, error) {
		files := map[string]string{}
		for name, data := range req.Overlay {
			rel, err := filepath.Rel(dir, name)
			if err != nil {
				t.Fatal(err)
			}
			files[filepath.ToSlash(rel)] = string(data)
		}
		rounds = append(rounds, strings.Join(slices.Sorted(maps.Keys(files)), " "))
		problems := v(files)
		for i := range problems {
			if f := problems[i].File; f != "" {
				problems[i].File = filepath.Join(dir, filepath.FromSlash(f))
			}
		}
		return &verify.Result{New: problems}, nil
	})
	res, err := r.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return res, rounds
}

// tiers lists the findings by file, with the reason for their tier.
func tiers(res *Result) string {
	var out []string
	for _, f := range res.Findings {
		s := res.Module.Rel(f.Pos.Filename) + " " + f.Tier.String()
		switch {
		case len(f.Refused) > 0:
			s += " " + string(f.Refused[0].Code)
		case f.NotHigher != nil:
			s += " " + string(f.NotHigher.Code)
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}

func TestFallBack(t *testing.T) {
	const (
		strongest = "a/a.go collapse; b/b.go "
		vet       = verify.PhaseVet
	)
	gated := func(files map[string]string) bool { return strings.Contains(files["a/a.go"], "mu.NewTicker") }
	collapsed := func(files map[string]string) bool { return strings.Contains(files["a/a.go"], "mu.WatchLock") }
	for _, tc := range []struct {
		name   string
		v      verdict
		want   string // of a/a.go
		others bool   // b/b.go keeps its tier
		failed bool
	}{
		{"verified", func(map[string]string) []finding.Problem { return nil }, "a/a.go collapse", true, false},
		{"vet complains of a collapse", func(files map[string]string) []finding.Problem {
			if collapsed(files) {
				return []finding.Problem{{File: "a/a.go", Line: 11, Phase: vet, Message: "no"}}
			}
			return nil
		}, "a/a.go gate verify-fell-back", true, false},
		{"and of a gate", func(files map[string]string) []finding.Problem {
			if collapsed(files) || gated(files) {
				return []finding.Problem{{File: "a/a.go", Phase: vet, Message: "no"}}
			}
			return nil
		}, "a/a.go guard verify-fell-back", true, false},
		{"one package does not build at all", func(files map[string]string) []finding.Problem {
			if files["a/a.go"] != "" {
				return []finding.Problem{{File: "a/a.go", Phase: verify.PhaseBuild, Message: "no"}}
			}
			return nil
		}, "a/a.go refuse does-not-build", true, false},
		{"a test of one package fails", func(files map[string]string) []finding.Problem {
			if collapsed(files) {
				return []finding.Problem{{Package: "example.com/standby/a", File: "a/a_test.go", Phase: verify.PhaseTest, Message: "no"}}
			}
			return nil
		}, "a/a.go gate verify-fell-back", true, false},
		{"nothing is accepted", func(map[string]string) []finding.Problem {
			return []finding.Problem{{Phase: verify.PhaseLoad, Message: "no"}}
		}, "a/a.go refuse does-not-build", false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := newModule(t, twoLoops)
			plain, _ := judge(t, dir, func(map[string]string) []finding.Problem { return nil })
			if !strings.HasPrefix(tiers(plain), strongest) {
				t.Fatalf("without problems: %s", tiers(plain))
			}
			res, rounds := judge(t, dir, tc.v)
			a, b, _ := strings.Cut(tiers(res), "; ")
			_, plainB, _ := strings.Cut(tiers(plain), "; ")
			if a != tc.want {
				t.Errorf("got %s, want %s, in rounds %q", a, tc.want, rounds)
			}
			if tc.others && b != plainB {
				t.Errorf("the other finding became %s, was %s", b, plainB)
			}
			if failed := len(res.Failed) > 0; failed != tc.failed || failed != (len(res.Changes) == 0) {
				t.Errorf("failed with %v, %d changes", res.Failed, len(res.Changes))
			}
			if !slices.IsSortedFunc(res.Changes, func(a, b change.Change) int { return strings.Compare(a.Path, b.Path) }) {
				t.Error("the changes are not sorted")
			}
		})
	}
}

// What verification did not look at is named, and makes the run incomplete.
func TestUnverified(t *testing.T) {
	dir := newModule(t, twoLoops)
	r := newRun(Options{Dir: dir, Env: append(os.Environ(), "GOFLAGS=", "GOWORK=off"), Tier: finding.Collapse, Edit: true}, func(context.Context, verify.Request) (*verify.Result, error) {
		return &verify.Result{Uncovered: []string{filepath.Join(dir, "a", "a.go")}, Unproved: []string{"example.com/standby/b"}}, nil
	})
	res, err := r.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range res.Skipped {
		got = append(got, res.Module.Rel(s.Path)+" "+string(s.Reason))
	}
	if want := "a/a.go not-verified, example.com/standby/b not-verified"; strings.Join(got, ", ") != want || !res.Incomplete {
		t.Errorf("got %q, incomplete is %v", got, res.Incomplete)
	}
}

// The end of the context is the error, whatever it made fail.
func TestCancelled(t *testing.T) {
	dir := newModule(t, twoLoops)
	ctx, cancel := context.WithCancel(t.Context())
	r := newRun(Options{Dir: dir, Env: append(os.Environ(), "GOFLAGS=", "GOWORK=off"), Tier: finding.Collapse, Edit: true}, func(context.Context, verify.Request) (*verify.Result, error) {
		cancel()
		return nil, errors.New("something failed")
	})
	if res, err := r.run(ctx); !errors.Is(err, context.Canceled) || res != nil {
		t.Errorf("got %v, %v", res, err)
	}
	if _, err := Run(ctx, Options{Dir: dir, Tier: finding.Collapse}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestPosition(t *testing.T) {
	for _, tc := range []struct {
		path, file string
		line, col  int
	}{
		{"/a/b.go:3:14", "/a/b.go", 3, 14},
		{"/a/b.go:3", "/a/b.go", 3, 0},
		{"/a/b.go", "/a/b.go", 0, 0},
		{"example.com/x", "example.com/x", 0, 0},
		{`C:\a\b.go:3:14`, `C:\a\b.go`, 3, 14},
	} {
		p := finding.Skip{Path: tc.path}.Position()
		if p.Filename != tc.file || p.Line != tc.line || p.Column != tc.col {
			t.Errorf("%s: %+v", tc.path, p)
		}
	}
}
