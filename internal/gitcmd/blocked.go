package gitcmd

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"etcdmod/internal/pathname"
	"etcdmod/internal/pipes"
	"etcdmod/internal/rooted"
)

// pipe returns a pipe of the repository around a directory that git may wait for, or "": one of
// the files that tell git what to do, wherever they are, and any in the git directory.
func pipe(ctx context.Context, dir string) string {
	root := top(dir)
	if root == "" {
		return ""
	}
	for _, name := range []string{"config", "config.worktree"} {
		if name := included(filepath.Join(root, ".git", name), 0); name != "" {
			return name
		}
	}
	return pipes.Below(ctx, root, func(string) bool { return false }, func(name string) bool {
		rel, _ := filepath.Rel(root, name)
		base := filepath.Base(name)
		return base == ".gitignore" || base == ".gitattributes" || base == ".gitmodules" || pathname.HasGit(rel)
	})
}

// including matches a line of a configuration that names another one, or a file of patterns.
var including = regexp.MustCompile(`(?im)^[^#;\n]*\b(?:path|excludesfile|attributesfile)\s*=\s*"?([^"\n]*[^"\s])`)

// included returns a pipe that a configuration includes, or one that it includes does, or "".
func included(config string, depth int) string {
	data, err := rooted.ReadNamed(config, rooted.Setting)
	if err != nil || depth > 10 { // as deep as git goes
		return ""
	}
	for _, m := range including.FindAllSubmatch(data, -1) {
		name := string(m[1])
		if home, err := os.UserHomeDir(); err == nil && len(name) > 1 && name[:2] == "~/" {
			name = filepath.Join(home, name[2:])
		} else if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(config), name)
		}
		if info, err := os.Stat(name); err != nil {
			continue
		} else if info.Mode()&fs.ModeNamedPipe != 0 {
			return name
		}
		if name := included(name, depth+1); name != "" {
			return name
		}
	}
	return ""
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
