//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package journal

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// openLocked opens the journal and locks it without waiting for another run.
// The lock ends with the process or with unlock. Symbolic links are not followed.
//
// On a file system without locks the file itself is the lock of a run.
func openLocked(path string, how lockMode) (*os.File, error) {
	deadline := time.Now().Add(lockPatience)
	for {
		f, created, err := openJournal(path, how)
		if err != nil {
			return nil, err
		}
		err = flock(f, how)
		switch {
		case err == nil && stillAt(f, path):
			return f, nil
		case err == nil:
			// The run that had it removed it between our open and our lock.
			f.Close()
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

func openJournal(path string, how lockMode) (f *os.File, created bool, err error) {
	// Without O_NONBLOCK a named pipe would stop us.
	const flags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK
	switch how {
	case lockShared:
		f, err = os.OpenFile(path, os.O_RDONLY|flags, 0)
	case lockExclusive:
		f, err = os.OpenFile(path, os.O_RDWR|flags, 0)
	default:
		for {
			f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|flags, 0o644)
			if !errors.Is(err, fs.ErrExist) {
				return f, true, err
			}
			f, err = os.OpenFile(path, os.O_RDWR|flags, 0)
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

func stillAt(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Lstat(path)
	return err == nil && os.SameFile(a, b)
}

// unlock gives the lock up, also in processes that inherited the file.
func unlock(f *os.File) { _ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }
