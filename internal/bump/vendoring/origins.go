package vendoring

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"strings"

	"etcdmod/internal/rooted"
)

// origins tell what of a vendor directory some go command made: what the modules hold that its own
// modules.txt names, in their versions.
type origins struct {
	Directory
	present  map[string][]byte
	packages map[string]string  // as modules.txt lists them, to the line of the module
	modules  map[string]string  // paths, to that line
	sources  map[string]*origin // by that line; nil: it cannot be had
}

// An origin is the directory of a module.
type origin struct {
	path string // of the module
	home string // absolute
	dir  *rooted.Dir
	laid map[string][]byte // files that count as there, by absolute name
}

// read returns a file of the module.
func (o *origin) read(rel string) ([]byte, error) {
	if text, ok := o.laid[filepath.Join(o.home, rel)]; ok {
		return text, nil
	}
	return o.dir.ReadFile(rel, rooted.SumFile)
}

func newOrigins(d Directory, present map[string][]byte) *origins {
	o := &origins{Directory: d, present: present, packages: packages(present[list]), modules: map[string]string{}, sources: map[string]*origin{}}
	for _, line := range o.packages {
		if p, _, ok := named(line); ok {
			o.modules[p] = line
		}
	}
	return o
}

func (o *origins) close() {
	for _, s := range o.sources {
		if s != nil {
			s.dir.Close()
		}
	}
}

// named gives the path of the module that a line of modules.txt names, and what is built of it:
// "path@version", or the directory that replaces it.
func named(line string) (path, at string, ok bool) {
	old, by, replaced := strings.Cut(strings.TrimPrefix(line, "# "), " => ")
	f := strings.Fields(old)
	if len(f) == 0 {
		return "", "", false
	}
	if !replaced {
		return f[0], strings.Join(f, "@"), len(f) == 2
	}
	if local(by) {
		return f[0], by, true
	}
	g := strings.Fields(by)
	return f[0], strings.Join(g, "@"), len(g) == 2
}

// local reports whether what replaces a module is a directory.
func local(by string) bool {
	return strings.HasPrefix(by, "./") || strings.HasPrefix(by, "../") || filepath.IsAbs(filepath.FromSlash(by))
}

// source returns the module of a line, which is downloaded; nil where it cannot be had.
func (o *origins) source(ctx context.Context, line string) *origin {
	if s, ok := o.sources[line]; ok {
		return s
	}
	o.sources[line] = nil
	modPath, at, ok := named(line)
	if !ok {
		return nil
	}
	name := o.directory(at)
	if !local(at) {
		name = o.download(ctx, at)
	}
	if name == "" {
		return nil
	}
	laid, err := o.Go.Layer.Files()
	if err != nil {
		return nil
	}
	if dir, err := rooted.Open(name); err == nil {
		o.sources[line] = &origin{modPath, name, dir, laid}
	}
	return o.sources[line]
}

// directory is the absolute name of one that modules.txt names.
func (o *origins) directory(at string) string {
	name := filepath.FromSlash(at)
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(o.Home, name)
}

// download gets a module and returns its directory; "" where it cannot be had.
func (o *origins) download(ctx context.Context, mod string) string {
	dir, err := o.Go.MkdirTemp("etcdmod-vendor-")
	if err != nil {
		return ""
	}
	defer os.RemoveAll(dir)
	if os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module scratch\n"), 0o600) != nil {
		return ""
	}
	out, err := o.Go.In(dir).With("GOWORK=off").Run(ctx, "mod", "download", "-json", "--", mod)
	var got struct{ Dir string }
	if err != nil || json.Unmarshal(out, &got) != nil {
		return ""
	}
	return got.Dir
}

// line returns the line of the module that a directory is vendored from, and whether it is a
// package that modules.txt lists. Above the packages lie texts such as licences.
func (o *origins) line(dir string) (line string, listed bool) {
	if line, listed = o.packages[dir]; listed {
		return line, true
	}
	for ; dir != "."; dir = path.Dir(dir) {
		if line, ok := o.modules[dir]; ok {
			return line, false
		}
	}
	return "", false
}

// made reports whether a file is as the module has it, or is missing as it would be.
func (o *origins) made(ctx context.Context, name string) bool {
	data, there := o.present[name]
	line, listed := o.line(path.Dir(filepath.ToSlash(name)))
	if !there && !listed {
		return true // it comes with a package that was not vendored
	}
	s := o.source(ctx, line)
	if s == nil {
		return false
	}
	rel := strings.TrimPrefix(strings.TrimPrefix(filepath.ToSlash(name), s.path), "/")
	text, err := s.read(filepath.FromSlash(rel))
	switch {
	case there:
		return err == nil && bytes.Equal(text, data)
	case os.IsNotExist(err):
		return true
	}
	return err == nil && unvendored(rel, text)
}

// listed reports whether all packages that another vendor directory has of another module are
// there as modules.txt says.
func (o *origins) listed(ctx context.Context, other map[string][]byte) bool {
	made := packages(other[list])
	for pkg, line := range o.packages {
		if made[pkg] != line && !o.intact(ctx, pkg, line) {
			return false
		}
	}
	return true
}

// whole reports whether all that another vendor directory has otherwise is as modules.txt says.
func (o *origins) whole(ctx context.Context, other map[string][]byte) bool {
	if !o.listed(ctx, other) {
		return false
	}
	for name, text := range o.present {
		if name != list && !same(o.present, other, name) && compiled(name, text) && !o.made(ctx, name) {
			return false
		}
	}
	return true
}

// intact reports whether all files of a package are there.
func (o *origins) intact(ctx context.Context, pkg, line string) bool {
	s := o.source(ctx, line)
	if s == nil {
		return false
	}
	rel := strings.TrimPrefix(strings.TrimPrefix(pkg, s.path), "/")
	entries, err := s.dir.ReadDir(filepath.Join(".", filepath.FromSlash(rel)))
	if err != nil {
		return false
	}
	for _, e := range entries {
		if e.Type().IsRegular() && !o.made(ctx, filepath.Join(filepath.FromSlash(pkg), e.Name())) {
			return false
		}
	}
	return true
}

// unvendored reports whether a go command may leave a file of a package out of a vendor directory.
func unvendored(name string, text []byte) bool {
	base := path.Base(name)
	return strings.HasSuffix(base, "_test.go") || base == "go.mod" || base == "go.sum" || leftOut(base, text)
}
