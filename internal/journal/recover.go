package journal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"etcdmod/internal/quote"
)

// An Action is what Recover did.
type Action int

// The actions.
const (
	Nothing  Action = iota // there was no interrupted run
	Undone                 // every file is as before the interrupted run
	Finished               // every file is as the interrupted run was to leave it
)

// An Outcome is what Recover did with an interrupted run.
type Outcome struct {
	Action Action

	// Files are the absolute paths of all files of the interrupted run, symbolic links
	// below the root resolved. It is empty when the run was killed at its very
	// beginning.
	Files []string
}

// String says what was done, in one line for people; "" for Nothing.
func (o Outcome) String() string {
	switch o.Action {
	case Undone:
		if len(o.Files) == 0 {
			return "undid an interrupted run; it had not begun to write"
		}
		return "undid an interrupted run; as before: " + o.files()
	case Finished:
		return "finished an interrupted run; written: " + o.files()
	}
	return ""
}

func (o Outcome) files() string {
	var names []string
	for _, name := range o.Files {
		names = append(names, quote.Name(name))
	}
	return strings.Join(names, ", ")
}

// Recover finishes or undoes what a killed Apply left below root. A zero Outcome
// means that there was nothing.
//
// A file that was edited after the kill, so that it holds neither content that
// the run knew, is left alone: Recover completes all others and returns a
// *[ConflictError]. When the error wraps [ErrPending] the journal is still there
// and Recover can be called again; the Outcome is then zero.
func Recover(root string) (Outcome, error) { return recoverRun(root, nil) }

func recoverRun(root string, step stepFunc) (Outcome, error) {
	t, err := openTree(root, step)
	if err != nil {
		return Outcome{}, err
	}
	defer t.close()
	l, err := openLog(t, lockExclusive)
	if errors.Is(err, fs.ErrNotExist) {
		return Outcome{}, nil
	}
	if errors.Is(err, ErrBusy) || errors.Is(err, ErrDamaged) {
		return Outcome{}, err
	}
	if err != nil {
		return Outcome{}, &PendingError{t.path(Name), err}
	}
	defer l.close()
	h, err := l.read()
	if err != nil {
		return Outcome{}, err
	}

	out := Outcome{Action: Undone}
	for _, e := range h.Files {
		out.Files = append(out.Files, t.path(e.target()))
	}
	var dirs []string
	for _, d := range h.Dirs {
		dirs = append(dirs, filepath.FromSlash(d))
	}
	switch h.State {
	case begun, prepared:
		err = undo(t, l, h.Files, dirs)
	case undoing:
		err = restore(t, l, h.Files, dirs, h.Written)
	case decided:
		out.Action = Finished
		err = finish(t, l, h.Files)
	}
	if _, ok := errors.AsType[*ConflictError](err); ok {
		return Outcome{}, err
	}
	if err != nil {
		return Outcome{}, &PendingError{t.path(Name), err}
	}
	return out, nil
}

// Pending reports whether a killed run left a journal below root. It changes
// nothing. While another run is active, the error wraps [ErrBusy].
func Pending(root string) (bool, error) {
	// Most often there is none, and thousands of modules are asked.
	if _, err := os.Lstat(filepath.Join(root, Name)); errors.Is(err, fs.ErrNotExist) {
		if info, err := os.Stat(root); err == nil && info.IsDir() {
			return false, nil
		}
	}
	t, err := openTree(root, nil)
	if err != nil {
		return false, err
	}
	defer t.close()
	if _, err := os.Lstat(filepath.Join(t.dir, Name)); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	l, err := openLog(t, lockShared)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer l.close()
	if _, err := l.read(); err != nil {
		return false, err // nothing can be finished or undone
	}
	return true, nil
}

// restore goes back from targets that were replaced, then removes what prepare made
// and the journal.
func restore(t *tree, l *log, entries []entry, dirs []string, written []int) error {
	moves := make([]move, len(written))
	for k, i := range written {
		moves[k] = entries[i].back()
	}
	err := settleAll(t, moves)
	if c, ok := errors.AsType[*ConflictError](err); ok {
		c.Undoing = true
		// No new content is needed any more; old ones are, to settle the conflict, but for
		// those of targets that were not replaced.
		var others []entry
		for i, e := range entries {
			if !slices.Contains(written, i) {
				others = append(others, e)
			}
		}
		return also(c, also(sweep(t, entries, entry.temp), sweep(t, others, entry.undo)))
	}
	if err != nil {
		return err
	}
	return undo(t, l, entries, dirs)
}

// finish replaces the targets that are not replaced yet, then removes the journal.
func finish(t *tree, l *log, entries []entry) error {
	moves := make([]move, len(entries))
	for i, e := range entries {
		moves[i] = e.forward()
	}
	err := settleAll(t, moves)
	if c, ok := errors.AsType[*ConflictError](err); ok {
		return also(c, sweep(t, entries, entry.undo))
	}
	if err != nil {
		return err
	}
	return undo(t, l, entries, nil)
}

// settleAll settles every move that has no conflict, and makes that last.
func settleAll(t *tree, moves []move) error {
	changed := t.syncSet()
	var conflicts []Conflict
	for _, m := range moves {
		err := t.settle(m)
		if c, ok := errors.AsType[*conflict](err); ok {
			found := Conflict{Path: t.path(m.target)}
			if !c.tempGone {
				found.Temp = t.path(m.temp)
			}
			conflicts = append(conflicts, found)
			continue
		}
		if err != nil {
			return err
		}
		changed.parentOf(m.target)
	}
	if err := changed.sync(); err != nil {
		return err
	}
	if len(conflicts) > 0 {
		return &ConflictError{Journal: t.path(Name), Files: conflicts}
	}
	return nil
}

// undo removes what prepare made, then the journal.
func undo(t *tree, l *log, entries []entry, dirs []string) error {
	if err := sweep(t, entries, entry.temp, entry.undo); err != nil {
		return err
	}
	changed := t.syncSet()
	for i := len(dirs) - 1; i >= 0; i-- {
		if err := t.removeDir(dirs[i]); err != nil {
			return &WriteError{"remove directory", t.path(dirs[i]), err}
		}
		changed.parentOf(dirs[i])
	}
	if err := changed.sync(); err != nil {
		return err
	}
	return l.remove()
}

// sweep removes temporary files of these kinds, and makes that last.
func sweep(t *tree, entries []entry, kinds ...func(entry) string) error {
	changed := t.syncSet()
	for _, e := range entries {
		for _, name := range kinds {
			temp := name(e)
			if t.gone(temp) {
				continue
			}
			if err := t.remove(temp); err != nil {
				return &WriteError{"remove", t.path(temp), err}
			}
			changed.parentOf(temp)
		}
	}
	return changed.sync()
}
