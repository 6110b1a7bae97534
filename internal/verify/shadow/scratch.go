package shadow

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"etcdmod/internal/gocmd"
	"etcdmod/internal/pathname"
)

// A copier makes a scratch copy: as much of the main modules as the packages that are run
// and their tests need. It holds the edits as files, so that every directory exists, and
// tests write where nobody minds.
type copier struct {
	*Side
	named    map[string]bool   // home of the packages that are run
	vendored bool              // the whole workspace is
	moved    map[string]string // from the directory of a module to its copy
}

// Scratch gives the stage in a copy, in which the named packages can be run: it is made
// once, for those of the first call.
//
// A module is copied when it has such a package or an edited file. Other modules
// are used where they are, except in a workspace with a vendor directory, where the
// relative paths between all of them must stay.
func (s *Side) Scratch(ctx context.Context, packages map[string]bool) (*Stage, error) {
	if s.scratch != nil {
		return s.scratch, nil
	}
	pkgs, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	k := &copier{Side: s, named: packages, moved: map[string]string{}}
	if s.gowork != "" {
		if k.vendored, err = s.vendoredWorkspace(); err != nil {
			return nil, err
		}
	}
	for _, dir := range s.modules {
		if k.vendored || dir == s.of.settings.root || s.of.After.overlay.touches(dir) || k.concerns(pkgs, dir) {
			to := k.mirror(dir)
			k.moved[dir] = to
			s.of.places.trees = append(s.of.places.trees, tree{copy: to, original: dir})
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
	home := k.moved[s.of.settings.root]
	x := &Stage{}
	if x.run, err = k.copyWorkspace(s.run.In(home)); err != nil {
		return nil, err
	}
	if x.flags, err = k.copyFlags(); err != nil {
		return nil, err
	}
	x.Places = s.of.places.in(home)
	s.scratch = x
	return x, nil
}

// concerns reports whether a package that is run belongs to the module in dir.
func (k *copier) concerns(pkgs []*Package, dir string) bool {
	for _, p := range pkgs {
		if p.Main() && p.Module.Dir == dir && k.named[p.Home()] {
			return true
		}
	}
	return false
}

// mirror gives the place of a copy. The copies lie to each other as the originals do,
// so that relative paths between them stay right.
func (k *copier) mirror(name string) string {
	return filepath.Join(k.of.tmp, k.name, "scratch", strings.TrimPrefix(name, filepath.VolumeName(name)))
}

// module gives the directory of the main module that name is in, or "" if that one is
// not copied: a module nested in a copied one keeps its own place.
func (k *copier) module(name string) string {
	best := k.moduleOf(name)
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
	mod, data, err := k.goMod(dir)
	if err != nil {
		return err
	}
	vendored := k.gowork == "" && k.Side.vendored(dir, mod.Go, "go1.14")
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
		return k.copyVendor(to, dir)
	}
	return nil
}

// copyIfThere copies a file that need not exist.
func (k *copier) copyIfThere(to, from, base string) error {
	name := filepath.Join(from, base)
	if !onDisk(name) && !k.overlay.has(name) {
		return nil
	}
	return copyFile(filepath.Join(to, base), name, k.overlay)
}

// copyPackages copies what the packages that are run and their tests need to be built.
func (k *copier) copyPackages(ctx context.Context, pkgs []*Package) error {
	needed := map[string]bool{} // the entries without variants: they name all embedded files
	for _, p := range Closure(pkgs, k.named) {
		needed[p.Home()] = true
	}
	for _, p := range pkgs {
		if err := ctx.Err(); err != nil {
			return err
		}
		if dir := k.module(p.Dir); needed[p.ImportPath] && p.Main() && dir != "" {
			if err := k.copyPackage(dir, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyPackage copies the files of a package directory, what it embeds, and the
// testdata directories from there up to the root of the module.
func (k *copier) copyPackage(module string, p *Package) error {
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
		if err := copyFile(filepath.Join(dir, name), filepath.Join(p.Dir, name), k.overlay); err != nil {
			return err
		}
	}
	for ; ; rel = filepath.Dir(rel) {
		data, done := filepath.Join(module, rel, "testdata"), filepath.Join(k.moved[module], rel, "testdata")
		if onDisk(data) && !onDisk(done) {
			if err := copyTree(done, data, k.overlay); err != nil {
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
		for _, name := range k.overlay.below(dir) {
			rel, _ := pathname.Rel(dir, name)
			if rel == "go.mod" || strings.HasPrefix(rel, "vendor"+string(filepath.Separator)) || k.module(name) != dir {
				continue
			}
			if err := copyFile(filepath.Join(to, rel), name, k.overlay); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyWorkspace gives the runner that works in the copy of go.work, if there is one.
func (k *copier) copyWorkspace(run gocmd.Runner) (gocmd.Runner, error) {
	if k.gowork == "" {
		return run, nil
	}
	if !k.vendored {
		file, err := k.writeWorkspace(filepath.Join(k.of.tmp, k.name, "scratch-work"), k.moved)
		return run.With("GOWORK=" + file), err
	}
	home := filepath.Dir(k.gowork)
	to := k.mirror(home)
	for _, name := range []string{"go.work", "go.work.sum"} {
		if err := k.copyIfThere(to, home, name); err != nil {
			return run, err
		}
	}
	return run.With("GOWORK=" + filepath.Join(to, "go.work")), k.copyVendor(to, home)
}

// copyFlags gives the flags to build the copy: those of the side, and an overlay of the
// edits in modules that stay where they are.
func (k *copier) copyFlags() ([]string, error) {
	flags := slices.Clone(k.of.settings.build)
	if k.overlay == nil {
		return flags, nil
	}
	rest := map[string][]byte{}
	for name, data := range k.overlay.content {
		if k.module(name) == "" && name != k.gowork {
			rest[name] = data
		}
	}
	if len(rest) == 0 {
		return flags, nil
	}
	o, err := k.of.newOverlay(rest)
	if err != nil {
		return nil, err
	}
	return append(flags, o.flag), nil
}
