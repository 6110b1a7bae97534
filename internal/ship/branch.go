package ship

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"etcdmod/internal/quote"

	"etcdmod/internal/patch"
	"etcdmod/internal/rollout"
	"etcdmod/internal/rooted"
)

// branches makes the branches of all units.
func (s *Shipper) branches(ctx context.Context, index *rollout.Index) error {
	base, err := s.head(ctx)
	if err != nil {
		return err
	}
	w, err := s.openWorktree(ctx, base)
	if err != nil {
		return err
	}
	defer w.close()
	order, err := index.Order()
	if err != nil {
		return err
	}
	made := map[string]string{} // the commits that units may be on, by unit
	for _, i := range order {
		for j := range index.Modules[i].Units {
			u := &index.Modules[i].Units[j]
			u.Branch, u.Commit, u.Unshipped = "", "", ""
			b := &branch{Shipper: s, w: w, unit: u, before: index.Modules[i].Units[:j], name: s.Prefix + u.ID, head: base, parent: base}
			what, err := b.build(ctx, made)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				u.Unshipped = err.Error()
				s.tell(u, Refused, u.Unshipped)
				continue
			}
			u.Branch, u.Commit = b.name, b.commit
			made[u.ID] = b.commit
			s.tell(u, what, b.name)
		}
	}
	return nil
}

// A branch is that of one unit.
type branch struct {
	*Shipper
	w       *worktree
	unit    *rollout.Unit
	before  []rollout.Unit // of the module, in their order
	name    string
	head    string   // the commit of the checkout
	parent  string   // that the branch is on: the head, or what goes before the unit
	changed []string // files that the prelude changes as well, which are as in the parent
	commit  string   // what the branch points to in the end
}

// build makes the branch, or finds that it is there. An error is the reason for which there
// is none.
func (b *branch) build(ctx context.Context, made map[string]string) (What, error) {
	var before []string
	for _, id := range b.unit.After {
		if made[id] == "" {
			return "", fmt.Errorf("%s, which goes before it, has no branch", id)
		}
		before = append(before, made[id])
	}
	if err := b.stack(ctx, before); err != nil {
		return "", err
	}
	var paths []string
	for _, f := range b.unit.Files {
		paths = append(paths, f.Path)
	}
	if err := b.committed(ctx, paths); err != nil {
		return "", err
	}
	if err := b.stage(ctx, paths); err != nil {
		return "", err
	}
	tree, err := b.tree(ctx, paths)
	if err != nil {
		return "", err
	}
	if b.commit, err = b.make(ctx, tree); err != nil {
		return "", err
	}
	return b.point(ctx)
}

// committed makes sure that the checkout, which the patch is against, has of the unit's files
// what the parent has.
func (b *branch) committed(ctx context.Context, paths []string) error {
	dirty, err := b.git.Checkout().Uncommitted(ctx, paths)
	switch {
	case err != nil:
		return err
	case len(dirty) > 0 && dirty[0].New:
		return fmt.Errorf("%s is not committed", quote.Name(dirty[0].Name))
	case len(dirty) > 0:
		return fmt.Errorf("%s has changes that are not committed; commit or stash them", quote.Name(dirty[0].Name))
	}
	marked, err := b.git.List(ctx, slices.Concat([]string{"ls-files", "-v", "-z", "--"}, paths)...)
	if err != nil {
		return err
	}
	for _, m := range marked {
		if m[0] == 'S' || m[0] >= 'a' && m[0] <= 'z' {
			return fmt.Errorf("git does not look at %s: git update-index --no-skip-worktree --no-assume-unchanged makes it", quote.Name(m[2:]))
		}
	}
	at, err := treeOf(ctx, b.git, b.head, paths)
	if err != nil {
		return err
	}
	for _, name := range paths {
		info, err := os.Lstat(filepath.Join(b.repo, filepath.FromSlash(name)))
		if err == nil && at[name] == "" {
			return fmt.Errorf("%s is not committed", quote.Name(name))
		}
		if err == nil && !info.Mode().IsRegular() {
			return fmt.Errorf("%s is no regular file", quote.Name(name))
		}
	}
	if b.parent == b.head {
		return nil
	}
	behind, err := treeOf(ctx, b.git, b.parent, paths)
	for _, name := range paths {
		if at[name] != behind[name] && b.follows(name) {
			b.changed = append(b.changed, name)
			at[name] = behind[name]
		}
	}
	maps.DeleteFunc(at, func(_, what string) bool { return what == "" })
	if err != nil || !maps.Equal(at, behind) {
		return errors.Join(err, fmt.Errorf("the branch of %s, which goes before it, began at a commit that has other files; -force makes that anew", strings.Join(b.unit.After, " or ")))
	}
	return nil
}

