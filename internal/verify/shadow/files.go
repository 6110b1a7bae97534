package shadow

import (
	"io/fs"
	"os"
	"path/filepath"
)

// writeFile writes a file and the directories above it.
func writeFile(name string, data []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	return os.WriteFile(name, data, mode)
}

func onDisk(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// copyFile copies the content of a file, which may be a symbolic link, or its edited
// content, and makes the copy writable.
func copyFile(to, from string, o *overlay) error {
	mode := fs.FileMode(0o666)
	if info, err := os.Stat(from); err == nil {
		mode = info.Mode().Perm() | 0o600
	}
	data, err := o.read(from)
	if err != nil {
		return err
	}
	return writeFile(to, data, mode)
}

// copyTree copies all regular files below a directory, with the edits.
func copyTree(to, from string, o *overlay) error {
	err := filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !regular(name, d) {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		return copyFile(filepath.Join(to, rel), name, o)
	})
	if err != nil {
		return err
	}
	for _, name := range o.below(from) {
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		if err := copyFile(filepath.Join(to, rel), name, o); err != nil {
			return err
		}
	}
	return nil
}

// regular reports whether a directory entry is a regular file, or a link to one.
func regular(name string, d fs.DirEntry) bool {
	if d.Type()&fs.ModeSymlink == 0 {
		return d.Type().IsRegular()
	}
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// removeAll removes a tree, also where a test took away its own permission to do so.
func removeAll(dir string) {
	if os.RemoveAll(dir) == nil {
		return
	}
	filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			os.Chmod(name, 0o700)
		}
		return nil
	})
	os.RemoveAll(dir)
}
