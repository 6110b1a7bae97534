package discover

import (
	"bytes"
	"errors"
	"go/ast"
	"go/build"
	"go/parser"
	"go/scanner"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"etcdmod/internal/finding"
	"etcdmod/internal/gocmd"
	"etcdmod/internal/modules"
	"etcdmod/internal/pathname"
	"etcdmod/internal/pipes"
	"etcdmod/internal/quote"
	"etcdmod/internal/rooted"
)

// A walker reads the import blocks of a module's files.
type walker struct {
	m     *Module
	opts  Options
	build *build.Context
	files *rooted.Dir // the repository
	real  string      // the root of the module, links resolved
}

// within gives the name of a file as it is below the repository.
func (w *walker) within(name string) string {
	rel, _ := below(w.m.Root, name)
	return filepath.Join(w.real, filepath.FromSlash(rel))
}

// settings looks at the files beside the code that every go command opens.
func (w *walker) settings() {
	for name, most := range map[string]rooted.Bound{"go.sum": rooted.SumFile, "vendor/modules.txt": rooted.ModFile} {
		w.fit(filepath.Join(w.m.Root, filepath.FromSlash(name)), most)
	}
	// So are those of the modules that it is built with, wherever these are.
	_, dirs := modules.First(w.m.Root, w.opts.Env)
	for _, dir := range dirs {
		if dir == w.m.Root {
			continue
		}
		w.judge(filepath.Join(dir, "go.mod"), pipes.Unfit(filepath.Join(dir, "go.mod"), rooted.ModFile))
		if w.m.Workspace != "" {
			w.judge(filepath.Join(dir, "go.sum"), pipes.Unfit(filepath.Join(dir, "go.sum"), rooted.SumFile))
		}
	}
	if w.m.work == "" {
		return
	}
	for name, most := range map[string]rooted.Bound{w.m.work: rooted.ModFile, w.m.work + ".sum": rooted.SumFile} {
		dir, file := modules.Boundary(name)
		if d, err := rooted.Open(dir); err == nil {
			w.judge(name, d.Check(file, most))
			d.Close()
		}
	}
}

// fit notes a file of the module that is there and not fit to be opened.
func (w *walker) fit(name string, most rooted.Bound) {
	w.judge(name, w.files.Check(w.within(name), most))
}

func (w *walker) judge(name string, err error) {
	var unfit *rooted.UnfitError
	if errors.As(err, &unfit) {
		w.m.Unfit = append(w.m.Unfit, name)
		w.unreadable(name, errors.New(unfit.Why))
	}
}

func (w *walker) unreadable(path string, err error) {
	w.m.Skipped = append(w.m.Skipped, finding.Skip{Path: path, Reason: finding.SkipUnreadable, Detail: cause(err).Error()})
}

// imported reads the directories that only imports lead to. "./..." of the go command leaves
// out testdata, what begins with a dot or an underscore, and what is behind a symbolic link, but
// a build of what imports a package there has it.
func (w *walker) imported() {
	tried := map[string]bool{}
	for again := true; again; {
		again = false
		for _, ip := range w.m.imports() {
			rel, inside := strings.CutPrefix(ip, w.m.Path+"/")
			if !inside || tried[ip] || w.m.Packages[ip] != nil || path.Clean(rel) != rel || !filepath.IsLocal(filepath.FromSlash(rel)) {
				continue
			}
			tried[ip], again = true, true
			w.only(filepath.Join(w.m.Root, filepath.FromSlash(rel)))
		}
	}
}

// only reads one directory, if there is one and it is the module's.
func (w *walker) only(dir string) {
	info, err := w.files.Stat(w.within(dir))
	if err != nil {
		w.judge(dir, err)
		return
	}
	if info.IsDir() && modules.Above(dir) == w.m.Root {
		w.dir(dir, false)
		w.pkg(dir).Apart = true
	}
}

// Imports reports whether any file of the module imports one of the paths, also one that the
// build configuration leaves out.
func (m *Module) Imports(is func(path string) bool) bool { return slices.ContainsFunc(m.imports(), is) }

// imports returns what any file of the module imports, also those that the build
// configuration leaves out.
func (m *Module) imports() (out []string) {
	for _, p := range m.Packages {
		out = slices.AppendSeq(out, maps.Keys(p.Imports))
		for _, f := range p.Ignored {
			out = append(out, f.Imports...)
		}
	}
	slices.Sort(out)
	return out
}

// linked notes a file that has another name by a symbolic link, with that name: what is edited
// by one of them changes under the other as well.
func (w *walker) linked(name string) {
	real, err := filepath.EvalSymlinks(name)
	if err != nil || real == w.within(name) {
		return
	}
	rel, inside := below(w.real, real)
	if !inside {
		w.m.Linked[name] = real
		return
	}
	target := filepath.Join(w.m.Root, filepath.FromSlash(rel))
	w.m.Linked[name] = target
	if w.m.Linked[target] == "" {
		w.m.Linked[target] = name
	}
}

