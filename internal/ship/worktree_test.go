package ship_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"etcdmod/internal/change"
	"etcdmod/internal/rollout"
	"etcdmod/internal/ship"
)

// Git writes branches, and their logs, through directories that are links: nothing is made where
// one leads to.
func TestBranchesThroughLinks(t *testing.T) {
	for _, dir := range []string{"refs/heads", "logs/refs/heads"} {
		f := newFixture(t, 1)
		away, link := t.TempDir(), f.path("repo", ".git", filepath.FromSlash(dir), "etcdmod")
		if err := errors.Join(os.MkdirAll(filepath.Dir(link), 0o755), os.Symlink(away, link)); err != nil {
			t.Skip(err)
		}
		// The others of the group are refused since they come after the first.
		if said := f.ship(t, nil); len(said) == 0 || !strings.HasPrefix(said[0], "m0-prelude: refused ") || !strings.Contains(said[0], "is a symbolic link") {
			t.Errorf("%s: %q", dir, said)
		}
		if left, err := os.ReadDir(away); err != nil || len(left) > 0 {
			t.Errorf("%s: written elsewhere: %v, %v", dir, left, err)
		}
	}
}

// A git directory whose parts are links, as git-new-workdir makes them, or that is another one's,
// is not one to make branches in: it is said before there are any, and nothing is written where
// they lead to.
func TestGitDirectoryOfAnother(t *testing.T) {
	for _, name := range []string{"refs", "refs/heads", "logs", "logs/refs", "logs/refs/heads", "objects", "objects/00", "objects/pack"} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, 1)
			away, at := t.TempDir(), f.path("repo", ".git", filepath.FromSlash(name))
			if err := os.MkdirAll(at, 0o755); err != nil {
				t.Fatal(err)
			}
			away = filepath.Join(away, "x")
			if err := errors.Join(os.Rename(at, away), os.Symlink(away, at)); err != nil {
				t.Skip(err)
			}
			f.refuses(t, away, "is a symbolic link, through which nothing is written")
		})
	}
	for name, prepare := range map[string]func(f *fixture, git, victim string) error{
		"a file": func(f *fixture, git, victim string) error {
			return errors.Join(os.RemoveAll(git), os.WriteFile(git, []byte("gitdir: "+victim+"\n"), 0o644))
		},
		"a link": func(f *fixture, git, victim string) error {
			return errors.Join(os.RemoveAll(git), os.Symlink(victim, git))
		},
		"what is common": func(f *fixture, git, victim string) error {
			return os.WriteFile(filepath.Join(git, "commondir"), []byte(victim+"\n"), 0o644)
		},
		"a worktree of another": func(f *fixture, git, victim string) error {
			f.git(t, "--git-dir="+victim, "worktree", "add", "-q", "--detach", f.path("theirs"))
			return errors.Join(os.RemoveAll(git), os.WriteFile(git, []byte("gitdir: "+filepath.Join(victim, "worktrees", "theirs")+"\n"), 0o644))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, 1)
			f.git(t, "clone", "-q", "--bare", ".", f.path("victim"))
			victim := f.path("victim")
			f.git(t, "--git-dir="+victim, "config", "core.bare", "false")
			f.git(t, "--git-dir="+victim, "config", "user.name", "x")
			f.git(t, "--git-dir="+victim, "config", "user.email", "x@example.com")
			if err := prepare(f, f.path("repo", ".git"), victim); err != nil {
				t.Skip(err)
			}
			f.refuses(t, victim, "leads to "+victim+", which does not know of this checkout")
		})
	}
}

// refuses makes sure that nothing is shipped from the fixture, with an error that says so, and nothing
// is written in a directory.
func (f *fixture) refuses(t *testing.T, dir, want string) {
	t.Helper()
	list := func() (names []string) {
		_ = filepath.WalkDir(dir, func(name string, _ os.DirEntry, err error) error {
			names = append(names, name)
			return err
		})
		return names
	}
	before := list()
	if said, err := f.tryShip(t.Context(), nil); err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), `\'`, "'"), want) {
		t.Errorf("%q %v, want %s", said, err, want)
	}
	if d := cmp.Diff(before, list()); d != "" {
		t.Errorf("written elsewhere: -before +after:\n%s", d)
	}
}

