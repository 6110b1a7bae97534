//go:build unix

package rooted

import (
	"io/fs"
	"syscall"
)

// nonblock keeps an open from waiting, and from making a terminal ours.
const nonblock = syscall.O_NONBLOCK | syscall.O_NOCTTY

// links returns the number of names that a file has.
func links(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Nlink)
	}
	return 1
}

func ownerOf(info fs.FileInfo) *owner {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return &owner{int(st.Uid), int(st.Gid)}
	}
	return nil
}
