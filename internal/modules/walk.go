package modules

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"etcdmod/internal/gitcmd"
	"etcdmod/internal/quote"
	"etcdmod/internal/rooted"
)

// files returns the go.mod files, slash-separated and relative to the root.
func (t *Tree) files(ctx context.Context, opts Options) ([]string, error) {
	if opts.Ignored || Repository(t.Root) == "" {
		return t.walk(ctx)
	}
	t.apart = map[string]bool{}
	out, err := t.listed(ctx, opts.Env)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		t.note(".", "git does not tell what .gitignore leaves out, so nothing was: %v", err)
		t.Notes[len(t.Notes)-1].Fault = errors.As(err, new(*rooted.UnfitError))
		t.apart = nil
		return t.walk(ctx)
	}
	slices.Sort(out)
	out = slices.Compact(out) // a file with a merge conflict has several entries
	if len(out) == 0 {
		others, err := t.walk(ctx)
		if err != nil {
			return nil, err
		}
		if len(others) > 0 {
			t.note(".", ".gitignore leaves out each of the %d go.mod files; -ignored looks at them", len(others))
		}
	}
	return out, nil
}

// listed asks git for the go.mod files that it tracks, or would. It notes other repositories:
// in the index they are commits, and among what is not tracked they end with a slash.
func (t *Tree) listed(ctx context.Context, env []string) (out []string, err error) {
	noted, own := map[string]bool{}, Repository(t.Root)
	other := func(dir string) {
		if !behind(dir) && !noted[dir] && exists(t.Abs(path.Join(dir, ".git"))) {
			noted[dir] = true
			t.note(dir, otherRepository)
		}
	}
	take := func(name string) {
		// The index also has what was deleted, and what a sparse checkout leaves out.
		if path.Base(name) != "go.mod" || !isFile(t.Abs(name)) {
			return
		}
		dir := path.Dir(name)
		// Git looks into what it does not take for another repository, as an empty .git is none.
		if repo := Repository(t.Abs(dir)); repo != own {
			other(t.relative("", repo))
		} else if behind(dir) {
			t.apart[dir] = true
		} else {
			out = append(out, name)
		}
	}
	git := gitcmd.New(t.Root, env)
	tracked, err := git.Run(ctx, nil, "ls-files", "-z", "--stage")
	if err != nil {
		return nil, err
	}
	for entry := range strings.SplitSeq(string(tracked), "\x00") {
		const commit = "160000 "
		if _, name, ok := strings.Cut(entry, "\t"); ok && strings.HasPrefix(entry, commit) {
			other(name)
		} else if ok {
			take(name)
		}
	}
	untracked, err := git.Run(ctx, nil, "ls-files", "-z", "--others", "--exclude-standard")
	if err != nil {
		return nil, err
	}
	for name := range strings.SplitSeq(string(untracked), "\x00") {
		if dir, ok := strings.CutSuffix(name, "/"); ok {
			other(dir)
		} else {
			take(name)
		}
	}
	return out, nil
}

// otherRepository is noted of a directory that is one.
const otherRepository = "a git repository of its own; run there"

// leftOut reports whether the go command looks for no packages in a directory of that
// name.
func leftOut(base string) bool {
	return base == "vendor" || base == "testdata" || base == "node_modules" ||
		base != "." && base != ".." && strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")
}

// behind reports whether a directory, slash-separated, is one that is left out or below one.
func behind(dir string) bool { return slices.ContainsFunc(strings.Split(dir, "/"), leftOut) }

// named returns the directories of modules that are left out by their names, and that other
// modules or workspaces of the tree are built with all the same. What .gitignore leaves out
// stays so, and so do other repositories.
func (t *Tree) named() (dirs []string) {
	for _, dir := range slices.Compact(slices.Sorted(slices.Values(t.unmet))) {
		if filepath.IsLocal(filepath.FromSlash(dir)) && behind(dir) && (t.apart == nil || t.apart[dir]) &&
			isFile(t.Abs(path.Join(dir, "go.mod"))) && Repository(t.Abs(dir)) == Repository(t.Root) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// walk looks at every directory.
func (t *Tree) walk(ctx context.Context) ([]string, error) {
	var out []string
	err := filepath.WalkDir(t.Root, func(name string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(t.Root, name)
		rel = filepath.ToSlash(rel)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && name == t.Root:
			return fmt.Errorf("cannot read %s: %w", quote.Name(name), rooted.Cause(err))
		case err != nil:
			t.note(rel, "%v; no module was looked for there", rooted.Cause(err))
			return nil
		case d.IsDir() && name != t.Root && leftOut(d.Name()):
			return filepath.SkipDir
		case d.IsDir() && name != t.Root && exists(filepath.Join(name, ".git")):
			t.note(rel, otherRepository)
			return filepath.SkipDir
		case d.Name() == "go.mod" && isFile(name):
			out = append(out, rel)
		}
		return nil
	})
	return out, err
}
