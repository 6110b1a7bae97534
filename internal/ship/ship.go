// Package ship takes the units of a rollout to where they are reviewed: onto branches, and
// to whatever a command of the user's does with them.
//
// It takes an index and the output directory that it lies in, and writes into the index what
// became of each unit. It never touches the checkout: neither files nor index, HEAD, stash
// or configuration. A unit that cannot leave is refused with a reason, and the others go on.
//
// # Branches
//
// A branch has one commit, on HEAD or, behind another unit, on the branch of that. Behind several
// it is on a merge of their branches, which is made for it. It is made in a worktree in which
// nothing is checked out: the index has the tree of the parent, and only the files of the unit
// are written and added. So they go through the attributes and filters of the repository as in
// any checkout. They are the checkout's own bytes with the patch applied; git apply --index would
// compare these with what git would check out, and refuse files whose line ends are converted.
//
// The branch gets its name last. Whatever ends a run before leaves objects that git collects
// and a worktree that the next run removes, since it knows it by its name and has the lock.
//
// No hook runs: hooks are made for the checkout of a person, and would see a worktree with a
// handful of files. Commits are signed where the configuration says so. They are dated like
// their parent, so that two machines that make a branch make the same commit.
package ship

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"time"

	"etcdmod/internal/gitcmd"
	"etcdmod/internal/modules"
	"etcdmod/internal/pathname"
	"etcdmod/internal/quote"
	"etcdmod/internal/rollout"
)

// Options say where units go.
type Options struct {
	Root   string   // the directory that is rolled out
	Out    string   // the output directory of the rollout
	Env    []string // nil means that of this process
	Prefix string   // of the names of branches; "" makes none. One that ends in a letter gets a slash
	Force  bool     // make branches anew that exist with other changes
	// Command is run by a shell for each unit, with what [Shipper.Ship] documents; "" runs
	// none.
	Command string
	Base    string        // the branch that the changes are for; "" means that of HEAD
	Timeout time.Duration // for each command; 0 means none
	// Progress is told what becomes of the units, one at a time; it may be nil.
	Progress func(Event)
}

// An Event is what became of a unit in one step.
type Event struct {
	Unit *rollout.Unit // nil for what is about none
	What What
	Text string // the branch; what the command printed; why it failed
}

// What happens to a unit.
type What string

// What happens to a unit.
const (
	Made             What = "made"      // its branch
	Replaced         What = "replaced"  // its branch, which had other changes
	Kept             What = "kept"      // its branch, which has the same change
	Refused          What = "refused"   // it has no branch
	Published        What = "published" // the command ended with exit code 0
	PublishedEarlier What = "published earlier"
	Unpublished      What = "not published"
	Waiting          What = "waiting"    // for another run in the repository
	Unbelieved       What = "unbelieved" // of what is recorded
)

// A Shipper ships the units of one rollout.
type Shipper struct {
	Options
	repo string        // "" outside of a git repository
	git  gitcmd.Runner // in repo
}

// Open checks, before any work is done, that units can be shipped from here. An error says what
// the user has to do.
func Open(ctx context.Context, opts Options) (*Shipper, error) {
	s := &Shipper{Options: opts}
	if opts.Out == "" {
		return nil, fmt.Errorf("units leave from the directory of -o; name one")
	}
	real, err := filepath.EvalSymlinks(opts.Root)
	if err != nil {
		return nil, err
	}
	s.repo = modules.Repository(real)
	s.git = gitcmd.New(s.repo, opts.Env).With("GIT_LITERAL_PATHSPECS=1")
	if s.repo == "" {
		if s.Prefix == "" {
			return s, nil
		}
		return nil, fmt.Errorf("%s is in no git repository; branches need one", quote.Name(real))
	}
	if s.Prefix != "" {
		if err := s.checkRepository(ctx); err != nil {
			return nil, err
		}
		if err := s.checkPrefix(ctx); err != nil {
			return nil, err
		}
		if err := s.checkCommit(ctx); err != nil {
			return nil, err
		}
	}
	return s, s.findBase(ctx)
}

// checkRepository refuses what no worktree can be made of, or not a useful one.
func (s *Shipper) checkRepository(ctx context.Context) error {
	if err := gitcmd.Find(); err != nil {
		return fmt.Errorf("branches need git: %w", err)
	}
	top, err := s.git.Line(ctx, "rev-parse", "--show-toplevel")
	if err != nil {
		return fmt.Errorf("git has no checkout in %s: %w", quote.Name(s.repo), err)
	}
	if real, err := filepath.EvalSymlinks(filepath.FromSlash(top)); err != nil || real != s.repo {
		return fmt.Errorf("git takes %s for the checkout that %s is in", quote.Name(top), quote.Name(s.repo))
	}
	if super, err := s.git.Line(ctx, "rev-parse", "--show-superproject-working-tree"); err == nil && super != "" {
		return fmt.Errorf("%s is a submodule of %s; make branches in a clone of its own", quote.Name(s.repo), quote.Name(super))
	}
	if sparse, _ := s.git.Line(ctx, "config", "--type=bool", "core.sparseCheckout"); sparse == "true" {
		return fmt.Errorf("the checkout is sparse, so that only some of the modules are here; run git sparse-checkout disable, or use another clone")
	}
	if err := s.checkPlace(ctx); err != nil {
		return err
	}
	if _, err := s.head(ctx); err != nil {
		return fmt.Errorf("there is no commit to branch from: %w", err)
	}
	return nil
}

