//go:build !unix && !windows

package journal

import (
	"io/fs"
	"os"
)

// links cannot be known.
func links(*os.File, fs.FileInfo) uint64 { return 1 }

// keepOwner cannot be done.
func keepOwner(*os.File, fs.FileInfo) bool { return false }

// syncDir does nothing: not all systems can sync a directory.
func syncDir(*os.File) error { return nil }

func isFull(error) bool { return false }

func isReadOnly(error) bool { return false }
