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

	"etcdmod/internal/quote"
	"etcdmod/internal/verify/shadow"
)

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
	c.roots = importers(c.pkgs, seeds)
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
	for name := range c.shadow.Edits() {
		if filepath.Ext(name) == ".go" {
			dirs[filepath.Dir(name)] = true
		}
	}
	matched := map[string]bool{}
	for _, p := range c.pkgs {
		named := false
		for _, pattern := range p.Match {
			matched[pattern] = matched[pattern] || p.Dir != ""
			named = named || slices.Contains(c.patterns, pattern)
		}
		if p.Dir != "" && p.ForTest == "" && (named || dirs[p.Dir]) {
			c.changed[p.Home()] = true
		}
	}
	for _, pattern := range c.patterns {
		if !matched[pattern] {
			return fmt.Errorf("no package matches %s in %s, with the edits", quote.Name(pattern), quote.Name(c.shadow.Root()))
		}
	}
	return nil
}

// requirementsChanged reports whether the edits can move packages to another
// version of their module.
func (c *checker) requirementsChanged() bool {
	for name, data := range c.shadow.Edits() {
		switch filepath.Base(name) {
		case "go.mod", "go.sum", "go.work", "go.work.sum", "modules.txt":
			if old, err := c.before.Read(name); err != nil || !bytes.Equal(old, data) {
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
	was := map[string]string{}
	before, err := c.before.List(ctx)
	if ctx.Err() != nil {
		return err
	}
	for _, p := range before {
		was[p.ImportPath] = origin(p)
	}
	for _, p := range c.pkgs {
		if from, ok := was[p.ImportPath]; !p.Standard && (!ok || from != origin(p)) {
			seeds[p.Home()] = true
		}
	}
	return nil
}

// origin tells where a package comes from and for which go line it is compiled.
func origin(p *shadow.Package) string {
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
func importers(pkgs []*shadow.Package, seeds map[string]bool) []string {
	importedBy := map[string][]*shadow.Package{}
	var reached []*shadow.Package
	for _, p := range pkgs {
		for _, path := range p.Imports {
			importedBy[path] = append(importedBy[path], p)
		}
		if seeds[p.Home()] {
			reached = append(reached, p)
		}
	}
	roots := map[string]bool{}
	seen := map[*shadow.Package]bool{}
	for len(reached) > 0 {
		p := reached[len(reached)-1]
		reached = reached[:len(reached)-1]
		if seen[p] {
			continue
		}
		seen[p] = true
		reached = append(reached, importedBy[p.ImportPath]...)
		if p.Main() {
			roots[p.Home()] = true
			if p.ForTest != "" {
				roots[p.ForTest] = true // p compiled for the tests of another package
			}
		}
	}
	return slices.Sorted(maps.Keys(roots))
}
