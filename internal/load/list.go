package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"

	"etcdmod/internal/gocmd"
)

// A listed is a package as "go list -json" prints it.
type listed struct {
	ImportPath, Dir, Name, Export string

	GoFiles, CgoFiles, CompiledGoFiles, IgnoredGoFiles, IgnoredOtherFiles []string
	CFiles, CXXFiles, MFiles, HFiles, FFiles, SFiles                      []string
	SwigFiles, SwigCXXFiles, SysoFiles                                    []string

	Imports   []string
	ImportMap map[string]string
	ForTest   string
	Module    *packages.Module

	DepOnly, Standard bool
	Match             []string // the patterns that name it

	Error *struct {
		ImportStack []string
		Pos, Err    string
	}
}

// question is what the go command is asked first. With -n it says where the build cache has export
// data, and builds nothing. It says no word of an embedded file that is missing, unless it is asked
// for EmbedFiles.
var question = []string{"-deps", "-test", "-n", "-export", "-json=" + fields}

const fields = "ImportPath,Dir,Name,GoFiles,CgoFiles,IgnoredGoFiles,IgnoredOtherFiles,CFiles,CXXFiles,MFiles,HFiles,FFiles,SFiles," +
	"SwigFiles,SwigCXXFiles,SysoFiles,Imports,ImportMap,ForTest,Module,Export,DepOnly,Standard,Match,EmbedFiles,Error"

// cgo reports whether files of the package are made by cgo or swig.
func (p *listed) cgo() bool { return len(p.CgoFiles)+len(p.SwigFiles)+len(p.SwigCXXFiles) > 0 }

// imports returns what the package imports, by the paths that its files name and by those that
// the go command has for them, which differ for what is vendored and for variants for tests.
func (p *listed) imports(known map[string]*node) map[string]string {
	all := map[string]string{}
	mapped := map[string]bool{}
	for path, id := range p.ImportMap {
		all[path], mapped[id] = id, true
	}
	for _, id := range p.Imports {
		if id != "C" && !mapped[id] {
			all[id] = id
		}
	}
	if p.cgo() && !p.Standard {
		for _, path := range []string{"runtime/cgo", "sync", "syscall", "unsafe"} { // what cgo and swig make needs them
			if known[path] != nil && all[path] == "" {
				all[path] = path
			}
		}
	}
	return all
}

// maxArgs is how long the names on one command line are together, in bytes: no system takes less
// with an environment of usual size.
func maxArgs() int {
	if runtime.GOOS == "windows" {
		return 16 << 10
	}
	return 128 << 10
}

// A lister asks the go command about packages, always in the same way.
type lister struct {
	gocmd.Runner
	flags []string
}

// list lists packages. An error may come with packages: the go command prints what it knows.
func (l lister) list(ctx context.Context, names []string, args ...string) (all []*listed, err error) {
	for len(names) > 0 {
		n, size := 0, 0
		for n < len(names) && (n == 0 || size+len(names[n]) < maxArgs()) {
			size += len(names[n]) + 1
			n++
		}
		out, failed := l.Run(ctx, slices.Concat([]string{"list", "-e"}, args, l.flags, []string{"--"}, names[:n])...)
		names = names[n:]
		err = errors.Join(err, failed)
		for dec := json.NewDecoder(bytes.NewReader(out)); ; {
			p := &listed{}
			if broken := dec.Decode(p); broken == io.EOF {
				break
			} else if broken != nil {
				return nil, errors.Join(err, fmt.Errorf("go list (in %s) prints what is no JSON: %w", l.Dir, broken))
			}
			all = append(all, p)
		}
	}
	return all, err
}

// pkg makes a package of what the go command said.
func (p *listed) pkg(dir string) *packages.Package {
	path, _, _ := strings.Cut(p.ImportPath, " [") // a variant
	// Of a directory whose name no import path can have, the go command says no more than that.
	if p.Dir == "" && p.Error != nil && len(p.Match) == 1 && strings.HasPrefix(p.Match[0], "./") {
		p.Dir, path = filepath.Join(dir, filepath.FromSlash(p.Match[0])), p.ImportPath
	}
	pkg := &packages.Package{
		ID: p.ImportPath, PkgPath: path, Name: p.Name, Dir: p.Dir, ForTest: p.ForTest, Module: p.Module,
		Imports:      map[string]*packages.Package{},
		GoFiles:      absolute(p.Dir, p.GoFiles, p.CgoFiles),
		OtherFiles:   absolute(p.Dir, p.CFiles, p.CXXFiles, p.MFiles, p.HFiles, p.FFiles, p.SFiles, p.SwigFiles, p.SwigCXXFiles, p.SysoFiles),
		IgnoredFiles: absolute(p.Dir, p.IgnoredGoFiles, p.IgnoredOtherFiles),
	}
	if path != "unsafe" { // there is a file of that name, which says nothing
		pkg.CompiledGoFiles = pkg.GoFiles
	}
	if p.Error == nil {
		return pkg
	}
	if stack := p.Error.ImportStack; len(pkg.GoFiles) == 0 && (len(stack) == 0 || stack[len(stack)-1] == p.ImportPath) {
		// The go command counts a file whose beginning it cannot read to no package.
		for _, text := range []string{p.Error.Pos, p.Error.Err} {
			name, _, _ := strings.Cut(text, ":")
			if name = strings.TrimSpace(name); name == "" {
				continue
			}
			if !filepath.IsAbs(name) {
				name = filepath.Join(dir, name)
			}
			if _, err := os.Stat(name); err == nil {
				pkg.GoFiles = append(pkg.GoFiles, name)
				pkg.CompiledGoFiles = pkg.GoFiles
				break
			}
		}
	}
	pkg.Errors = append(pkg.Errors, p.failure())
	return pkg
}

// failure is the error of a package that has one.
func (p *listed) failure() packages.Error {
	msg := strings.TrimSpace(p.Error.Err)
	if (msg == "import cycle not allowed" || msg == "import cycle not allowed in test") && len(p.Error.ImportStack) > 0 {
		stack := make([]string, len(p.Error.ImportStack))
		for i, s := range p.Error.ImportStack {
			stack[i] = strings.TrimSuffix(s, " (test)")
		}
		msg += fmt.Sprintf(": import stack: %v", stack)
	}
	return packages.Error{Pos: p.Error.Pos, Msg: msg, Kind: packages.ListError}
}

// absolute joins lists of files of a directory. Made ones have absolute names already.
func absolute(dir string, lists ...[]string) (all []string) {
	for _, name := range slices.Concat(lists...) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		all = append(all, name)
	}
	return all
}

// once joins what the go command said of a package more than once. It lists what must not be
// imported as a package with an error beside the one that it is; the error is one of its importer.
func once(all []*listed) (unique []*listed, more map[string][]packages.Error) {
	at := map[string]int{}
	more = map[string][]packages.Error{}
	for _, p := range all {
		i, ok := at[p.ImportPath]
		if !ok {
			at[p.ImportPath] = len(unique)
			unique = append(unique, p)
			continue
		}
		old := unique[i]
		if old.Error != nil {
			old, p = p, old
		}
		old.DepOnly = old.DepOnly && p.DepOnly
		unique[i] = old
		if p.Error == nil || !strings.Contains(p.Error.Err, "not an importable package") && !strings.Contains(p.Error.Err, "use of internal package") {
			continue
		}
		stack := slices.DeleteFunc(slices.Clone(p.Error.ImportStack), func(path string) bool { return path == p.ImportPath })
		if len(stack) > 0 {
			importer := stack[len(stack)-1]
			more[importer] = append(more[importer], p.failure())
		}
	}
	return unique, more
}
