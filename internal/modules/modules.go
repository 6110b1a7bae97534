// Package modules finds the modules of a tree, and what ties them together.
//
// It takes a directory, or several, and gives the modules there with the other ones of them
// that each is built with: those that it replaces by their directories, and those that a
// go.work puts in the place of what it requires. From that it gives the order in which they
// follow each other, who is built with whom, and which belong together. It is also where
// go.mod and go.work are read, and where the module, the repository and the workspace around a
// directory are found.
//
// It reads go.mod and go.work and no Go file, runs git to learn what .gitignore leaves out, and
// never changes a file.
package modules

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"etcdmod/internal/finding"
	"etcdmod/internal/pathname"
	"etcdmod/internal/quote"
	"etcdmod/internal/rooted"
)

// A Module is one go.mod.
type Module struct {
	// Dir is its directory, slash-separated and relative to the root of the Tree; "."
	// for the root itself.
	Dir string
	// Path is the module path; "" where the go.mod does not tell.
	Path string
	// Replaces are the modules of the Tree that this one replaces by their directories, and
	// Deps those and the ones that its workspace builds it with; both are ascending indexes
	// into Tree.Modules.
	Replaces, Deps []int
	// Workspace is the go.work that uses the module, relative to the root of the Tree, or
	// absolute where that is above it; "" if none does.
	Workspace string
	// Problem says why the go.mod cannot be read, if so. What it replaces is unknown then.
	Problem string

	replacers, users []int // the modules that have this one in Replaces, and in Deps
	named            []naming
}

// A naming is how the go.mod of another module, or the go.work that is in effect there, names the
// directory of this one.
type naming struct {
	by   int
	home string // where that file is, from the directory of the other module
	as   string
}

// from returns the directory as it is reached from where the other module is.
func (n naming) from(dir string) string { return absolute(filepath.Join(dir, n.home), n.as) }

// A Tree is a directory with modules.
type Tree struct {
	Root    string         // absolute, symbolic links resolved
	Modules []Module       // by Dir
	Notes   []finding.Note // places where no module was looked for; paths are relative to Root

	apart map[string]bool // directories with a go.mod that git has and that are left out by name; nil if nobody asked git
	unmet []string        // directories that a replace directive or a go.work names and that are no module of the tree
	order []int
	place []int // of each module in order
}

// Options say how to look for modules.
type Options struct {
	Env []string // nil means that of this process
	// Ignored also takes modules that .gitignore leaves out.
	Ignored bool
	// Also are directories whose modules are taken as well, even where they are left out by name.
	Also []string
}

// Find returns the modules at or below root, in the order of their names. Like the go command
// it leaves out what is in directories named vendor or testdata, or that begin with a dot or an
// underscore, and never follows a symbolic link to a directory; it leaves out node_modules as
// well, except modules that others are built with: those that a replace directive or a go.work
// names. Other git repositories below root are left out too: what is in them is not for this one
// to change.
func Find(ctx context.Context, root string, opts Options) (*Tree, error) {
	t, err := newTree(root)
	if err != nil {
		return nil, err
	}
	files, err := t.files(ctx, opts)
	if err != nil {
		return nil, err
	}
	dirs := make([]string, len(files))
	for i, name := range files {
		dirs[i] = filepath.ToSlash(filepath.Dir(filepath.FromSlash(name)))
	}
	for _, dir := range opts.Also {
		dirs = append(dirs, t.relative("", dir))
	}
	for notes := len(t.Notes); ; {
		t.read(t.nameable(dirs), opts.Env)
		more := slices.DeleteFunc(t.named(), func(dir string) bool { return slices.Contains(dirs, dir) })
		if len(more) == 0 {
			return t, nil
		}
		dirs = append(dirs, more...)
		t.Modules, t.Notes = nil, t.Notes[:notes]
	}
}

// nameable returns those of some directories whose names an index, a patch and a journal can have,
// and notes the others: nothing of what is found there could be handed on, and two names that are
// not UTF-8 may be written as the same one.
func (t *Tree) nameable(dirs []string) (out []string) {
	for _, dir := range dirs {
		if err := pathname.Check(dir); err != nil && dir != "." {
			t.note(strings.ToValidUTF8(dir, "\ufffd"), "the name of the directory, %s, %v; the module there was not looked at: rename it", quote.Name(dir), err)
			t.Notes[len(t.Notes)-1].Fault = true
			continue
		}
		out = append(out, dir)
	}
	return out
}

// In returns the modules in the given directories alone, as a tree of root. Directories may be
// named through symbolic links; two names of one directory give one module.
func In(root string, dirs []string, opts Options) (*Tree, error) {
	t, err := newTree(root)
	if err != nil {
		return nil, err
	}
	var rel []string
	for _, dir := range dirs {
		rel = append(rel, t.relative("", dir))
	}
	t.read(rel, opts.Env)
	return t, nil
}

func newTree(root string) (*Tree, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	real, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return nil, fmt.Errorf("cannot use directory %s: %w", quote.Name(abs), rooted.Cause(err))
	}
	if info, err := os.Stat(real); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a directory", quote.Name(abs))
	}
	return &Tree{Root: real}, nil
}

