package verify

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"etcdmod/internal/gocmd"
	"etcdmod/internal/modules"
)

// A scratch is a copy of as much of the main modules as the packages that are run and their
// tests need. It holds the edits as files, so that every directory exists, and tests
// write where nobody minds.
type scratch struct {
	run   gocmd.Runner // in the copy of the module
	flags []string     // instead of those of the side
}

// A copier makes a scratch.
type copier struct {
	*checker
	side     *side
	vendored bool              // the whole workspace is
	moved    map[string]string // from the directory of a module to its copy
}

// scratch gives the copy of a side; it is made once.
//
// A module is copied when it has such a package or an edited file. Other modules
// are used where they are, except in a workspace with a vendor directory, where the
// relative paths between all of them must stay.
func (c *checker) scratch(ctx context.Context, s *side) (*scratch, error) {
	if s.scratch != nil {
		return s.scratch, nil
	}
	pkgs, err := c.list(ctx, s)
	if err != nil {
		return nil, err
	}
	k := &copier{checker: c, side: s, moved: map[string]string{}}
	if s.gowork != "" {
		if k.vendored, err = c.vendoredWorkspace(s); err != nil {
			return nil, err
		}
	}
	for _, dir := range s.modules {
		if k.vendored || dir == c.settings.root || c.overlay.touches(dir) || c.concerns(pkgs, dir) {
			to := k.mirror(dir)
			k.moved[dir] = to
			c.places.trees = append(c.places.trees, tree{copy: to, original: dir})
		}
	}
	for dir := range k.moved {
		if err := k.copyModule(dir); err != nil {
			return nil, err
		}
	}
	if err := k.copyPackages(ctx, pkgs); err != nil {
		return nil, err
	}
	if err := k.copyEdits(); err != nil {
		return nil, err
	}
	x := &scratch{run: s.run.In(k.moved[c.settings.root])}
	if x.run, err = k.copyWorkspace(x.run); err != nil {
		return nil, err
	}
	if x.flags, err = k.flags(); err != nil {
		return nil, err
	}
	s.scratch = x
	return x, nil
}

// concerns reports whether a package that is run belongs to the module in dir.
func (c *checker) concerns(pkgs []*pkg, dir string) bool {
	some := c.concerned()
	for _, p := range pkgs {
		if p.main() && p.Module.Dir == dir && some[p.home()] {
			return true
		}
	}
	return false
}

// mirror gives the place of a copy. The copies lie to each other as the originals do,
// so that relative paths between them stay right.
func (k *copier) mirror(name string) string {
	return filepath.Join(k.tmp, k.side.name, "scratch", strings.TrimPrefix(name, filepath.VolumeName(name)))
}

// module gives the directory of the main module that name is in, or "" if that one is
// not copied: a module nested in a copied one keeps its own place.
func (k *copier) module(name string) string {
	best := ""
	for _, dir := range k.side.modules {
		if _, ok := below(dir, name); ok && len(dir) > len(best) {
			best = dir
		}
	}
	if _, copied := k.moved[best]; !copied {
		return ""
	}
	return best
}

// copyModule copies go.mod and go.sum, and makes vendor visible. A replacement by a
// relative path becomes absolute, unless packages are vendored: then the go command
// compares it as text with vendor/modules.txt and does not follow it.
func (k *copier) copyModule(dir string) error {
	to := k.moved[dir]
	name := filepath.Join(dir, "go.mod")
	data, err := k.side.overlay.read(name)
	if err != nil {
		return err
	}
	mod, err := modules.ParseGoMod(name, data)
	if err != nil {
		return err
	}
	vendored := k.side.gowork == "" && k.checker.vendored(k.side, dir, mod.Go, "go1.14")
	if !vendored && !k.vendored {
		if data, err = mod.MovedFrom(dir); err != nil {
			return err
		}
	}
	if err := writeFile(filepath.Join(to, "go.mod"), data, 0o666); err != nil {
		return err
	}
	if err := k.copyIfThere(to, dir, "go.sum"); err != nil {
		return err
	}
	if vendored {
		return k.copyVendor(k.side, to, dir)
	}
	return nil
}

