// Package discover finds out what a module holds without loading it.
//
// It takes a directory and gives the module around it: where its root, repository and
// workspace are, which of its packages import what, and which files nobody will look at.
// It reads each Go file once and parses no more than its import block. It never runs the
// go command and never changes a file.
package discover

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/mod/modfile"
)

// ErrNoModule is wrapped by the error of Find when there is no go.mod.
var ErrNoModule = errors.New("not in a Go module: no go.mod in this directory or any above it; change to a module, or use -C dir")

// A Module is one module on disk.
type Module struct {
	Root      string // absolute directory of go.mod
	Repo      string // absolute root of the git repository around it, else Root
	Path      string // module path
	GoModFile string
	GoMod     []byte
	GoVersion string // of the go directive, "" without one
	// Workspace is the go.work file that is in effect for the module, or "".
	Workspace string
	// Outside is the go.work file that the go command would find but that does not use
	// this module. The go command refuses to work in such a module unless GOWORK=off.
	Outside  string
	Packages map[string]*Package // by import path
	Notes    []Note
}

// A Package is the Go files of one directory. Test files are included.
type Package struct {
	Path    string // import path
	Dir     string // absolute
	Main    bool
	Imports map[string]bool // of all files
	Files   []string        // absolute
	Mention map[string]bool // words looked for that occur in its files
	Ignored []string        // files that the build configuration leaves out, absolute
	Bazel   bool            // has a BUILD file
}

// A Note names something that is not covered.
type Note struct {
	Path   string // absolute
	Reason string // short
	Detail string
}

// Options say how to read a module.
type Options struct {
	Tags   []string        // build tags beside those of the environment
	GOWORK string          // value of the environment variable
	Words  []string        // looked for in the files, see Package.Mention
	Paths  map[string]bool // import paths that make an ignored file worth a note
}

// Find reads the module that holds dir.
func Find(dir string, opts Options) (*Module, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if fi, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("cannot use directory %s: %w", dir, err)
	} else if !fi.IsDir() {
		return nil, fmt.Errorf("%s is not a directory", dir)
	}
	root := above(dir, "go.mod")
	if root == "" {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoModule)
	}
	m := &Module{Root: root, GoModFile: filepath.Join(root, "go.mod"), Packages: map[string]*Package{}}
	if m.GoMod, err = os.ReadFile(m.GoModFile); err != nil {
		return nil, fmt.Errorf("cannot read go.mod: %w", err)
	}
	m.Path = modfile.ModulePath(m.GoMod)
	if m.Path == "" {
		return nil, fmt.Errorf("%s: no module directive; is it a go.mod file?", m.GoModFile)
	}
	if f, err := modfile.ParseLax(m.GoModFile, m.GoMod, nil); err == nil && f.Go != nil {
		m.GoVersion = f.Go.Version
	}
	m.Repo = above(root, ".git")
	if m.Repo == "" {
		m.Repo = root
	}
	m.workspace(opts.GOWORK)
	return m, m.walk(opts)
}

// above returns the nearest directory from dir upwards that has an entry of that name.
func above(dir, name string) string {
	for {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
}

// workspace finds the go.work file as the go command does.
func (m *Module) workspace(env string) {
	file := ""
	switch {
	case env == "off":
		return
	case env != "":
		file = env
	default:
		dir := above(m.Root, "go.work")
		if dir == "" {
			return
		}
		file = filepath.Join(dir, "go.work")
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return // the go command will say so
	}
	w, err := modfile.ParseWork(file, data, nil)
	if err != nil {
		return
	}
	for _, u := range w.Use {
		dir := u.Path
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(filepath.Dir(file), dir)
		}
		if same(dir, m.Root) {
			m.Workspace = file
			return
		}
	}
	m.Outside = file
}

func same(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	fa, err1 := os.Stat(a)
	fb, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(fa, fb)
}

func (m *Module) note(path, reason, detail string) {
	m.Notes = append(m.Notes, Note{path, reason, detail})
}