// Abs returns the absolute name of a path relative to the root.
func (t *Tree) Abs(rel string) string {
	if filepath.IsAbs(rel) {
		return rel
	}
	return filepath.Join(t.Root, filepath.FromSlash(rel))
}

// Index returns the index of the module in a directory, however that is spelled.
func (t *Tree) Index(dir string) (int, bool) {
	rel := t.relative("", dir)
	return slices.BinarySearchFunc(t.Modules, rel, func(m Module, dir string) int { return strings.Compare(m.Dir, dir) })
}

// Spellings returns the absolute names by which the go command reaches the directory of the
// module with an index, where the other modules are in the directories that at says: they may
// lead through symbolic links.
func (t *Tree) Spellings(i int, at func(j int) string) []string {
	here := t.Abs(t.Modules[i].Dir)
	out := []string{here, at(i)}
	for _, n := range t.Modules[i].named {
		for _, dir := range []string{n.from(at(n.by)), n.from(t.Abs(t.Modules[n.by].Dir))} {
			if Resolved(dir) == here { // a go.work is not where the name of a module leads past it
				out = append(out, dir)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (t *Tree) note(path, format string, args ...any) {
	t.Notes = append(t.Notes, finding.Note{Path: path, Detail: fmt.Sprintf(format, args...)})
}

// read fills in the modules in some directories.
func (t *Tree) read(dirs []string, env []string) {
	dirs = slices.Compact(slices.Sorted(slices.Values(dirs)))
	index := map[string]int{}
	mods := make([]*GoMod, len(dirs))
	t.unmet = nil
	spaces := newWorkspaces(env)
	for i, dir := range dirs {
		index[dir] = i
		m := Module{Dir: dir}
		name := t.Abs(dir)
		data, err := ReadFile(filepath.Join(name, "go.mod"), rooted.ModFile)
		if err == nil {
			m.Path = ModulePath(data)
			mods[i], err = ParseGoMod("go.mod", data)
		}
		if err != nil {
			m.Problem = err.Error()
		}
		if file := spaces.of(name); file != "" {
			m.Workspace = t.inside(file)
		}
		t.Modules = append(t.Modules, m)
	}
	for file, err := range spaces.broken {
		t.note(t.relative("", file), "the workspace cannot be read, so that nobody knows which modules it ties together: %v", err)
	}
	for _, w := range spaces.files {
		if w == nil {
			continue
		}
		for dir := range w.uses {
			if rel := t.relative("", dir); !slices.Contains(dirs, rel) {
				t.unmet = append(t.unmet, rel)
			}
		}
	}
	members := t.members()
	for i := range t.Modules {
		if mods[i] != nil {
			t.tie(i, mods[i], index, members, spaces)
		}
	}
	t.arrange()
	slices.SortFunc(t.Notes, func(a, b finding.Note) int { return strings.Compare(a.Path, b.Path) })
}

// tie finds what the module with an index is built with.
func (t *Tree) tie(i int, mod *GoMod, index map[string]int, members map[member]int, spaces *workspaces) {
	m := &t.Modules[i]
	in := func(dir string) (int, bool) {
		rel := t.relative("", dir)
		j, ok := index[rel]
		if !ok {
			t.unmet = append(t.unmet, rel)
		}
		return j, ok && j != i
	}
	for _, r := range mod.Replace {
		if r.Local() {
			if j, ok := in(r.Dir(t.Abs(m.Dir))); ok {
				m.Replaces = append(m.Replaces, j)
				t.name(j, naming{by: i, as: r.New.Path})
			}
		}
	}
	m.Deps = slices.Clone(m.Replaces)
	if w := spaces.read(t.Abs(m.Workspace)); m.Workspace != "" && w != nil {
		at := filepath.Dir(t.Abs(m.Workspace))
		home, err := filepath.Rel(t.Abs(m.Dir), at)
		if err != nil {
			home = "."
		}
		for _, r := range w.Replace {
			if r.Local() && mod.Requires(r.Old.Path) {
				if j, ok := in(r.Dir(at)); ok {
					m.Deps = append(m.Deps, j)
					t.name(j, naming{i, home, r.New.Path})
				}
			}
		}
		for _, q := range mod.Require {
			if j, ok := members[member{m.Workspace, q.Path}]; ok && j != i {
				m.Deps = append(m.Deps, j)
				t.name(j, naming{i, home, w.uses[t.Abs(t.Modules[j].Dir)]})
			}
		}
	}
	for _, list := range []*[]int{&m.Replaces, &m.Deps} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
}

// name notes how another module names the one with an index.
func (t *Tree) name(j int, n naming) { t.Modules[j].named = append(t.Modules[j].named, n) }

// relative resolves a directory that a file in from names, and gives it relative to the root.
func (t *Tree) relative(from, dir string) string {
	rel, err := filepath.Rel(t.Root, Resolved(absolute(from, dir)))
	if err != nil {
		return ""
	}
	return filepath.ToSlash(rel)
}

// inside gives a file relative to the root if it is below that.
func (t *Tree) inside(file string) string {
	if rel, err := filepath.Rel(t.Root, file); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return file
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
