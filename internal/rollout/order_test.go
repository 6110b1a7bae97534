package rollout

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"etcdmod/internal/change"
	"etcdmod/internal/finding"
	"etcdmod/internal/pipeline"
	"etcdmod/internal/report"
)

// A bumper is a pipeline that changes the go.mod of the module in base alone, and has the others
// follow. It remembers what each was given.
type bumper struct {
	mu   sync.Mutex
	seen map[string]string // by directory: the files that it was given, and whether it has to follow
}

func (b *bumper) steps() steps {
	part := func(*pipeline.Result, context.Context, []change.Change) ([]finding.Problem, error) { return nil, nil }
	return steps{part: part, grace: time.Second, run: func(ctx context.Context, o pipeline.Options) (*pipeline.Result, error) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		files, err := o.Awaited.Files()
		if err != nil {
			return nil, err
		}
		var given []string
		for _, name := range slices.Sorted(maps.Keys(files)) {
			rel, _ := filepath.Rel(o.Repo, name)
			given = append(given, filepath.ToSlash(rel)+"="+strings.TrimSpace(string(files[name])))
		}
		dir := filepath.Base(o.Dir)
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.seen[dir] = strings.Join(given, " "); o.Bump.Refresh {
			b.seen[dir] += " follow"
		}
		switch {
		case dir == "base":
			return marked(result(o.Dir, "go.mod", "go.sum"), dir), nil
		case o.Bump.Refresh:
			res := marked(result(o.Dir, "go.sum"), dir)
			res.Awaits = true
			return res, nil
		}
		res := result(o.Dir)
		res.Awaits = len(files) > 0
		return res, nil
	}}
}

// marked gives each change of a result a content that tells whose it is.
func marked(res *pipeline.Result, dir string) *pipeline.Result {
	for i := range res.Changes {
		res.Changes[i].New = []byte(dir + "\n")
	}
	return res
}

// Each module sees what becomes of those that it is built with, directly or not, and nothing of
// others; what comes after what is said in the shortest way. However often the run ends on the
// way, the next one goes on with the same files.
func TestAwaited(t *testing.T) {
	root := tree(t, map[string][]string{
		"alone": nil, "base": nil, "middle": {"base"}, "top": {"middle", "base"}, "loop": {"knot", "base"}, "knot": {"loop"},
	})
	seen := map[string]string{
		"alone": "", "base": "",
		"middle": "base/go.mod=base base/go.sum=base follow",
		"top":    "base/go.mod=base base/go.sum=base middle/go.sum=middle follow",
		// The order enters the circle at knot, which comes after loop for that reason.
		"loop": "base/go.mod=base base/go.sum=base follow",
		"knot": "base/go.mod=base base/go.sum=base loop/go.sum=loop follow",
	}
	after := map[string]string{"middle": "base", "top": "middle", "loop": "base", "knot": "loop"}

	b := &bumper{seen: map[string]string{}}
	whole := Options{Root: root, By: ByDir, Out: t.TempDir()}
	if _, err := start(t.Context(), whole, b.steps()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(seen, b.seen); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	want := outputs(t, whole.Out)

	b.seen = map[string]string{}
	opts := Options{Root: root, By: ByDir, Jobs: 1, Out: t.TempDir(), State: t.TempDir(), Resume: true}
	for range seen {
		ctx, cancel := context.WithCancel(t.Context())
		opts.Progress = func(e Event) {
			if !e.Kept {
				cancel()
			}
		}
		if _, err := start(ctx, opts, b.steps()); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		cancel()
	}
	opts.Progress = func(e Event) {
		if !e.Kept {
			t.Errorf("%s is done twice", e.Module.Dir)
		}
	}
	index, err := start(t.Context(), opts, b.steps())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(seen, b.seen); d != "" {
		t.Errorf("-whole +resumed:\n%s", d)
	}
	if d := cmp.Diff(want, outputs(t, opts.Out)); d != "" {
		t.Errorf("-whole +resumed:\n%s", d)
	}
	got := map[string]string{}
	for _, m := range index.Modules {
		if len(m.After) > 0 {
			got[m.Dir] = strings.Join(m.After, " ")
		}
	}
	if d := cmp.Diff(after, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	order, err := index.Order()
	if err != nil {
		t.Fatal(err)
	}
	var dirs []string
	for _, i := range order {
		dirs = append(dirs, index.Modules[i].Dir)
	}
	if d := cmp.Diff([]string{"alone", "base", "loop", "knot", "middle", "top"}, dirs); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// An index whose modules come after each other, or after what it does not have, is none.
func TestOrderRefused(t *testing.T) {
	for _, c := range []struct {
		name    string
		modules []Module
		want    string
	}{
		{"a circle", []Module{{Dir: "a", After: []string{"b"}}, {Dir: "b", After: []string{"a"}}}, "comes after itself"},
		{"nowhere", []Module{{Dir: "a", After: []string{"b"}}}, "no module of it"},
		{"another module", []Module{
			{Dir: "a", Units: []Unit{{ID: "a-0123456789"}}},
			{Dir: "b", After: []string{"c"}, Units: []Unit{{ID: "b-0123456789", After: []string{"a-0123456789"}}}},
			{Dir: "c"},
		}, "after none that has it"},
	} {
		for i := range c.modules {
			c.modules[i].State = report.Changed
		}
		x := Index{Modules: c.modules}
		if err := x.check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
