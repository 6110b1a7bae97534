package gitcmd

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"etcdmod/internal/pathname"
	"etcdmod/internal/pipes"
	"etcdmod/internal/rooted"
)

// What git reads as a whole, or line by line, is no bigger.
const (
	patterns = rooted.ModFile // what to leave out, attributes, settings, a reference
	lists    = rooted.Index   // all references, all files
)

// blocked returns why git may read a file of the repository around a directory without end: one
// of those that tell git what to do, wherever they are, and a pipe or a device anywhere in the
// git directory.
func blocked(ctx context.Context, dir string) error {
	root := top(dir)
	if root == "" {
		return nil
	}
	dirs := gitDirs(root)
	for _, dir := range dirs {
		for _, name := range []string{"config", "config.worktree"} {
			if err := included(filepath.Join(dir, name), 0); err != nil {
				return err
			}
		}
	}
	all := func(string) bool { return false }
	for _, dir := range dirs { // also where they are not below the root
		if err := pipes.Below(ctx, dir, all, func(name string) (rooted.Bound, bool) { return own(dir, name), true }); err != nil {
			return err
		}
	}
	skip := func(dir string) bool { return pathname.HasGit(filepath.Base(dir)) }
	return pipes.Below(ctx, root, skip, func(name string) (rooted.Bound, bool) {
		return patterns, slices.Contains([]string{".gitignore", ".gitattributes", ".gitmodules"}, filepath.Base(name))
	})
}

// own returns how big a file of a git directory may be. Packs, and what other programs keep
// there, may have any size.
func own(dir, name string) rooted.Bound {
	rel, err := filepath.Rel(dir, name)
	if err != nil {
		return pipes.Any
	}
	parts := strings.Split(filepath.ToSlash(rel), "/")
	if parts[0] == "worktrees" && len(parts) > 2 {
		parts = parts[2:]
	}
	switch strings.Join(parts, "/") {
	case "packed-refs", "index":
		return lists
	case "HEAD", "config", "config.worktree", "commondir", "gitdir", "shallow", "objects/info/alternates":
		return patterns
	}
	if parts[0] == "refs" || parts[0] == "info" {
		return patterns
	}
	return pipes.Any
}

// gitDirs returns the git directories of a repository: that of a worktree, or one that a file
// named .git leads to, has what is common to several elsewhere.
func gitDirs(root string) []string {
	dir := filepath.Join(root, ".git")
	if text := line(dir); strings.HasPrefix(text, "gitdir: ") {
		dir = from(root, strings.TrimPrefix(text, "gitdir: "))
	}
	dirs := []string{dir}
	if common := line(filepath.Join(dir, "commondir")); common != "" {
		dirs = append(dirs, from(dir, common))
	}
	return dirs
}

// line returns the line that a file of git has, or "".
func line(name string) string {
	data, err := rooted.ReadNamed(name, rooted.Setting)
	if err != nil {
		return ""
	}
	return strings.TrimRight(string(data), "\r\n")
}

func from(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

// including matches a line of a configuration that names another one, or a file of patterns.
var including = regexp.MustCompile(`(?im)^[^#;\n]*\b(?:path|excludesfile|attributesfile)\s*=\s*"?([^"\n]*[^"\s])`)

// included returns why git may read what a configuration includes without end, or what that
// does; or nil.
func included(config string, depth int) error {
	data, err := rooted.ReadNamed(config, rooted.Setting)
	if err != nil || depth > 10 { // as deep as git goes
		return nil
	}
	for _, m := range including.FindAllSubmatch(data, -1) {
		name := string(m[1])
		if home, err := os.UserHomeDir(); err == nil && len(name) > 1 && name[:2] == "~/" {
			name = filepath.Join(home, name[2:])
		} else {
			name = from(filepath.Dir(config), name)
		}
		if err := pipes.Unfit(name, patterns); err != nil {
			return err
		}
		if err := included(name, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// top returns the directory from dir upwards that has a repository in it, or "".
func top(dir string) string {
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
	}
}
