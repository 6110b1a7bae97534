package shadow

import (
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"etcdmod/internal/pathname"
)

// A nest holds the packages of new directories as modules of their own.
type nest struct {
	*Side
	dirs   map[string]string            // new directory to the one that holds it
	within map[string]map[string]string // home of a main module, import path of a package of it, the directory that holds that
}

// Nested gives a stage in the user's own directories in which the package of each new
// directory is a module of its own, inside the user's, and replaced by a directory that
// exists: vet changes into the directory of each package. Import paths stay. All else is
// where it is, so that what the build cache has of it counts: nothing in a copy does.
//
// Without new directories it is [Side.InPlace]. It gives nil where that is not to be had:
// packages are vendored, or go.mod has another name. What vet objects to here may be the
// nesting; what it lets pass is right.
func (s *Side) Nested() (*Stage, error) {
	n := &nest{Side: s, dirs: map[string]string{}, within: map[string]map[string]string{}}
	for _, dir := range s.overlay.newDirs() {
		home := s.moduleOf(dir)
		if home == "" {
			return nil, nil // the go command will say what it thinks of that
		}
		if n.within[home] == nil {
			n.within[home] = map[string]string{}
		}
		n.dirs[dir] = filepath.Join(s.of.tmp, s.name, "nested", strconv.Itoa(len(n.dirs)))
		rel, _ := pathname.Rel(home, dir)
		n.within[home][filepath.ToSlash(rel)] = n.dirs[dir]
	}
	if len(n.dirs) == 0 {
		return s.InPlace(), nil
	}
	if ok, err := n.possible(); !ok || err != nil {
		return nil, err
	}
	return n.stage()
}

// possible reports whether the go command takes modules from where go.mod or go.work says.
func (n *nest) possible() (bool, error) {
	flags := slices.Concat(strings.Fields(n.of.settings.GOFLAGS), n.of.settings.build)
	if _, other := flagValue(flags, "modfile"); other {
		return false, nil
	}
	if n.gowork != "" {
		vendored, err := n.vendoredWorkspace()
		return !vendored, err
	}
	mod, _, err := n.goMod(n.of.settings.root)
	return err == nil && !n.vendored(n.of.settings.root, mod.Go, "go1.14"), err
}

func (n *nest) stage() (*Stage, error) {
	files := maps.Clone(n.overlay.content)
	places := *n.of.places
	for dir, to := range n.dirs {
		places.trees = append(slices.Clip(places.trees), tree{copy: to, original: dir})
	}
	for name, data := range n.overlay.content {
		if to, ok := n.dirs[filepath.Dir(name)]; ok {
			delete(files, name)
			if err := writeFile(filepath.Join(to, filepath.Base(name)), data, 0o666); err != nil {
				return nil, err
			}
		}
	}
	for home, packages := range n.within {
		mod, _, err := n.goMod(home)
		if err != nil {
			return nil, err
		}
		paths := map[string]string{}
		for rel, to := range packages {
			paths[path.Join(mod.Path, rel)] = to
			if err := writeFile(filepath.Join(to, "go.mod"), mod.Nested(path.Join(mod.Path, rel)), 0o666); err != nil {
				return nil, err
			}
		}
		if n.gowork != "" {
			continue
		}
		if files[filepath.Join(home, "go.mod")], err = mod.Nesting(paths); err != nil {
			return nil, err
		}
	}
	x := &Stage{run: n.run, flags: slices.Clone(n.of.settings.build), Places: &places}
	if n.gowork != "" {
		file, err := n.writeWorkspace(filepath.Join(n.of.tmp, n.name, "nested-work"), nil, slices.Sorted(maps.Values(n.dirs))...)
		if err != nil {
			return nil, err
		}
		x.run = x.run.With("GOWORK=" + file)
	}
	if len(files) == 0 {
		return x, nil
	}
	o, err := n.of.newOverlay(files)
	if err != nil {
		return nil, err
	}
	x.flags = append(x.flags, o.flag)
	return x, nil
}

// newDirs gives the directories of Go files that are not on disk.
func (o *overlay) newDirs() []string {
	if o == nil {
		return nil
	}
	dirs := map[string]bool{}
	for name := range o.content {
		if filepath.Ext(name) != ".go" || dirs[filepath.Dir(name)] {
			continue
		}
		if info, err := os.Stat(filepath.Dir(name)); err != nil || !info.IsDir() {
			dirs[filepath.Dir(name)] = true
		}
	}
	return slices.Sorted(maps.Keys(dirs))
}
