package pipeline

import (
	"bytes"
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"etcdmod/internal/discover"
	"etcdmod/internal/finding"
	"etcdmod/internal/importpath"
	"etcdmod/internal/modules"
	"etcdmod/internal/rooted"
	"etcdmod/rewrite"
)

// A neighbourhood is what the other modules of the repository do with this one.
type neighbourhood struct {
	*run
	tree    *modules.Tree
	near    []int               // the others that have a say in what is right here
	byPath  map[string][]int    // near, by the paths of modules
	reached map[string]bool     // the packages that they import
	beside  []*discover.Module  // those that may import it
	others  []*user             // the packages of those that may import it
	used    []*user             // those that are built with one of this module
	users   []rewrite.Neighbour // these again
	unknown []finding.Skip      // modules that may import anything of this one: nobody can read them
}

// A user is a package of another module, that may be built with one of this module.
type user struct {
	*discover.Package          // without a path where "./..." does not lead to it
	module            string   // the directory of its module
	files             []string // in every build configuration
	direct            bool     // it imports one of this module
	built             bool     // where it is verified that others build, this one is as well
}

// look fills it in for the module with an index.
func (n *neighbourhood) look(i int) {
	importers := n.importers(i)
	n.near = slices.DeleteFunc(append(n.tree.Around(i), importers...), func(j int) bool { return j == i })
	for _, j := range importers {
		m, err := n.module(j)
		if err != nil {
			n.lacks(n.tree.Abs(n.tree.Modules[j].Dir), err)
			continue
		}
		n.use(m, true)
	}
	for _, dir := range n.tree.Apart() {
		if m, err := n.Neighbours.find(dir, n.reading()); err != nil {
			n.lacks(dir, err)
		} else if m.Root != n.mod.Root {
			n.use(m, false)
		}
	}
	n.join()
}

// importers returns the modules that may import packages of the one with an index. Nobody knows what
// one replaces whose go.mod cannot be read: it is one of them if that names this module.
func (n *neighbourhood) importers(i int) []int {
	out := n.tree.Importers(i)
	for j, m := range n.tree.Modules {
		if j == i || m.Problem == "" || slices.Contains(out, j) {
			continue
		}
		if named, err := n.names(n.tree.Abs(m.Dir)); named || err != nil {
			out = append(out, j)
		}
	}
	return out
}

// names reports whether the go.mod in a directory has the path of this module somewhere.
func (n *neighbourhood) names(dir string) (bool, error) {
	data, err := modules.ReadFile(filepath.Join(dir, "go.mod"), rooted.ModFile)
	return bytes.Contains(data, []byte(n.mod.Path)), err
}

// lacks notes a module of which a problem keeps what it imports. It may import all of this one where
// its go.mod names it. One whose go.mod nobody reads, neither, is its own fault and no other's: it only
// keeps what is exported from changing.
func (n *neighbourhood) lacks(dir string, problem error) {
	why := "what it does with this module is not known: " + problem.Error()
	switch named, err := n.names(dir); {
	case err != nil:
		n.unknown = append(n.unknown, finding.Skip{Path: dir, Detail: why})
		for path := range n.mod.Packages {
			n.reached[path] = n.reached[path] || !importpath.Internal(path)
		}
	case named:
		n.unread(dir, why)
	}
}

// unread notes a module, or a directory of modules, that may import all of this one.
func (n *neighbourhood) unread(path, why string) {
	n.skip(path, finding.SkipUnverified, why)
	n.unknown = append(n.unknown, finding.Skip{Path: path, Detail: why})
	for path := range n.mod.Packages {
		n.reached[path] = true
	}
}

// uses reports whether the module in a directory imports a package of this one.
func (n *neighbourhood) uses(dir string) bool {
	return slices.ContainsFunc(n.used, func(u *user) bool { return u.module == dir })
}

// use notes the packages of a module. built says that those are built where it is verified that others
// are.
func (n *neighbourhood) use(m *discover.Module, built bool) {
	n.beside = append(n.beside, m)
	take := func(p *discover.Package) {
		files, imports := whole(p)
		u := &user{Package: p, module: m.Root, files: files, built: built}
		for path := range imports {
			// A package is of the module with the longest path above it: that one itself, maybe.
			mine := importpath.Within(path, n.mod.Path) && (len(m.Path) < len(n.mod.Path) || !importpath.Within(path, m.Path))
			n.reached[path] = n.reached[path] || mine
			u.direct = u.direct || mine
		}
		n.others = append(n.others, u)
	}
	for _, path := range slices.Sorted(maps.Keys(m.Packages)) {
		take(m.Packages[path])
	}
	hidden := map[string]*discover.Package{} // by directory
	for _, f := range m.Hidden {
		dir := filepath.Dir(f.Name)
		if hidden[dir] == nil {
			hidden[dir] = &discover.Package{Dir: dir, Imports: map[string]bool{}}
		}
		hidden[dir].Ignored = append(hidden[dir].Ignored, f)
	}
	for _, dir := range slices.Sorted(maps.Keys(hidden)) {
		take(hidden[dir])
	}
}

