package state

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"etcdmod/internal/rooted"

	"etcdmod/internal/modules"
)

// Sums are the checksums of what the results of modules depend on. Each file is read once in
// a run, since many modules may be built with the same ones, and before the first of these is
// done: what changes while a run goes on is noticed by the next one.
type Sums struct {
	what  Inputs
	dirs  sync.Map // of modules, by absolute name
	works sync.Map // go.work files, by absolute name
}

// Inputs say what the results of all modules depend on.
type Inputs struct {
	Rel func(name string) string // makes absolute names independent of where the tree is
	// Common is a text that stands for what all modules have in common.
	Common string
	Tests  bool // the tests run, which may read every file
	// Without are directories that are no input, without symbolic links: those that the run
	// writes.
	Without []string
}

// NewSums returns the checksums of some inputs, none of which was read yet.
func NewSums(what Inputs) *Sums { return &Sums{what: what} }

// A summed is a directory or a go.work that was looked at.
type summed struct {
	sum      string
	replaces []string // the directories that it puts in the place of modules
}

// once computes the value of a key, unless that was done.
func once(m *sync.Map, key string, f func() summed) summed {
	v, _ := m.LoadOrStore(key, sync.OnceValue(f))
	return v.(func() summed)()
}

// Module returns the checksum of what the result of the module with an index in a tree depends on, as
// far as it is in the file system: the module, those that it is built with, those that are
// built with it, which have to compile with a change of it, and those that these are built
// with; those that may import its internal packages; what ties them together; and who owns
// what. A file that cannot be read counts as another one than a file that can.
func (s *Sums) Module(tree *modules.Tree, i int) string {
	rel := s.what.Rel
	var queue []string
	works := map[string]bool{}
	for _, j := range append(tree.Around(i), tree.Importers(i)...) {
		m := tree.Modules[j]
		queue = append(queue, tree.Abs(m.Dir))
		if m.Workspace != "" {
			works[tree.Abs(m.Workspace)] = true
		}
	}
	h := sha256.New()
	fmt.Fprintf(h, "module %s\n%s\n", rel(tree.Abs(tree.Modules[i].Dir)), s.what.Common)
	for _, name := range slices.Sorted(maps.Keys(works)) {
		w := once(&s.works, name, func() summed { return s.workspace(name) })
		fmt.Fprintf(h, "%s %s\n", rel(name), w.sum)
		queue = append(queue, w.replaces...)
	}
	// Not all directories are those of modules of the tree: some are outside of it, ignored,
	// or in testdata.
	dirs := map[string]bool{}
	for ; len(queue) > 0; queue = queue[1:] {
		if dir := queue[0]; !dirs[dir] {
			dirs[dir] = true
			queue = append(queue, s.dir(dir).replaces...)
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		fmt.Fprintf(h, "%s %s\n", rel(dir), s.dir(dir).sum)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// workspace looks at what a go.work says, and at what the modules that it uses require: each
// of them has a say in the versions that are built.
func (s *Sums) workspace(name string) (out summed) {
	h := sha256.New()
	file := func(name string) { fmt.Fprintf(h, "%s %s\n", s.what.Rel(name), SumFile(name)) }
	at := filepath.Dir(name)
	file(name)
	file(filepath.Join(at, "go.work.sum"))
	file(filepath.Join(at, "vendor", "modules.txt"))
	data, err := modules.ReadFile(name, rooted.ModFile)
	if err == nil {
		if work, err := modules.ParseGoWork(name, data); err == nil {
			for _, dir := range work.Dirs(at) {
				file(filepath.Join(dir, "go.mod"))
				file(filepath.Join(dir, "go.sum"))
			}
			out.replaces = localDirs(work.Replace, at)
		}
	}
	out.sum = hex.EncodeToString(h.Sum(nil))
	return out
}

// dir looks at the module in a directory.
func (s *Sums) dir(dir string) summed {
	return once(&s.dirs, dir, func() summed {
		out := summed{sum: s.walk(dir)}
		if data, err := modules.ReadFile(filepath.Join(dir, "go.mod"), rooted.ModFile); err == nil {
			if mod, err := modules.ParseGoMod("go.mod", data); err == nil {
				out.replaces = localDirs(mod.Replace, dir)
			}
		}
		return out
	})
}

// localDirs returns the directories that a file in home replaces modules by.
func localDirs(list []modules.Replace, home string) (dirs []string) {
	for _, r := range list {
		if r.Local() {
			dirs = append(dirs, modules.Resolved(r.Dir(home)))
		}
	}
	return dirs
}

// walk looks at all files of a module by their names, since they may be embedded, and into
// those that are compiled or say what is. Tests may read whatever they like. Modules within
// the module are on their own.
func (s *Sums) walk(root string) string {
	h := sha256.New()
	tests := s.what.Tests
	within, below := modules.Boundary(filepath.Join(root, "go.mod"))
	files, err := rooted.Open(within)
	if err != nil {
		return "-"
	}
	defer files.Close()
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, name)
		rel = filepath.ToSlash(rel)
		switch {
		case err != nil:
			fmt.Fprintf(h, "%q cannot be read\n", rel)
			if d != nil && d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case d.Name() == ".git": // in a worktree it is a file
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case d.IsDir():
			if name == root {
				return nil
			}
			_, mod := os.Lstat(filepath.Join(name, "go.mod"))
			nested := mod == nil && !(tests && slices.Contains(strings.Split(rel, "/"), "testdata"))
			if nested || d.Name() == "node_modules" || slices.Contains(s.what.Without, name) {
				return filepath.SkipDir
			}
			return nil
		}
		sum := ""
		if tests || matters(d.Name()) {
			sum = sumBelow(files, filepath.Join(filepath.Dir(below), filepath.FromSlash(rel)))
		}
		fmt.Fprintf(h, "%q %v %s\n", rel, d.Type(), sum)
		return nil
	})
	fmt.Fprintln(h, err) // nil: errors are part of what is summed
	return hex.EncodeToString(h.Sum(nil))
}