// dir reads a directory, and where it is to be walked those below it that "./..." of the go
// command means. The directory itself may be a symbolic link; below it, links to directories
// are not followed.
func (w *walker) dir(dir string, walk bool) {
	entries, err := os.ReadDir(dir)
	behind := !walk && modules.Resolved(dir) != w.within(dir) // a symbolic link
	if err != nil {
		w.unreadable(dir, err)
		// What was read before the error counts.
	}
	if dir != w.m.Root && slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return e.Name() == "go.mod" && (e.Type().IsRegular() || isFile(filepath.Join(dir, "go.mod")))
	}) {
		switch repo := w.repository(dir); {
		case !walk:
		case repo == "":
			w.m.Nested = append(w.m.Nested, dir)
		case !slices.Contains(w.m.Apart, repo):
			w.m.Apart = append(w.m.Apart, repo)
		}
		return // a module of its own
	}
	for _, e := range entries {
		base, name := e.Name(), filepath.Join(dir, e.Name())
		hidden := strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")
		switch {
		case e.IsDir() && walk && (hidden || base == "testdata"):
			w.hidden(name)
		case hidden:
		case e.IsDir():
			if walk && base != "vendor" && base != "node_modules" {
				w.dir(name, true)
			}
		case base == "BUILD" || base == "BUILD.bazel":
			w.pkg(dir).Bazel = true
		case strings.HasSuffix(base, ".go"):
			if e.Type()&fs.ModeSymlink != 0 {
				if fi, err := os.Stat(name); err == nil && fi.IsDir() {
					continue
				}
			}
			if behind || e.Type()&fs.ModeSymlink != 0 {
				w.linked(name)
			}
			w.file(dir, name)
		case slices.Contains(gocmd.Sources, filepath.Ext(base)):
			w.fit(name, rooted.Content)
		}
	}
}

// repository returns the git repository below the module that a directory lies in, or "".
func (w *walker) repository(dir string) string {
	if repo := modules.Repository(dir); repo != w.m.Root && pathname.Below(w.m.Root, repo) {
		return repo
	}
	return ""
}

func (w *walker) pkg(dir string) *Package {
	rel, _ := below(w.m.Root, dir)
	ip := path.Join(w.m.Path, rel)
	p := w.m.Packages[ip]
	if p == nil {
		p = &Package{Path: ip, Dir: dir, Imports: map[string]bool{}, Mention: map[string]bool{}, Repo: w.repository(dir)}
		w.m.Packages[ip] = p
	}
	return p
}

func (w *walker) file(dir, name string) {
	if !utf8.ValidString(name) {
		w.judge(name, &rooted.UnfitError{Path: name, Why: "has a name that is not valid UTF-8, " + quote.Name(w.m.Rel(name)) + ", which the go command gives as another one"})
		return
	}
	src, err := w.files.ReadFile(w.within(name), rooted.GoFile)
	if unfit := (*rooted.UnfitError)(nil); errors.As(err, &unfit) {
		w.judge(name, err)
		return
	}
	if err != nil {
		w.unreadable(name, err)
		return
	}
	f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ImportsOnly)
	if err != nil && w.concerns(src) {
		at, message := name, err.Error()
		if list, ok := err.(scanner.ErrorList); ok && len(list) > 0 {
			at, message = list[0].Pos.String(), list[0].Msg
		}
		w.m.Skipped = append(w.m.Skipped, finding.Skip{Path: at, Reason: finding.SkipSyntax, Detail: message})
	}
	if f == nil || f.Name == nil || f.Name.Name == "_" { // no package clause
		return
	}
	p := w.pkg(dir)
	imports := importsOf(f)
	mention := p.Mention
	cgo := slices.Contains(imports, "C")
	w.m.Conditional = w.m.Conditional || cgo
	if !w.matches(dir, name, src) || cgo && !w.build.CgoEnabled {
		mention = map[string]bool{}
		p.Ignored = append(p.Ignored, Ignored{name, imports, mention})
	} else {
		p.Files = append(p.Files, name)
		p.Main = p.Main || f.Name.Name == "main"
		for _, ip := range imports {
			p.Imports[ip] = true
		}
	}
	w.mentioned(src, mention)
}

// mentioned notes the words that occur in a file.
func (w *walker) mentioned(src []byte, mention map[string]bool) map[string]bool {
	for _, list := range [][]string{w.opts.Words, w.opts.Hints} {
		for _, word := range list {
			if bytes.Contains(src, []byte(word)) {
				mention[word] = true
			}
		}
	}
	return mention
}

// matches reports whether the file belongs to the build configuration. A file for which
// that cannot be told does: the go command has the last word.
func (w *walker) matches(dir, name string, src []byte) bool {
	w.m.Conditional = w.m.Conditional || constrained(src)
	if plain(filepath.Base(name), src) {
		return true
	}
	ctx := *w.build
	ctx.OpenFile = func(string) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(src)), nil }
	match, err := ctx.MatchFile(dir, filepath.Base(name))
	return match || err != nil
}

// plain reports whether nothing about a file can depend on the build configuration. Most
// files are so, and this is much faster than to ask.
func plain(base string, src []byte) bool {
	return !strings.Contains(strings.TrimSuffix(base, "_test.go"), "_") && !constrained(src)
}

// constrained reports whether the text of a file may say which builds have it.
func constrained(src []byte) bool {
	return bytes.Contains(src, []byte("go:build")) || bytes.Contains(src, []byte("+build"))
}

// concerns reports whether the text of a file has anything to do with what is looked for.
func (w *walker) concerns(src []byte) bool {
	for _, list := range [][]string{w.opts.Words, w.opts.Paths} {
		for _, s := range list {
			if bytes.Contains(src, []byte(s)) {
				return true
			}
		}
	}
	return false
}

func importsOf(f *ast.File) []string {
	var out []string
	for _, spec := range f.Imports {
		if ip, err := strconv.Unquote(spec.Path.Value); err == nil {
			out = append(out, ip)
		}
	}
	return out
}