// follows reports whether what goes before the unit changes a file as well.
func (b *branch) follows(name string) bool {
	return slices.ContainsFunc(b.before, func(u rollout.Unit) bool {
		return slices.Contains(b.unit.After, u.ID) && slices.ContainsFunc(u.Files, func(f rollout.File) bool { return f.Path == name })
	})
}

// stage puts the changed files into the worktree. They are regular files before and after:
// what a patch makes of them is looked at again, whatever it says that it makes.
func (b *branch) stage(ctx context.Context, paths []string) error {
	if err := b.w.empty(); err != nil {
		return err
	}
	diff, err := b.patch(paths)
	if err != nil {
		return err
	}
	tmp, err := rooted.Open(b.w.tmp)
	if err != nil {
		return err
	}
	defer tmp.Close()
	if err := errors.Join(tmp.RemoveAll("stage"), tmp.Mkdir("stage")); err != nil {
		return err
	}
	repo, err := rooted.Open(b.repo)
	if err != nil {
		return err
	}
	defer repo.Close()
	stage, err := rooted.Open(tmp.Path("stage"))
	if err != nil {
		return err
	}
	defer stage.Close()
	work, err := rooted.Open(b.w.Dir)
	if err != nil {
		return err
	}
	defer work.Close()
	for _, name := range paths {
		if slices.Contains(b.changed, name) {
			err = b.take(ctx, stage, name)
		} else {
			err = copyFile(stage, repo, name)
		}
		if err != nil {
			return err
		}
	}
	// Outside of the repository, and without settings or attributes, git apply converts
	// no line ends.
	plain := b.git.In(stage.Name()).With("GIT_CEILING_DIRECTORIES="+b.w.tmp, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull,
		"GIT_CONFIG_COUNT=0", "GIT_CONFIG_PARAMETERS=", "GIT_ATTR_NOSYSTEM=1", "XDG_CONFIG_HOME="+b.w.tmp, "HOME="+b.w.tmp)
	if _, err := plain.Run(ctx, bytes.NewReader(diff), "apply", "--whitespace=nowarn", "-"); err != nil {
		return fmt.Errorf("the patch does not apply to the checkout, which has changed since: %w", err)
	}
	for _, name := range paths {
		if err := copyFile(work, stage, name); err != nil {
			return err
		}
	}
	return nil
}

// take puts a file of the parent into a directory, if the parent has it.
func (b *branch) take(ctx context.Context, to *rooted.Dir, name string) error {
	behind, err := treeOf(ctx, b.git, b.parent, []string{name})
	if err != nil || behind[name] == "" {
		return err
	}
	data, err := b.git.Run(ctx, nil, "cat-file", "blob", b.parent+":"+name)
	if err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if strings.HasPrefix(behind[name], "100755 ") {
		mode = 0o755
	}
	return errors.Join(to.Mkdir(path.Dir(name)), to.WriteFile(name, data), to.Chmod(name, mode))
}

// patch reads the patch of the unit and makes sure that it changes the unit's files alone.
func (b *branch) patch(paths []string) ([]byte, error) {
	diff, err := rooted.ReadFile(b.Out, b.unit.Patch, rooted.Patch)
	if err != nil {
		return nil, err
	}
	files, err := patch.Parse(diff)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Path)
	}
	if want := slices.Sorted(slices.Values(paths)); !slices.Equal(slices.Sorted(slices.Values(names)), want) {
		return nil, fmt.Errorf("the patch changes %q, and the index says %q", names, paths)
	}
	return diff, nil
}

// copyFile copies a file that may be missing, and whether it is a program.
func copyFile(to, from *rooted.Dir, name string) error {
	// A link within the tree is a file of its own for git, so none is followed here.
	info, err := from.Lstat(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return &rooted.UnfitError{Path: name, Why: "is not a regular file"}
	}
	data, err := from.ReadFile(name, rooted.Content)
	if err != nil {
		return err
	}
	return errors.Join(to.Mkdir(path.Dir(name)), to.WriteFile(name, data), to.Chmod(name, info.Mode().Perm()|0o600))
}

