package command

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"etcdmod/internal/discover"
)

// moduleDirs resolves the arguments of a command that takes modules to their root
// directories. A module that others replace by its directory comes before those, since
// what it requires is part of what they build; otherwise the order is that of the names.
func moduleDirs(dir string, args []string) ([]string, error) {
	if len(args) == 0 {
		root, err := moduleRoot(dir)
		return []string{root}, err
	}
	var roots []string
	for _, arg := range args {
		name, all := strings.CutSuffix(filepath.ToSlash(arg), "/...")
		if name == "..." {
			name, all = ".", true
		}
		name = filepath.FromSlash(name)
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		if !all {
			root, err := moduleRoot(name)
			if err != nil {
				return nil, err
			}
			if root != filepath.Clean(name) {
				return nil, usage("%s is not the root directory of a module; that is %s", arg, root)
			}
			roots = append(roots, root)
			continue
		}
		found, err := discover.Modules(name)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, usage("there is no go.mod at or below %s", arg)
		}
		roots = append(roots, found...)
	}
	slices.Sort(roots)
	return discover.DependenciesFirst(slices.Compact(roots)), nil
}

// moduleRoot returns the root of the module that a directory is in. A directory without one
// stands for itself: files of other dependency tools may be there.
func moduleRoot(dir string) (string, error) {
	root, err := discover.Root(dir)
	if errors.Is(err, discover.ErrNoModule) {
		return filepath.Abs(dir)
	}
	return root, err
}