// A checkout whose git directory is elsewhere, and knows of it, is its own.
func TestGitDirectoryElsewhere(t *testing.T) {
	f := newFixture(t, 1)
	f.git(t, "init", "-q", "--separate-git-dir="+f.path("elsewhere"))
	f.refuses(t, f.path("elsewhere"), "which does not know of this checkout")
	f.git(t, "config", "core.worktree", f.path("repo"))
	if said := f.ship(t, nil); len(said) != 3 || said[0] != "m0-prelude: made etcdmod/m0-prelude" {
		t.Errorf("%q", said)
	}
}

// The directory for temporary files may have a relative name, which is that of one where the process
// is, and not of one in the repository.
func TestRelativeTemp(t *testing.T) {
	f := newFixture(t, 1)
	t.Chdir(f.path())
	f.write(t, "tmp/x", "")
	t.Setenv("TMPDIR", "tmp")
	if said := f.ship(t, nil); len(said) != 3 || said[0] != "m0-prelude: made etcdmod/m0-prelude" {
		t.Errorf("%q", said)
	}
	if left := f.git(t, "status", "--porcelain"); left != "" {
		t.Errorf("left in the checkout: %s", left)
	}
}

// What a killed run has left is removed: the lock of a reference that git was writing, and a
// worktree, be it whole, locked by a git that was making it, or no more than a directory. The
// locks of others stay, and so does every directory but the one that a run in this repository
// would use, whatever git's files name.
func TestLeftBehind(t *testing.T) {
	f := newFixture(t, 1)
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	f.git(t, "worktree", "add", "-q", "--detach", f.path("others"))
	own := fmt.Sprintf("etcdmod-branches-%x", sha256.Sum256([]byte(f.path("repo", ".git"))))[:len("etcdmod-branches-")+16]
	f.git(t, "worktree", "add", "-q", "--lock", "--detach", filepath.Join(tmp, own, "etcdmod-branches"))
	f.git(t, "worktree", "add", "-q", "--detach", f.path("etcdmod-branches-1", "etcdmod-branches"))
	f.git(t, "worktree", "add", "-q", "--detach", f.path("etcdmod-branches-2", "etcdmod-branches"))
	if err := os.RemoveAll(f.path("etcdmod-branches-2")); err != nil {
		t.Fatal(err)
	}
	f.write(t, "repo/.git/worktrees/etcdmod-branches7/gitdir", "")
	f.write(t, "repo/.git/etcdmod.pending", "refs/heads/etcdmod/m0-a")
	f.write(t, "repo/.git/refs/heads/etcdmod/m0-a.lock", "")
	f.write(t, "repo/.git/refs/heads/etcdmod/m0-b.lock", "") // nothing says whose it is

	said := f.ship(t, nil)
	if len(said) != 3 || said[0] != "m0-prelude: made etcdmod/m0-prelude" || said[1] != "m0-a: made etcdmod/m0-a" ||
		!strings.HasPrefix(said[2], "m0-b: refused git update-ref: ") {
		t.Errorf("%q", said)
	}
	entries, err := os.ReadDir(f.path("repo", ".git", "worktrees"))
	if err != nil || len(entries) != 1 || entries[0].Name() != "others" {
		t.Errorf("worktrees: %v, %v", entries, err)
	}
	for _, name := range []string{filepath.Join(tmp, own), f.path("repo", ".git", "etcdmod.pending")} {
		if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", name, err)
		}
	}
	if _, err := os.Stat(f.path("etcdmod-branches-1", "etcdmod-branches", "m0")); err != nil {
		t.Errorf("the directory of another is gone: %v", err)
	}
	if entries, err := os.ReadDir(tmp); err != nil || len(entries) > 0 {
		t.Errorf("temporary files are left: %v, %v", entries, err)
	}
	if err := os.Remove(f.path("repo", ".git", "refs", "heads", "etcdmod", "m0-b.lock")); err != nil {
		t.Error("the lock of another was removed")
	}
	if said := f.ship(t, nil); said[2] != "m0-b: made etcdmod/m0-b" {
		t.Errorf("%q", said)
	}
}

