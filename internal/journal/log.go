package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"etcdmod/internal/gitcmd"
	"etcdmod/internal/quote"
	"etcdmod/internal/vouch"
)

// A log is the open, locked journal of one root.
type log struct {
	tree *tree
	file *os.File
	size int64
	key  *vouch.Key // of what is appended; made with the first record
}

// errUnsure is wrapped when nobody can tell whether a record was written.
var errUnsure = errors.New("the journal could not be put back to what it was")

// openLog opens and locks the journal of t. The error wraps fs.ErrNotExist when
// there is none and how is not lockCreate.
func openLog(t *tree, how lockMode) (*log, error) {
	if how == lockCreate {
		if err := t.at("lock", Name); err != nil {
			return nil, &WriteError{"create", t.path(Name), err}
		}
	}
	if info, err := t.root.Lstat(Name); err == nil && !info.Mode().IsRegular() {
		return nil, damaged(t.path(Name)) // opening a named pipe could wait for ever
	}
	f, err := openLocked(t.root, how)
	if errors.Is(err, ErrBusy) {
		return nil, fmt.Errorf("%s: %w", quote.Name(t.shown), err)
	}
	if errors.Is(err, ErrPending) {
		return nil, fmt.Errorf("%s: %w", quote.Name(t.path(Name)), err)
	}
	if err != nil {
		op := "open"
		if how == lockCreate {
			op = "create"
		}
		return nil, &WriteError{op, t.path(Name), err}
	}
	info, err := f.Stat()
	if err == nil && (!info.Mode().IsRegular() || links(f, info) > 1) { // by another name it is another file
		f.Close()
		return nil, damaged(t.path(Name))
	}
	if err != nil {
		f.Close()
		return nil, &WriteError{"open", t.path(Name), err}
	}
	return &log{tree: t, file: f, size: info.Size()}, nil
}

// maxJournal bounds a journal, in bytes: a vendor directory may have many thousand files.
const maxJournal = 256 << 20

// read returns what the journal tells, if a run of this user has written it.
func (l *log) read() (history, error) {
	if err := l.foreign(); err != nil {
		return history{}, err
	}
	if l.size > maxJournal {
		return history{}, damaged(l.tree.path(Name))
	}
	data, err := io.ReadAll(io.NewSectionReader(l.file, 0, l.size))
	if err != nil {
		return history{}, &WriteError{"read", l.tree.path(Name), err}
	}
	h, err := parse(data, l.tree.dir)
	switch {
	case errors.Is(err, vouch.ErrUnknown):
		return history{}, fmt.Errorf("%s: %w: %w; if a run of yours was killed on another machine, or the keys of %s are gone, look what has changed (git status); then remove this file and those named .etcdmod-*.new and .etcdmod-*.old", quote.Name(l.tree.path(Name)), ErrDamaged, err, vouch.Variable)
	case err != nil && !errors.Is(err, ErrDamaged):
		return history{}, &WriteError{"read", l.tree.path(Name), err}
	case err != nil:
		return history{}, damaged(l.tree.path(Name))
	}
	if l.key, err = keyOf(data, l.tree.dir); err != nil {
		return history{}, &WriteError{"read", l.tree.path(Name), err}
	}
	return h, nil
}

// keyOf returns the key of a journal that was parsed; nil where it has no record.
func keyOf(data []byte, root string) (*vouch.Key, error) {
	line, _, whole := bytes.Cut(data, []byte("\n"))
	if !whole {
		return nil, nil
	}
	var key *vouch.Key
	_, err := decode(line, root, &key)
	return key, err
}

// foreign reports a journal that is part of the repository: no run leaves one there.
func (l *log) foreign() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	tracked, err := gitcmd.Tracked(ctx, filepath.Join(l.tree.dir, Name))
	if err != nil {
		return fmt.Errorf("%s: %w: %w", quote.Name(l.tree.path(Name)), ErrDamaged, err)
	}
	if tracked {
		return fmt.Errorf("%s: %w: git tracks it, and no run leaves its journal in a repository; see where it comes from (git log -- %s), remove it (git rm) and look at the files named .etcdmod-* beside it", quote.Name(l.tree.path(Name)), ErrDamaged, Name)
	}
	return nil
}

func damaged(path string) error {
	return fmt.Errorf("%s: %w; look what has changed (git status), then remove this file and those named .etcdmod-*.new and .etcdmod-*.old", quote.Name(path), ErrDamaged)
}

// append writes r and syncs it. When it fails, the journal is as before; when
// that cannot be had, the error wraps errUnsure.
func (l *log) append(r record) error {
	var line []byte
	err := l.tree.at("record", string(r.State))
	if err == nil && l.key == nil {
		l.key, err = vouch.New(l.tree.dir)
	}
	if err == nil {
		line = r.encode(l.key)
		_, err = l.file.WriteAt(line, l.size)
	}
	if err == nil {
		err = l.tree.at("recorded", string(r.State))
	}
	if err == nil {
		err = l.file.Sync()
	}
	if err == nil {
		l.size += int64(len(line))
		return nil
	}
	if store := (*vouch.StoreError)(nil); !errors.As(err, &store) { // else it has nothing to do with the journal
		err = &WriteError{"write", l.tree.path(Name), err}
	}
	back := l.tree.at("unrecord", string(r.State))
	if back == nil {
		back = l.file.Truncate(l.size)
	}
	if back == nil {
		back = l.file.Sync()
	}
	if back != nil {
		return also(err, fmt.Errorf("%w: %w", errUnsure, back))
	}
	return err
}

// remove removes the journal; the lock lasts until close.
func (l *log) remove() error {
	if err := l.tree.remove(Name); err != nil {
		return &WriteError{"remove", l.tree.path(Name), err}
	}
	// The tree is in order and so is the answer. Should the journal come back after a
	// power failure, then Recover finds nothing left to do for it.
	_ = l.tree.syncDir(".")
	if l.key != nil {
		l.key.Forget()
	}
	return nil
}

func (l *log) close() {
	unlock(l.file)
	l.file.Close()
}
