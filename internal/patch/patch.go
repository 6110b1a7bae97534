// Package patch renders changed files as one patch in git's format.
//
// It takes files before and after, as bytes in memory, and gives a patch that
// `git apply` and `git apply -R` take: bytes for a program, or the same text in
// colour for a person. The same input gives the same bytes, on every machine
// and under any load: there is no clock and no map order in it. A patch that
// does not rebuild both sides byte for byte is an error and is never given out.
//
// It never reads or writes a file, and never asks whether the output is a terminal.
//
// The way of a file through the package is one line, a step per source file:
//
//	lines → match (with probe and anchor) → slide → hunk → check → print
package patch

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"etcdmod/internal/change"
	"etcdmod/internal/pathname"
)

// A Stat is the size of one file's change, in lines.
type Stat struct {
	Path           string
	Added, Removed int
}

// Unified gives the patch for changes, sorted by path, generated files last. A file that
// does not change is left out; when none does, the patch is nil. Errors are paths that git would
// not take or that occur twice, flags that contradict the content, and a patch
// that does not rebuild what it was made from.
func Unified(changes []change.Change) ([]byte, error) {
	var buf bytes.Buffer
	if err := render(&buf, changes, nil); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// Colour writes the patch that Unified gives, with escape sequences around its
// parts: colours as git chooses them, and reversed what changed within a pair of
// lines. It always colours; whether w wants it is for the caller to know. Without
// the sequences, the text is byte for byte that of Unified. On an error of
// Unified's nothing is written.
func Colour(w io.Writer, changes []change.Change) error {
	var buf bytes.Buffer
	if err := render(&buf, changes, newPalette()); err != nil {
		return err
	}
	_, err := w.Write(buf.Bytes())
	return err
}

// Stats gives the number of lines that the patch adds and removes, for each file
// in it and in its order. Its errors are those of Unified.
func Stats(changes []change.Change) ([]Stat, error) {
	files, err := plan(changes)
	if err != nil {
		return nil, err
	}
	var stats []Stat
	for _, f := range files {
		s := Stat{Path: f.Path}
		for _, h := range f.hunks {
			for _, l := range h.lines {
				switch l.op {
				case opDelete:
					s.Removed++
				case opInsert:
					s.Added++
				}
			}
		}
		stats = append(stats, s)
	}
	return stats, nil
}

func render(buf *bytes.Buffer, changes []change.Change, colours *palette) error {
	files, err := plan(changes)
	if err != nil {
		return err
	}
	p := printer{buf: buf, colours: colours}
	for _, f := range files {
		p.file(f)
	}
	return nil
}

// A fileDiff is a changed file and the hunks that change it.
type fileDiff struct {
	change.Change
	hunks []hunk
}

// plan checks, sorts and diffs changes.
func plan(changes []change.Change) ([]fileDiff, error) {
	sorted := slices.Clone(changes)
	slices.SortFunc(sorted, func(a, b change.Change) int {
		if a.Generated != b.Generated {
			if a.Generated {
				return 1
			}
			return -1
		}
		return cmp.Compare(a.Path, b.Path)
	})
	seen := map[string]bool{}

	var files []fileDiff
	for _, c := range sorted {
		if err := check(c); err != nil {
			return nil, fmt.Errorf("patch: path %q: %w", c.Path, err)
		}
		if seen[c.Path] {
			return nil, fmt.Errorf("patch: path %q: given twice; merge the changes of one file into one Change", c.Path)
		}
		seen[c.Path] = true
		if !c.Created && !c.Deleted && bytes.Equal(c.Old, c.New) {
			continue // unchanged
		}
		old, new := splitLines(c.Old), splitLines(c.New)
		edits := diff(old, new)
		slide(old, new, edits)
		hunks := group(old, new, edits)
		if err := checkHunks(hunks, old, new); err != nil {
			return nil, fmt.Errorf("patch: path %q: %w; this is a bug, nothing was given out", c.Path, err)
		}
		files = append(files, fileDiff{Change: c, hunks: hunks})
	}
	return files, nil
}

// check reports what git would refuse or this package would get wrong.
func check(c change.Change) error {
	switch {
	case c.Path == "":
		return errors.New("empty path")
	case strings.ContainsRune(c.Path, 0):
		return errors.New("a NUL byte cannot be in a path")
	case path.IsAbs(c.Path), path.Clean(c.Path) != c.Path, c.Path == ".", c.Path == "..", strings.HasPrefix(c.Path, "../"):
		return errors.New("not a clean, slash-separated path below the directory that the patch is applied in")
	case slices.ContainsFunc(strings.Split(c.Path, "/"), pathname.IsGit):
		return errors.New("git does not apply patches inside .git")
	case c.Created && c.Deleted:
		return errors.New("both created and deleted")
	case c.Created && len(c.Old) > 0:
		return errors.New("created, yet it had content before")
	case c.Deleted && len(c.New) > 0:
		return errors.New("deleted, yet it has content after")
	}
	return nil
}
