package modules

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// A GoMod is what a go.mod says.
type GoMod struct {
	Path      string // of the module; "" where the file does not say
	Go        string // the go line, "1.21"; "" without one
	Toolchain string // the toolchain line, "go1.22.1"; "" without one
	Require   []module.Version
	Replace   []Replace
	Tools     bool // there are tool directives

	name string
	data []byte
}

// A Replace is a replace directive of a go.mod or a go.work.
type Replace struct{ Old, New module.Version }

// ParseGoMod reads a go.mod. Errors begin with name and a line.
func ParseGoMod(name string, data []byte) (*GoMod, error) {
	file, err := modfile.Parse(name, data, nil)
	if err != nil {
		return nil, err
	}
	return goMod(name, data, file), nil
}

// ParseGoModLax reads a go.mod that may have directives that this program does not know, of
// which it makes nothing. Of such a file it gives the module path, the go line and the
// requirements alone.
func ParseGoModLax(name string, data []byte) (*GoMod, error) {
	if file, err := modfile.Parse(name, data, nil); err == nil {
		return goMod(name, data, file), nil
	}
	file, err := modfile.ParseLax(name, data, nil)
	if err != nil {
		return nil, err
	}
	return goMod(name, data, file), nil
}

// ModulePath returns the module path of a go.mod, also of one that does not parse as a
// whole; "" where it has none.
func ModulePath(data []byte) string { return modfile.ModulePath(data) }

func goMod(name string, data []byte, file *modfile.File) *GoMod {
	m := &GoMod{Replace: replacesOf(file.Replace), Tools: len(file.Tool) > 0, name: name, data: data}
	if file.Module != nil {
		m.Path = file.Module.Mod.Path
	}
	if file.Go != nil {
		m.Go = file.Go.Version
	}
	if file.Toolchain != nil {
		m.Toolchain = file.Toolchain.Name
	}
	for _, q := range file.Require {
		m.Require = append(m.Require, q.Mod)
	}
	return m
}

func replacesOf(list []*modfile.Replace) (out []Replace) {
	for _, r := range list {
		out = append(out, Replace{r.Old, r.New})
	}
	return out
}

// Requires reports whether the file requires a module in whatever version.
func (m *GoMod) Requires(path string) bool {
	return slices.ContainsFunc(m.Require, func(q module.Version) bool { return q.Path == path })
}

// Requirements maps the modules that the file requires to their versions, the highest where
// one is repeated.
func (m *GoMod) Requirements() map[string]string {
	required := map[string]string{}
	for _, q := range m.Require {
		if v, ok := required[q.Path]; !ok || semver.Compare(v, q.Version) < 0 {
			required[q.Path] = q.Version
		}
	}
	return required
}

// Replaces reports whether the file replaces a module version.
func (m *GoMod) Replaces(mod module.Version) bool {
	_, ok := Replacement(m.Replace, mod)
	return ok
}

// Replacement returns what directives put in the place of a module version: the one for the
// version, else the one for the module in every version.
func Replacement(list []Replace, mod module.Version) (by module.Version, found bool) {
	for _, r := range list {
		if r.Old == mod {
			return r.New, true
		}
		if r.Old == (module.Version{Path: mod.Path}) {
			by, found = r.New, true
		}
	}
	return by, found
}

// Local reports whether the module is replaced by a directory.
func (r Replace) Local() bool { return r.New.Version == "" }

// Dir is the absolute directory that the module is replaced by, where the directive stands in
// a file in home. Symbolic links are as they are spelled.
func (r Replace) Dir(home string) string { return absolute(home, r.New.Path) }

// relative reports whether the directory is named relative to the file.
func (r Replace) relative() bool {
	return r.Local() && !filepath.IsAbs(filepath.FromSlash(r.New.Path))
}

func absolute(home, dir string) string {
	dir = filepath.FromSlash(dir)
	if filepath.IsAbs(dir) {
		return filepath.Clean(dir)
	}
	return filepath.Join(home, dir)
}