// walk reads the import blocks of the module's files.
func (m *Module) walk(opts Options) error {
	ctx := build.Default
	ctx.BuildTags = append(append([]string(nil), ctx.BuildTags...), opts.Tags...)
	words := make([][]byte, len(opts.Words))
	for i, w := range opts.Words {
		words[i] = []byte(w)
	}
	err := filepath.WalkDir(m.Root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			m.note(name, "unreadable", err.Error())
			if d != nil && d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		base := d.Name()
		if d.IsDir() {
			if name == m.Root {
				return nil
			}
			if base == "testdata" || base == "vendor" || base == "node_modules" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
				return filepath.SkipDir
			}
			if _, err := os.Lstat(filepath.Join(name, "go.mod")); err == nil {
				return filepath.SkipDir // a module of its own
			}
			return nil
		}
		switch {
		case base == "BUILD" || base == "BUILD.bazel":
			m.pkg(filepath.Dir(name)).Bazel = true
		case strings.HasSuffix(base, ".go") && !strings.HasPrefix(base, ".") && !strings.HasPrefix(base, "_"):
			m.file(name, &ctx, opts, words)
		}
		return nil
	})
	for path, p := range m.Packages {
		if len(p.Files)+len(p.Ignored) == 0 {
			delete(m.Packages, path)
		}
	}
	return err
}

func (m *Module) pkg(dir string) *Package {
	rel, err := filepath.Rel(m.Root, dir)
	if err != nil {
		rel = "."
	}
	ip := path.Join(m.Path, filepath.ToSlash(rel))
	p := m.Packages[ip]
	if p == nil {
		p = &Package{Path: ip, Dir: dir, Imports: map[string]bool{}, Mention: map[string]bool{}}
		m.Packages[ip] = p
	}
	return p
}

func (m *Module) file(name string, ctx *build.Context, opts Options, words [][]byte) {
	src, err := os.ReadFile(name)
	if err != nil {
		m.note(name, "unreadable", err.Error())
		return
	}
	p := m.pkg(filepath.Dir(name))
	f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ImportsOnly)
	if err != nil && (f == nil || f.Name == nil || f.Name.Name == "_") {
		m.note(name, "syntax error", err.Error())
		return
	}
	concerned := false
	for _, spec := range f.Imports {
		if ip, err := strconv.Unquote(spec.Path.Value); err == nil && opts.Paths[ip] {
			concerned = true
		}
	}
	match, err := ctx.MatchFile(filepath.Dir(name), filepath.Base(name))
	if err == nil && !match && !importsC(f) {
		p.Ignored = append(p.Ignored, name)
		if concerned {
			m.note(name, "build constraints", "left out of this build configuration")
		}
		return
	}
	p.Files = append(p.Files, name)
	p.Main = p.Main || f.Name.Name == "main"
	for _, spec := range f.Imports {
		if ip, err := strconv.Unquote(spec.Path.Value); err == nil {
			p.Imports[ip] = true
		}
	}
	for i, w := range words {
		if bytes.Contains(src, w) {
			p.Mention[opts.Words[i]] = true
		}
	}
}

func importsC(f *ast.File) bool {
	for _, spec := range f.Imports {
		if spec.Path.Value == `"C"` {
			return true
		}
	}
	return false
}

// Importers returns the packages that import one of the paths, and all packages of the
// module that import those, directly or not, in order.
func (m *Module) Importers(paths ...string) []*Package {
	in := map[string]bool{}
	for _, p := range paths {
		in[p] = true
	}
	chosen := map[string]bool{}
	for grown := true; grown; {
		grown = false
		for ip, p := range m.Packages {
			if chosen[ip] {
				continue
			}
			for imp := range p.Imports {
				if in[imp] {
					chosen[ip], in[ip], grown = true, true, true
					break
				}
			}
		}
	}
	return m.sorted(chosen)
}

// Programs returns the import paths of the packages of the module that its main packages
// import, directly or not.
func (m *Module) Programs() map[string]bool {
	out := map[string]bool{}
	var visit func(p *Package)
	visit = func(p *Package) {
		for imp := range p.Imports {
			if q := m.Packages[imp]; q != nil && !out[imp] {
				out[imp] = true
				visit(q)
			}
		}
	}
	for _, p := range m.Packages {
		if p.Main {
			visit(p)
		}
	}
	return out
}

func (m *Module) sorted(paths map[string]bool) []*Package {
	out := make([]*Package, 0, len(paths))
	for ip := range paths {
		out = append(out, m.Packages[ip])
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Path < out[j].Path })
	return out
}

// Rel returns a file name relative to the repository, slash-separated.
func (m *Module) Rel(name string) string {
	r, err := filepath.Rel(m.Repo, name)
	if err != nil {
		return filepath.ToSlash(name)
	}
	return filepath.ToSlash(r)
}

// Root returns the absolute root directory of the module that holds dir.
func Root(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	root := above(dir, "go.mod")
	if root == "" {
		return "", fmt.Errorf("%s: %w", dir, ErrNoModule)
	}
	return root, nil
}
