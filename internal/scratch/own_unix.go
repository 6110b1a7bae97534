//go:build unix

package scratch

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"syscall"
)

// own reports whether a directory is this user's, and nobody else may write there.
func own(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid() && info.Mode().Perm()&0o077 == 0
}

// usual is the name for runs in a place.
func usual(place string) string {
	sum := sha256.Sum256([]byte(place))
	return prefix + hex.EncodeToString(sum[:8])
}
