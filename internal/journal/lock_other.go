//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd || windows)

package journal

import (
	"errors"
	"io/fs"
	"os"
)

// openLocked opens the journal in a directory. Here the file itself is the lock of a run.
func openLocked(dir *os.Root, how lockMode) (*os.File, error) {
	switch how {
	case lockShared:
		return dir.Open(Name)
	case lockExclusive:
		return dir.OpenFile(Name, os.O_RDWR, 0)
	}
	f, err := dir.OpenFile(Name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, ErrPending
	}
	return f, err
}

// unlock does nothing: removing the file does it.
func unlock(*os.File) {}
