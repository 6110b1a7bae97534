package rollout_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"etcdmod/internal/finding"
	"etcdmod/internal/pipeline"
	"etcdmod/internal/rollout"
	"etcdmod/internal/ship"
	"etcdmod/internal/testkit/synthetic"
)

// However the changes are divided, and in whatever order their patches are applied behind
// those that go before them, they add up to the same tree: the one that apply writes. What
// one mutex flows through is never divided. A branch has its unit and nothing else, and the
// branches can be merged in any order.
func TestDivide(t *testing.T) {
	env := synthetic.Environment(t)
	root, _ := synthetic.Repository(t, env, synthetic.Config{Modules: 8, Affected: 1, Seed: 3}) // each shape, some twice
	before, committed := files(t, root), files(t, clone(t, root))
	seed := uint64(time.Now().UnixNano())
	t.Logf("orders of seed %d", seed)
	order := rand.New(rand.NewPCG(seed, 0))

	seen := &results{of: map[string]*pipeline.Result{}}
	for _, c := range []struct {
		by       rollout.By
		services []string
		units    int // with the preludes
	}{
		{rollout.ByModule, nil, 6},
		{rollout.ByOwner, nil, 11},
		{rollout.ByDir, nil, 13},
		{rollout.ByService, []string{"services/*/*/cmd/*"}, 13},
	} {
		t.Run(string(c.by), func(t *testing.T) {
			opts := rollout.Options{
				Root: root, By: c.by, Services: c.services, Owners: rollout.ParseOwners("**/cmd/api/ @a\n**/cmd/job/ @b\n**/cmd/lead/ @c\n"),
				Out: filepath.Join(t.TempDir(), "out"), Jobs: 2,
				Pipeline: pipeline.Options{Env: env, Tier: finding.Collapse},
			}
			index, err := rollout.RunWith(t.Context(), opts, seen.run)
			if err != nil {
				t.Fatal(err)
			}
			units := unitsOf(index)
			if len(units) != c.units {
				t.Errorf("%d units, want %d", len(units), c.units)
			}
			tied(t, root, index, seen)
			want := seen.applied(t, root, committed)
			for range 3 {
				dir := clone(t, root)
				for _, u := range shuffled(order, units) {
					git(t, dir, "apply", filepath.Join(opts.Out, u.Patch))
				}
				if d := cmp.Diff(want, files(t, dir)); d != "" {
					t.Errorf("-apply +patches:\n%s", d)
				}
			}
			branches(t, root, index, opts.Out, want, order)
			if d := cmp.Diff(before, files(t, root)); d != "" {
				t.Errorf("the tree changed:\n%s", d)
			}
		})
	}
}

// results are those of the pipeline. They do not depend on how changes are divided, so that
// it runs once in a module.
type results struct {
	mu sync.Mutex
	of map[string]*pipeline.Result // by directory
}

func (r *results) run(ctx context.Context, opts pipeline.Options) (*pipeline.Result, error) {
	r.mu.Lock()
	res := r.of[opts.Dir]
	r.mu.Unlock()
	if res != nil {
		return res, nil
	}
	res, err := pipeline.Run(ctx, opts)
	if err == nil {
		r.mu.Lock()
		r.of[opts.Dir] = res
		r.mu.Unlock()
	}
	return res, err
}

// applied returns the files below root with all changes.
func (r *results) applied(t *testing.T, root string, before map[string]string) map[string]string {
	t.Helper()
	out := maps.Clone(before)
	for _, res := range r.of {
		for _, c := range res.Changes {
			name := relative(t, root, c.Path)
			if out[name] = string(c.New); c.Deleted {
				delete(out, name)
			}
		}
	}
	return out
}

func relative(t *testing.T, root, name string) string {
	t.Helper()
	rel, err := filepath.Rel(root, name)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.ToSlash(rel)
}

