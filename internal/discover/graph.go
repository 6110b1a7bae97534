package discover

import "sort"

// Importers returns the packages that import one of the paths, and all packages of the
// module that import those, directly or not, in order.
func (m *Module) Importers(paths ...string) []*Package {
	importedBy := map[string][]*Package{}
	for _, p := range m.Packages {
		for imp := range p.Imports {
			importedBy[imp] = append(importedBy[imp], p)
		}
	}
	chosen := map[string]bool{}
	var out []*Package
	for queue := append([]string(nil), paths...); len(queue) > 0; queue = queue[1:] {
		for _, p := range importedBy[queue[0]] {
			if !chosen[p.Path] {
				chosen[p.Path] = true
				out = append(out, p)
				queue = append(queue, p.Path)
			}
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Path < out[j].Path })
	return out
}

// WithDependencies returns the packages with all packages of the module that they import,
// directly or not, in order.
func (m *Module) WithDependencies(packages []*Package) (out []*Package) {
	seen := map[*Package]bool{}
	var add func(p *Package)
	add = func(p *Package) {
		if p == nil || seen[p] {
			return
		}
		seen[p] = true
		out = append(out, p)
		for imp := range p.Imports {
			add(m.Packages[imp])
		}
	}
	for _, p := range packages {
		add(p)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Path < out[j].Path })
	return out
}

// Importing returns the packages that import one of the paths themselves, in order.
func (m *Module) Importing(paths ...string) (out []*Package) {
	for _, p := range m.Packages {
		for _, path := range paths {
			if p.Imports[path] {
				out = append(out, p)
				break
			}
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Path < out[j].Path })
	return out
}

// Mentions reports whether one of the words occurs in the files of the package.
func (p *Package) Mentions(words ...string) bool {
	for _, word := range words {
		if p.Mention[word] {
			return true
		}
	}
	return false
}
