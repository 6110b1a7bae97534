package ship

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"etcdmod/internal/rollout"
)

// stack settles what the branch of a unit is on: the branch of what goes before it. Where several
// units of other modules do, that is a merge of their branches, which changes nothing besides.
func (b *branch) stack(ctx context.Context, before []string) error {
	switch {
	case len(before) == 0:
		return nil
	case len(before) == 1 || own(b.before, b.unit):
		b.parent = before[len(before)-1] // which is on the others
		return nil
	}
	if _, err := b.w.Run(ctx, nil, "read-tree", before[0]); err != nil {
		return err
	}
	for _, other := range before[1:] {
		if err := b.join(ctx, before[0], other); err != nil {
			return err
		}
	}
	tree, err := b.w.Line(ctx, "write-tree")
	if err != nil {
		return err
	}
	// Of the same branches it is the same commit, whoever makes it.
	date, err := b.w.Line(ctx, "show", "-s", "--format=%cd", "--date=raw", before[0])
	if err != nil {
		return err
	}
	message := "Join what goes before a change of etcdmod\n\n- " + strings.Join(b.unit.After, "\n- ") + "\n"
	b.parent, err = commit(ctx, b.w.Runner, message, date, tree, before...)
	return err
}

// own reports whether a unit comes after units of its own module: each of those is on the branch of
// the one before it.
func own(units []rollout.Unit, u *rollout.Unit) bool {
	return slices.ContainsFunc(units, func(o rollout.Unit) bool { return slices.Contains(u.After, o.ID) })
}

// join puts what another branch changes into the index, which has the tree of the first. No two
// units change the same file.
func (b *branch) join(ctx context.Context, first, other string) error {
	fork, err := b.git.Line(ctx, "merge-base", first, other)
	if err != nil {
		return err
	}
	lines, err := b.git.List(ctx, "diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--no-renames", fork, other)
	if err != nil {
		return err
	}
	var index strings.Builder
	for i := 0; i+1 < len(lines); i += 2 {
		f := strings.Fields(strings.TrimPrefix(lines[i], ":")) // modes, then objects, of both sides
		if len(f) < 5 {
			return fmt.Errorf("git diff-tree says %q", lines[i])
		}
		fmt.Fprintf(&index, "%s %s\t%s\x00", f[1], f[3], lines[i+1])
	}
	_, err = b.w.Run(ctx, strings.NewReader(index.String()), "update-index", "-z", "--index-info")
	return err
}
