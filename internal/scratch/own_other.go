//go:build !unix

package scratch

import "io/fs"

// own relies on where the directory for temporary files is: each user has one.
func own(fs.FileInfo) bool { return true }

// usual is a new name: a directory with an open file keeps its name here, so that nobody can give that on.
func usual(string) string { return unused() }
