package pipeline

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"etcdmod/internal/discover"
	"etcdmod/internal/finding"
	"etcdmod/internal/modules"
	"etcdmod/internal/rooted"
	"etcdmod/rewrite"
)

// A neighbourhood is what the other modules of the repository do with this one.
type neighbourhood struct {
	*run
	tree    *modules.Tree
	near    []int                    // the others that have a say in what is right here
	found   map[int]*discover.Module // by index; nil: it cannot be read
	reached map[string]bool          // the packages that they import
	users   []rewrite.Neighbour      // their packages that import one of this module
}

// look fills it in for the module with an index.
func (n *neighbourhood) look(i int) {
	importers := n.tree.Importers(i)
	n.near = slices.DeleteFunc(append(n.tree.Around(i), importers...), func(j int) bool { return j == i })
	for _, j := range importers {
		m, err := n.module(j)
		if err != nil {
			n.skip(n.tree.Abs(n.tree.Modules[j].Dir), finding.SkipUnverified, "what it does with this module is not known: "+err.Error())
			continue
		}
		n.use(m, true)
	}
	for _, dir := range n.tree.Apart() {
		if m, err := discover.Find(dir, discover.Options{Env: n.Env, Repo: cmp.Or(n.Repo, n.tree.Root)}); err == nil && m.Root != n.mod.Root {
			n.use(m, false)
		}
	}
}

// use notes the packages of a module that import one of this module. built says that those are
// built where it is verified that others are.
func (n *neighbourhood) use(m *discover.Module, built bool) {
	take := func(p *discover.Package) {
		files, imports := whole(p)
		uses := false
		for path := range imports {
			// A package is of the module with the longest path above it: that one itself, maybe.
			mine := within(path, n.mod.Path) && (len(m.Path) < len(n.mod.Path) || !within(path, m.Path))
			n.reached[path] = n.reached[path] || mine
			uses = uses || mine
		}
		if !uses {
			return
		}
		user := rewrite.Neighbour{Files: files, Beyond: n.beyond(p)}
		for _, other := range p.Ignored {
			user.Unbuilt = append(user.Unbuilt, other.Name)
		}
		if !built {
			user.Unbuilt = files
		}
		n.users = append(n.users, user)
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

// beyond returns the files of the packages of other modules of the repository that one is built with.
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
	return files
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
	for _, j := range n.near {
		if !within(path, n.tree.Modules[j].Path) {
			continue
		}
		if other, _ := n.module(j); other != nil && other.Packages[path] != nil {
			out = append(out, other.Packages[path])
		}
	}
	return out
}

// module reads the module with an index, once: nil if it cannot be read.
func (n *neighbourhood) module(j int) (*discover.Module, error) {
	if m, ok := n.found[j]; ok {
		return m, nil
	}
	m, err := discover.Find(n.tree.Abs(n.tree.Modules[j].Dir), discover.Options{Env: n.Env, Repo: cmp.Or(n.Repo, n.tree.Root)})
	n.found[j] = m
	return m, err
}

// sources reads the files of all users. What cannot be read is the fault of its own module, where
// that is looked at.
func (n *neighbourhood) sources() map[string][]byte {
	out := map[string][]byte{}
	for _, u := range n.users {
		for _, name := range slices.Concat(u.Files, u.Beyond) {
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

// within reports whether an import path is that of a module, or lies below it.
func within(path, module string) bool { return path == module || strings.HasPrefix(path, module+"/") }