func unitsOf(index *rollout.Index) (out []rollout.Unit) {
	for _, m := range index.Modules {
		out = append(out, m.Units...)
	}
	return out
}

// shuffled returns units in an order in which each comes after those that go before it.
func shuffled(order *rand.Rand, units []rollout.Unit) (out []rollout.Unit) {
	units = slices.Clone(units)
	order.Shuffle(len(units), func(i, j int) { units[i], units[j] = units[j], units[i] })
	done := map[string]bool{}
	for len(units) > 0 {
		i := slices.IndexFunc(units, func(u rollout.Unit) bool {
			return !slices.ContainsFunc(u.After, func(id string) bool { return !done[id] })
		})
		done[units[i].ID] = true
		out = append(out, units[i])
		units = slices.Delete(units, i, i+1)
	}
	return out
}

// tied demands that files that one finding changes are in one unit.
func tied(t *testing.T, root string, index *rollout.Index, seen *results) {
	t.Helper()
	unit := map[string]string{}
	for _, u := range unitsOf(index) {
		for _, f := range u.Files {
			if other := unit[f.Path]; other != "" {
				t.Errorf("%s is in %s and in %s", f.Path, other, u.ID)
			}
			unit[f.Path] = u.ID
		}
	}
	ties := 0
	for _, res := range seen.of {
		of := map[*finding.Finding]string{}
		for _, c := range res.Changes {
			at := unit[relative(t, root, c.Path)]
			if at == "" {
				t.Errorf("%s is in no unit", c.Path)
			}
			for _, f := range c.Findings {
				if other, ok := of[f]; ok {
					if ties++; other != at {
						t.Errorf("%s: a finding changes files of %s and of %s", f.Pos, other, at)
					}
				}
				of[f] = at
			}
		}
	}
	if ties == 0 {
		t.Error("no finding changes two files, so that nothing was shown")
	}
}

// branches makes the branches and compares each with its patch, and all merged with what
// apply writes.
func branches(t *testing.T, root string, index *rollout.Index, out string, want map[string]string, order *rand.Rand) {
	t.Helper()
	dir := clone(t, root)
	git(t, dir, "config", "user.name", "t")
	git(t, dir, "config", "user.email", "t@example.com")
	s, err := ship.Open(t.Context(), ship.Options{Root: dir, Out: out, Prefix: "etcdmod/"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Ship(t.Context(), index); err != nil {
		t.Fatal(err)
	}
	head := show(t, dir, "HEAD")
	units := unitsOf(index)
	commit := map[string]string{}
	for _, u := range units {
		if u.Unshipped != "" {
			t.Fatalf("%s: %s", u.ID, u.Unshipped)
		}
		parent := head
		for _, id := range u.After {
			parent = commit[id]
		}
		commit[u.ID] = show(t, dir, "etcdmod/"+u.ID)
		if d := cmp.Diff(parent, show(t, dir, "etcdmod/"+u.ID+"^@")); d != "" {
			t.Errorf("%s: parents: -want +got:\n%s", u.ID, d)
		}
		git(t, dir, "checkout", "-q", "-f", "--detach", parent)
		git(t, dir, "apply", "--index", filepath.Join(out, u.Patch))
		git(t, dir, "diff-index", "--cached", "--exit-code", commit[u.ID])
	}
	git(t, dir, "checkout", "-q", "-f", "--detach", head)
	for _, u := range shuffled(order, units) {
		if !u.Prelude { // it comes with the others
			git(t, dir, "merge", "-q", "--no-edit", "etcdmod/"+u.ID)
		}
	}
	if d := cmp.Diff(want, files(t, dir)); d != "" {
		t.Errorf("-apply +merged:\n%s", d)
	}
}

// show returns the commits that a revision means.
func show(t *testing.T, dir, rev string) string {
	t.Helper()
	cmd := exec.Command("git", "rev-parse", rev)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git rev-parse %s: %v", rev, err)
	}
	return strings.TrimSpace(string(out))
}
