package modules

import (
	"maps"
	"path"
	"slices"
)

// Apart returns the directories, absolute and ascending, of modules that git has and that the tree
// leaves out for their names, as _tools/go.mod: somebody builds them all the same.
func (t *Tree) Apart() (dirs []string) {
	for _, dir := range slices.Sorted(maps.Keys(t.apart)) {
		if _, ok := t.Index(t.Abs(dir)); !ok && isFile(t.Abs(path.Join(dir, "go.mod"))) && Repository(t.Abs(dir)) == Repository(t.Root) {
			dirs = append(dirs, t.Abs(dir))
		}
	}
	return dirs
}
