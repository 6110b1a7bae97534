package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"etcdmod/internal/change"
	"etcdmod/internal/pathname"
	"etcdmod/internal/quote"
)

// A target is a change that was found fit to be written.
type target struct {
	change.Change
	name  string // relative to the root, symbolic links resolved
	attrs *attrs // of the present file; nil for a new one
}

// check looks at every file and changes nothing. It returns those whose
// content would change, and the directories that have to be made, parents first.
func (t *tree) check(files []change.Change) ([]target, []string, error) {
	var targets []target
	var dirs []string
	names := map[string]string{} // resolved name -> path that it was given as
	newDirs := map[string]bool{}
	var infos []fs.FileInfo // of targets[i], nil for new ones

	for _, f := range files {
		if err := wellFormed(f.Path); err != nil {
			return nil, nil, err
		}
		if f.Created && f.Deleted {
			return nil, nil, &TargetError{Path: f.Path, Reason: "cannot be created and removed at once"}
		}
		tg := target{Change: f}
		var info fs.FileInfo
		var err error
		if f.Created {
			var missing []string
			tg.name, missing, err = t.checkNew(f)
			for _, d := range missing {
				if !newDirs[d] {
					newDirs[d] = true
					dirs = append(dirs, d)
				}
			}
		} else {
			tg.name, info, err = t.checkPresent(f)
		}
		if err != nil {
			return nil, nil, err
		}
		if err := fitName(f.Path, tg.name); err != nil {
			return nil, nil, err
		}
		if other, ok := names[tg.name]; ok {
			return nil, nil, same(f.Path, other)
		}
		for i, other := range infos {
			// Where case does not count, a.go and A.go are one file.
			if other != nil && info != nil && os.SameFile(other, info) {
				return nil, nil, same(f.Path, targets[i].Path)
			}
		}
		names[tg.name] = f.Path
		if info != nil {
			tg.attrs = attrsOf(info)
		}
		targets = append(targets, tg)
		infos = append(infos, info)
	}
	for _, d := range dirs {
		if path, ok := names[d]; ok {
			return nil, nil, &TargetError{Path: path, Reason: "another file of this run needs a directory of that name"}
		}
	}

	changed := targets[:0]
	for _, tg := range targets {
		if tg.Created || tg.Deleted || !bytes.Equal(tg.Old, tg.New) {
			changed = append(changed, tg)
		}
	}
	return changed, dirs, nil
}

func wellFormed(path string) error {
	if !filepath.IsAbs(path) || filepath.Clean(path) != path {
		// Cleaning "link/../x" here would name another file.
		return &TargetError{Path: path, Reason: "the path of a file to write must be absolute and clean"}
	}
	return nil
}

// fitName refuses names that a run cannot have.
func fitName(path, name string) error {
	switch {
	case strings.EqualFold(name, Name):
		return &TargetError{Path: path, Reason: "this is the name of the journal itself"}
	}
	if err := pathname.Check(filepath.ToSlash(name)); err != nil {
		return &TargetError{Path: path, Reason: "its name " + err.Error() + "; rename the file"}
	}
	return nil
}

func same(path, other string) error {
	reason := "is the same file as " + quote.Name(other) + "; each file may be written once"
	if path == other {
		reason = "is listed twice; each file may be written once"
	}
	return &TargetError{Path: path, Reason: reason}
}

// relative returns resolved, an absolute path without symbolic links, relative to
// the root. path is what it was resolved from.
func (t *tree) relative(path, resolved string) (string, error) {
	name, err := filepath.Rel(t.dir, resolved)
	if err == nil && filepath.IsLocal(name) {
		return name, nil
	}
	if resolved != path {
		return "", &TargetError{Path: path, Reason: fmt.Sprintf("leads to %s, which is outside %s", quote.Name(resolved), quote.Name(t.shown))}
	}
	return "", &TargetError{Path: path, Reason: "is outside " + quote.Name(t.shown)}
}

// checkPresent looks at a file that is there.
func (t *tree) checkPresent(f change.Change) (string, fs.FileInfo, error) {
	resolved, err := filepath.EvalSymlinks(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, &ChangedError{f.Path, "it was deleted"}
	}
	if err != nil {
		return "", nil, &TargetError{f.Path, "cannot be resolved", err}
	}
	name, err := t.relative(f.Path, resolved)
	if err != nil {
		return "", nil, err
	}
	info, err := t.root.Lstat(name)
	switch {
	case err != nil:
		return "", nil, &TargetError{f.Path, "cannot be examined", err}
	case info.IsDir():
		return "", nil, &TargetError{Path: f.Path, Reason: "is a directory, not a file"}
	case !info.Mode().IsRegular():
		return "", nil, &TargetError{Path: f.Path, Reason: "is not a regular file"}
	}
	// A rename needs no permission to write the file itself, but who took that
	// away meant it.
	file, err := t.root.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return "", nil, &TargetError{f.Path, "cannot be opened for writing", err}
	}
	defer file.Close()
	info, err = file.Stat()
	if err != nil {
		return "", nil, &TargetError{f.Path, "cannot be examined", err}
	}
	if !info.Mode().IsRegular() { // any more
		return "", nil, &TargetError{Path: f.Path, Reason: "is not a regular file"}
	}
	if n := links(file, info); n > 1 {
		return "", nil, &TargetError{Path: f.Path, Reason: fmt.Sprintf("has %d hard links, and replacing it would cut it off from its other names; make it a file of its own (cp it and mv the copy over it)", n)}
	}
	content, err := io.ReadAll(io.LimitReader(file, int64(len(f.Old))+1)) // more is another content
	if err != nil {
		return "", nil, &TargetError{f.Path, "cannot be read", err}
	}
	if !bytes.Equal(content, f.Old) {
		return "", nil, &ChangedError{f.Path, "its content is another one"}
	}
	return name, info, nil
}

// checkNew looks at a file that is to be created. The second result are the
// directories that it lacks, parents first.
func (t *tree) checkNew(f change.Change) (string, []string, error) {
	switch _, err := os.Lstat(f.Path); {
	case err == nil:
		return "", nil, &ChangedError{f.Path, "it exists now"}
	case !errors.Is(err, fs.ErrNotExist):
		return "", nil, &TargetError{f.Path, "cannot be created", err}
	}
	// Climb to the nearest directory that exists.
	dir, rest, lacking := filepath.Dir(f.Path), filepath.Base(f.Path), 0
	var resolved string
	for {
		var err error
		resolved, err = filepath.EvalSymlinks(dir)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", nil, &TargetError{f.Path, "cannot be created", err}
		}
		if _, err := os.Lstat(dir); err == nil {
			return "", nil, &TargetError{Path: f.Path, Reason: "cannot be created: " + quote.Name(dir) + " is a symbolic link that leads nowhere"}
		}
		dir, rest, lacking = filepath.Dir(dir), filepath.Join(filepath.Base(dir), rest), lacking+1
	}
	name, err := t.relative(f.Path, filepath.Join(resolved, rest))
	if err != nil {
		return "", nil, err
	}
	if info, err := os.Stat(resolved); err != nil || !info.IsDir() {
		return "", nil, &TargetError{f.Path, "cannot be created: " + quote.Name(dir) + " is not a directory", err}
	}
	missing := make([]string, lacking)
	for i, d := lacking-1, filepath.Dir(name); i >= 0; i, d = i-1, filepath.Dir(d) {
		missing[i] = d
	}
	return name, missing, nil
}