// tree adds the files in the worktree to the tree of the parent.
func (b *branch) tree(ctx context.Context, paths []string) (string, error) {
	if _, err := b.w.Run(ctx, nil, "read-tree", b.parent); err != nil {
		return "", err
	}
	// A helper directory may be one that .gitignore names.
	if _, err := b.w.Checkout().Run(ctx, nil, slices.Concat([]string{"add", "--force", "--all", "--"}, paths)...); err != nil {
		return "", err
	}
	tree, err := b.w.Line(ctx, "write-tree")
	if err != nil {
		return "", err
	}
	changed, err := b.w.List(ctx, "diff-tree", "-r", "-z", "--name-only", "--no-renames", b.parent, tree)
	if err != nil {
		return "", err
	}
	if slices.Sort(changed); !slices.Equal(changed, slices.Sorted(slices.Values(paths))) {
		return "", fmt.Errorf("committed, the unit would change %q, and not %q: a filter of the repository converts files", changed, paths)
	}
	return tree, nil
}

// make makes the commit.
func (b *branch) make(ctx context.Context, tree string) (string, error) {
	date, err := b.w.Line(ctx, "show", "-s", "--format=%cd", "--date=raw", b.parent)
	if err != nil {
		return "", err
	}
	message, err := b.message()
	if err != nil {
		return "", err
	}
	return commit(ctx, b.w.Runner, message, date, tree, b.parent)
}

// message is the title of the unit and what its description says before its first heading.
func (b *branch) message() (string, error) {
	text, err := rooted.ReadFile(b.Out, b.unit.Description, rooted.Patch)
	if err != nil {
		return "", err
	}
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	_, intro, _ := bytes.Cut(text, []byte("\n")) // the title
	intro, _, _ = bytes.Cut(intro, []byte("\n## "))
	return strings.TrimSpace(quote.Line(b.unit.Title)+"\n\n"+strings.TrimSpace(quote.Visible(string(intro)))) + "\n", nil
}

// point makes the branch point to the commit, unless there is one already.
func (b *branch) point(ctx context.Context) (What, error) {
	ref := heads + b.name
	there, err := b.git.Line(ctx, "for-each-ref", "--format=%(objectname)", ref)
	if err != nil {
		return "", err
	}
	what, was := Made, strings.Repeat("0", len(b.commit))
	if there != "" {
		same, err := b.same(ctx, there)
		switch {
		case err != nil:
			return "", err
		case same:
			b.commit = there
			return Kept, nil
		case !b.Force:
			return "", fmt.Errorf("there is a branch %s with other changes; git branch -D deletes it, -force makes it anew", b.name)
		}
		if dir, err := b.checkedOut(ctx, ref); err != nil || dir != "" {
			return "", errors.Join(err, fmt.Errorf("the branch %s has other changes, and is checked out in %s", b.name, quote.Name(dir)))
		}
		what, was = Replaced, there
	}
	return what, b.w.update(ctx, "etcdmod: "+string(what), ref, b.commit, was)
}

// same reports whether a commit makes the same change as that of b: on the same parent, or on
// an earlier one with the same files.
func (b *branch) same(ctx context.Context, there string) (bool, error) {
	if there == b.commit {
		return true, nil
	}
	parents, err := b.git.Line(ctx, "show", "-s", "--format=%P", there)
	if err != nil || parents == "" || strings.Contains(parents, " ") {
		return false, err
	}
	if _, err := b.git.Run(ctx, nil, "merge-base", "--is-ancestor", parents, b.parent); err != nil {
		return false, ctx.Err()
	}
	theirs, err := b.change(ctx, parents, there)
	if err != nil {
		return false, err
	}
	ours, err := b.change(ctx, b.parent, b.commit)
	return theirs == ours, err
}

// change names the blobs before and after of all that a commit changes.
func (b *branch) change(ctx context.Context, parent, commit string) (string, error) {
	return b.git.Line(ctx, "diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--no-renames", parent, commit)
}

// checkedOut returns the worktree in which a branch is checked out, or "".
func (b *branch) checkedOut(ctx context.Context, ref string) (string, error) {
	out, err := b.git.Run(ctx, nil, "worktree", "list", "--porcelain")
	dir := ""
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "worktree "); ok {
			dir = name
		} else if line == "branch "+ref {
			return dir, err
		}
	}
	return "", err
}
