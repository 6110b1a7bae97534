package journal

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// links returns the number of names that an open file has.
func links(f *os.File, _ fs.FileInfo) uint64 {
	var info syscall.ByHandleFileInformation
	if err := syscall.GetFileInformationByHandle(syscall.Handle(f.Fd()), &info); err != nil {
		return 1
	}
	return uint64(info.NumberOfLinks)
}

// keepOwner has nothing to do: a file takes its rights from its directory.
func keepOwner(*os.File, fs.FileInfo) bool { return true }

// syncDir does nothing: directories cannot be synced.
func syncDir(*os.File) error { return nil }

func isFull(err error) bool {
	const handleDiskFull, diskFull = syscall.Errno(39), syscall.Errno(112)
	return errors.Is(err, handleDiskFull) || errors.Is(err, diskFull)
}

func isReadOnly(err error) bool {
	const writeProtect = syscall.Errno(19)
	return errors.Is(err, writeProtect)
}
