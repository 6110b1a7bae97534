package ship

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"etcdmod/internal/gitcmd"
	"etcdmod/internal/quote"
	"etcdmod/internal/rooted"
)

// worktreeName is the name of every worktree that is made here. One by that name that is
// there while nobody has the lock has been left by a run that was killed.
const worktreeName = "etcdmod-branches"

// lockName is the name of the file, in the git directory, that a run locks while it makes
// branches. The lock ends with the process; the file stays.
const lockName = "etcdmod.lock"

// pendingName is the name of the file, beside that, with the reference that is being
// written. When git is killed then, it leaves a lock of its own, which nobody else may take
// for stale.
const pendingName = "etcdmod.pending"

// A worktree is one in which nothing is checked out.
type worktree struct {
	gitcmd.Runner               // in the worktree
	home          gitcmd.Runner // in the checkout
	common        string        // the git directory that all worktrees share
	tmp           string        // has the worktree and the stage
	lock          *flock.Flock
}

// reserve locks the repository and makes a directory for temporary files; there is no worktree
// yet. It waits for other runs in the same repository, and removes what those have left that
// were killed.
func (s *Shipper) reserve(ctx context.Context) (_ *worktree, err error) {
	_, common, err := gitDirs(ctx, s.git)
	if err != nil {
		return nil, err
	}
	w := &worktree{home: s.git, common: common, lock: flock.New(filepath.Join(common, lockName))}
	if info, err := os.Lstat(w.lock.Path()); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file; remove it", quote.Name(w.lock.Path()))
	}
	locked, err := w.lock.TryLock()
	if err == nil && !locked {
		s.tell(nil, Waiting, "")
		_, err = w.lock.TryLockContext(ctx, 200*time.Millisecond)
	}
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", quote.Name(w.lock.Path()), rooted.Cause(err))
	}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if err := w.sweep(); err != nil {
		return nil, err
	}
	tmp, err := filepath.Abs(os.TempDir()) // git and its commands run elsewhere
	if err == nil {
		tmp, err = filepath.EvalSymlinks(tmp)
	}
	if err != nil {
		return nil, err
	}
	tmp = filepath.Join(tmp, w.base())
	if err := os.RemoveAll(tmp); err != nil {
		return nil, err
	}
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return nil, err
	}
	w.tmp = tmp
	return w, nil
}

// base is what the directory for temporary files is called: one name for each repository, so
// that what a killed run has left is found again, and nothing else is taken for that.
func (w *worktree) base() string {
	sum := sha256.Sum256([]byte(w.common))
	return worktreeName + "-" + hex.EncodeToString(sum[:8])
}

// openWorktree reserves the repository and makes a worktree.
func (s *Shipper) openWorktree(ctx context.Context, base string) (*worktree, error) {
	w, err := s.reserve(ctx)
	if err != nil {
		return nil, err
	}
	w.Runner = s.git.In(filepath.Join(w.tmp, worktreeName))
	if _, err := s.git.Run(ctx, nil, "worktree", "add", "--quiet", "--detach", "--no-checkout", w.Dir, base); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// sweep removes the worktrees of runs that were killed, and those alone: git worktree prune
// would also take one whose disk is not mounted. It does so by itself, since git leaves
// alone, or does not even list, one that it was killed in the making of.
func (w *worktree) sweep() error {
	common, err := rooted.Open(w.common)
	if err != nil {
		return err
	}
	defer common.Close()
	const all = "worktrees"
	// A link there leads to where directories of that name are those of others.
	if info, err := common.Lstat(all); err == nil && !info.IsDir() {
		return &rooted.UnfitError{Path: common.Path(all), Why: "is not a directory; remove it"}
	}
	entries, err := common.ReadDir(all)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), worktreeName) {
			continue
		}
		admin := filepath.Join(all, e.Name())
		// The file names the file .git in the worktree.
		at, _ := common.ReadFile(filepath.Join(admin, "gitdir"), rooted.Setting)
		tmp := filepath.Dir(filepath.Dir(filepath.FromSlash(strings.TrimSpace(string(at)))))
		if filepath.Base(tmp) == w.base() {
			err = errors.Join(err, os.RemoveAll(tmp))
		}
		err = errors.Join(err, common.RemoveAll(admin))
	}
	if err != nil {
		return fmt.Errorf("removing what a killed run has left: %w", err)
	}
	_ = common.Remove(all) // as git does, where it is empty
	return settle(common)
}

// settle removes the lock of a git that was killed while it wrote a reference.
func settle(common *rooted.Dir) error {
	ref, err := common.ReadFile(pendingName, rooted.Setting)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if rel := filepath.FromSlash(string(ref)); strings.HasPrefix(string(ref), heads) && filepath.IsLocal(rel) {
		var unfit *rooted.UnfitError // references that are elsewhere have their locks there
		if err := common.Remove(rel + ".lock"); err != nil && !errors.As(err, &unfit) {
			return err
		}
	}
	return common.Remove(pendingName)
}

// update makes a reference point to a commit, where it points to the one it was.
func (w *worktree) update(ctx context.Context, message, ref, commit, was string) error {
	common, err := rooted.Open(w.common)
	if err != nil {
		return err
	}
	defer common.Close()
	for _, name := range []string{ref, "logs/" + ref} {
		if err := inPlace(common, name); err != nil {
			return err
		}
	}
	if err := common.WriteFile(pendingName, []byte(ref)); err != nil {
		return err
	}
	_, err = w.home.Run(ctx, nil, "update-ref", "-m", message, ref, commit, was)
	if ctx.Err() != nil {
		return err // git was killed, maybe
	}
	return errors.Join(err, common.Remove(pendingName))
}

// empty removes all files from the worktree.
func (w *worktree) empty() error {
	entries, err := os.ReadDir(w.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == ".git" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(w.Dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// close removes the worktree.
func (w *worktree) close() {
	_ = w.sweep() // or else the next run does it
	if w.tmp != "" {
		_ = os.RemoveAll(w.tmp)
	}
	_ = w.lock.Close()
}
