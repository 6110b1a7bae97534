package modules

import (
	"path/filepath"

	"etcdmod/internal/rooted"
)

// Boundary returns the directory that files of the module or directory around name may lie
// in: the repository, else the module, else the directory of the file. It also returns the
// name of the file as it is below that. Links on the way to the module are the user's.
func Boundary(name string) (dir, file string) {
	root := Above(filepath.Dir(name))
	if root == "" {
		root = filepath.Dir(name)
	}
	real := Resolved(root)
	file = name
	if rel, err := filepath.Rel(root, name); err == nil {
		file = filepath.Join(real, rel)
	}
	if repo := Repository(real); repo != "" {
		return repo, file
	}
	return real, file
}

// ReadFile reads a file of a repository: see [rooted.Dir.ReadFile].
func ReadFile(name string, most rooted.Bound) ([]byte, error) {
	dir, file := Boundary(name)
	return rooted.ReadFile(dir, file, most)
}
