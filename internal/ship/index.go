package ship

import (
	"errors"

	"etcdmod/internal/rollout"
)

// ReadIndex reads the index of an output directory whose units can be shipped; see
// [rollout.ReadIndex].
func ReadIndex(dir string) (*rollout.Index, error) {
	index, err := rollout.ReadIndex(dir)
	if err != nil {
		return nil, err
	}
	if !index.Complete {
		return nil, errors.New("the rollout has not come to its end")
	}
	return index, nil
}
