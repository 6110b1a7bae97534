package monorepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// files returns the go.mod files, slash-separated and relative to the root.
func (t *Tree) files(ctx context.Context, opts Options) ([]string, error) {
	if opts.Ignored || !t.inRepository() {
		return t.walk(ctx)
	}
	listed, err := t.git(ctx, opts.Env, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "go.mod", "*/go.mod")
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		t.note(".", "git does not tell what .gitignore leaves out, so nothing was: %v", err)
		return t.walk(ctx)
	}
	var out []string
	for name := range strings.SplitSeq(strings.TrimSuffix(string(listed), "\x00"), "\x00") {
		if name == "" || slices.ContainsFunc(strings.Split(path.Dir(name), "/"), leftOut) {
			continue
		}
		// The index also has what was deleted, and what a sparse checkout leaves out.
		if info, err := os.Stat(t.Abs(name)); err == nil && !info.IsDir() {
			out = append(out, name)
		}
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
	t.submodules(ctx, opts.Env)
	return out, nil
}

// leftOut reports whether the go command looks for no packages in a directory of that
// name.
func leftOut(base string) bool {
	return base == "vendor" || base == "testdata" || base == "node_modules" ||
		base != "." && base != ".." && strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")
}

func (t *Tree) inRepository() bool {
	for dir := t.Root; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return true
		}
		if dir == filepath.Dir(dir) {
			return false
		}
	}
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
			return fmt.Errorf("cannot read %s: %w", name, err)
		case err != nil:
			t.note(rel, "%v; no module was looked for there", cause(err))
			return nil
		case d.IsDir() && name != t.Root && leftOut(d.Name()):
			return filepath.SkipDir
		case d.IsDir() && name != t.Root && exists(filepath.Join(name, ".git")):
			t.note(rel, "a git repository of its own; run there")
			return filepath.SkipDir
		case d.Name() == "go.mod" && isFile(name):
			out = append(out, rel)
		}
		return nil
	})
	return out, err
}

// submodules names the git submodules, which are repositories of their own.
func (t *Tree) submodules(ctx context.Context, env []string) {
	if !isFile(filepath.Join(t.Root, ".gitmodules")) {
		return
	}
	out, err := t.git(ctx, env, "config", "--file", ".gitmodules", "--null", "--get-regexp", `^submodule\..*\.path$`)
	if err != nil {
		return
	}
	for entry := range strings.SplitSeq(string(out), "\x00") {
		if _, dir, ok := strings.Cut(entry, "\n"); ok && filepath.IsLocal(dir) && exists(t.Abs(path.Join(dir, ".git"))) {
			t.note(path.Clean(dir), "a git repository of its own; run there")
		}
	}
}

// git runs a git command that reads.
func (t *Tree) git(ctx context.Context, env []string, args ...string) ([]byte, error) {
	if env == nil {
		env = os.Environ()
	}
	// Within a hook, git names a repository for its children that need not be this one.
	env = slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		return strings.HasPrefix(kv, "GIT_DIR=") || strings.HasPrefix(kv, "GIT_WORK_TREE=") || strings.HasPrefix(kv, "GIT_INDEX_FILE=")
	})
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir, cmd.Env, cmd.Stderr = t.Root, append(env, "GIT_OPTIONAL_LOCKS=0"), &stderr
	out, err := cmd.Output()
	if text := strings.TrimSpace(stderr.String()); err != nil && text != "" {
		err = errors.New(text)
	}
	return out, err
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && !info.IsDir()
}

func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
