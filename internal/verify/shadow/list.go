package shadow

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"etcdmod/internal/pathname"
)

// A Package is one entry of "go list": a package, its variant for a test
// ("p [p.test]"), an external test package ("p_test [p.test]") or a generated test
// main package ("p.test").
type Package struct {
	ImportPath string
	ForTest    string
	Name       string
	Dir        string
	Standard   bool
	Export     string
	Match      []string
	GoFiles    []string
	CgoFiles   []string
	EmbedFiles []string

	TestEmbedFiles  []string
	XTestEmbedFiles []string
	Imports         []string          // as ImportPath of other entries
	ImportMap       map[string]string // from the path in the source to that, where they differ
	Module          *Module
	Error           *ListError
	DepsErrors      []*ListError
}

// A Module is what "go list" says of the module of a package.
type Module struct {
	Path, Version, Dir, GoVersion string
	Main                          bool
	Replace                       *Module
}

// A ListError is what "go list" says is wrong with a package.
type ListError struct {
	ImportStack importStack
	Pos         string
	Err         string
}

// An importStack is a list of import paths. It is a hint, so that another form of it
// is no reason to fail.
type importStack []string

func (s *importStack) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, (*[]string)(s)) == nil {
		return nil
	}
	*s = nil
	return nil
}

func decode(out []byte) ([]*Package, error) {
	var pkgs []*Package
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		p := new(Package)
		switch err := dec.Decode(p); err {
		case nil:
			pkgs = append(pkgs, p)
		case io.EOF:
			return pkgs, nil
		default:
			return nil, fmt.Errorf("reading the output of go list: %w", err)
		}
	}
}

// Path gives the import path without the test variant: "p", "p_test" or "p.test".
func (p *Package) Path() string {
	id, _, _ := strings.Cut(p.ImportPath, " ")
	return id
}

// Home gives the import path of the package to whose files or tests p belongs.
func (p *Package) Home() string {
	if p.ForTest != "" && p.Path() == p.ForTest+"_test" {
		return p.ForTest
	}
	if p.TestMain() {
		return strings.TrimSuffix(p.Path(), ".test")
	}
	return p.Path()
}

// TestMain reports whether p is the main package that "go test" generates.
func (p *Package) TestMain() bool {
	return p.Name == "main" && p.ForTest == "" && strings.HasSuffix(p.ImportPath, ".test") &&
		(len(p.GoFiles) == 0 || filepath.IsAbs(p.GoFiles[0])) // in the build cache
}

// Main reports whether p belongs to a main module.
func (p *Package) Main() bool { return p.Module != nil && p.Module.Main }

// Files gives the absolute paths of the Go files.
func (p *Package) Files() []string {
	var names []string
	for _, list := range [][]string{p.GoFiles, p.CgoFiles} {
		for _, name := range list {
			names = append(names, pathname.Absolute(p.Dir, name))
		}
	}
	return names
}

// Broken reports whether p was not compiled. A package that is held back by an
// error in another one, such as the p of a p.test with a malformed test function,
// has no error itself and no export data either.
func (p *Package) Broken() bool {
	uncompiled := p.Export == "" && !p.Standard && len(p.GoFiles)+len(p.CgoFiles) > 0
	return p.Error != nil || len(p.DepsErrors) > 0 || uncompiled
}

// Closure gives the packages that the named ones and their tests need.
func Closure(pkgs []*Package, named map[string]bool) []*Package {
	byPath := map[string]*Package{}
	var todo []*Package
	for _, p := range pkgs {
		byPath[p.ImportPath] = p
		if named[p.Home()] && (p.ForTest == "" || p.ForTest == p.Home()) {
			todo = append(todo, p)
		}
	}
	seen := map[*Package]bool{}
	var all []*Package
	for len(todo) > 0 {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if p == nil || seen[p] {
			continue
		}
		seen[p] = true
		all = append(all, p)
		for _, path := range p.Imports {
			todo = append(todo, byPath[path])
		}
	}
	return all
}
