//go:build !unix

package vouch

import (
	"errors"
	"io/fs"
)

// private reports why a directory is none; whose it is follows from where it is.
func private(info fs.FileInfo) error {
	if !info.IsDir() {
		return errors.New("it is not a directory")
	}
	return nil
}

// secret knows nothing of a file here.
func secret(fs.FileInfo) error { return nil }
