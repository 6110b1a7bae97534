package ship

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// worktreeName is the name of every worktree that is made here. One by that name that is
// there while nobody has the lock has been left by a run that was killed.
const worktreeName = "etcdmod-branches"

// lockName is the name of the file, in the git directory, that a run locks while it makes
// branches. The lock ends with the process; the file stays.
const lockName = "etcdmod.lock"

// A worktree is one in which nothing is checked out.
type worktree struct {
	git         // in the worktree
	home git    // in the checkout
	tmp  string // has the worktree and the stage
	lock *flock.Flock
}

// openWorktree makes a worktree. It waits for other runs in the same repository, and removes
// what those have left that were killed.
func (s *Shipper) openWorktree(ctx context.Context, base string) (_ *worktree, err error) {
	common, err := s.git.line(ctx, "rev-parse", "--git-common-dir")
	if err != nil {
		return nil, err
	}
	common = absolute(s.repo, common)
	w := &worktree{home: s.git, lock: flock.New(filepath.Join(common, lockName))}
	if _, err := w.lock.TryLockContext(ctx, 200*time.Millisecond); err != nil {
		return nil, fmt.Errorf("locking %s: %w", w.lock.Path(), err)
	}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if err := w.sweep(ctx); err != nil {
		return nil, err
	}
	// One name for each repository, so that what a killed run has left is found again.
	sum := sha256.Sum256([]byte(common))
	tmp, err := filepath.EvalSymlinks(os.TempDir())
	if err != nil {
		return nil, err
	}
	tmp = filepath.Join(tmp, "etcdmod-branches-"+hex.EncodeToString(sum[:8]))
	if err := os.RemoveAll(tmp); err != nil {
		return nil, err
	}
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return nil, err
	}
	w.tmp = tmp
	dir := filepath.Join(tmp, worktreeName)
	if _, err := s.git.run(ctx, nil, "worktree", "add", "--quiet", "--detach", "--no-checkout", dir, base); err != nil {
		return nil, err
	}
	w.git = s.git.in(dir)
	return w, nil
}

// sweep removes the worktrees of runs that were killed, and those alone: git worktree prune
// would also take one whose disk is not mounted.
func (w *worktree) sweep(ctx context.Context) error {
	out, err := w.home.run(ctx, nil, "worktree", "list", "--porcelain")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(out)) {
		dir, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "worktree ")
		if !ok || filepath.Base(filepath.FromSlash(dir)) != worktreeName {
			continue
		}
		if _, err := w.home.run(ctx, nil, "worktree", "remove", "--force", dir); err != nil {
			return fmt.Errorf("removing what a killed run has left: %w", err)
		}
	}
	return nil
}

// empty removes all files from the worktree.
func (w *worktree) empty() error {
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == ".git" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(w.dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// close removes the worktree, also after the end of the context that it was made in.
func (w *worktree) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_ = w.sweep(ctx) // or else the next run does it
	if w.tmp != "" {
		_ = os.RemoveAll(w.tmp)
	}
	_ = w.lock.Close()
}
