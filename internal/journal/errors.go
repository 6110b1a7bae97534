package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"etcdmod/internal/quote"
	"etcdmod/internal/rooted"
)

var (
	// ErrBusy is wrapped by errors that say that another process is writing
	// below the same root at this moment. Nothing was changed.
	ErrBusy = errors.New("another run is writing here; wait until it has ended, then run again")

	// ErrPending is wrapped by errors that say that a run was not completed and
	// its journal is still there: [Recover] finishes or undoes it.
	ErrPending = errors.New("an interrupted run is not completed; it has to be recovered first")

	// ErrDamaged is wrapped by errors about a journal that nobody can read.
	ErrDamaged = errors.New("this is not a journal that this version can read")
)

// A ChangedError is a target that is no longer what the change was computed
// from.
type ChangedError struct {
	Path string // as given in the change
	How  string // "it was deleted"
}

func (e *ChangedError) Error() string {
	return fmt.Sprintf("%s changed since the diff was computed (%s); run again to get a new diff", quote.Name(e.Path), e.How)
}

// A TargetError is a target that cannot be written as it stands. It is found
// before anything is written.
type TargetError struct {
	Path   string // as given in the change
	Reason string // what is wrong and what to do
	Err    error  // what the system said; may be nil
}

func (e *TargetError) Error() string {
	if e.Err == nil {
		return quote.Name(e.Path) + ": " + e.Reason
	}
	return fmt.Sprintf("%s: %s: %v%s", quote.Name(e.Path), e.Reason, rooted.Cause(e.Err), advice(e.Err))
}

func (e *TargetError) Unwrap() error { return e.Err }

// A WriteError is an operation that the system refused: the disk is full, a
// directory is read-only, a target is busy. Unwrap gives what the system said.
type WriteError struct {
	Op   string // "replace"
	Path string // absolute; the target, also where a temporary file beside it was being written
	Err  error
}

func (e *WriteError) Error() string {
	return fmt.Sprintf("cannot %s %s: %v%s", e.Op, quote.Name(e.Path), rooted.Cause(e.Err), advice(e.Err))
}

func (e *WriteError) Unwrap() error { return e.Err }

// A PendingError is a run that could be neither completed nor undone. The
// journal is still there, and [Recover] can go on from it.
type PendingError struct {
	Journal string // absolute
	Err     error  // why
}

func (e *PendingError) Error() string {
	return fmt.Sprintf("%v; the run is half done and %s remembers it: repair this, then run again to finish or undo it", e.Err, quote.Name(e.Journal))
}

// Unwrap gives the reason and ErrPending.
func (e *PendingError) Unwrap() []error { return []error{e.Err, ErrPending} }

// A ConflictError says that files of an interrupted run were edited after it.
// They were left alone; all other files of the run are completed. The journal
// is still there: it goes when the files hold what the run knows, or by hand.
type ConflictError struct {
	Journal string // absolute
	Undoing bool   // the run was being undone, not finished
	Files   []Conflict
}

// A Conflict is one file of an interrupted run that somebody else wrote since.
type Conflict struct {
	Path string // absolute
	Temp string // absolute; holds the content that the file was to get; "" when there is none
}

func (e *ConflictError) Error() string {
	content := "what the run was to write"
	if e.Undoing {
		content = "what was there before the run"
	}
	var b strings.Builder
	b.WriteString("files were edited after an interrupted run and are left as they are")
	remove := []string{quote.Name(e.Journal)}
	for _, c := range e.Files {
		if c.Temp == "" {
			fmt.Fprintf(&b, "; %s: check that it is what you want", quote.Name(c.Path))
			continue
		}
		fmt.Fprintf(&b, "; %s: %s is in %s, take over what you need", quote.Name(c.Path), content, quote.Name(c.Temp))
		remove = append(remove, quote.Name(c.Temp))
	}
	fmt.Fprintf(&b, "; then remove %s and run again", strings.Join(remove, " and "))
	return b.String()
}

// Unwrap gives ErrPending.
func (e *ConflictError) Unwrap() error { return ErrPending }

// also returns an error for both, on one line. Either may be nil.
func also(first, then error) error {
	if first == nil || then == nil {
		return cmp.Or(first, then)
	}
	return fmt.Errorf("%w; and then: %w", first, then)
}

// advice says what to do about err, after a semicolon, or nothing.
func advice(err error) string {
	switch {
	case isFull(err):
		return "; free some space there or raise the quota"
	case isReadOnly(err), errors.Is(err, fs.ErrPermission):
		return "; make it and its directory writable for this user"
	}
	return ""
}
