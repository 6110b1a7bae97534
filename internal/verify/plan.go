package verify

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// path gives the import path without the test variant: "p", "p_test" or "p.test".
func (p *pkg) path() string {
	id, _, _ := strings.Cut(p.ImportPath, " ")
	return id
}

// home gives the import path of the package to whose files or tests p belongs.
func (p *pkg) home() string {
	if p.ForTest != "" && p.path() == p.ForTest+"_test" {
		return p.ForTest
	}
	if p.testMain() {
		return strings.TrimSuffix(p.path(), ".test")
	}
	return p.path()
}

// testMain reports whether p is the main package that "go test" generates.
func (p *pkg) testMain() bool {
	return p.Name == "main" && p.ForTest == "" && strings.HasSuffix(p.ImportPath, ".test") &&
		(len(p.GoFiles) == 0 || filepath.IsAbs(p.GoFiles[0])) // in the build cache
}

// main reports whether p belongs to a main module.
func (p *pkg) main() bool { return p.Module != nil && p.Module.Main }

// files gives the absolute paths of the Go files.
func (p *pkg) files() []string {
	var names []string
	for _, list := range [][]string{p.GoFiles, p.CgoFiles} {
		for _, name := range list {
			names = append(names, absolute(p.Dir, name))
		}
	}
	return names
}

// plan finds the changed packages and the ones to compile.
func (c *checker) plan(ctx context.Context) error {
	if err := c.findChanged(); err != nil {
		return err
	}
	seeds := maps.Clone(c.changed)
	if c.requirementsChanged() {
		if err := c.addMoved(ctx, seeds); err != nil {
			return err
		}
	}
	c.roots = importers(c.after.pkgs, seeds)
	c.result.Checked = c.roots
	return nil
}

// cleanPatterns spells patterns as the go command does when it says what matched.
func cleanPatterns(patterns []string) []string {
	var clean []string
	for _, p := range patterns {
		switch {
		case filepath.IsAbs(p):
			p = filepath.Clean(p)
		case p == "." || strings.HasPrefix(p, "./"):
			if p = path.Clean(p); p != "." {
				p = "./" + p
			}
		default:
			p = path.Clean(p)
		}
		clean = append(clean, p)
	}
	return clean
}

// findChanged resolves the packages of the request, and adds those of the overlay.
func (c *checker) findChanged() error {
	c.changed = map[string]bool{}
	dirs := map[string]bool{}
	for name := range c.edits {
		if filepath.Ext(name) == ".go" {
			dirs[filepath.Dir(name)] = true
		}
	}
	matched := map[string]bool{}
	for _, p := range c.after.pkgs {
		named := false
		for _, pattern := range p.Match {
			matched[pattern] = matched[pattern] || p.Dir != ""
			named = named || slices.Contains(c.patterns, pattern)
		}
		if p.Dir != "" && p.ForTest == "" && (named || dirs[p.Dir]) {
			c.changed[p.home()] = true
		}
	}
	for _, pattern := range c.patterns {
		if !matched[pattern] {
			return fmt.Errorf("no package matches %s in %s, with the edits", pattern, c.settings.root)
		}
	}
	return nil
}

// requirementsChanged reports whether the edits can move packages to another
// version of their module.
func (c *checker) requirementsChanged() bool {
	for name, data := range c.edits {
		switch filepath.Base(name) {
		case "go.mod", "go.sum", "go.work", "go.work.sum", "modules.txt":
			if old, err := c.base.read(name); err != nil || !bytes.Equal(old, data) {
				return true
			}
		}
	}
	return false
}

// addMoved adds the packages that come from another place than before the edits,
// or are compiled for another version of the language. When the original cannot be
// loaded there is nothing to compare with, and every package counts.
func (c *checker) addMoved(ctx context.Context, seeds map[string]bool) error {
	origin := map[string]string{}
	before, err := c.list(ctx, c.before)
	if ctx.Err() != nil {
		return err
	}
	for _, p := range before {
		origin[p.ImportPath] = p.origin()
	}
	for _, p := range c.after.pkgs {
		if was, ok := origin[p.ImportPath]; !p.Standard && (!ok || was != p.origin()) {
			seeds[p.home()] = true
		}
	}
	return nil
}

// origin tells where a package comes from and for which go line it is compiled.
func (p *pkg) origin() string {
	m := p.Module
	if m == nil {
		return p.Dir
	}
	if m.Replace != nil {
		return fmt.Sprint(m.Path, m.Version, m.Replace.Path, m.Replace.Version, m.GoVersion)
	}
	return fmt.Sprint(m.Path, m.Version, m.GoVersion)
}

// importers gives the import paths of all packages of the main modules that are
// seeds, or import one through whatever is between, or have a test that does.
func importers(pkgs []*pkg, seeds map[string]bool) []string {
	importedBy := map[string][]*pkg{}
	var reached []*pkg
	for _, p := range pkgs {
		for _, path := range p.Imports {
			importedBy[path] = append(importedBy[path], p)
		}
		if seeds[p.home()] {
			reached = append(reached, p)
		}
	}
	roots := map[string]bool{}
	seen := map[*pkg]bool{}
	for len(reached) > 0 {
		p := reached[len(reached)-1]
		reached = reached[:len(reached)-1]
		if seen[p] {
			continue
		}
		seen[p] = true
		reached = append(reached, importedBy[p.ImportPath]...)
		if p.main() {
			roots[p.home()] = true
			if p.ForTest != "" {
				roots[p.ForTest] = true // p compiled for the tests of another package
			}
		}
	}
	return slices.Sorted(maps.Keys(roots))
}

// closure gives the packages that the named ones and their tests need.
func closure(pkgs []*pkg, named map[string]bool) []*pkg {
	byPath := map[string]*pkg{}
	var todo []*pkg
	for _, p := range pkgs {
		byPath[p.ImportPath] = p
		if named[p.home()] && (p.ForTest == "" || p.ForTest == p.home()) {
			todo = append(todo, p)
		}
	}
	seen := map[*pkg]bool{}
	var all []*pkg
	for len(todo) > 0 {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if p == nil || seen[p] {
			continue
		}
		seen[p] = true
		all = append(all, p)
		for _, path := range p.Imports {
			todo = append(todo, byPath[path])
		}
	}
	return all
}
