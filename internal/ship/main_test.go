package ship_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"etcdmod/internal/change"
	"etcdmod/internal/patch"
	"etcdmod/internal/report"
	"etcdmod/internal/rollout"
	"etcdmod/internal/ship"
	"etcdmod/internal/testkit/script"
)

// childRoot names the variable with the directory that a child process ships from; see
// TestKilled.
const childRoot = "ETCDMOD_SHIP_CHILD"

func TestMain(m *testing.M) {
	if root := os.Getenv(childRoot); root != "" {
		if err := child(root); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	script.Main(m)
}

// child makes the branches of the units that lie beside a repository.
func child(root string) error {
	data, err := os.ReadFile(filepath.Join(root, "out", rollout.IndexFile))
	if err != nil {
		return err
	}
	var index rollout.Index
	if err := json.Unmarshal(data, &index); err != nil {
		return err
	}
	s, err := ship.Open(context.Background(), options(root))
	if err != nil {
		return err
	}
	return s.Ship(context.Background(), &index)
}

func options(root string) ship.Options {
	return ship.Options{Root: filepath.Join(root, "repo"), Out: filepath.Join(root, "out"), Prefix: "etcdmod/"}
}

// A fixture is a repository, in the directory repo, and the output of a rollout over it, in
// the directory out.
type fixture struct {
	root  string
	index rollout.Index
}

func (f *fixture) path(elem ...string) string {
	return filepath.Join(append([]string{f.root}, elem...)...)
}

// newFixture makes modules with a prelude and two units each.
func newFixture(t *testing.T, modules int) *fixture {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	root = filepath.Join(root, "it's [a] $name")
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	t.Setenv("GIT_CONFIG_SYSTEM", os.DevNull)
	f := &fixture{root: root, index: rollout.Index{Format: rollout.Format, By: rollout.ByDir, Complete: true}}
	for i := range modules {
		dir := fmt.Sprintf("m%d", i)
		m := rollout.Module{Dir: dir, State: report.Changed}
		prelude := f.unit(t, dir+"-prelude", change.Change{Path: dir + "/helper.go", New: []byte("package helper\n"), Created: true})
		prelude.Prelude = true
		m.Units = append(m.Units, prelude)
		for _, name := range []string{"a", "b"} {
			file := dir + "/" + name + ".go"
			old := fmt.Sprintf("package %s\n\nvar i = %d\n", name, i)
			f.write(t, "repo/"+file, old)
			u := f.unit(t, dir+"-"+name, change.Change{Path: file, Old: []byte(old), New: []byte(old + "\nvar j = i\n")})
			u.After, u.Owners = []string{prelude.ID}, []string{"@x/" + name, "@y"}
			m.Units = append(m.Units, u)
		}
		f.index.Modules = append(f.index.Modules, m)
	}
	if err := rollout.WriteIndex(f.path("out"), &f.index); err != nil {
		t.Fatal(err)
	}
	f.git(t, "init", "-q", "-b", "main")
	f.git(t, "config", "user.name", "t")
	f.git(t, "config", "user.email", "t@example.com")
	f.git(t, "add", ".")
	f.git(t, "commit", "-q", "-m", "start")
	return f
}

func (f *fixture) unit(t *testing.T, id string, c change.Change) rollout.Unit {
	t.Helper()
	diff, err := patch.Unified([]change.Change{c})
	if err != nil {
		t.Fatal(err)
	}
	u := rollout.Unit{ID: id, Title: "Change " + id, Patch: "units/" + id + ".patch", Description: "units/" + id + ".md", Files: []rollout.File{{Path: c.Path}}}
	f.write(t, "out/"+u.Patch, string(diff))
	f.write(t, "out/"+u.Description, "# "+u.Title+"\n\nBecause.\n\n## What changes\n\nMuch.\n")
	return u
}

func (f *fixture) write(t *testing.T, name, text string) {
	t.Helper()
	name = f.path(filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(f.path(filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func (f *fixture) git(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = f.path("repo")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// ship makes what is left to make, and returns what is said.
func (f *fixture) ship(t *testing.T, change func(*ship.Options)) []string {
	t.Helper()
	said, err := f.tryShip(t.Context(), change)
	if err != nil {
		t.Fatal(err)
	}
	return said
}

func (f *fixture) tryShip(ctx context.Context, change func(*ship.Options)) (said []string, err error) {
	opts := options(f.root)
	opts.Progress = func(e ship.Event) {
		if e.Unit == nil {
			said = append(said, string(e.What))
			return
		}
		said = append(said, strings.TrimSpace(fmt.Sprint(e.Unit.ID, ": ", e.What, " ", e.Text)))
	}
	if change != nil {
		change(&opts)
	}
	s, err := ship.Open(ctx, opts)
	if err != nil {
		return nil, err
	}
	err = s.Ship(ctx, &f.index)
	return said, err
}

// branches returns all but the one of the checkout, with their commits.
func (f *fixture) branches(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for line := range strings.Lines(f.git(t, "for-each-ref", "--format=%(refname:short) %(objectname)", "refs/heads/etcdmod")) {
		name, commit, _ := strings.Cut(strings.TrimSpace(line), " ")
		out[name] = commit
	}
	return out
}

// checkout describes what nobody may touch.
func (f *fixture) checkout(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{"status": f.git(t, "--no-optional-locks", "status", "--porcelain"), "HEAD": f.git(t, "log", "--format=%H %D", "-1", "--decorate-refs=refs/heads/main")}
	for _, name := range []string{"index", "HEAD", "config", "logs/HEAD"} {
		out[name] = f.read(t, "repo/.git/"+name)
	}
	return out
}
