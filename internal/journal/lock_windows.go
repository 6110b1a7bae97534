package journal

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const errSharingViolation = syscall.Errno(32)

// openLocked opens the journal so that nobody else can open it, or, for lockShared,
// write it, until it is closed or the process ends. Symbolic links are not followed.
func openLocked(dir *os.Root, how lockMode) (*os.File, error) {
	path := filepath.Join(dir.Name(), Name)
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	access := uint32(syscall.GENERIC_READ | syscall.GENERIC_WRITE)
	share := uint32(syscall.FILE_SHARE_DELETE) // so that we can remove what we hold
	disposition := uint32(syscall.OPEN_EXISTING)
	switch how {
	case lockCreate:
		disposition = syscall.OPEN_ALWAYS
	case lockShared:
		access = syscall.GENERIC_READ
		share |= syscall.FILE_SHARE_READ
	}
	flags := uint32(syscall.FILE_ATTRIBUTE_NORMAL | syscall.FILE_FLAG_OPEN_REPARSE_POINT)
	deadline := time.Now().Add(lockPatience)
	for {
		h, err := syscall.CreateFile(name, access, share, nil, disposition, flags, 0)
		if err == nil {
			return os.NewFile(uintptr(h), path), nil
		}
		// A file that was removed and not closed yet denies access.
		transient := errors.Is(err, errSharingViolation) || errors.Is(err, syscall.ERROR_ACCESS_DENIED)
		if transient && time.Now().Before(deadline) {
			time.Sleep(lockPause)
			continue
		}
		if errors.Is(err, errSharingViolation) {
			return nil, ErrBusy
		}
		return nil, err
	}
}

// unlock does nothing: closing the file does it.
func unlock(*os.File) {}
