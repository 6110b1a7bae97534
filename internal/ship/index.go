package ship

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"etcdmod/internal/gitcmd"
	"etcdmod/internal/quote"
	"etcdmod/internal/rollout"
	"etcdmod/internal/vouch"
)

// ReadIndex reads the index of an output directory whose units can be shipped; see
// [rollout.ReadIndex]. It refuses an index that git tracks: that came with the repository, and is
// no result of a run. It takes one that no run of this user has written only with trust, since an
// index decides what is pushed.
func ReadIndex(ctx context.Context, dir string, trust bool) (*rollout.Index, error) {
	index, err := rollout.ReadIndex(dir)
	if err != nil {
		return nil, err
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	name := filepath.Join(abs, rollout.IndexFile)
	if tracked, err := gitcmd.Tracked(ctx, name); err != nil {
		return nil, err
	} else if tracked {
		return nil, fmt.Errorf("%s: git tracks it, and what a repository brings is not what a rollout has found; remove it (git rm), or name another directory", quote.Name(name))
	}
	if !index.Complete {
		return nil, errors.New("the rollout has not come to its end")
	}
	if err := index.Vouched(); err != nil && !trust {
		return nil, fmt.Errorf("%w; what it says would be pushed: where it comes from another machine, look at the patches, and say with -trust that they are what they should be (machines that share the directory of %s need not say so)", err, vouch.Variable)
	}
	return index, nil
}
