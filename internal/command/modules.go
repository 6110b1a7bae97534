package command

import (
	"context"
	"errors"
	"path"
	"path/filepath"
	"strings"

	"etcdmod/internal/modules"
	"etcdmod/internal/pathname"
	"etcdmod/internal/quote"
)

// A target is the modules that a command is about.
type target struct {
	// dirs are their root directories as the user spells them. A module that others are built
	// with comes before those, since what it requires is part of what they build; otherwise the
	// order is that of the names.
	dirs    []string
	spelled map[int]string // the same, by the index in the tree
	// repo is the directory that their files are named relative to; "" means the root of the
	// repository of a single module, or else that of the module.
	repo string
	// tree has what ties them together.
	tree *modules.Tree
	// fault says that a module below the arguments could not be looked at: it was named.
	fault bool
}

// spellings are the names by which the go command reaches the directory of the module with an
// index in the tree.
func (t *target) spellings(i int) []string {
	return t.tree.Spellings(i, func(j int) string { return t.spelled[j] })
}

// findModules resolves the arguments of a command that takes modules. Places where none was
// looked for are named on stderr.
func findModules(ctx context.Context, env *Env, dir string, args []string, opts modules.Options) (*target, error) {
	if len(args) == 0 {
		root, err := moduleRoot(dir)
		if err != nil {
			return nil, err
		}
		return oneModule(root, opts)
	}
	var roots []string
	many, fault := false, false
	for _, arg := range args {
		name, all := strings.CutSuffix(filepath.ToSlash(arg), "/...")
		if name == "..." {
			name, all = ".", true
		}
		name = filepath.FromSlash(name)
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		many = many || all
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
		tree, err := modules.Find(ctx, name, opts)
		if err != nil {
			return nil, err
		}
		for _, n := range tree.Notes {
			say(env.Stderr, "etcdmod: %s: %s\n", quote.Name(path.Join(strings.TrimSuffix(filepath.ToSlash(arg), "..."), n.Path)), n.Detail)
			fault = fault || n.Fault
		}
		if len(tree.Modules) == 0 {
			return nil, usage("there is no go.mod at or below %s", arg)
		}
		for _, m := range tree.Modules {
			roots = append(roots, filepath.Join(name, filepath.FromSlash(m.Dir)))
		}
	}
	if len(roots) == 1 && !many {
		return oneModule(roots[0], opts)
	}
	repo, err := sharedRoot(dir, roots)
	if err != nil {
		return nil, err
	}
	tree, err := modules.In(repo, roots, opts)
	if err != nil {
		return nil, err
	}
	spelled := map[int]string{}
	for _, root := range roots {
		if i, ok := tree.Index(root); ok {
			spelled[i] = root
		}
	}
	t := &target{repo: repo, tree: tree, spelled: spelled, fault: fault}
	for _, i := range tree.Order() {
		t.dirs = append(t.dirs, spelled[i])
	}
	return t, nil
}

func oneModule(root string, opts modules.Options) (*target, error) {
	tree, err := modules.In(root, []string{root}, opts)
	return &target{dirs: []string{root}, spelled: map[int]string{0: root}, tree: tree}, err
}

// sharedRoot returns the directory that the files of several modules are named relative to: the
// root of the repository that they are all in; outside of any, the working directory, or what
// is above all of them.
func sharedRoot(dir string, roots []string) (string, error) {
	first := modules.Resolved(roots[0])
	repo := modules.Repository(first)
	for _, root := range roots[1:] {
		if other := modules.Repository(modules.Resolved(root)); other != repo {
			return "", usage("%s and %s are not in one git repository, and no patch is for two; run once for each", roots[0], root)
		}
	}
	if repo != "" {
		return repo, nil
	}
	common := modules.Resolved(dir)
	for _, root := range roots {
		for real := modules.Resolved(root); !pathname.Below(common, real); {
			common = filepath.Dir(common)
		}
	}
	return common, nil
}

// moduleRoot returns the root of the module that a directory is in. A directory without one
// stands for itself: files of other dependency tools may be there.
func moduleRoot(dir string) (string, error) {
	root, err := modules.Root(dir)
	if errors.Is(err, modules.ErrNoModule) {
		return filepath.Abs(dir)
	}
	return root, err
}
