package ship

import (
	"context"
	"slices"
	"strings"

	"etcdmod/internal/gitcmd"
)

// commit makes a commit and returns its name. Date is in git's raw form; "" is now.
func commit(ctx context.Context, g gitcmd.Runner, message, date, tree string, parents ...string) (string, error) {
	if date != "" {
		g = g.With("GIT_AUTHOR_DATE="+date, "GIT_COMMITTER_DATE="+date)
	}
	args := []string{"commit-tree"}
	if sign, _ := g.Line(ctx, "config", "--type=bool", "commit.gpgsign"); sign == "true" {
		var err error
		if g, err = g.Signing(ctx); err != nil {
			return "", err
		}
		args = append(args, "-S")
	}
	for _, parent := range parents {
		args = append(args, "-p", parent)
	}
	out, err := g.Run(ctx, strings.NewReader(message), append(args, tree)...)
	return strings.TrimSpace(string(out)), err
}

// treeOf returns what a commit has at paths: mode and blob by path.
func treeOf(ctx context.Context, g gitcmd.Runner, commit string, paths []string) (map[string]string, error) {
	entries, err := g.List(ctx, slices.Concat([]string{"ls-tree", "-z", "--full-tree", commit, "--"}, paths)...)
	out := map[string]string{}
	for _, e := range entries {
		what, name, _ := strings.Cut(e, "\t")
		out[name] = what
	}
	return out, err
}

// heads is where branches are.
const heads = "refs/heads/"