// Links in a git directory that came with a tree lead to what is somebody else's: nothing is removed
// or written there.
func TestLinksInTheGitDirectory(t *testing.T) {
	f := newFixture(t, 1)
	link := func(to, name string) {
		t.Helper()
		if err := os.Symlink(to, f.path("repo", ".git", name)); err != nil {
			t.Skip(err)
		}
	}
	f.write(t, "others/etcdmod-branches-0/x", "")
	f.write(t, "others/x.lock", "")

	link(f.path("others"), "worktrees")
	if _, err := f.tryShip(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "worktrees is a symbolic link, through which nothing is written") {
		t.Errorf("%v", err)
	}
	if err := os.Remove(f.path("repo", ".git", "worktrees")); err != nil {
		t.Fatal(err)
	}

	link(f.path("others"), "refs/heads/others")
	f.write(t, "repo/.git/etcdmod.pending", "refs/heads/others/x")
	f.ship(t, nil)
	for _, name := range []string{"etcdmod-branches-0/x", "x.lock"} {
		if _, err := os.Stat(f.path("others", name)); err != nil {
			t.Error(err)
		}
	}

	link("info/planted", "etcdmod.pending")
	f.ship(t, func(o *ship.Options) { o.Prefix = "again/" })
	if _, err := os.Lstat(f.path("repo", ".git", "info", "planted")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was written through a link: %v", err)
	}
}

// Runs in one repository take turns.
func TestTurns(t *testing.T) {
	f := newFixture(t, 2)
	f.ship(t, nil)
	want := f.branches(t)
	for name := range want {
		f.git(t, "branch", "-q", "-D", name)
	}
	index, err := json.Marshal(f.index)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		other := *f
		other.index = rollout.Index{}
		if err := json.Unmarshal(index, &other.index); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			said, err := other.tryShip(t.Context(), nil)
			if err != nil {
				t.Error(err)
			}
			for _, line := range said {
				if !strings.Contains(line, ": made ") && !strings.Contains(line, ": kept ") && line != "waiting" {
					t.Error(line)
				}
			}
		})
	}
	wg.Wait()
	if d := cmp.Diff(want, f.branches(t)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// A checkout may be a worktree itself, and git may name commits by another hash.
func TestLinkedCheckout(t *testing.T) {
	t.Setenv("GIT_DEFAULT_HASH", "sha256")
	f := newFixture(t, 1)
	f.git(t, "worktree", "add", "-q", "-b", "release", f.path("linked"))
	before := f.checkout(t)
	said := f.ship(t, func(o *ship.Options) {
		o.Root = f.path("linked")
		o.Command = `echo "$ETCDMOD_BASE"`
	})
	if d := cmp.Diff([]string{"m0-prelude: published release", "m0-a: published etcdmod/m0-prelude", "m0-b: published etcdmod/m0-prelude"}, said[3:]); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	for name, commit := range f.branches(t) {
		if len(commit) != 64 {
			t.Errorf("%s is %s", name, commit)
		}
	}
	if d := cmp.Diff(before, f.checkout(t)); d != "" {
		t.Errorf("the checkout changed:\n%s", d)
	}
	if list := f.git(t, "worktree", "list"); strings.Count(list, "\n") != 2 {
		t.Errorf("worktrees:\n%s", list)
	}
	// A run in the other checkout finds them.
	if said := f.ship(t, nil); said[0] != "m0-prelude: kept etcdmod/m0-prelude" {
		t.Errorf("%q", said)
	}
}

// A unit may delete files, and change one whose directory .gitignore names.
func TestDeletes(t *testing.T) {
	f := newFixture(t, 1)
	f.write(t, "repo/.gitignore", "m0/\n")
	f.git(t, "add", ".gitignore")
	f.git(t, "commit", "-q", "-m", "ignore")
	old := f.read(t, "repo/m0/a.go")
	u := f.unit(t, "m0-a", change.Change{Path: "m0/a.go", Old: []byte(old), Deleted: true})
	u.After = []string{"m0-prelude"}
	f.index.Modules[0].Units[1] = u
	f.ship(t, nil)
	if d := cmp.Diff("D\tm0/a.go\n", f.git(t, "diff-tree", "-r", "--name-status", "etcdmod/m0-prelude", "etcdmod/m0-a")); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if d := cmp.Diff("A\tm0/helper.go\n", f.git(t, "diff-tree", "-r", "--name-status", "main", "etcdmod/m0-prelude")); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	f.read(t, "repo/m0/a.go") // it is still there
}
