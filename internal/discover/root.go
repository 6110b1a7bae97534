package discover

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"etcdmod/internal/finding"
	"etcdmod/internal/modules"
)

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

// repository finds the git repository, unless its root is given. Git follows symbolic links,
// so a module that is reached through one belongs to the repository that it is really in.
func (m *Module) repository(repo string) {
	m.Repo = m.Root
	real, err := filepath.EvalSymlinks(m.Root)
	if err != nil {
		return
	}
	if repo == "" {
		repo = modules.Repository(real)
	}
	if repo != "" {
		if rel, err := filepath.Rel(repo, real); err == nil {
			m.Repo, m.prefix = repo, filepath.ToSlash(rel)
		}
	}
}

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

// Local makes the files of the module that a message names relative to the repository.
func (m *Module) Local(message string) string {
	root := m.Rel(m.Root)
	prefix := root + "/"
	if root == "." {
		prefix = ""
	}
	message = strings.ReplaceAll(message, m.Root+string(filepath.Separator), prefix)
	return strings.ReplaceAll(message, m.Root, root)
}

// Located returns a problem with its file relative to the repository, for messages.
func (m *Module) Located(p finding.Problem) finding.Problem {
	if p.File != "" {
		p.File = m.Rel(p.File)
	}
	return p
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
func (m *Module) workspace(env []string) {
	file, used, err := modules.Workspace(m.Root, env)
	m.work = file
	switch {
	case used:
		m.Workspace = file
	case err == nil:
		m.Outside = file
	}
}
