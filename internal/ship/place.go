package ship

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"etcdmod/internal/gitcmd"
	"etcdmod/internal/modules"
	"etcdmod/internal/pathname"
	"etcdmod/internal/quote"
	"etcdmod/internal/rooted"
)

// checkPlace makes sure that what git writes is part of the checkout's repository. Git itself follows
// links and files that name other directories: those that came in an archive have it write
// anywhere. Where somebody shares references or objects between checkouts by links, git does not know
// that there are several, so that one may write what another one has checked out.
func (s *Shipper) checkPlace(ctx context.Context) error {
	dir, common, err := gitDirs(ctx, s.git)
	if err != nil {
		return err
	}
	if err := s.own(ctx, dir, common); err != nil {
		return err
	}
	files, err := rooted.Open(common)
	if err != nil {
		return err
	}
	defer files.Close()
	for _, name := range []string{"refs/heads", "logs/refs/heads", "objects", "reftable", "worktrees"} {
		if err := inPlace(files, name); err != nil {
			return err
		}
	}
	fans, err := files.ReadDir("objects")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range fans {
		if err := inPlace(files, filepath.Join("objects", e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// gitDirs returns the git directory of a checkout, and the one that it shares with others.
func gitDirs(ctx context.Context, git gitcmd.Runner) (dir, common string, err error) {
	if dir, err = git.Line(ctx, "rev-parse", "--absolute-git-dir"); err != nil {
		return "", "", err
	}
	if common, err = git.Line(ctx, "rev-parse", "--git-common-dir"); err != nil {
		return "", "", err
	}
	return filepath.Clean(filepath.FromSlash(dir)), pathname.Absolute(git.Dir, common), nil
}

// own reports that the git directory is another one's: it is neither that of the checkout, nor does it
// know of the checkout.
func (s *Shipper) own(ctx context.Context, dir, common string) error {
	at := filepath.Join(s.repo, ".git")
	// Git says both names as it found them, or without links.
	same := func(name, other string) bool { return modules.Resolved(name) == modules.Resolved(other) }
	info, err := os.Lstat(at)
	switch {
	case err != nil:
		return err
	case info.IsDir() && same(dir, at) && same(common, at):
		return nil
	case info.Mode().IsRegular() && same(filepath.Dir(filepath.Dir(dir)), common):
		// What git worktree add makes, and git worktree repair.
		data, err := rooted.ReadFile(dir, "gitdir", rooted.Setting)
		if err == nil && same(pathname.Absolute(dir, strings.TrimRight(string(data), "\r\n")), at) {
			return nil
		}
	case info.Mode().IsRegular() && same(dir, common):
		work, err := s.git.Line(ctx, "config", "--local", "core.worktree")
		if err == nil && same(pathname.Absolute(dir, work), s.repo) {
			return nil
		}
	}
	return fmt.Errorf("%s leads to %s, which does not know of this checkout, so that it may be somebody else's; git worktree repair mends a worktree that was moved, and git worktree add, or a clone, makes a checkout that branches can be made from", quote.Name(at), quote.Name(modules.Resolved(common)))
}

// inPlace reports where a file of git's, or a directory, would be written through a link.
func inPlace(common *rooted.Dir, name string) error {
	for at := filepath.FromSlash(name); at != "."; at = filepath.Dir(at) {
		if info, err := common.Lstat(at); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return &rooted.UnfitError{Path: common.Path(at), Why: "is a symbolic link, through which nothing is written; make branches in a clone, or in a checkout that git worktree add has made"}
		}
	}
	return nil
}
