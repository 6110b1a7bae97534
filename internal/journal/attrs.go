package journal

import (
	"io/fs"
	"os"
)

// attrs are what a file keeps when its content is replaced.
type attrs struct {
	mode fs.FileMode
	info fs.FileInfo
}

const keptBits = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky

func attrsOf(info fs.FileInfo) *attrs {
	return &attrs{mode: info.Mode() & keptBits, info: info}
}

// put gives f these attributes. Another owner is tried for and not insisted on:
// only a privileged process may give files away. Bits that lend the owner's
// rights are not lent by another owner.
func (a *attrs) put(f *os.File) error {
	mode := a.mode
	if !keepOwner(f, a.info) {
		mode &= fs.ModePerm
	}
	now, err := f.Stat()
	if err != nil {
		return err
	}
	if now.Mode()&keptBits == mode {
		return nil // some file systems have no permissions to change
	}
	return f.Chmod(mode)
}
