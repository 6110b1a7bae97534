package modules

import (
	"errors"
	"io/fs"
	"path/filepath"

	"etcdmod/internal/rooted"
)

// Workspace returns the go.work that the go command finds for the module in root, and whether
// it uses the module: where it does not, the go command refuses to work there unless GOWORK is
// off. file is "" where there is none, or where it cannot be read, which the go command says.
func Workspace(root string, env []string) (file string, used bool) {
	w := newWorkspaces(env)
	file = w.file(root)
	f := w.read(file)
	if f == nil {
		return "", false
	}
	return file, f.uses[Resolved(root)]
}

// workspaces reads each go.work once.
type workspaces struct {
	setting string            // GOWORK
	above   map[string]string // the nearest go.work from a directory upwards
	files   map[string]*work  // by absolute name
	broken  map[string]error  // those that do not parse
}

// A work is a go.work with the directories of the modules that it uses, symbolic links
// resolved.
type work struct {
	*GoWork
	uses map[string]bool
}

func newWorkspaces(env []string) *workspaces {
	return &workspaces{setting: GoWorkSetting(env), above: map[string]string{}, files: map[string]*work{}, broken: map[string]error{}}
}

// of returns the go.work that uses the module in a directory, which has no symbolic links.
func (w *workspaces) of(dir string) string {
	file := w.file(dir)
	if f := w.read(file); f == nil || !f.uses[dir] {
		return ""
	}
	return file
}

// file returns the go.work that is in effect in a directory.
func (w *workspaces) file(dir string) string {
	switch w.setting {
	case "off":
		return ""
	case "", "auto":
		return w.nearest(dir)
	}
	return w.setting
}

func (w *workspaces) nearest(dir string) string {
	if file, ok := w.above[dir]; ok {
		return file
	}
	file := filepath.Join(dir, "go.work")
	if !isFile(file) {
		file = ""
		if up := filepath.Dir(dir); up != dir {
			file = w.nearest(up)
		}
	}
	w.above[dir] = file
	return file
}

// read returns nil where there is no such file or nobody can read it.
func (w *workspaces) read(file string) *work {
	if f, ok := w.files[file]; ok || file == "" {
		return f
	}
	w.files[file] = nil
	data, err := ReadFile(file, rooted.ModFile)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			w.broken[file] = err
		}
		return nil
	}
	f, err := ParseGoWork(file, data)
	if err != nil {
		w.broken[file] = err
		return nil
	}
	out := &work{f, map[string]bool{}}
	for _, dir := range f.Dirs(filepath.Dir(file)) {
		out.uses[Resolved(dir)] = true
	}
	w.files[file] = out
	return out
}