// matters reports whether the go command compiles a file of that name, or something reads
// from it what is compiled.
func matters(base string) bool {
	switch base {
	case "go.mod", "go.sum", "modules.txt",
		"Gopkg.lock", "Gopkg.toml", "glide.lock", "glide.yaml", "Godeps.json", "vendor.json", "vendor.conf":
		return true
	}
	switch filepath.Ext(base) {
	case ".go", ".c", ".cc", ".cpp", ".cxx", ".m", ".h", ".hh", ".hpp", ".hxx",
		".f", ".F", ".for", ".f90", ".s", ".S", ".sx", ".swig", ".swigcxx", ".syso":
		return true
	}
	return false
}

// SumFile returns the checksum of a file of a repository, and "-" with how big it is, if that is known,
// for what cannot be read as one: nothing is waited for, and no link out of the repository is followed.
func SumFile(name string) string {
	dir, file := modules.Boundary(name)
	d, err := rooted.Open(dir)
	if err != nil {
		return "-"
	}
	defer d.Close()
	return sumBelow(d, file)
}

// SumNamed is [SumFile] for a file that the user has named.
func SumNamed(name string) string {
	f, err := rooted.OpenNamed(name, rooted.Summed)
	if err != nil {
		return "-"
	}
	return sumOf(f)
}

func sumBelow(d *rooted.Dir, name string) string {
	f, err := d.Open(name, rooted.Summed)
	if err == nil {
		return sumOf(f)
	}
	if info, err := d.Lstat(name); err == nil && info.Mode().IsRegular() {
		return fmt.Sprintf("- %d", info.Size())
	}
	return "-"
}

// sumOf reads a file up to the bound, and closes it: what says that it is short may have no end.
func sumOf(f *os.File) string {
	defer f.Close()
	h := sha256.New()
	if n, err := io.Copy(h, io.LimitReader(f, int64(rooted.Summed)+1)); err != nil || n > int64(rooted.Summed) {
		return "-"
	}
	return hex.EncodeToString(h.Sum(nil))
}
