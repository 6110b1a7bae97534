package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"etcdmod/internal/rooted"
)

// A tree is the root of a run. All names are relative to it, and the operating
// system keeps them below it, whatever somebody does with symbolic links
// in the meantime.
type tree struct {
	shown string // absolute, as the caller sees it
	dir   string // absolute, symbolic links resolved
	root  *os.Root
	files *rooted.Dir // the same
	step  stepFunc
}

// A stepFunc is asked before every operation that changes something. Tests make
// operations fail with it, or the whole process; otherwise it is nil.
type stepFunc func(op, name string) error

func openTree(root string, step stepFunc) (*tree, error) {
	shown, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", root, err)
	}
	dir, err := filepath.EvalSymlinks(shown)
	if err != nil {
		return nil, fmt.Errorf("the root of a run must be a directory: %w", err)
	}
	r, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("the root of a run must be a directory: %w", err)
	}
	files, err := rooted.Open(dir)
	if err != nil {
		r.Close()
		return nil, fmt.Errorf("the root of a run must be a directory: %w", err)
	}
	return &tree{shown: shown, dir: dir, root: r, files: files, step: step}, nil
}

func (t *tree) close() {
	t.root.Close()
	t.files.Close()
}

// path returns the absolute path of name, for messages.
func (t *tree) path(name string) string { return filepath.Join(t.shown, name) }

func (t *tree) at(op, name string) error {
	if t.step == nil {
		return nil
	}
	return t.step(op, name)
}

// mkdir makes a directory and reports whether it did: false means that there is one.
func (t *tree) mkdir(name string) (made bool, err error) {
	if err := t.at("mkdir", name); err != nil {
		return false, err
	}
	like := t.files.Like(name)
	err = t.root.Mkdir(name, like.DirMode)
	if err == nil {
		t.files.Adopt(name, like)
	}
	if errors.Is(err, fs.ErrExist) {
		if info, statErr := t.root.Stat(name); statErr == nil && info.IsDir() {
			return false, nil
		}
	}
	return err == nil, err
}

// write makes a file with this content and the permissions and owner of another one; where
// like is nil, of those around it. It does not return before the content is
// on the disk.
func (t *tree) write(name string, data []byte, like *attrs) (err error) {
	if err := t.at("create", name); err != nil {
		return err
	}
	around := t.files.Like(name)
	// Nobody else may read it before it has the permissions of its target.
	f, err := t.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
	}()
	if err := t.at("write", name); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := t.at("chmod", name); err != nil {
		return err
	}
	if like != nil {
		err = like.put(f)
	} else {
		err = around.Put(f)
	}
	if err != nil {
		return err
	}
	if err := t.at("sync", name); err != nil {
		return err
	}
	return f.Sync()
}

func (t *tree) rename(from, to string) error {
	if err := t.at("rename", to); err != nil {
		return err
	}
	return t.root.Rename(from, to)
}

// link gives a file another name.
func (t *tree) link(from, to string) error {
	if err := t.at("link", to); err != nil {
		return err
	}
	return t.root.Link(from, to)
}

// remove removes a file, if there is one.
func (t *tree) remove(name string) error {
	if t.gone(name) {
		return nil
	}
	if err := t.at("remove", name); err != nil {
		return err
	}
	if err := t.root.Remove(name); !isGone(err) {
		return err
	}
	return nil
}

// gone reports whether there certainly is nothing under this name.
func (t *tree) gone(name string) bool {
	_, err := t.root.Lstat(name)
	return isGone(err)
}

// isGone also knows a name below something that is a file now.
func isGone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// removeDir removes a directory, if there is one and it is empty. Somebody
// else may have put something into it.
func (t *tree) removeDir(name string) error {
	info, err := t.root.Lstat(name)
	if isGone(err) || err == nil && !info.IsDir() {
		return nil
	}
	d, err := t.root.Open(name)
	if err != nil {
		return err
	}
	_, err = d.Readdirnames(1)
	d.Close()
	if err != io.EOF {
		return err // nil: not empty
	}
	return t.remove(name)
}

// syncDir makes what happened to the names in a directory last.
func (t *tree) syncDir(name string) error {
	if err := t.at("syncdir", name); err != nil {
		return err
	}
	d, err := t.root.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	return syncDir(d)
}

// Contents that are no sha256.
const (
	absent = ""           // there is no file
	alien  = "not a file" // a directory, a link, a device
)

// content returns the sha256 of a file in hex, or absent, or alien.
func (t *tree) content(name string) (string, error) {
	info, err := t.root.Lstat(name)
	if isGone(err) {
		return absent, nil
	}
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return alien, nil
	}
	f, err := t.root.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
