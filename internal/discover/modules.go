package discover

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// Modules returns the directories at or below dir that have a go.mod. Like the go command it leaves out
// vendor, testdata and names that begin with a dot or an underscore.
func Modules(dir string) ([]string, error) {
	var roots []string
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			if name == dir {
				return fmt.Errorf("cannot read %s: %w", dir, err)
			}
			return nil // a directory that nobody may read has no module for us
		}
		base := d.Name()
		switch {
		case d.IsDir() && name != dir && (base == "vendor" || base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")):
			return filepath.SkipDir
		case !d.IsDir() && base == "go.mod":
			roots = append(roots, filepath.Dir(name))
		}
		return nil
	})
	return roots, err
}

// DependenciesFirst orders modules, given by their root directories, so that each comes after those that it replaces by
// their directories. Cycles, which the go command allows, are left as they come.
func DependenciesFirst(roots []string) []string {
	var out []string
	state := map[string]int{}
	var visit func(root string)
	visit = func(root string) {
		if state[root]++; state[root] > 1 {
			return
		}
		for _, dep := range LocalReplaces(root) {
			if slices.Contains(roots, dep) {
				visit(dep)
			}
		}
		out = append(out, root)
	}
	for _, root := range roots {
		visit(root)
	}
	return out
}

// LocalReplaces returns the directories that the go.mod in a directory replaces modules by.
func LocalReplaces(root string) []string {
	data, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return nil
	}
	file, err := modfile.Parse("go.mod", data, nil)
	if err != nil {
		return nil
	}
	var dirs []string
	for _, replace := range file.Replace {
		if replace.New.Version != "" {
			continue
		}
		dir := filepath.FromSlash(replace.New.Path)
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(root, dir)
		}
		dirs = append(dirs, filepath.Clean(dir))
	}
	return dirs
}

// Dependants returns those of some modules that replace one in root by its directory, or
// one that does, each after those that it replaces. All are root directories.
func Dependants(root string, modules []string) []string {
	depends := map[string]bool{root: true}
	for grown := true; grown; {
		grown = false
		for _, m := range modules {
			if !depends[m] && slices.ContainsFunc(LocalReplaces(m), func(dir string) bool { return depends[dir] }) {
				depends[m], grown = true, true
			}
		}
	}
	delete(depends, root)
	var out []string
	for _, m := range DependenciesFirst(modules) {
		if depends[m] {
			out = append(out, m)
		}
	}
	return out
}
