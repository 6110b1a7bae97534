package rooted

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// sortEntries puts a list of a directory in order.
func sortEntries(list []fs.DirEntry) {
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
}

// tempPrefix begins the names of files that are there while a run writes, those of a journal as well.
const tempPrefix = ".etcdmod-"

// tempName returns a name for a file that is being written.
func tempName() string {
	var id [8]byte
	rand.Read(id[:]) // never fails, see crypto/rand
	return tempPrefix + hex.EncodeToString(id[:])
}

var tempForm = regexp.MustCompile(`^\.etcdmod-[0-9a-f]{16}$`)

// IsTemp reports whether an entry is a file that is being written, or was when a run was killed. A journal, and
// what one keeps, have other names.
func IsTemp(e fs.DirEntry) bool { return e.Type().IsRegular() && tempForm.MatchString(e.Name()) }

// Replace writes a file as a whole: nobody sees half of it. What was there by that name, be
// it a link, is replaced and not written to.
func (d *Dir) Replace(name string, write func(io.Writer) error) (err error) {
	rel, err := d.writable(name)
	if err != nil {
		return err
	}
	tmp := filepath.Join(filepath.Dir(rel), tempName())
	f, err := d.create(tmp)
	if err != nil {
		return d.explain(name, err)
	}
	buf := bufio.NewWriter(f)
	err = errors.Join(write(buf), buf.Flush(), f.Close())
	if err == nil {
		err = d.root.Rename(tmp, rel)
	}
	if err != nil {
		return errors.Join(d.explain(name, err), d.root.Remove(tmp))
	}
	return nil
}

// WriteFile is [Dir.Replace] with the content.
func (d *Dir) WriteFile(name string, data []byte) error {
	return d.Replace(name, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// create makes a new file that is like the files around it.
func (d *Dir) create(rel string) (*os.File, error) {
	like := d.Like(rel)
	f, err := d.root.OpenFile(rel, os.O_RDWR|os.O_CREATE|os.O_EXCL, like.Mode)
	if err != nil {
		return nil, err
	}
	if err := like.Put(f); err != nil {
		return nil, errors.Join(err, f.Close(), d.root.Remove(rel))
	}
	return f, nil
}

// Append opens a file to read it and to write behind what it has, and makes it where there is
// none.
func (d *Dir) Append(name string, most Bound) (*os.File, error) {
	f, err := d.Update(name, most)
	if errors.Is(err, fs.ErrNotExist) {
		if f, err = d.Create(name); errors.Is(err, fs.ErrExist) {
			return d.Update(name, most)
		}
	}
	return f, err
}

// Mkdir makes a directory, unless there is one, and those above it.
func (d *Dir) Mkdir(name string) error {
	rel, err := d.writable(name)
	if err != nil || rel == "." {
		return err
	}
	if info, err := d.root.Lstat(rel); err == nil {
		if !info.IsDir() {
			return &UnfitError{name, "is not a directory"}
		}
		return nil
	}
	if err := d.Mkdir(filepath.Dir(rel)); err != nil {
		return err
	}
	like := d.Like(rel)
	if err := d.root.Mkdir(rel, like.DirMode); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return d.explain(name, err)
	}
	d.Adopt(rel, like)
	return nil
}

// Adopt gives a new directory the owner and the permissions of what is around it, as far as the
// process may.
func (d *Dir) Adopt(rel string, like Likeness) {
	if like.owner == nil { // the umask of the user says what it is
		return
	}
	if info, err := d.root.Lstat(rel); err == nil && info.IsDir() && info.Mode().Perm() != like.DirMode {
		_ = d.root.Chmod(rel, like.DirMode)
	}
	_ = d.root.Lchown(rel, like.owner.uid, like.owner.gid)
}

// Remove removes a file or an empty directory. Where there is neither, it does nothing.
func (d *Dir) Remove(name string) error {
	rel, err := d.writable(name)
	if err != nil {
		return err
	}
	if err := d.root.Remove(rel); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return d.explain(name, err)
	}
	return nil
}

// RemoveAll removes a directory with all that is in it, without following a link, also where
// somebody took away the permission to do so.
func (d *Dir) RemoveAll(name string) error {
	rel, err := d.writable(name)
	if err != nil {
		return err
	}
	if err := d.root.RemoveAll(rel); err == nil {
		return nil
	}
	d.open700(rel)
	return d.explain(name, d.root.RemoveAll(rel))
}

