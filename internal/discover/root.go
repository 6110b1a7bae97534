package discover

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
)

// Root returns the absolute root directory of the module that holds dir. Symbolic links
// stay as they are spelled.
func Root(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if fi, err := os.Stat(dir); err != nil {
		return "", fmt.Errorf("cannot use directory %s: %w", dir, cause(err))
	} else if !fi.IsDir() {
		return "", fmt.Errorf("%s is not a directory", dir)
	}
	root := above(dir, "go.mod", isFile)
	if root == "" {
		return "", fmt.Errorf("%s: %w", dir, ErrNoModule)
	}
	return root, nil
}

// cause drops the operation and the path that package os puts before an error.
func cause(err error) error {
	if pe, ok := err.(*fs.PathError); ok {
		return pe.Err
	}
	return err
}

func isFile(name string) bool {
	fi, err := os.Stat(name)
	return err == nil && !fi.IsDir()
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// above returns the nearest directory from dir upwards that has an entry of that name.
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

// repository finds the git repository, unless its root is given. Git follows symbolic links,
// so a module that is reached through one belongs to the repository that it is really in.
func (m *Module) repository(repo string) {
	m.Repo = m.Root
	real, err := filepath.EvalSymlinks(m.Root)
	if err != nil {
		return
	}
	if repo == "" {
		repo = Repository(real)
	}
	if repo != "" {
		if rel, err := filepath.Rel(repo, real); err == nil {
			m.Repo, m.prefix = repo, filepath.ToSlash(rel)
		}
	}
}

// Repository returns the root of the git repository around a directory, or "".
func Repository(dir string) string { return above(dir, ".git", exists) }

// Rel returns a file name relative to the repository, slash-separated. A name outside of
// it stays absolute.
func (m *Module) Rel(name string) string {
	if rel, ok := below(m.Root, name); ok {
		return path.Join(m.prefix, rel)
	}
	if rel, ok := below(m.Repo, name); ok {
		return rel
	}
	return filepath.ToSlash(name)
}

// below returns name relative to dir, slash-separated, if it is there.
func below(dir, name string) (string, bool) {
	rel, err := filepath.Rel(dir, name)
	if err != nil {
		return "", false
	}
	rel = filepath.ToSlash(rel)
	return rel, rel != ".." && !strings.HasPrefix(rel, "../")
}

// workspace finds the go.work file as the go command does.
func (m *Module) workspace(setting string) {
	file := ""
	switch setting {
	case "off":
		return
	case "", "auto":
		dir := above(m.Root, "go.work", isFile)
		if dir == "" {
			return
		}
		file = filepath.Join(dir, "go.work")
	default:
		file = setting
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return // the go command will say so
	}
	w, err := modfile.ParseWork(file, data, nil)
	if err != nil {
		return
	}
	for _, u := range w.Use {
		dir := filepath.FromSlash(u.Path)
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(filepath.Dir(file), dir)
		}
		if same(dir, m.Root) {
			m.Workspace = file
			return
		}
	}
	m.Outside = file
}

func same(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	fa, err1 := os.Stat(a)
	fb, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(fa, fb)
}