// join finds which of the packages are built with one of this module, through whatever is between
// them, and who may have what of these.
func (n *neighbourhood) join() {
	above := map[*discover.Package][]*user{} // who imports it
	for _, u := range n.others {
		_, imports := whole(u.Package)
		for path := range imports {
			for _, p := range n.packages(path) {
				above[p] = append(above[p], u)
			}
		}
	}
	over := func(u *user) map[*user]bool { // with itself
		seen := map[*user]bool{u: true}
		for queue := []*user{u}; len(queue) > 0; queue = queue[1:] {
			for _, v := range above[queue[0].Package] {
				if !seen[v] {
					seen[v] = true
					queue = append(queue, v)
				}
			}
		}
		return seen
	}
	uses := map[*user]bool{}
	for _, u := range n.others {
		if u.direct {
			maps.Copy(uses, over(u))
		}
	}
	for _, u := range n.others {
		if !uses[u] {
			continue
		}
		near := rewrite.Neighbour{Files: u.files, Beyond: n.beyond(u.Package)}
		_, imports := whole(u.Package)
		for _, path := range slices.Sorted(maps.Keys(imports)) {
			if len(n.packages(path)) > 0 {
				near.Read = append(near.Read, path)
			}
		}
		for v := range over(u) {
			if v != u {
				near.Above = append(near.Above, v.files...)
				near.Above = append(near.Above, n.beyond(v.Package)...)
			}
		}
		slices.Sort(near.Above)
		near.Above = slices.Compact(near.Above)
		for _, other := range u.Ignored {
			near.Unbuilt = append(near.Unbuilt, other.Name)
		}
		if !u.built {
			near.Unbuilt = u.files
		}
		n.users, n.used = append(n.users, near), append(n.used, u)
	}
}

// beyond returns the files of the packages of other modules of the repository that one is built with. Their
// tests are not.
func (n *neighbourhood) beyond(p *discover.Package) (files []string) {
	seen := map[*discover.Package]bool{p: true}
	for queue := []*discover.Package{p}; len(queue) > 0; queue = queue[1:] {
		_, imports := whole(queue[0])
		for path := range imports {
			for _, q := range n.packages(path) {
				if !seen[q] {
					seen[q] = true
					more, _ := whole(q)
					queue, files = append(queue, q), append(files, more...)
				}
			}
		}
	}
	slices.Sort(files)
	return slices.DeleteFunc(files, func(name string) bool { return strings.HasSuffix(name, "_test.go") })
}

// whole gives the files of a package, and what they import, in every build configuration.
func whole(p *discover.Package) (files []string, imports map[string]bool) {
	files, imports = slices.Clone(p.Files), maps.Clone(p.Imports)
	for _, other := range p.Ignored {
		files = append(files, other.Name)
		for _, path := range other.Imports {
			imports[path] = true
		}
	}
	return files, imports
}

// packages returns those with an import path: more than one, where modules have the same path.
func (n *neighbourhood) packages(path string) (out []*discover.Package) {
	if n.byPath == nil {
		n.byPath = map[string][]int{}
		for _, j := range n.near {
			module := n.tree.Modules[j].Path
			n.byPath[module] = append(n.byPath[module], j)
		}
	}
	for module := range importpath.Above(path) {
		for _, j := range n.byPath[module] {
			if other, _ := n.module(j); other != nil && other.Packages[path] != nil {
				out = append(out, other.Packages[path])
			}
		}
	}
	return out
}

// module reads the module with an index: nil if it cannot be read.
func (n *neighbourhood) module(j int) (*discover.Module, error) {
	return n.Neighbours.find(n.tree.Abs(n.tree.Modules[j].Dir), n.reading())
}

// reading is how the modules around are read: in the same way for each module of a repository.
func (n *neighbourhood) reading() discover.Options {
	return discover.Options{Env: n.Env, Repo: cmp.Or(n.Repo, n.tree.Root), Hints: []string{linkname}}
}

// Neighbours keep what the modules of one repository import, so that runs in many of them read each once.
// It is for runs between which no file changes. Runs at the same time may share it.
type Neighbours struct {
	read sync.Map // by directory: func() (*discover.Module, error)
}

// find reads the module in a directory.
func (s *Neighbours) find(dir string, opts discover.Options) (*discover.Module, error) {
	v, _ := s.read.LoadOrStore(dir, sync.OnceValues(func() (*discover.Module, error) { return discover.Find(dir, opts) }))
	return v.(func() (*discover.Module, error))()
}

// sources reads the files of all users. What cannot be read is the fault of its own module, where
// that is looked at.
func (n *neighbourhood) sources() map[string][]byte {
	out := map[string][]byte{}
	for _, u := range n.users {
		for _, name := range slices.Concat(u.Files, u.Beyond, u.Above) {
			if _, ok := out[name]; !ok {
				out[name], _ = modules.ReadFile(name, rooted.GoFile)
			}
		}
	}
	return out
}

// spellings returns the names by which the go command reaches the directory of the module from
// others: what they replace it by may lead through symbolic links.
func (n *neighbourhood) spellings() []string {
	if n.tree == nil {
		return nil
	}
	i, _ := n.tree.Index(n.mod.Root)
	return n.tree.Spellings(i, func(j int) string {
		if j == i {
			return n.mod.Root
		}
		return n.tree.Abs(n.tree.Modules[j].Dir)
	})
}
