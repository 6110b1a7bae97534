package ship

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"etcdmod/internal/gitcmd"
	"etcdmod/internal/quote"
	"etcdmod/internal/rollout"
)

// ReadIndex reads the index of an output directory whose units can be shipped; see
// [rollout.ReadIndex]. One that git tracks came with the repository, and is no result of a run.
func ReadIndex(ctx context.Context, dir string) (*rollout.Index, error) {
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
	return index, nil
}
