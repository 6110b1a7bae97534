package journal

import (
	"errors"
	"fmt"
	"path/filepath"

	"etcdmod/internal/change"
	"etcdmod/internal/quote"
)

// Apply makes changes of files, all of which are below the directory root, or none of them.
//
// Paths are absolute and clean. Symbolic links in them are followed, but must not lead out of
// the root. Old is what the change was computed from. A file whose New is its Old is checked
// like the others and not touched. Of one that is created there must be nothing yet, and missing
// directories are made; the directory of one that is deleted stays.
//
// An Apply that is killed is completed by [Recover].
//
// When the error wraps [ErrPending] the tree may be neither as before nor as after,
// and Recover has to be called: either an earlier run was killed, and nothing was
// tried, or this one could be neither completed nor undone. After any other
// error every file is as it was. Among these are *[ChangedError] (make a new
// diff), *[TargetError] (a file that cannot be written as it stands),
// *[WriteError] (the system refused something, such as for a full disk), and
// errors that wrap [ErrBusy].
//
// Two runs exclude each other when they name the same root.
func Apply(root string, files []change.Change) error { return apply(root, files, nil) }

func apply(root string, files []change.Change, step stepFunc) error {
	if len(files) == 0 {
		return nil
	}
	t, err := openTree(root, step)
	if err != nil {
		return err
	}
	defer t.close()
	l, err := openLog(t, lockCreate)
	if err != nil {
		return asBefore(err)
	}
	defer l.close()
	if l.size > 0 {
		return fmt.Errorf("%s: %w", quote.Name(t.path(Name)), ErrPending)
	}

	targets, dirs, err := t.check(files)
	if err != nil || len(targets) == 0 {
		if rmErr := l.remove(); rmErr != nil {
			return &PendingError{t.path(Name), also(err, rmErr)}
		}
		return asBefore(err)
	}
	r := &run{tree: t, log: l, targets: targets, entries: entriesFor(targets), dirs: dirs}
	if err := r.prepare(); err != nil {
		return r.undo(err)
	}
	if err := l.append(record{State: decided}); errors.Is(err, errUnsure) {
		return &PendingError{t.path(Name), err}
	} else if err != nil {
		return r.undo(err)
	}
	if err := r.publish(); err != nil {
		return r.goBack(err)
	}
	if err := l.remove(); err != nil {
		return &PendingError{t.path(Name), err}
	}
	return nil
}

// asBefore adds to err, unless it is nil or says that much, that nothing happened.
func asBefore(err error) error {
	if err == nil || errors.Is(err, ErrPending) || errors.Is(err, ErrBusy) {
		return err
	}
	return fmt.Errorf("%w; every file is as before", err)
}

// A run is one Apply that has passed its checks.
type run struct {
	tree    *tree
	log     *log
	targets []target
	entries []entry  // entries[i] is about targets[i]
	dirs    []string // to be made; after that, those that were made
}

func entriesFor(targets []target) []entry {
	id := runID()
	entries := make([]entry, len(targets))
	for i, tg := range targets {
		e := entry{Path: filepath.ToSlash(tg.name), New: absent}
		if !tg.Deleted {
			e.New = sum(tg.New)
		}
		e.Temp, e.Undo = tempNames(id, i)
		if !tg.Created {
			e.Old = sum(tg.Old)
		}
		entries[i] = e
	}
	return entries
}

// prepare brings everything that the run needs to the disk and touches no target.
func (r *run) prepare() error {
	slashed := make([]string, len(r.dirs))
	for i, d := range r.dirs {
		slashed[i] = filepath.ToSlash(d)
	}
	planned := r.dirs
	r.dirs = nil
	if err := r.log.append(record{State: prepared, Files: r.entries, Dirs: slashed}); err != nil {
		return err
	}
	if err := r.tree.syncDir("."); err != nil { // the journal's own name
		return &WriteError{"sync", r.tree.shown, err}
	}
	changed := r.tree.syncSet()
	for _, d := range planned {
		made, err := r.tree.mkdir(d)
		if made {
			r.dirs = append(r.dirs, d)
			changed.parentOf(d)
		}
		if err != nil {
			return &WriteError{"make directory", r.tree.path(d), err}
		}
	}
	for i, tg := range r.targets {
		if tg.Deleted {
			continue
		}
		if err := r.tree.write(r.entries[i].temp(), tg.New, tg.attrs); err != nil {
			return &WriteError{"write", tg.Path, err}
		}
		changed.parentOf(tg.name)
	}
	if err := changed.sync(); err != nil {
		return err
	}
	// Syncing takes a while, and until here changing one's mind is free.
	for i, tg := range r.targets {
		now, err := r.tree.content(tg.name)
		if err != nil {
			return &WriteError{"read", tg.Path, err}
		}
		if now != r.entries[i].Old {
			return &ChangedError{tg.Path, "while its new content was being written"}
		}
	}
	return nil
}

// publish replaces the targets.
func (r *run) publish() error {
	changed := r.tree.syncSet()
	for i, e := range r.entries {
		err := r.tree.settle(e.forward())
		if c, ok := errors.AsType[*conflict](err); ok {
			if c.tempGone && !c.putBack {
				return &WriteError{"replace", r.targets[i].Path, errors.New("its new content was removed by somebody else")}
			}
			return &ChangedError{r.targets[i].Path, "while its new content was being written"}
		}
		if err != nil {
			return err
		}
		changed.parentOf(e.target())
	}
	return changed.sync()
}

// undo ends a run that has touched no target. It returns why, or an error
// that says that undoing failed as well.
func (r *run) undo(why error) error {
	if err := undo(r.tree, r.log, r.entries, r.dirs); err != nil {
		return &PendingError{r.tree.path(Name), also(why, err)}
	}
	return asBefore(why)
}

// goBack ends a run that has replaced some targets.
func (r *run) goBack(why error) error {
	written, err := r.keepOld()
	if err != nil {
		return &PendingError{r.tree.path(Name), also(why, err)}
	}
	if err := restore(r.tree, r.log, r.entries, r.dirs, written); err != nil {
		if _, ok := errors.AsType[*ConflictError](err); ok {
			return also(why, err)
		}
		return &PendingError{r.tree.path(Name), also(why, err)}
	}
	return asBefore(why)
}

// keepOld writes the old contents of the targets that were replaced beside them and
// commits to going back. It returns the indexes of these targets. When it fails,
// the journal still says that the run goes forward.
func (r *run) keepOld() (written []int, err error) {
	defer func() {
		if err != nil && !errors.Is(err, errUnsure) {
			for _, i := range written {
				// What stays is removed by Recover.
				_ = r.tree.remove(r.entries[i].undo())
			}
		}
	}()
	changed := r.tree.syncSet()
	for i, tg := range r.targets {
		e := r.entries[i]
		// A rename can be done and fail all the same, so look.
		now, err := r.tree.content(tg.name)
		if err != nil {
			return written, &WriteError{"read", tg.Path, err}
		}
		if now != e.New {
			continue
		}
		written = append(written, i)
		if tg.Created {
			continue
		}
		if aside, err := r.tree.content(e.undo()); err == nil && aside == e.Old {
			continue // it was given that name before it was replaced
		}
		if err := r.tree.write(e.undo(), tg.Old, tg.attrs); err != nil {
			return written, &WriteError{"restore", tg.Path, err}
		}
		changed.parentOf(tg.name)
	}
	if err := changed.sync(); err != nil {
		return written, err
	}
	return written, r.log.append(record{State: undoing, Written: written})
}
