package bump

import (
	"context"
	"path/filepath"
	"slices"

	"etcdmod/internal/modules"
)

// dependants notes the modules of the repository that this one is part of by a local
// replace: their requirements and sums follow from its.
func (a *attempt) dependants(ctx context.Context) {
	find := a.opts.Tree
	if find == nil {
		find = func() (*modules.Tree, error) {
			return modules.Find(ctx, a.Repo, modules.Options{Env: a.Go.Env})
		}
	}
	tree, err := find()
	if err != nil {
		return
	}
	i, ok := tree.Index(a.Root)
	if !ok {
		return // what .gitignore leaves out has no dependants that count
	}
	for _, j := range tree.Replacers(i) {
		dir := tree.Abs(tree.Modules[j].Dir)
		if slices.Contains(a.opts.Together, dir) {
			continue
		}
		rel, err := filepath.Rel(modules.Resolved(a.Root), dir)
		if err != nil {
			rel = dir
		}
		a.note("dependant: the module in %s replaces this one by its directory; bump it next, or both at once with \"etcdmod bump . %s\"", filepath.ToSlash(rel), filepath.ToSlash(rel))
	}
}
