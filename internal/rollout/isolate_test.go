package rollout

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"etcdmod/internal/change"
	"etcdmod/internal/discover"
	"etcdmod/internal/finding"
	"etcdmod/internal/pipeline"
)

// tree writes modules, given by their directories and what they replace.
func tree(t *testing.T, modules map[string][]string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for dir, deps := range modules {
		text := "module example.com/" + dir + "\n"
		for _, dep := range deps {
			text += fmt.Sprintf("replace example.com/%s => ../%s\n", dep, dep)
		}
		if err := os.MkdirAll(filepath.Join(root, dir), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, dir, "go.mod"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// result is that of a module with a change in each of some files; each has a finding of its
// own, if it is Go.
func result(root string, files ...string) *pipeline.Result {
	res := &pipeline.Result{Module: &discover.Module{Root: root, Repo: filepath.Dir(root)}}
	for _, name := range files {
		c := change.Change{Path: filepath.Join(root, name), Old: []byte("old\n"), New: []byte("new\n")}
		if filepath.Ext(name) == ".go" {
			f := &finding.Finding{ID: name, Rule: "trylock-poll", Tier: finding.Guard}
			f.Pos.Filename = c.Path
			c.Findings = []*finding.Finding{f}
			res.Findings = append(res.Findings, f)
		}
		res.Changes = append(res.Changes, c)
	}
	return res
}

// What goes wrong in one module stays there.
func TestIsolation(t *testing.T) {
	root := tree(t, map[string][]string{"ok": nil, "panics": nil, "fails": nil, "slow": nil, "hangs": nil})
	leave := make(chan struct{})
	defer close(leave)
	s := steps{grace: 50 * time.Millisecond, run: func(ctx context.Context, o pipeline.Options) (*pipeline.Result, error) {
		switch filepath.Base(o.Dir) {
		case "panics":
			var none *pipeline.Result
			return none, errors.New(none.Failed[0].Message) // as a bug would
		case "fails":
			return nil, fmt.Errorf("%s: no such thing", filepath.Join(o.Dir, "x.go"))
		case "slow":
			<-ctx.Done()
			return nil, fmt.Errorf("go list: %w", ctx.Err())
		case "hangs":
			<-leave
		}
		return result(o.Dir, "x.go"), nil
	}}
	out := t.TempDir()
	var events []int
	index, err := start(t.Context(), Options{Root: root, By: ByModule, Jobs: 5, Timeout: 2 * time.Second, Out: out, Progress: func(e Event) { events = append(events, e.Done) }}, s)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{}
	for _, m := range index.Modules {
		kinds[m.Dir] = string(m.State)
		if m.Failure != nil {
			kinds[m.Dir] += " " + string(m.Failure.Kind)
		}
	}
	want := map[string]string{"ok": "changed", "panics": "failed panic", "fails": "failed error", "slow": "failed timeout", "hangs": "failed timeout"}
	if d := cmp.Diff(want, kinds); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if d := cmp.Diff([]int{1, 2, 3, 4, 5}, events); d != "" {
		t.Errorf("events: -want +got:\n%s", d)
	}
	for _, m := range index.Modules {
		switch m.Dir {
		case "fails":
			if m.Failure.Message != "fails/x.go: no such thing" {
				t.Errorf("message %q", m.Failure.Message)
			}
		case "panics":
			if !strings.Contains(m.Failure.Message, "isolate_test.go") {
				t.Errorf("no stack: %s", m.Failure.Message)
			}
		}
	}
}

// A module comes after those that it is built with.
func TestOrder(t *testing.T) {
	root := tree(t, map[string][]string{"app": {"lib"}, "lib": {"base"}, "base": nil, "x": {"y"}, "y": {"x"}, "zlast": {"app", "x"}})
	var mu sync.Mutex
	var ended []string
	s := steps{run: func(_ context.Context, o pipeline.Options) (*pipeline.Result, error) {
		name := filepath.Base(o.Dir)
		if name == "base" || name == "lib" {
			time.Sleep(20 * time.Millisecond) // who does not wait is done first
		}
		mu.Lock()
		defer mu.Unlock()
		ended = append(ended, name)
		return result(o.Dir), nil
	}}
	if _, err := start(t.Context(), Options{Root: root, By: ByModule, Jobs: 4}, s); err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]string{{"base", "lib"}, {"lib", "app"}, {"app", "zlast"}, {"x", "zlast"}} {
		if slices.Index(ended, pair[0]) > slices.Index(ended, pair[1]) {
			t.Errorf("%s after %s: %v", pair[0], pair[1], ended)
		}
	}
}

// Units that do not compile by themselves are one.
func TestNotSeparable(t *testing.T) {
	root := tree(t, map[string][]string{"m": nil})
	var asked [][]string
	s := steps{
		run: func(_ context.Context, o pipeline.Options) (*pipeline.Result, error) {
			return result(o.Dir, "go.mod", "a/x.go", "b/x.go", "c/x.go"), nil
		},
		part: func(_ *pipeline.Result, _ context.Context, some []change.Change) ([]finding.Problem, error) {
			var names []string
			for _, c := range some {
				rel, _ := filepath.Rel(root, c.Path)
				names = append(names, filepath.ToSlash(rel))
			}
			asked = append(asked, names)
			if slices.Contains(names, "m/b/x.go") {
				return []finding.Problem{{Message: "undefined: x"}}, nil
			}
			return nil, nil
		},
	}
	out := t.TempDir()
	index, err := start(t.Context(), Options{Root: root, By: ByDir, Out: out}, s)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([][]string{{"m/go.mod"}, {"m/go.mod", "m/a/x.go"}, {"m/go.mod", "m/b/x.go"}}, asked); d != "" {
		t.Errorf("asked: -want +got:\n%s", d)
	}
	units := index.Modules[0].Units
	if len(units) != 1 || units[0].Prelude || len(units[0].Files) != 4 || len(units[0].After) != 0 {
		t.Fatalf("%+v", units)
	}
	if d := cmp.Diff([]string{"m/a", "m/b", "m/c"}, units[0].Keys); d != "" {
		t.Errorf("keys: -want +got:\n%s", d)
	}
	for _, f := range index.Modules[0].Findings {
		if f.Unit != units[0].ID {
			t.Errorf("%s is in no unit", f.Path)
		}
	}
	text, err := os.ReadFile(filepath.Join(out, units[0].Description))
	if err != nil || !strings.Contains(string(text), "compiles only as a whole") {
		t.Errorf("%v\n%s", err, text)
	}
}

// The end of the context ends the run; what is in the output says that it is not complete.
func TestInterrupted(t *testing.T) {
	root := tree(t, map[string][]string{"a": nil, "b": {"a"}})
	ctx, cancel := context.WithCancel(t.Context())
	s := steps{grace: time.Second, run: func(ctx context.Context, o pipeline.Options) (*pipeline.Result, error) {
		cancel()
		return nil, ctx.Err()
	}}
	out := t.TempDir()
	if _, err := start(ctx, Options{Root: root, By: ByModule, Out: out}, s); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	data, err := os.ReadFile(filepath.Join(out, IndexFile))
	if err != nil || !strings.Contains(string(data), `"complete": false`) {
		t.Errorf("%v\n%s", err, data)
	}
}

func TestOutput(t *testing.T) {
	root := tree(t, map[string][]string{"m": nil})
	files := []string{"x.go"}
	s := steps{run: func(_ context.Context, o pipeline.Options) (*pipeline.Result, error) {
		return result(o.Dir, files...), nil
	}}
	out := filepath.Join(t.TempDir(), "a", "b")
	list := func() int {
		entries, err := os.ReadDir(filepath.Join(out, "units"))
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	for _, want := range []int{2, 0} { // the second run finds nothing, and clears away
		if _, err := start(t.Context(), Options{Root: root, By: ByModule, Out: out}, s); err != nil {
			t.Fatal(err)
		}
		if got := list(); got != want {
			t.Errorf("%d files, want %d", got, want)
		}
		files = nil
	}
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "thesis.txt"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := start(t.Context(), Options{Root: root, By: ByModule, Out: foreign}, s); !errors.Is(err, ErrUsage) {
		t.Errorf("a directory with other files was taken: %v", err)
	}
	if err := os.WriteFile(filepath.Join(foreign, IndexFile), []byte("{}"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := start(t.Context(), Options{Root: root, By: ByModule, Out: foreign}, s); !errors.Is(err, ErrUsage) {
		t.Errorf("a directory with an index of something else was taken: %v", err)
	}
}