// copyIfThere copies a file that need not exist.
func (k *copier) copyIfThere(to, from, base string) error {
	name := filepath.Join(from, base)
	if !onDisk(name) && !k.side.overlay.has(name) {
		return nil
	}
	return copyFile(filepath.Join(to, base), name, k.side.overlay)
}

// copyPackages copies what the packages that are run and their tests need to be built.
func (k *copier) copyPackages(ctx context.Context, pkgs []*pkg) error {
	needed := map[string]bool{} // the entries without variants: they name all embedded files
	for _, p := range closure(pkgs, k.concerned()) {
		needed[p.home()] = true
	}
	for _, p := range pkgs {
		if err := ctx.Err(); err != nil {
			return err
		}
		if dir := k.module(p.Dir); needed[p.ImportPath] && p.main() && dir != "" {
			if err := k.copyPackage(dir, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyPackage copies the files of a package directory, what it embeds, and the
// testdata directories from there up to the root of the module.
func (k *copier) copyPackage(module string, p *pkg) error {
	rel, err := filepath.Rel(module, p.Dir)
	if err != nil {
		return err
	}
	dir := filepath.Join(k.moved[module], rel)
	entries, err := os.ReadDir(p.Dir)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	var names []string
	for _, e := range entries {
		// go.mod is there already.
		if regular(filepath.Join(p.Dir, e.Name()), e) && (rel != "." || e.Name() != "go.mod") {
			names = append(names, e.Name())
		}
	}
	names = append(names, p.EmbedFiles...)
	names = append(names, p.TestEmbedFiles...)
	names = append(names, p.XTestEmbedFiles...)
	for _, name := range names {
		if err := copyFile(filepath.Join(dir, name), filepath.Join(p.Dir, name), k.side.overlay); err != nil {
			return err
		}
	}
	for ; ; rel = filepath.Dir(rel) {
		data, done := filepath.Join(module, rel, "testdata"), filepath.Join(k.moved[module], rel, "testdata")
		if onDisk(data) && !onDisk(done) {
			if err := copyTree(done, data, k.side.overlay); err != nil {
				return err
			}
		}
		if rel == "." {
			return nil
		}
	}
}

// copyEdits writes the edited files of the copied modules, so that new ones exist.
func (k *copier) copyEdits() error {
	for dir, to := range k.moved {
		for _, name := range k.side.overlay.below(dir) {
			rel, _ := below(dir, name)
			if rel == "go.mod" || strings.HasPrefix(rel, "vendor"+string(filepath.Separator)) || k.module(name) != dir {
				continue
			}
			if err := copyFile(filepath.Join(to, rel), name, k.side.overlay); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyWorkspace gives the runner that works in the copy of go.work, if there is one.
func (k *copier) copyWorkspace(run gocmd.Runner) (gocmd.Runner, error) {
	if k.side.gowork == "" {
		return run, nil
	}
	if !k.vendored {
		file, err := k.writeWorkspace(k.side, filepath.Join(k.tmp, k.side.name, "scratch-work"), k.moved)
		return run.With("GOWORK=" + file), err
	}
	home := filepath.Dir(k.side.gowork)
	to := k.mirror(home)
	for _, name := range []string{"go.work", "go.work.sum"} {
		if err := k.copyIfThere(to, home, name); err != nil {
			return run, err
		}
	}
	return run.With("GOWORK=" + filepath.Join(to, "go.work")), k.copyVendor(k.side, to, home)
}

// flags gives the flags to build the copy: those of the side, and an overlay of the
// edits in modules that stay where they are.
func (k *copier) flags() ([]string, error) {
	flags := slices.Clone(k.settings.build)
	if k.side.overlay == nil {
		return flags, nil
	}
	rest := map[string][]byte{}
	for name, data := range k.side.overlay.content {
		if k.module(name) == "" && name != k.side.gowork {
			rest[name] = data
		}
	}
	if len(rest) == 0 {
		return flags, nil
	}
	o, err := k.newOverlay(rest)
	if err != nil {
		return nil, err
	}
	return append(flags, o.flag), nil
}