// open700 makes directories such that what is in them can be removed.
func (d *Dir) open700(rel string) {
	if info, err := d.root.Lstat(rel); err != nil || !info.IsDir() {
		return
	}
	_ = d.root.Chmod(rel, 0o700)
	list, _ := d.ReadDir(rel)
	for _, e := range list {
		if e.IsDir() {
			d.open700(filepath.Join(rel, e.Name()))
		}
	}
}

// A Likeness is what a new file takes from those around it.
type Likeness struct {
	Mode, DirMode fs.FileMode
	owner         *owner // nil where there are no owners, or what is around is anybody's
}

// Like returns the mode and owner for a new file. It takes them from the first regular file in
// the same directory that is no program, else from the nearest directory above that has one;
// where there is none, it takes the owner of the directory. In a directory like /tmp, where
// everybody may make files, it takes nothing from the files of others, and nobody else may write
// what is made.
func (d *Dir) Like(name string) Likeness {
	rel, err := d.local(name)
	if err != nil {
		return Likeness{Mode: 0o644, DirMode: 0o755}
	}
	dir := filepath.Dir(rel)
	if known, ok := d.likes.Load(dir); ok {
		return known.(Likeness) // a rollout writes thousands of files into one directory
	}
	like := d.like(rel)
	d.likes.Store(dir, like)
	return like
}

func (d *Dir) like(rel string) Likeness {
	out := Likeness{Mode: 0o644, DirMode: 0o755}
	for dir := filepath.Dir(rel); ; dir = filepath.Dir(dir) {
		var common *owner // whose directory it is, where everybody may make files
		if info, err := d.root.Stat(dir); err == nil {
			if info.Mode()&fs.ModeSticky != 0 && info.Mode()&0o002 != 0 {
				common = ownerOf(info)
			}
			if out.owner == nil && common == nil {
				out.owner, out.DirMode = ownerOf(info), info.Mode().Perm()|0o700
			}
		}
		list, _ := d.ReadDir(dir)
		for _, e := range list {
			// What a run keeps beside the files has the mode that the umask of whoever runs it gives.
			if !e.Type().IsRegular() || strings.HasPrefix(e.Name(), tempPrefix) {
				continue
			}
			info, err := d.root.Lstat(filepath.Join(dir, e.Name()))
			if err != nil || info.Mode()&0o111 != 0 || common != nil && *ownerOf(info) != *common {
				continue
			}
			out.Mode, out.owner = info.Mode().Perm()|0o600, ownerOf(info)
			if common != nil {
				out.Mode &^= 0o022
			}
			return out
		}
		if dir == "." {
			return out
		}
	}
}

// Put gives a new file these attributes. Another owner is tried for and not insisted on: only
// a privileged process may give files away.
func (l Likeness) Put(f *os.File) error {
	if l.owner == nil {
		return nil
	}
	_ = f.Chown(l.owner.uid, l.owner.gid)
	info, err := f.Stat()
	if err != nil || info.Mode().Perm() == l.Mode {
		return err
	}
	return f.Chmod(l.Mode)
}

// An owner is a user and a group.
type owner struct{ uid, gid int }

func (o *owner) String() string { return fmt.Sprintf("%d:%d", o.uid, o.gid) }

// Sync writes the names in the directory to disk, on systems that can do that.
func (d *Dir) Sync() {
	if f, err := d.root.Open("."); err == nil {
		_ = f.Sync()
		f.Close()
	}
}

// Create makes a file, which must not be there, to be written and read.
func (d *Dir) Create(name string) (*os.File, error) {
	rel, err := d.writable(name)
	if err != nil {
		return nil, err
	}
	f, err := d.create(rel)
	return f, d.explain(name, err)
}

// Update opens a file that is there, by its own name and not by a link, to be written and
// read.
func (d *Dir) Update(name string, most Bound) (*os.File, error) {
	rel, err := d.writable(name)
	if err != nil {
		return nil, err
	}
	if info, err := d.root.Lstat(rel); err != nil {
		return nil, d.explain(name, err)
	} else if info.Mode()&fs.ModeSymlink != 0 {
		return nil, &UnfitError{name, "is a symbolic link, and what is recorded goes into a file of its own"}
	}
	return d.open(name, os.O_RDWR, most)
}

// Chmod sets the permissions of a file.
func (d *Dir) Chmod(name string, mode fs.FileMode) error {
	rel, err := d.writable(name)
	if err != nil {
		return err
	}
	return d.explain(name, d.root.Chmod(rel, mode))
}