// MovedFrom returns the go.mod as it has to be elsewhere to mean the same as in home:
// directories that it names relative to itself become absolute. Without any, it is as it was.
func (m *GoMod) MovedFrom(home string) ([]byte, error) {
	if !slices.ContainsFunc(m.Replace, Replace.relative) {
		return m.data, nil
	}
	file, err := modfile.Parse(m.name, m.data, nil)
	if err != nil {
		return nil, err
	}
	for _, r := range m.Replace {
		if !r.relative() {
			continue
		}
		if err := file.AddReplace(r.Old.Path, r.Old.Version, filepath.ToSlash(r.Dir(home)), ""); err != nil {
			return nil, err
		}
	}
	return file.Format()
}

// Nesting returns the go.mod with modules that stand inside this one, each in a directory of
// its own: by module path the absolute directory.
func (m *GoMod) Nesting(dirs map[string]string) ([]byte, error) {
	file, err := modfile.Parse(m.name, m.data, nil)
	if err != nil {
		return nil, err
	}
	for _, path := range slices.Sorted(maps.Keys(dirs)) {
		file.AddNewRequire(path, "v0.0.0", false)
		if err := file.AddReplace(path, "", filepath.ToSlash(dirs[path]), ""); err != nil {
			return nil, err
		}
	}
	return file.Format()
}

// Nested returns the go.mod of a module that stands inside this one, and needs nothing but
// what this one requires.
func (m *GoMod) Nested(path string) []byte {
	file := new(modfile.File)
	_ = file.AddModuleStmt(path)
	if m.Go != "" {
		_ = file.AddGoStmt(m.Go)
	}
	required := m.Requirements()
	for _, path := range slices.Sorted(maps.Keys(required)) {
		file.AddNewRequire(path, required[path], false)
	}
	return modfile.Format(file.Syntax)
}

// A GoWork is what a go.work says.
type GoWork struct {
	Go        string // the go line; "" without one
	Toolchain string // the toolchain line; "" without one
	Use       []string
	Replace   []Replace

	name string
	data []byte
}

// ParseGoWork reads a go.work. Errors begin with name and a line.
func ParseGoWork(name string, data []byte) (*GoWork, error) {
	file, err := modfile.ParseWork(name, data, nil)
	if err != nil {
		return nil, err
	}
	w := &GoWork{Replace: replacesOf(file.Replace), name: name, data: data}
	if file.Go != nil {
		w.Go = file.Go.Version
	}
	if file.Toolchain != nil {
		w.Toolchain = file.Toolchain.Name
	}
	for _, use := range file.Use {
		w.Use = append(w.Use, use.Path)
	}
	return w, nil
}

// Dirs are the absolute directories of the modules that a go.work in home uses. Symbolic
// links are as they are spelled.
func (w *GoWork) Dirs(home string) (dirs []string) {
	for _, use := range w.Use {
		dirs = append(dirs, absolute(home, use))
	}
	return dirs
}

// MovedFrom returns the go.work as it has to be elsewhere to mean the same as in home, but
// that each module that it uses is where at says for the absolute directory, and that it uses
// more of them.
func (w *GoWork) MovedFrom(home string, at func(dir string) string, more ...string) ([]byte, error) {
	file, err := modfile.ParseWork(w.name, w.data, nil)
	if err != nil {
		return nil, err
	}
	for _, use := range w.Use {
		if err := file.DropUse(use); err != nil {
			return nil, err
		}
		if err := file.AddUse(filepath.ToSlash(at(absolute(home, use))), ""); err != nil {
			return nil, err
		}
	}
	for _, dir := range more {
		if err := file.AddUse(filepath.ToSlash(dir), ""); err != nil {
			return nil, err
		}
	}
	for _, r := range w.Replace {
		if !r.relative() {
			continue
		}
		if err := file.AddReplace(r.Old.Path, r.Old.Version, filepath.ToSlash(r.Dir(home)), ""); err != nil {
			return nil, fmt.Errorf("%s: %w", w.name, err)
		}
	}
	file.Cleanup()
	return modfile.Format(file.Syntax), nil
}
