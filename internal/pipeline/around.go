package pipeline

import (
	"context"
	"slices"

	"etcdmod/internal/modules"
)

// around looks at the other modules of the repository: it notes those that are built with
// this one and that its workspace does not know, and returns what they import of it.
func (r *run) around(ctx context.Context) (*neighbourhood, error) {
	n := &neighbourhood{run: r, reached: map[string]bool{}}
	if n.Neighbours == nil {
		n.Neighbours = new(Neighbours)
	}
	tree := r.Tree
	if tree == nil {
		repo := modules.Repository(modules.Resolved(r.mod.Root))
		if repo == "" {
			return n, nil // nobody knows where others would be
		}
		var err error
		if tree, err = modules.Find(ctx, repo, modules.Options{Env: r.Env}); err != nil {
			if ctx.Err() == nil {
				n.unread(repo, "which modules of the repository are built with this one is not known: "+err.Error())
			}
			return n, ctx.Err()
		}
	}
	i, ok := tree.Index(r.mod.Root)
	if !ok {
		return n, nil // a copy that the repository leaves out
	}
	n.tree = tree
	n.look(i)
	mine, users := tree.Modules[i].Workspace, tree.Users(i)
	for j, m := range tree.Modules {
		// What a go.mod that nobody can read replaces is not known; what the module imports is.
		built := slices.Contains(users, j) || m.Problem != "" && n.uses(tree.Abs(m.Dir))
		if j != i && built && (mine == "" || m.Workspace != mine) {
			r.dependants = append(r.dependants, dependant{tree.Abs(m.Dir), m.Workspace == ""})
		}
	}
	return n, nil
}