// checkPrefix makes sure that branches with the prefix can exist.
func (s *Shipper) checkPrefix(ctx context.Context) error {
	if last := s.Prefix[len(s.Prefix)-1]; last != '/' && last != '-' && last != '_' && last != '.' {
		s.Prefix += "/"
	}
	name := s.Prefix + "x"
	if _, err := s.git.Run(ctx, nil, "check-ref-format", "--branch", name); err != nil {
		return fmt.Errorf("%q cannot begin the name of a branch; see git help check-ref-format", s.Prefix)
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if _, err := s.git.Run(ctx, nil, "show-ref", "--verify", "--quiet", heads+dir); err == nil {
			return fmt.Errorf("there is a branch %s, so that git can have none below it; choose another prefix than %s", dir, s.Prefix)
		}
	}
	return nil
}

// checkCommit makes sure that commits can be made, and signed where that is asked for, with
// a commit that goes nowhere.
func (s *Shipper) checkCommit(ctx context.Context) error {
	w, err := s.reserve(ctx)
	if err != nil {
		return err
	}
	defer w.close()
	objects, err := s.git.Line(ctx, "rev-parse", "--git-path", "objects")
	if err != nil {
		return err
	}
	probe := s.git.With("GIT_OBJECT_DIRECTORY="+w.tmp, "GIT_ALTERNATE_OBJECT_DIRECTORIES="+pathname.Absolute(s.repo, objects))
	tree, err := probe.Line(ctx, "mktree")
	if err != nil {
		return err
	}
	if _, err := commit(ctx, probe, "probe\n", "", tree); err != nil {
		return fmt.Errorf("no commit can be made here: %w\n(git config user.name and user.email say whose it is, commit.gpgsign whether it is signed)", err)
	}
	return nil
}

// findBase settles which branch the changes are for.
func (s *Shipper) findBase(ctx context.Context) error {
	if s.Base != "" {
		return nil
	}
	name, err := s.git.Line(ctx, "symbolic-ref", "--quiet", "--short", "HEAD")
	if err == nil {
		s.Base = name
		return nil
	}
	if s.Command != "" && s.Prefix != "" {
		return fmt.Errorf("HEAD is on no branch; say with -base which one the changes are for")
	}
	s.Base, _ = s.head(ctx)
	return ctx.Err()
}

func (s *Shipper) head(ctx context.Context) (string, error) {
	return s.git.Line(ctx, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
}

func (s *Shipper) tell(u *rollout.Unit, what What, text string) {
	if s.Progress != nil {
		s.Progress(Event{u, what, text})
	}
}

// Ship makes the branches of all units, and then runs the command for each, what goes before
// others first.
// What became of a unit is in it, and in the index in the output directory. An error means
// that the work did not come to its end.
//
// The command runs in the root of the repository, with these variables:
//
//	ETCDMOD_UNIT         the ID of the unit
//	ETCDMOD_TITLE        its title, one line
//	ETCDMOD_DESCRIPTION  the file with the text of a pull request, in Markdown
//	ETCDMOD_PATCH        the file with the patch
//	ETCDMOD_MODULE       the directory of its module, relative to the root of the repository
//	ETCDMOD_OWNERS       its owners, with a space between two
//	ETCDMOD_AFTER        the IDs of the units that go before it, with a space between two
//	ETCDMOD_PRELUDE      1 for a prelude, else empty
//	ETCDMOD_BRANCH       its branch; empty where none is made
//	ETCDMOD_COMMIT       the commit of that
//	ETCDMOD_BASE         the branch to merge it into: that of the one unit that goes before
//	                     it, or else the one that the changes are for
//
// A unit for which the command has ended with exit code 0 is not published again, as long as
// its change stays the same; the output directory remembers.
func (s *Shipper) Ship(ctx context.Context, index *rollout.Index) error {
	if s.Prefix != "" {
		if err := s.branches(ctx, index); err != nil {
			return err
		}
		if err := rollout.WriteIndex(s.Out, index); err != nil {
			return err
		}
	}
	if s.Command == "" {
		return nil
	}
	err := s.publish(ctx, index)
	return errors.Join(err, rollout.WriteIndex(s.Out, index))
}
