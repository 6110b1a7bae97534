//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package journal

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// openLocked opens the journal in a directory and locks it without waiting for another run.
// The lock ends with the process or with unlock. A symbolic link is not followed out of the
// directory, and no other one that somebody puts in the place of that is written into.
//
// On a file system without locks the file itself is the lock of a run.
func openLocked(dir *os.Root, how lockMode) (*os.File, error) {
	deadline := time.Now().Add(lockPatience)
	for {
		f, created, err := openJournal(dir, how)
		if err != nil {
			return nil, err
		}
		err = flock(f, how)
		switch {
		case err == nil && stillAt(f, dir):
			return f, nil
		case err == nil && time.Now().Before(deadline):
			// The run that had it removed it between our open and our lock.
			f.Close()
		case err == nil: // a link is in its place
			f.Close()
			return nil, ErrBusy
		case errors.Is(err, syscall.EWOULDBLOCK):
			f.Close()
			if time.Now().After(deadline) {
				return nil, ErrBusy
			}
			time.Sleep(lockPause)
		case errors.Is(err, syscall.ENOSYS), errors.Is(err, syscall.ENOTSUP), errors.Is(err, syscall.EOPNOTSUPP), errors.Is(err, syscall.ENOLCK):
			if how == lockCreate && !created {
				f.Close()
				return nil, ErrPending
			}
			return f, nil
		default:
			f.Close()
			return nil, err
		}
	}
}

func openJournal(dir *os.Root, how lockMode) (f *os.File, created bool, err error) {
	// Without O_NONBLOCK a named pipe would stop us.
	const flags = syscall.O_NONBLOCK
	switch how {
	case lockShared:
		f, err = dir.OpenFile(Name, os.O_RDONLY|flags, 0)
	case lockExclusive:
		f, err = dir.OpenFile(Name, os.O_RDWR|flags, 0)
	default:
		for {
			f, err = dir.OpenFile(Name, os.O_RDWR|os.O_CREATE|os.O_EXCL|flags, 0o644)
			if !errors.Is(err, fs.ErrExist) {
				return f, true, err
			}
			f, err = dir.OpenFile(Name, os.O_RDWR|flags, 0)
			if !errors.Is(err, fs.ErrNotExist) {
				return f, false, err
			}
		}
	}
	return f, false, err
}

func flock(f *os.File, how lockMode) error {
	op := syscall.LOCK_EX
	if how == lockShared {
		op = syscall.LOCK_SH
	}
	for {
		err := syscall.Flock(int(f.Fd()), op|syscall.LOCK_NB)
		if err != syscall.EINTR {
			return err
		}
	}
}

func stillAt(f *os.File, dir *os.Root) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := dir.Lstat(Name)
	return err == nil && os.SameFile(a, b)
}

// unlock gives the lock up, also in processes that inherited the file.
func unlock(f *os.File) { _ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }
