// Package rooted reads and writes files below one directory.
//
// It takes a directory that the user named, and names below it that anybody may have
// chosen. It gives contents, or an error that says what is there instead. It follows
// symbolic links only as long as they stay in the directory, opens nothing but regular
// files with one name, never waits for whoever is at the other end of a pipe, never reads
// more than a bound, and never writes into a git directory. All of that holds whatever
// somebody does to the tree meanwhile.
//
// What it makes belongs to whom the files around it belong to.
package rooted

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"etcdmod/internal/pathname"
	"etcdmod/internal/quote"
)

// A Bound says how many bytes of a kind of file are read at most. More than that is not
// what the file is for.
type Bound int64

// The kinds of files.
const (
	GoFile   Bound = 32 << 20
	ModFile  Bound = 16 << 20  // go.mod, go.work, vendor/modules.txt
	SumFile  Bound = 64 << 20  // go.sum, go.work.sum
	LockFile Bound = 4 << 20   // of other dependency tools
	Setting  Bound = 1 << 20   // .etcdmod.yaml, what git keeps in files of its own
	Owners   Bound = 3 << 20   // CODEOWNERS; GitHub reads no bigger one either
	Patch    Bound = 256 << 20 // and what is made of it
	Index    Bound = 1 << 30   // what a rollout or a journal says of thousands of modules
	Content  Bound = 512 << 20 // any file of a module: the go command takes no bigger module
	Summed   Bound = 640 << 20 // any file of which only a checksum is wanted
)

// compiled reports whether the go command reads files of the kind. Whole trees are copied by
// links (cp -al, build caches), and what is compiled anyway is read; nothing is written to it. Nor does
// anybody see more than a checksum of what is summed.
func (b Bound) compiled() bool { return b == GoFile || b == ModFile || b == SumFile || b == Summed }

// An UnfitError is a file that is not what it has to be to be read or written.
type UnfitError struct {
	Path string // as the caller names it
	Why  string
}

func (e *UnfitError) Error() string { return quote.Name(e.Path) + " " + e.Why }

// A Dir is a directory below which files are read and written. Its methods take names that
// are absolute and below it, or relative to it; they may be used concurrently.
type Dir struct {
	name string // as it was opened
	root *os.Root

	likes sync.Map // Likeness by directory
}

// Open opens a directory. Symbolic links on the way to it are the user's, and are followed.
func Open(dir string) (*Dir, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &Dir{name: dir, root: root}, nil
}

// Make opens a directory that the user named, and makes it where there is none: what it makes
// is like what is above.
func Make(dir string) (*Dir, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	have := dir
	for {
		if _, err := os.Stat(have); err == nil || have == filepath.Dir(have) {
			break
		}
		have = filepath.Dir(have)
	}
	d, err := Open(have)
	if err != nil || have == dir {
		return d, err
	}
	defer d.Close()
	if err := d.Mkdir(dir); err != nil {
		return nil, err
	}
	return Open(dir)
}

// Close closes it.
func (d *Dir) Close() error { return d.root.Close() }

// Name returns the directory as it was opened.
func (d *Dir) Name() string { return d.name }

// Path returns the absolute name of a file, if that of the directory is absolute.
func (d *Dir) Path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(d.name, name)
}

// local makes a name relative.
func (d *Dir) local(name string) (string, error) {
	rel := filepath.FromSlash(name)
	if filepath.IsAbs(rel) {
		var err error
		if rel, err = filepath.Rel(d.name, rel); err != nil {
			return "", &UnfitError{name, "is not below " + quote.Name(d.name)}
		}
	}
	if rel != "." && !filepath.IsLocal(rel) {
		return "", &UnfitError{name, "is not below " + quote.Name(d.name)}
	}
	return rel, nil
}

// explain says in words what the operating system or package os refused.
func (d *Dir) explain(name string, err error) error {
	var pe *fs.PathError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &pe) && strings.Contains(pe.Err.Error(), "escapes"):
		return &UnfitError{name, "leads out of " + quote.Name(d.name) + " by a symbolic link, which is not followed"}
	case errors.As(err, &pe):
		return &fs.PathError{Op: pe.Op, Path: d.Path(name), Err: pe.Err}
	}
	return err
}

// unfound is [Dir.explain] for what is only looked for: below a file there is nothing.
func (d *Dir) unfound(name string, err error) error {
	if errors.Is(err, syscall.ENOTDIR) {
		return &fs.PathError{Op: "open", Path: d.Path(name), Err: fs.ErrNotExist}
	}
	return d.explain(name, err)
}

// Stat describes a file; a symbolic link that stays in the directory is followed.
func (d *Dir) Stat(name string) (fs.FileInfo, error) {
	rel, err := d.local(name)
	if err != nil {
		return nil, err
	}
	info, err := d.root.Stat(rel)
	return info, d.unfound(name, err)
}

// Lstat describes what is there by that name.
func (d *Dir) Lstat(name string) (fs.FileInfo, error) {
	rel, err := d.local(name)
	if err != nil {
		return nil, err
	}
	info, err := d.root.Lstat(rel)
	return info, d.unfound(name, err)
}

// ReadDir lists a directory in the order of the names. What was read before an error is
// part of the list.
func (d *Dir) ReadDir(name string) ([]fs.DirEntry, error) {
	rel, err := d.local(name)
	if err != nil {
		return nil, err
	}
	if info, err := d.root.Stat(rel); err != nil {
		return nil, d.unfound(name, err)
	} else if !info.IsDir() {
		return nil, &UnfitError{name, "is not a directory"}
	}
	f, err := d.root.OpenFile(rel, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, d.explain(name, err)
	}
	defer f.Close()
	list, err := f.ReadDir(-1)
	sortEntries(list)
	return list, d.explain(name, err)
}

// Check reports why a file cannot be read by [Dir.ReadFile], without reading it.
func (d *Dir) Check(name string, most Bound) error {
	rel, err := d.local(name)
	if err != nil {
		return err
	}
	info, err := d.root.Stat(rel)
	if err != nil {
		return d.unfound(name, err)
	}
	return fit(name, info, most)
}

// fit reports why a file is not one to be read.
func fit(name string, info fs.FileInfo, most Bound) error {
	mode := info.Mode()
	switch {
	case mode.IsDir():
		return &UnfitError{name, "is a directory, not a file"}
	case mode&fs.ModeNamedPipe != 0:
		return &UnfitError{name, "is a named pipe, not a file"}
	case mode&fs.ModeSocket != 0:
		return &UnfitError{name, "is a socket, not a file"}
	case mode&fs.ModeDevice != 0:
		return &UnfitError{name, "is a device, not a file"}
	case !mode.IsRegular():
		return &UnfitError{name, "is not a regular file"}
	case !most.compiled() && links(info) > 1:
		return &UnfitError{name, fmt.Sprintf("has %d names (hard links), so that it may be a file of somebody else; make it one of its own: cp it, and mv the copy over it", links(info))}
	case info.Size() > int64(most):
		return &UnfitError{name, fmt.Sprintf("has %d bytes, and no more than %d are read of a file of its kind", info.Size(), most)}
	}
	return nil
}

// open opens a regular file.
func (d *Dir) open(name string, flag int, most Bound) (*os.File, error) {
	rel, err := d.local(name)
	if err != nil {
		return nil, err
	}
	// To open a device can do something by itself, so it is looked at first.
	info, err := d.root.Stat(rel)
	if err != nil {
		return nil, d.unfound(name, err)
	}
	if err := fit(name, info, most); err != nil {
		return nil, err
	}
	f, err := d.root.OpenFile(rel, flag|nonblock, 0)
	if err != nil {
		return nil, d.explain(name, err)
	}
	if info, err = f.Stat(); err == nil {
		err = fit(name, info, most)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Open opens a file to be read, as [Dir.ReadFile] does; whoever reads it goes no further than the bound.
func (d *Dir) Open(name string, most Bound) (*os.File, error) { return d.open(name, os.O_RDONLY, most) }

// ReadFile reads a file. The error is an [UnfitError] where it is nothing to be read, and
// wraps [fs.ErrNotExist] where there is none.
func (d *Dir) ReadFile(name string, most Bound) ([]byte, error) {
	f, err := d.open(name, os.O_RDONLY, most)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Read(f, name, most)
}

// Read reads all of a stream, which has a name for messages, up to a bound.
func Read(r io.Reader, name string, most Bound) ([]byte, error) {
	size := int64(512)
	if f, ok := r.(*os.File); ok {
		if info, err := f.Stat(); err == nil {
			size = min(info.Size(), int64(most)) + 512
		}
	}
	// What says that it is short may be long: files in /proc, or one that grows.
	data := make([]byte, 0, size)
	for limited := io.LimitReader(r, int64(most)+1); ; {
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
		n, err := limited.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if len(data) > int(most) {
			return nil, &UnfitError{name, fmt.Sprintf("has more than %d bytes, which is more than is read of a file of its kind", most)}
		}
		if err == io.EOF {
			return data, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// ReadFile reads one file below a directory.
func ReadFile(dir, name string, most Bound) ([]byte, error) {
	d, err := Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.ReadFile(name, most)
}

// ReadNamed reads a file that the user has named on the command line or in the environment,
// or that the go command has: its links are followed, and it may have several names, as in a
// module cache. It is bounded and nothing else than a file.
func ReadNamed(name string, most Bound) ([]byte, error) {
	f, err := OpenNamed(name, most)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Read(f, name, most)
}

// OpenNamed opens a file as [ReadNamed] does, for who needs no more than its beginning.
func OpenNamed(name string, most Bound) (*os.File, error) {
	info, err := os.Stat(name)
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: pe.Err}
	} else if err != nil {
		return nil, err
	}
	if err := fit(name, single{info}, most); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err == nil {
		err = fit(name, single{info}, most)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// FitNamed reports why a file is not one that [ReadNamed] reads, without opening it.
func FitNamed(name string, info fs.FileInfo, most Bound) error { return fit(name, single{info}, most) }

// A single is a file whose names are not counted.
type single struct{ fs.FileInfo }

func (single) Sys() any { return nil }

// writable reports why nothing is written by a name.
func (d *Dir) writable(name string) (string, error) {
	rel, err := d.local(name)
	if err != nil {
		return "", err
	}
	if pathname.HasGit(rel) {
		return "", &UnfitError{name, "is in a git directory, where nothing is written"}
	}
	return rel, nil
}
