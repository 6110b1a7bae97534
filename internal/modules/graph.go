package modules

import (
	"cmp"
	"maps"
	"slices"

	"etcdmod/internal/importpath"
	"etcdmod/internal/union"
)

// Order returns the indexes of all modules so that each comes after those that it is built
// with. Cycles, which the go command allows, are cut where they are entered.
func (t *Tree) Order() []int { return slices.Clone(t.order) }

// arrange finds the order, and who is built with whom, once the ties are known.
func (t *Tree) arrange() {
	t.order, t.place = nil, make([]int, len(t.Modules))
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
		t.place[i] = len(t.order)
		t.order = append(t.order, i)
	}
	for i := range t.Modules {
		visit(i)
		for _, dep := range t.Modules[i].Deps {
			t.Modules[dep].users = append(t.Modules[dep].users, i)
		}
		for _, dep := range t.Modules[i].Replaces {
			t.Modules[dep].replacers = append(t.Modules[dep].replacers, i)
		}
	}
}

// Replacers returns the modules that replace the one with an index by its directory, directly
// or through others, each after those that it is built with.
func (t *Tree) Replacers(i int) []int {
	return t.ordered(i, func(j int) []int { return t.Modules[j].replacers })
}

// Users returns the modules that are built with the one with an index, directly or through
// others, each after those that it is built with.
func (t *Tree) Users(i int) []int {
	return t.ordered(i, func(j int) []int { return t.Modules[j].users })
}

// Importers returns the modules that may import packages of the one with an index, also below
// its internal directories: those that are built with it, those of its workspace, which import
// it without requiring it, and those whose paths lie below its own, whatever they take it from.
// They are ascending.
func (t *Tree) Importers(i int) []int {
	out := t.Users(i)
	path, workspace := t.Modules[i].Path, t.Modules[i].Workspace
	for j, m := range t.Modules {
		together := workspace != "" && m.Workspace == workspace
		if j != i && path != "" && (together || importpath.Within(m.Path, path)) {
			out = append(out, j)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (t *Tree) ordered(i int, ties func(int) []int) []int {
	seen := closure([]int{i}, ties)
	delete(seen, i)
	return slices.SortedFunc(maps.Keys(seen), func(a, b int) int { return cmp.Compare(t.place[a], t.place[b]) })
}

// Around returns the modules that decide whether a change of module i is right: the module
// itself, those that are built with it, and all that it and these are built with. They are
// ascending.
func (t *Tree) Around(i int) []int {
	start := append(t.Users(i), i)
	return slices.Sorted(maps.Keys(closure(start, func(j int) []int { return t.Modules[j].Deps })))
}

// closure returns what ties lead to from the start, with that.
func closure(start []int, ties func(int) []int) map[int]bool {
	seen := map[int]bool{}
	for queue := slices.Clone(start); len(queue) > 0; queue = queue[1:] {
		if i := queue[0]; !seen[i] {
			seen[i] = true
			queue = append(queue, ties(i)...)
		}
	}
	return seen
}

// Groups returns the modules that are tied together, directly or through others, as
// indexes: each group ascending, the groups in the order of their first modules.
func (t *Tree) Groups() [][]int {
	sets := union.New(len(t.Modules))
	for i, m := range t.Modules {
		for _, dep := range m.Deps {
			sets.Join(i, dep)
		}
	}
	return sets.Groups()
}
