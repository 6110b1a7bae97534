package modules

import (
	"bytes"
	"cmp"
	"path/filepath"
	"slices"

	"etcdmod/internal/rooted"
)

// Shard returns the part of the tree that the machine with an index, from 1 to count, looks at.
// The same files give the same shards on every machine, each module is in one of them, and
// modules that are tied together are in the same one. The groups are placed by falling cost, each
// into the shard that has the lowest cost so far.
func (t *Tree) Shard(index, count int) *Tree {
	type group struct {
		modules []int
		cost    int
	}
	var groups []group
	for _, modules := range t.Groups() {
		g := group{modules: modules}
		for _, i := range modules {
			g.cost += t.cost(i)
		}
		groups = append(groups, g)
	}
	slices.SortStableFunc(groups, func(a, b group) int { return cmp.Compare(b.cost, a.cost) })
	load := make([]int, count)
	var mine []int
	for _, g := range groups {
		least := slices.Index(load, slices.Min(load))
		load[least] += g.cost
		if least == index-1 {
			mine = append(mine, g.modules...)
		}
	}
	slices.Sort(mine)
	return t.only(mine)
}

// dear is the cost of a module that has to be loaded and compiled, where one that costs a
// walk over its files has 1: a second or more against some milliseconds.
const dear = 200

// cost estimates what a module takes, without looking at its code.
func (t *Tree) cost(i int) int {
	dir := t.Abs(t.Modules[i].Dir)
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := ReadFile(filepath.Join(dir, name), rooted.SumFile)
		if err == nil && bytes.Contains(data, []byte("etcd")) {
			return dear
		}
	}
	return 1
}

// only returns the tree with some of its modules, which are ascending indexes that no tie
// leads away from.
func (t *Tree) only(indexes []int) *Tree {
	at := map[int]int{}
	for to, from := range indexes {
		at[from] = to
	}
	out := &Tree{Root: t.Root, Notes: t.Notes}
	for _, i := range indexes {
		m := t.Modules[i]
		m.Replaces, m.Deps, m.replacers, m.users, m.named = moved(m.Replaces, at), moved(m.Deps, at), nil, nil, nil
		out.Modules = append(out.Modules, m)
	}
	out.arrange()
	return out
}

// moved gives indexes as they are by now.
func moved(indexes []int, at map[int]int) []int {
	out := make([]int, len(indexes))
	for k, i := range indexes {
		out[k] = at[i]
	}
	return out
}
