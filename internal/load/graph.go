package load

import (
	"fmt"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// A node is a package in the graph of what is imported.
type node struct {
	*packages.Package
	list    *listed
	imports []*node
	bad     map[string]error // why what it imports is not among them, by path
	root    bool             // it was asked for
	source  bool             // its types come from its source, and not from export data
	seen    mark
	done    chan struct{} // closed when it has its types
}

type mark int

const (
	unseen mark = iota
	open        // on the way from a root
	closed
)

// graph joins packages by what they import, and returns them, what is imported before what
// imports it. Where the way would come back, the import is an error of the package.
func graph(dir string, list []*listed) []*node {
	unique, more := once(list)
	all := map[string]*node{}
	for _, p := range unique {
		n := &node{Package: p.pkg(dir), list: p, root: !p.DepOnly, bad: map[string]error{}, done: make(chan struct{})}
		n.Errors = append(n.Errors, more[n.ID]...)
		all[n.ID] = n
	}
	var order []*node
	var visit func(n *node, way []string)
	visit = func(n *node, way []string) {
		n.seen = open
		way = append(way, n.ID)
		imports := n.list.imports(all)
		for _, path := range sorted(imports) {
			imp := all[imports[path]]
			switch {
			case imp == nil:
				n.bad[path] = fmt.Errorf("missing package: %q", imports[path])
				continue
			case imp.seen == open:
				n.bad[path] = fmt.Errorf("import cycle: %s", way)
				continue
			case imp.seen == unseen:
				visit(imp, way)
			}
			n.Imports[path] = imp.Package
			n.imports = append(n.imports, imp)
		}
		n.seen = closed
		order = append(order, n)
	}
	for _, p := range unique {
		if n := all[p.ImportPath]; n.root && n.seen == unseen {
			visit(n, nil)
		}
	}
	return order
}

// split settles where the types of each package come from. Export data is taken of what the
// build cache has, unless it is of a variant for a test: export data speaks of packages by their paths.
// What is imported by such a package has export data as well: else it would speak of other types.
func split(order []*node) {
	for _, n := range order {
		n.source = n.root || n.list.Export == "" && n.PkgPath != "unsafe" || len(n.Errors) > 0 || strings.Contains(n.ID, " ")
		for _, imp := range n.imports {
			n.source = n.source || imp.source
		}
	}
}

// exported returns the packages whose export data is needed: those that one from source imports.
// It speaks of all that they import in turn.
func exported(order []*node) (need []*node) {
	seen := map[*node]bool{}
	for _, n := range order {
		if !n.source {
			continue
		}
		for _, imp := range n.imports {
			if !imp.source && !seen[imp] && imp.PkgPath != "unsafe" {
				seen[imp] = true
				need = append(need, imp)
			}
		}
	}
	return need
}

// reaches gives every package that was not asked for the packages that it imports, directly or
// not, as export data gives them. Whether its types came from there must make no difference.
func reaches(order []*node) {
	ranked := slices.SortedFunc(slices.Values(order), func(a, b *node) int { return strings.Compare(a.ID, b.ID) })
	rank := map[*node]int{}
	for i, n := range ranked {
		rank[n] = i
	}
	words := len(order)/64 + 1
	all := map[*node][]uint64{} // a bit for each of those that are reached
	for _, n := range order {
		bits := make([]uint64, words)
		for _, imp := range n.imports {
			for i, word := range all[imp] {
				bits[i] |= word
			}
			bits[rank[imp]/64] |= 1 << (rank[imp] % 64)
		}
		all[n] = bits
		if n.root || n.PkgPath == "unsafe" {
			continue
		}
		var list []*types.Package
		for i, imp := range ranked {
			if bits[i/64]&(1<<(i%64)) != 0 {
				list = append(list, imp.Types)
			}
		}
		n.Types.SetImports(list)
	}
}
