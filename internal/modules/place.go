package modules

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"etcdmod/internal/quote"
	"etcdmod/internal/rooted"
)

// ErrNoModule is wrapped by the error of Root when there is no go.mod.
var ErrNoModule = errors.New("not in a Go module: no go.mod in this directory or any above it; change to a module, or use -C dir")

// Root returns the absolute root directory of the module that holds dir. Symbolic links
// stay as they are spelled.
func Root(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(dir); err != nil {
		return "", fmt.Errorf("cannot use directory %s: %w", quote.Name(dir), rooted.Cause(err))
	} else if !info.IsDir() {
		return "", fmt.Errorf("%s is not a directory", quote.Name(dir))
	}
	root := Above(dir)
	if root == "" {
		return "", fmt.Errorf("%s: %w", quote.Name(dir), ErrNoModule)
	}
	return root, nil
}

// Above returns the nearest directory from dir upwards that has a go.mod, or "". dir itself
// need not exist.
func Above(dir string) string { return above(dir, "go.mod", isFile) }

// Repository returns the root of the git repository around a directory, or "". Git follows
// symbolic links, so a directory that is reached through one has to be resolved first.
func Repository(dir string) string { return above(dir, ".git", exists) }

// Resolved follows the symbolic links on the way to a directory, if there is one.
func Resolved(dir string) string {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		return real
	}
	return dir
}

// above returns the nearest directory from dir upwards that has an entry of that name, or "".
func above(dir, name string, is func(string) bool) string {
	for {
		if is(filepath.Join(dir, name)) {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && !info.IsDir()
}
