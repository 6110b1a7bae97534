package rollout

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"

	"etcdmod/internal/gocmd"
	"etcdmod/internal/pipeline"
	"etcdmod/internal/quote"
	"etcdmod/internal/rollout/state"
)

// An ending is what the modules that are built with one have to know of it once it is done.
type ending struct {
	// laid are its go.mod and go.sum, as far as its changes have them. Whoever is built with it
	// is judged with these.
	laid []state.File
	// moved says that its go.mod changes, or that it had to follow one that does: modules that
	// replace it by its directory have to follow then.
	moved bool
	// after are the modules that it comes after, directly or through others.
	after map[int]bool
}

// endingOf gives the ending of a module of which laid is known.
func endingOf(laid []state.File, follows bool) ending {
	e := ending{laid: laid, moved: follows}
	for _, f := range laid {
		e.moved = e.moved || f.Name == "go.mod"
	}
	return e
}

// laid returns the go.mod and the go.sum that the changes of a module have.
func laid(res *pipeline.Result) (files []state.File) {
	for _, name := range []string{"go.mod", "go.sum"} {
		for _, c := range res.Changes {
			if c.Path == filepath.Join(res.Module.Root, name) && !c.Deleted {
				files = append(files, state.File{Name: name, Content: c.New})
			}
		}
	}
	return files
}

// An awaited is what a module is built with that other changes of the rollout have made.
type awaited struct {
	modules []int // those with the changes, each after those that it is built with
	// follows says that the module replaces one by its directory whose go.mod changes, so that
	// its own go.mod and go.sum have to follow.
	follows bool
	sum     string // of the files; "" where there are none
}

// await returns what the module with an index is built with that has changed in this rollout.
// What it waits for has ended.
func (r *run) await(i int) (a awaited) {
	h := sha256.New()
	for _, dep := range r.waits[i] {
		end := r.ends[dep]
		a.follows = a.follows || end.moved && slices.Contains(r.tree.Modules[i].Replaces, dep)
		if len(end.laid) == 0 {
			continue
		}
		a.modules = append(a.modules, dep)
		for _, f := range end.laid {
			fmt.Fprintf(h, "%q %q %x\n", r.index.Modules[dep].Dir, f.Name, sha256.Sum256(f.Content))
		}
	}
	if a.follows || len(a.modules) > 0 {
		fmt.Fprintf(h, "follows %v\n", a.follows)
		a.sum = hex.EncodeToString(h.Sum(nil))
	}
	return a
}

// layer lays the files of what is awaited over those on disk, under every name by which the go
// command reaches them. Each module has a layer of its own: it sees what it is built with, and
// nothing of what others do meanwhile.
func (r *run) layer(a awaited) (*gocmd.Layer, error) {
	if len(a.modules) == 0 {
		return nil, nil
	}
	layer, err := gocmd.NewLayer(gocmd.Runner{Env: r.Pipeline.Env})
	if err != nil {
		return nil, err
	}
	for _, dep := range a.modules {
		tree, j := r.place(dep)
		dirs := tree.Spellings(j, func(k int) string { return tree.Abs(tree.Modules[k].Dir) })
		for _, f := range r.ends[dep].laid {
			var names []string
			for _, dir := range dirs {
				names = append(names, filepath.Join(dir, f.Name))
			}
			if err := layer.Put(f.Content, names...); err != nil {
				layer.Remove()
				return nil, err
			}
		}
	}
	return layer, nil
}

// behind says what a module comes after: of the modules with changes that it was verified with,
// those that no other one of them comes after itself.
func (r *run) behind(a awaited) (dirs, units []string) {
	implied := map[int]bool{}
	for _, dep := range a.modules {
		for other := range r.ends[dep].after {
			implied[other] = true
		}
	}
	for _, dep := range a.modules {
		if m := &r.index.Modules[dep]; !implied[dep] && len(m.Units) > 0 {
			dirs, units = append(dirs, m.Dir), append(units, m.Units[leader(m.Units)].ID)
		}
	}
	return dirs, units
}

// covers returns all modules that the one with an index comes after, where after names the
// directories of the last of them.
func (r *run) covers(i int, after []string) map[int]bool {
	all := map[int]bool{}
	for _, dep := range r.waits[i] {
		if slices.Contains(after, r.index.Modules[dep].Dir) {
			all[dep] = true
			for other := range r.ends[dep].after {
				all[other] = true
			}
		}
	}
	return all
}

// followers are the directories of the modules that replace the one with an index by its own, and
// that this run looks at.
func (r *run) followers(i int) (dirs []string) {
	for _, j := range r.tree.Replacers(i) {
		dirs = append(dirs, r.rel(r.tree.Abs(r.tree.Modules[j].Dir)))
	}
	return dirs
}

// waiting returns, for each module, those that it waits for, directly or through others, each
// after those that it waits for itself. Cycles are cut where the order of the tree enters them.
func (r *run) waiting() [][]int {
	waits := make([][]int, len(r.tree.Modules))
	order := r.tree.Order()
	place := make([]int, len(order))
	for at, i := range order {
		place[i] = at
	}
	for _, i := range order {
		all := map[int]bool{}
		for _, dep := range r.tree.Modules[i].Deps {
			if place[dep] < place[i] {
				all[dep] = true
				for _, other := range waits[dep] {
					all[other] = true
				}
			}
		}
		for dep := range all {
			waits[i] = append(waits[i], dep)
		}
		slices.SortFunc(waits[i], func(a, b int) int { return place[a] - place[b] })
	}
	return waits
}

// Order returns the indexes of the modules of an index so that each comes after those that it
// names, and otherwise as they are.
func (x *Index) Order() ([]int, error) {
	at := map[string]int{}
	for i := range x.Modules {
		at[x.Modules[i].Dir] = i
	}
	const begun, done = 1, 2
	var order []int
	states := make([]int, len(x.Modules))
	var visit func(i int) error
	visit = func(i int) error {
		m := &x.Modules[i]
		switch states[i] {
		case begun:
			return fmt.Errorf("the module in %s comes after itself", quote.Name(m.Dir))
		case done:
			return nil
		}
		states[i] = begun
		for _, dir := range m.After {
			j, ok := at[dir]
			if !ok {
				return fmt.Errorf("the module in %s comes after %s, which is no module of it", quote.Name(m.Dir), quote.Name(dir))
			}
			if err := visit(j); err != nil {
				return err
			}
		}
		states[i] = done
		order = append(order, i)
		return nil
	}
	for i := range x.Modules {
		if err := visit(i); err != nil {
			return nil, err
		}
	}
	return order, nil
}
