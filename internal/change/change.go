// Package change has the one form in which etcdmod hands on what it changes: files before
// and after, as bytes in memory. It never reads or writes a file.
package change

import (
	"bytes"
	"maps"
	"slices"

	"etcdmod/internal/finding"
)

// A Change is one file before and after.
type Change struct {
	// Path is absolute while the change is made; a patch has it slash-separated and
	// relative to the directory in which it will be applied.
	Path string
	// Old is what the file holds before. It is empty when Created is set.
	Old []byte
	// New is what the file will hold. It is empty when Deleted is set.
	New []byte
	// Created says that there is no such file before. Only this flag says so: an Old of no
	// bytes alone means an empty file.
	Created bool
	// Deleted says that there is no such file after.
	Deleted bool
	// Executable makes the mode of a created or deleted file 100755 instead of 100644. A
	// modified file keeps its mode.
	Executable bool
	// Generated says that the file is one of the helper package, which nobody writes by hand:
	// it comes last in a patch, and reviewers may verify it in place of reading it.
	Generated bool
	// Findings are those whose rewrite changes the file; none for the helper's own files
	// and for those of a bump.
	Findings []*finding.Finding
}

// At returns the change under another path, as a patch has it.
func (c Change) At(path string) Change {
	c.Path = path
	return c
}

// Compose returns the changes that do at once what the second do after the first, sorted by path
// where there are any of the first. A file that both change is in it once, or not at all where it
// ends as it was.
func Compose(first, second []Change) []Change {
	if len(first) == 0 {
		return second
	}
	all := map[string]Change{}
	for _, c := range first {
		all[c.Path] = c
	}
	for _, c := range second {
		if was, ok := all[c.Path]; ok {
			c.Old, c.Created = was.Old, was.Created
			if c.Created && c.Deleted || c.Created == c.Deleted && bytes.Equal(c.Old, c.New) {
				delete(all, c.Path)
				continue
			}
		}
		all[c.Path] = c
	}
	var out []Change
	for _, path := range slices.Sorted(maps.Keys(all)) {
		out = append(out, all[path])
	}
	return out
}
