package ship

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"etcdmod/internal/rollout"
)

// ReadIndex reads the index of an output directory whose units can be shipped. What it names
// lies in that directory and in the repository, wherever it comes from.
func ReadIndex(dir string) (*rollout.Index, error) {
	data, err := os.ReadFile(filepath.Join(dir, rollout.IndexFile))
	if err != nil {
		return nil, err
	}
	var index rollout.Index
	if err := json.Unmarshal(data, &index); err != nil {
		return nil, fmt.Errorf("%s is no index of a rollout: %w", rollout.IndexFile, err)
	}
	switch {
	case index.Format != rollout.Format:
		return nil, fmt.Errorf("%s has format %d, and this version of etcdmod knows %d", rollout.IndexFile, index.Format, rollout.Format)
	case !index.Complete:
		return nil, errors.New("the rollout has not come to its end")
	}
	for _, m := range index.Modules {
		for _, u := range m.Units {
			names := []string{u.Patch, u.Description}
			for _, f := range u.Files {
				names = append(names, f.Path)
			}
			for _, name := range names {
				if !filepath.IsLocal(filepath.FromSlash(name)) {
					return nil, fmt.Errorf("unit %s names %q, which is outside", u.ID, name)
				}
			}
		}
	}
	return &index, nil
}
