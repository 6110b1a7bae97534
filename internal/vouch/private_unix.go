//go:build unix

package vouch

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// private reports why a directory is not one that this user alone can write.
func private(info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return errors.New("it is not a directory")
	case ok && int(st.Uid) != os.Geteuid():
		return errors.New("it belongs to another user")
	case info.Mode().Perm()&0o022 != 0:
		return errors.New("others may write there")
	}
	return nil
}

// secret reports why a file is not one that this user alone can read.
func secret(info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if ok && int(st.Uid) != os.Geteuid() || info.Mode().Perm()&0o077 != 0 {
		return errors.New("is not this user's alone")
	}
	return nil
}
