package discover

import (
	"maps"
	"slices"
)

// Union joins what several build configurations see of one module: the files and imports
// that any of them has. What is ignored is ignored by all.
func Union(mods []*Module) *Module {
	if len(mods) == 1 {
		return mods[0]
	}
	all := *mods[0]
	all.Packages, all.Skipped = map[string]*Package{}, nil
	all.Unfit, all.Linked = nil, map[string]string{}
	for _, m := range mods {
		maps.Copy(all.Linked, m.Linked)
		all.Conditional = all.Conditional || m.Conditional
		for _, name := range m.Unfit {
			if !slices.Contains(all.Unfit, name) {
				all.Unfit = append(all.Unfit, name)
			}
		}
		for _, n := range m.Skipped {
			if !slices.Contains(all.Skipped, n) {
				all.Skipped = append(all.Skipped, n)
			}
		}
		for path, p := range m.Packages {
			u := all.Packages[path]
			if u == nil {
				u = &Package{Path: path, Dir: p.Dir, Imports: map[string]bool{}, Mention: map[string]bool{}, Bazel: p.Bazel, Apart: p.Apart, Repo: p.Repo, Ignored: p.Ignored}
				all.Packages[path] = u
			}
			u.Main = u.Main || p.Main
			maps.Copy(u.Imports, p.Imports)
			maps.Copy(u.Mention, p.Mention)
			for _, f := range p.Files {
				if !slices.Contains(u.Files, f) {
					u.Files = append(u.Files, f)
				}
			}
		}
	}
	for _, u := range all.Packages {
		slices.Sort(u.Files)
		u.Ignored = slices.DeleteFunc(slices.Clone(u.Ignored), func(f Ignored) bool { return slices.Contains(u.Files, f.Name) })
	}
	return &all
}
