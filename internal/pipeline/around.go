package pipeline

import (
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
// this one and that its workspace does not know, and returns what they import of it.
func (r *run) around(ctx context.Context) (*neighbourhood, error) {
	n := &neighbourhood{run: r, reached: map[string]bool{}, found: map[int]*discover.Module{}}
	tree := r.Tree
	if tree == nil {
		repo := modules.Repository(modules.Resolved(r.mod.Root))
		if repo == "" {
			return n, nil // nobody knows where others would be
		}
		var err error
		if tree, err = modules.Find(ctx, repo, modules.Options{Env: r.Env}); err != nil {
			if ctx.Err() == nil {
				r.skip(repo, finding.SkipUnverified, "which modules of the repository are built with this one is not known: "+err.Error())
			}
			return n, ctx.Err()
		}
	}
	i, ok := tree.Index(r.mod.Root)
	if !ok {
		return n, nil // a copy that the repository leaves out
	}
	mine := tree.Modules[i].Workspace
	for _, j := range slices.Sorted(slices.Values(tree.Users(i))) {
		if m := tree.Modules[j]; mine == "" || m.Workspace != mine {
			r.dependants = append(r.dependants, dependant{tree.Abs(m.Dir), m.Workspace == ""})
		}
	}
	n.tree = tree
	n.look(i)
	return n, nil
}
