package load

import (
	"context"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"

	"golang.org/x/tools/go/gcexportdata"

	"etcdmod/internal/rooted"
)

// exports gives the packages that do not come from source their types, out of the build cache.
// An error means that it has lost some of them since it was asked.
func (c *checker) exports() error {
	// Export data speaks of packages by their path. All of them are there before any is read, so
	// that all speak of the same.
	known := map[string]*types.Package{}
	for _, n := range c.order {
		if !n.source {
			c.empty(n)
			known[n.PkgPath] = n.Types
		}
	}
	for _, n := range exported(c.order) {
		if _, err := Export(n.list.Export, c.cache.Fset, known, n.PkgPath); err != nil {
			return err
		}
	}
	return nil
}

// Export reads the export data of a package from a file of the build cache, in which it stands
// before the code. known has the packages of the program by their path; Export adds those that
// are missing.
func Export(file string, fset *token.FileSet, known map[string]*types.Package, path string) (*types.Package, error) {
	f, err := rooted.OpenNamed(file, rooted.Content)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	//lint:ignore SA1019 the go command still gives archives, which Read alone does not take
	r, err := gcexportdata.NewReader(f)
	if err != nil {
		return nil, err
	}
	return gcexportdata.Read(r, fset, known, path)
}

// made asks for the Go files that cgo and swig make for packages from source. What they declare
// depends on C, and a package that speaks of C has no meaning without. The standard library shows
// nothing of C to others, and takes seconds. Nothing of this is in export data, which has the types.
func (c *checker) made(ctx context.Context, l lister) {
	var roots, others []string
	for _, n := range c.order {
		switch {
		case !n.source || !n.list.cgo() || n.list.Standard || slices.Contains(roots, n.PkgPath):
		case n.root:
			roots = append(roots, n.PkgPath)
		default:
			others = append(others, n.PkgPath)
		}
	}
	const form = "-json=ImportPath,Dir,CompiledGoFiles,Error"
	// Where C cannot be had, packages come with errors, and the command fails.
	files := map[string]*listed{}
	for _, asked := range []struct{ names, flags []string }{{others, []string{"-compiled", form}}, {roots, []string{"-compiled", "-test", form}}} {
		list, _ := l.list(ctx, asked.names, asked.flags...)
		for _, p := range list {
			files[p.ImportPath] = p
		}
	}
	for _, n := range c.order {
		if !n.source || !n.list.cgo() || n.list.Standard {
			continue
		}
		p := files[n.ID]
		if p == nil {
			p = files[n.PkgPath] // a variant for the tests of another package has the same files
		}
		n.compiled(p)
	}
}

// compiled notes the files that a package is compiled from.
func (n *node) compiled(p *listed) {
	if p == nil {
		return
	}
	if p.Error != nil && len(n.Errors) == 0 {
		n.Errors = append(n.Errors, p.failure())
	}
	files := slices.DeleteFunc(absolute(p.Dir, p.CompiledGoFiles), func(name string) bool {
		ext := filepath.Ext(name)
		return ext != ".go" && ext != "" // of another language; those of the cache have none
	})
	if len(files) > 0 {
		n.CompiledGoFiles = files
	}
}
