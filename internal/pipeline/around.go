package pipeline

import (
	"cmp"
	"context"
	"slices"

	"etcdmod/internal/discover"
	"etcdmod/internal/finding"
	"etcdmod/internal/modules"
)

// A dependant is a module that replaces another one by its directory.
type dependant struct {
	root  string // absolute
	alone bool   // outside of every workspace
}

// around looks at the other modules of the repository: it notes those that are built with
// this one and that its workspace does not know, and returns the packages of this module below
// internal directories that one of them imports.
func (r *run) around(ctx context.Context) (map[string]bool, error) {
	tree := r.Tree
	if tree == nil {
		repo := modules.Repository(modules.Resolved(r.mod.Root))
		if repo == "" {
			return nil, nil // nobody knows where others would be
		}
		var err error
		if tree, err = modules.Find(ctx, repo, modules.Options{Env: r.Env}); err != nil {
			if ctx.Err() == nil {
				r.skip(repo, finding.SkipUnverified, "which modules of the repository are built with this one is not known: "+err.Error())
			}
			return nil, ctx.Err()
		}
	}
	i, ok := tree.Index(r.mod.Root)
	if !ok {
		return nil, nil // a copy that the repository leaves out
	}
	mine := tree.Modules[i].Workspace
	for _, j := range slices.Sorted(slices.Values(tree.Users(i))) {
		if m := tree.Modules[j]; mine == "" || m.Workspace != mine {
			r.dependants = append(r.dependants, dependant{tree.Abs(m.Dir), m.Workspace == ""})
		}
	}
	reached := map[string]bool{}
	for _, j := range tree.Importers(i) {
		m := tree.Modules[j]
		other, err := discover.Find(tree.Abs(m.Dir), discover.Options{Env: r.Env, Repo: cmp.Or(r.Repo, tree.Root)})
		if err != nil {
			r.skip(tree.Abs(m.Dir), finding.SkipUnverified, "whether it imports internal packages of this module is not known: "+err.Error())
			continue
		}
		for _, p := range other.Packages {
			for path := range p.Imports {
				reached[path] = true
			}
		}
	}
	return reached, nil
}
