// Package monorepo finds the modules below a directory, and what ties them together.
//
// It takes a directory and gives the modules at or below it, in the order of their names,
// with the other ones of them that each is built with: those that it replaces by their
// directories, and those that a go.work puts in the place of what it requires. It reads
// go.mod and go.work and no Go file, runs git to learn what .gitignore leaves out, and
// never changes a file.
package monorepo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"etcdmod/internal/discover"
)

// A Module is one go.mod.
type Module struct {
	// Dir is its directory, slash-separated and relative to the root of the Tree; "."
	// for the root itself.
	Dir string
	// Path is the module path; "" where the go.mod does not tell.
	Path string
	// Deps are the modules of the Tree that this one is built with, as ascending indexes
	// into Tree.Modules.
	Deps []int
	// Workspace is the go.work that uses the module, relative to the root of the Tree, or
	// absolute where that is above it; "" if none does.
	Workspace string
	// Problem says why the go.mod cannot be read, if so. What it replaces is unknown then.
	Problem string
}

// A Note names a place where no module was looked for, or a file that says less than it
// should.
type Note struct {
	Path   string // slash-separated, relative to the root of the Tree
	Detail string
}

// A Tree is a directory with modules.
type Tree struct {
	Root    string // absolute, symbolic links resolved
	Modules []Module
	Notes   []Note
}

// Options say how to look for modules.
type Options struct {
	Env []string // nil means that of this process
	// Ignored also takes modules that .gitignore leaves out.
	Ignored bool
}

// Find returns the modules at or below root. Like the go command it leaves out what is in
// directories named vendor or testdata, or that begin with a dot or an underscore, and
// never follows a symbolic link to a directory; like the pipeline it leaves out
// node_modules. Other git repositories below root are left out as well: what is in them is
// not for this one to change.
func Find(ctx context.Context, root string, opts Options) (*Tree, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	real, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return nil, fmt.Errorf("cannot use directory %s: %w", abs, err)
	}
	if info, err := os.Stat(real); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a directory", abs)
	}
	t := &Tree{Root: real}
	files, err := t.files(ctx, opts)
	if err != nil {
		return nil, err
	}
	t.read(files, opts.Env)
	slices.SortFunc(t.Notes, func(a, b Note) int { return strings.Compare(a.Path, b.Path) })
	return t, nil
}

// Abs returns the absolute name of a path relative to the root.
func (t *Tree) Abs(rel string) string {
	if filepath.IsAbs(rel) {
		return rel
	}
	return filepath.Join(t.Root, filepath.FromSlash(rel))
}

func (t *Tree) note(path, format string, args ...any) {
	t.Notes = append(t.Notes, Note{path, fmt.Sprintf(format, args...)})
}

// read fills in the modules whose go.mod files are given.
func (t *Tree) read(files []string, env []string) {
	dirs := make([]string, len(files))
	for i, name := range files {
		dirs[i] = filepath.ToSlash(filepath.Dir(filepath.FromSlash(name)))
	}
	slices.Sort(dirs)
	index := map[string]int{}
	mods := make([]*modfile.File, len(dirs))
	spaces := newWorkspaces(t, env)
	for i, dir := range dirs {
		index[dir] = i
		m := Module{Dir: dir}
		name := t.Abs(dir)
		data, err := os.ReadFile(filepath.Join(name, "go.mod"))
		if err == nil {
			m.Path = modfile.ModulePath(data)
			mods[i], err = modfile.Parse("go.mod", data, nil)
		}
		if err != nil {
			m.Problem = err.Error()
		}
		m.Workspace = spaces.of(name)
		t.Modules = append(t.Modules, m)
	}
	members := t.members()
	for i := range t.Modules {
		m := &t.Modules[i]
		if mods[i] == nil {
			continue
		}
		at := func(from string, by *modfile.Replace) {
			if by.New.Version != "" {
				return
			}
			if j, ok := index[t.relative(from, by.New.Path)]; ok && j != i {
				m.Deps = append(m.Deps, j)
			}
		}
		for _, r := range mods[i].Replace {
			at(t.Abs(m.Dir), r)
		}
		requires := map[string]bool{}
		for _, q := range mods[i].Require {
			requires[q.Mod.Path] = true
		}
		if w := spaces.read(t.Abs(m.Workspace)); m.Workspace != "" && w != nil {
			for _, r := range w.Replace {
				if requires[r.Old.Path] {
					at(filepath.Dir(t.Abs(m.Workspace)), r)
				}
			}
			for path := range requires {
				if j, ok := members[member{m.Workspace, path}]; ok && j != i {
					m.Deps = append(m.Deps, j)
				}
			}
		}
		slices.Sort(m.Deps)
		m.Deps = slices.Compact(m.Deps)
	}
}

