package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// A log is the open, locked journal of one root.
type log struct {
	tree *tree
	file *os.File
	size int64
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
	f, err := openLocked(filepath.Join(t.dir, Name), how)
	if errors.Is(err, ErrBusy) {
		return nil, fmt.Errorf("%s: %w", t.shown, err)
	}
	if errors.Is(err, ErrPending) {
		return nil, fmt.Errorf("%s: %w", t.path(Name), err)
	}
	if err != nil {
		op := "open"
		if how == lockCreate {
			op = "create"
		}
		return nil, &WriteError{op, t.path(Name), err}
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		f.Close()
		return nil, damaged(t.path(Name))
	}
	if err != nil {
		f.Close()
		return nil, &WriteError{"open", t.path(Name), err}
	}
	return &log{tree: t, file: f, size: info.Size()}, nil
}

// read returns what the journal tells.
func (l *log) read() (history, error) {
	data, err := io.ReadAll(io.NewSectionReader(l.file, 0, l.size))
	if err != nil {
		return history{}, &WriteError{"read", l.tree.path(Name), err}
	}
	h, err := parse(data)
	if err != nil {
		return history{}, damaged(l.tree.path(Name))
	}
	return h, nil
}

func damaged(path string) error {
	return fmt.Errorf("%s: %w; look what has changed (git status), then remove this file and those named .etcdmod-*.new and .etcdmod-*.old", path, ErrDamaged)
}

// append writes r and syncs it. When it fails, the journal is as before; when
// that cannot be had, the error wraps errUnsure.
func (l *log) append(r record) error {
	line := r.encode()
	err := l.tree.at("record", string(r.State))
	if err == nil {
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
	err = &WriteError{"write", l.tree.path(Name), err}
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
	return nil
}

func (l *log) close() {
	unlock(l.file)
	l.file.Close()
}
