package modules

import (
	"errors"
	"go/version"
	"io/fs"
	"path/filepath"
	"slices"

	"etcdmod/internal/rooted"
)

// Workspace returns the go.work that the go command finds for the module in root, and whether
// it uses the module: where it does not, the go command refuses to work there unless GOWORK is
// off. file is "" where there is none. An error says why it cannot be read; where it does not
// parse, the go command says so.
func Workspace(root string, env []string) (file string, used bool, err error) {
	w := newWorkspaces(env)
	file = w.file(root)
	f := w.read(file)
	switch {
	case file == "":
		return "", false, nil
	case w.broken[file] != nil:
		return file, false, w.broken[file]
	case f == nil:
		return file, false, &fs.PathError{Op: "open", Path: file, Err: fs.ErrNotExist}
	}
	_, used = f.uses[Resolved(root)]
	return file, used, nil
}

// Opened returns the go.work in effect in a module, or "", and the directories that the go command
// opens modules in there: that of the module, those that the go.work uses, and those that any of
// these is built with by its directory. What cannot be read names none.
func Opened(root string, env []string) (file string, dirs []string) {
	file, dirs = First(root, env)
	for _, dir := range slices.Clone(dirs) {
		dirs = append(dirs, replaced(dir)...)
	}
	return file, dirs
}

// First is [Opened] without the directories that only the go.mod files of other modules name. A
// caller that asks for each module of a workspace would otherwise read all of those files each
// time.
func First(root string, env []string) (file string, dirs []string) {
	w := newWorkspaces(env)
	file, dirs = w.file(root), append([]string{root}, replaced(root)...)
	if f := w.read(file); f != nil {
		home := filepath.Dir(file)
		dirs = append(dirs, f.Dirs(home)...)
		dirs = append(dirs, locals(f.Replace, home)...)
	}
	return file, dirs
}

// replaced returns the directories that the go.mod in a directory puts in the place of modules.
func replaced(dir string) []string {
	name := filepath.Join(dir, "go.mod")
	data, err := ReadFile(name, rooted.ModFile)
	if err != nil {
		return nil
	}
	m, err := ParseGoMod(name, data)
	if err != nil {
		return nil
	}
	return locals(m.Replace, dir)
}

func locals(list []Replace, home string) (dirs []string) {
	for _, r := range list {
		if r.Local() {
			dirs = append(dirs, r.Dir(home))
		}
	}
	return dirs
}

// Together returns the directories of the modules that the go.work in effect in a directory
// uses. There are none where there is no go.work, or nobody can read it.
func Together(dir string, env []string) []string {
	w := newWorkspaces(env)
	file := w.file(dir)
	f := w.read(file)
	if f == nil {
		return nil
	}
	return f.Dirs(filepath.Dir(file))
}

// Relocated writes a go.work, with its sums, into a directory where it means the same: the go
// command adds to the sums even when it only lists. The copy names the module in root by that
// path, whatever symbolic links the go.work names it through. Under another path the go command
// would not know the module that it works in.
func (w *GoWork) Relocated(dir, root string) error {
	home := filepath.Dir(w.name)
	data, err := w.MovedFrom(home, func(dir string) string {
		if Resolved(dir) == Resolved(root) {
			return root
		}
		return dir
	})
	if err != nil {
		return err
	}
	d, err := rooted.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.WriteFile("go.work", data); err != nil {
		return err
	}
	sum, err := ReadFile(w.name+".sum", rooted.SumFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	return d.WriteFile("go.work.sum", sum)
}

// TakesVendor reports whether the go command takes packages from a vendor directory beside a
// go.mod or go.work with that go line. mod is the value of -mod, "" for none; since is the
// version of the go line from which on the go command does so by itself.
func TakesVendor(mod, line, since string) bool {
	if mod != "" {
		return mod == "vendor"
	}
	return line != "" && version.Compare("go"+line, since) >= 0
}

// workspaces reads each go.work once.
type workspaces struct {
	setting string            // GOWORK
	above   map[string]string // the nearest go.work from a directory upwards
	files   map[string]*work  // by absolute name
	broken  map[string]error  // those that do not parse
}

// A work is a go.work with the directories of the modules that it uses, symbolic links
// resolved, and how it names them.
type work struct {
	*GoWork
	uses map[string]string
}

func newWorkspaces(env []string) *workspaces {
	return &workspaces{setting: GoWorkSetting(env), above: map[string]string{}, files: map[string]*work{}, broken: map[string]error{}}
}

// of returns the go.work that uses the module in a directory, which has no symbolic links.
func (w *workspaces) of(dir string) string {
	file := w.file(dir)
	if f := w.read(file); f != nil {
		if _, used := f.uses[dir]; used {
			return file
		}
	}
	return ""
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
	out := &work{f, map[string]string{}}
	for i, dir := range f.Dirs(filepath.Dir(file)) {
		out.uses[Resolved(dir)] = f.Use[i]
	}
	w.files[file] = out
	return out
}
