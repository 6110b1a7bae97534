package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

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
		found, err := modulesBelow(name)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, usage("there is no go.mod at or below %s", arg)
		}
		roots = append(roots, found...)
	}
	slices.Sort(roots)
	return dependenciesFirst(slices.Compact(roots)), nil
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

// modulesBelow returns the directories with a go.mod. Like the go command it leaves out
// vendor, testdata and names that begin with a dot or an underscore.
func modulesBelow(dir string) ([]string, error) {
	var roots []string
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			if name == dir {
				return fmt.Errorf("cannot read %s: %w", dir, err)
			}
			return nil // a directory that nobody may read has no module for us
		}
		base := d.Name()
		switch {
		case d.IsDir() && name != dir && (base == "vendor" || base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")):
			return filepath.SkipDir
		case !d.IsDir() && base == "go.mod":
			roots = append(roots, filepath.Dir(name))
		}
		return nil
	})
	return roots, err
}

// dependenciesFirst orders modules so that each comes after those that it replaces by
// their directories. Cycles, which the go command allows, are left as they come.
func dependenciesFirst(roots []string) []string {
	var out []string
	state := map[string]int{}
	var visit func(root string)
	visit = func(root string) {
		if state[root]++; state[root] > 1 {
			return
		}
		for _, dep := range localReplaces(root) {
			if slices.Contains(roots, dep) {
				visit(dep)
			}
		}
		out = append(out, root)
	}
	for _, root := range roots {
		visit(root)
	}
	return out
}

// localReplaces returns the directories that the go.mod in a directory replaces modules by.
func localReplaces(root string) []string {
	data, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return nil
	}
	file, err := modfile.Parse("go.mod", data, nil)
	if err != nil {
		return nil
	}
	var dirs []string
	for _, replace := range file.Replace {
		if replace.New.Version != "" {
			continue
		}
		dir := filepath.FromSlash(replace.New.Path)
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(root, dir)
		}
		dirs = append(dirs, filepath.Clean(dir))
	}
	return dirs
}
