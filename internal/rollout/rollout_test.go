package rollout_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"etcdmod/internal/finding"
	"etcdmod/internal/journal"
	"etcdmod/internal/pipeline"
	"etcdmod/internal/report"
	"etcdmod/internal/rollout"
	"etcdmod/internal/testkit/synthetic"
)

// A monorepo of 60 modules: what becomes of each shape, that the patches of a module's units
// apply in any order behind its prelude, and that together they are what apply would write.
func TestSixtyModules(t *testing.T) {
	env := synthetic.Environment(t)
	root, modules := synthetic.Repository(t, env, synthetic.Config{Modules: 60, Affected: 0.15, Broken: 0.1, Seed: 1})
	before := files(t, root)
	opts := rollout.Options{
		Root: root, By: rollout.ByDir, Out: filepath.Join(t.TempDir(), "out"), Jobs: 2, Timeout: 5 * time.Minute,
		Pipeline: pipeline.Options{Env: env, Tier: finding.Collapse, Vet: true},
	}
	index, err := rollout.Run(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(before, files(t, root)); d != "" {
		t.Errorf("the tree changed:\n%s", d)
	}
	shapes(t, index, modules)
	onDisk(t, index, opts.Out)
	patches(t, index, opts.Out, root, applied(t, index, root, opts.Pipeline))
	reports(t, index, opts.Out)
	merged(t, index, opts)
}

// shapes checks what became of every shape.
func shapes(t *testing.T, index *rollout.Index, modules []synthetic.Module) {
	t.Helper()
	got := map[string]rollout.Module{}
	for _, m := range index.Modules {
		got[m.Dir] = m
	}
	if len(got) != len(modules) {
		t.Errorf("%d modules, want %d", len(got), len(modules))
	}
	// By shape: state, tiers of the findings, and the keys of the units below the module;
	// "+" joins those of one unit, "^" is the prelude.
	want := map[string][3]string{
		"plain":          {"clean", "", ""},
		"library":        {"refused", "refuse", ""}, // others may compile against it, and one module does
		"collapse":       {"changed", "collapse", "."},
		"services":       {"changed", "gate guard gate", "^ cmd/api cmd/job cmd/sweep"},
		"tied":           {"changed", "gate guard", "^ cmd/lead+internal/lock cmd/other"},
		"vendored":       {"changed", "gate", "cmd/api"},
		"workspace":      {"changed", "gate guard", "^ cmd/api cmd/job"},
		"exported":       {"refused", "refuse", ""},
		"replaced":       {"clean", "", ""},
		"no module line": {"failed", "", ""},
		"bad go.mod":     {"uncovered", "", ""},
		"bad types":      {"refused", "refuse", ""},
		"bad syntax":     {"uncovered", "", ""},
		"no sums":        {"uncovered", "", ""},
	}
	for _, s := range modules {
		m, ok := got[s.Dir]
		if !ok {
			t.Errorf("%s is missing", s.Dir)
			continue
		}
		var tiers, units []string
		for _, f := range m.Findings {
			tiers = append(tiers, f.Tier)
		}
		for _, u := range m.Units {
			var keys []string
			for _, k := range u.Keys {
				k = strings.TrimPrefix(strings.TrimPrefix(k, s.Dir), "/")
				if k == "" {
					k = "."
				}
				keys = append(keys, k)
			}
			if u.Prelude {
				keys = []string{"^"}
			}
			units = append(units, strings.Join(keys, "+"))
		}
		have := [3]string{string(m.State), strings.Join(tiers, " "), strings.Join(units, " ")}
		if d := cmp.Diff(want[s.Shape], have); d != "" {
			t.Errorf("%s (%s): -want +got:\n%s%+v", s.Dir, s.Shape, d, m.Failure)
		}
	}
}

// onDisk checks that the output directory holds what the index says, and nothing else.
func onDisk(t *testing.T, index *rollout.Index, out string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(out, rollout.IndexFile))
	if err != nil {
		t.Fatal(err)
	}
	var read rollout.Index
	if err := json.Unmarshal(data, &read); err != nil {
		t.Fatal(err)
	}
	if !read.Complete {
		t.Error("the index is not complete")
	}
	if d := cmp.Diff(*index, read, cmpopts.IgnoreFields(rollout.Module{}, "Seconds"), cmpopts.IgnoreUnexported(rollout.Index{})); d != "" {
		t.Errorf("the index on disk: -want +got:\n%s", d)
	}
	want := []string{rollout.IndexFile, rollout.TimesFile}
	for _, m := range index.Modules {
		for _, u := range m.Units {
			want = append(want, u.Patch, u.Description)
		}
	}
	var have []string
	for name := range files(t, out) {
		have = append(have, name)
	}
	slices.Sort(want)
	slices.Sort(have)
	if d := cmp.Diff(want, have); d != "" {
		t.Errorf("files: -want +got:\n%s", d)
	}
}

// applied returns the files below root after apply has written each changed module of a copy.
func applied(t *testing.T, index *rollout.Index, root string, opts pipeline.Options) map[string]string {
	t.Helper()
	dir := clone(t, root)
	for _, m := range index.Modules {
		if m.State != report.Changed {
			continue
		}
		opts := opts
		opts.Dir, opts.Edit = filepath.Join(dir, filepath.FromSlash(m.Dir)), true
		res, err := pipeline.Run(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		if err := journal.Apply(res.Module.Root, res.Changes); err != nil {
			t.Fatal(err)
		}
	}
	return files(t, dir)
}

func clone(t *testing.T, root string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	git(t, dir, "clone", "-q", root, "clone")
	return filepath.Join(dir, "clone")
}

// patches applies the patches of all units, forwards and backwards.
func patches(t *testing.T, index *rollout.Index, out, root string, want map[string]string) {
	t.Helper()
	for _, backwards := range []bool{false, true} {
		dir := clone(t, root)
		for _, m := range index.Modules {
			units := slices.Clone(m.Units)
			if len(units) > 0 && units[0].Prelude {
				git(t, dir, "apply", filepath.Join(out, units[0].Patch))
				for _, u := range units[1:] {
					if d := cmp.Diff([]string{units[0].ID}, u.After); d != "" {
						t.Errorf("%s: after: -want +got:\n%s", u.ID, d)
					}
				}
				units = units[1:]
			}
			if backwards {
				slices.Reverse(units)
			}
			for _, u := range units {
				git(t, dir, "apply", filepath.Join(out, u.Patch))
			}
		}
		if d := cmp.Diff(want, files(t, dir)); d != "" {
			t.Errorf("backwards %v: -apply +patches:\n%s", backwards, d)
		}
	}
}