// relative resolves a directory that a file in from names.
func (t *Tree) relative(from, dir string) string {
	dir = filepath.FromSlash(dir)
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(from, dir)
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	rel, err := filepath.Rel(t.Root, dir)
	if err != nil {
		return ""
	}
	return filepath.ToSlash(rel)
}

// A member is a module path in a workspace.
type member struct{ workspace, path string }

func (t *Tree) members() map[member]int {
	out := map[member]int{}
	for i, m := range t.Modules {
		if m.Workspace != "" && m.Path != "" {
			out[member{m.Workspace, m.Path}] = i
		}
	}
	return out
}

// Order returns the indexes of all modules so that each comes after those that it is built
// with. Cycles, which the go command allows, are cut where they are entered.
func (t *Tree) Order() []int {
	var out []int
	seen := make([]bool, len(t.Modules))
	var visit func(i int)
	visit = func(i int) {
		if seen[i] {
			return
		}
		seen[i] = true
		for _, dep := range t.Modules[i].Deps {
			visit(dep)
		}
		out = append(out, i)
	}
	for i := range t.Modules {
		visit(i)
	}
	return out
}

// Groups returns the modules that are tied together, directly or through others, as
// indexes: each group ascending, the groups in the order of their first modules.
func (t *Tree) Groups() [][]int {
	parent := make([]int, len(t.Modules))
	for i := range parent {
		parent[i] = i
	}
	var find func(i int) int
	find = func(i int) int {
		if parent[i] != i {
			parent[i] = find(parent[i])
		}
		return parent[i]
	}
	for i, m := range t.Modules {
		for _, dep := range m.Deps {
			a, b := find(i), find(dep)
			parent[max(a, b)] = min(a, b)
		}
	}
	at := map[int]int{}
	var out [][]int
	for i := range t.Modules {
		root := find(i)
		k, ok := at[root]
		if !ok {
			k = len(out)
			at[root] = k
			out = append(out, nil)
		}
		out[k] = append(out[k], i)
	}
	return out
}

// workspaces reads each go.work once.
type workspaces struct {
	t       *Tree
	setting string            // GOWORK
	above   map[string]string // the nearest go.work from a directory upwards
	files   map[string]*work  // by absolute name
}

// A work is a go.work with the directories of the modules that it uses.
type work struct {
	*modfile.WorkFile
	uses map[string]bool
}

func newWorkspaces(t *Tree, env []string) *workspaces {
	return &workspaces{t: t, setting: discover.GoWork(env), above: map[string]string{}, files: map[string]*work{}}
}

// of returns the go.work that uses the module in a directory.
func (w *workspaces) of(dir string) string {
	file := ""
	switch w.setting {
	case "off":
	case "", "auto":
		file = w.nearest(dir)
	default:
		file = w.setting
	}
	f := w.read(file)
	if f == nil || !f.uses[dir] {
		return ""
	}
	if rel, err := filepath.Rel(w.t.Root, file); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return file
}

func (w *workspaces) nearest(dir string) string {
	if file, ok := w.above[dir]; ok {
		return file
	}
	file := filepath.Join(dir, "go.work")
	if info, err := os.Stat(file); err != nil || info.IsDir() {
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
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	f, err := modfile.ParseWork(file, data, nil)
	if err != nil {
		w.t.note(w.t.relative("", file), "the workspace cannot be read, so that nobody knows which modules it ties together: %v", err)
		return nil
	}
	out := &work{f, map[string]bool{}}
	for _, use := range f.Use {
		out.uses[w.t.Abs(w.t.relative(filepath.Dir(file), use.Path))] = true
	}
	w.files[file] = out
	return out
}
