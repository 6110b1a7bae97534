package rewrite

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	pathpkg "path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/txtar"

	"etcdmod/internal/finding"
	"etcdmod/internal/helper"
	"etcdmod/rewrite/internal/source"
)

// fuzzModule is the module that fuzzed programs belong to, and fuzzDir where it lies.
const fuzzModule, fuzzDir = "example.com/app", "/app"

// maxOps bounds the changes to one program: each may nest it deeper, and is parsed anew.
const maxOps = 100

// FuzzAnalyze takes the programs of the fixtures apart, and puts them together in other
// ways. Whatever comes of it, finding and rewriting never panics, and what is written
// parses and has the comments of the original. Where the original type-checks, so does
// the outcome, and a second run leaves it alone.
func FuzzAnalyze(f *testing.F) {
	for i, a := range fuzzSeeds(f) {
		f.Add(a, []byte{byte(i)})
		f.Add(a, []byte{byte(i), byte(i), byte(3 * i), byte(5 * i), byte(i + 3), byte(7 * i), byte(11 * i)})
	}
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, archive, ops []byte) {
		var options byte
		if len(ops) > 0 {
			options, ops = ops[0], ops[1:min(len(ops), maxOps)]
		}
		before := mutate(goFiles(archive), ops)
		in, errs := w.load(before, options)
		if in == nil {
			return // it does not parse
		}
		defer w.forget(in)
		plan := Analyze(in)
		plan.Limit(finding.Collapse - finding.Tier(options>>4&3)%3)
		changes, err := plan.Changes()
		if err != nil {
			t.Fatalf("%v\n%s", err, txtar.Format(&txtar.Archive{Files: before}))
		}
		if len(changes) == 0 {
			return
		}
		after := slices.Clone(before)
		for _, c := range changes {
			name, err := filepath.Rel(fuzzDir, c.Path)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(after, func(f txtar.File) bool { return f.Name == filepath.ToSlash(name) })
			if i < 0 {
				continue // of the helper
			}
			if !slices.Equal(fuzzComments(c.Old), fuzzComments(c.New)) {
				t.Errorf("comments were lost or doubled:\n%s\nwas\n%s", c.New, c.Old)
			}
			after[i].Data = c.New
		}
		again, errsAfter := w.load(after, options)
		if again == nil {
			t.Fatalf("it does not parse any more:\n%s", txtar.Format(&txtar.Archive{Files: after}))
		}
		defer w.forget(again)
		if len(errs) > 0 {
			return // what the pipeline makes of the errors is its own business
		}
		if len(errsAfter) > 0 {
			t.Fatalf("%v\n%s\nwas\n%s", errsAfter, txtar.Format(&txtar.Archive{Files: after}), txtar.Format(&txtar.Archive{Files: before}))
		}
		second := Analyze(again)
		second.Limit(finding.Collapse - finding.Tier(options>>4&3)%3)
		changes, err = second.Changes()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			if !c.Created {
				t.Errorf("a second run makes\n%s\nof\n%s", c.New, c.Old)
			}
		}
	})
}

// fuzzSeeds are the Go files of each fixture, and some of the generated functions.
func fuzzSeeds(t testing.TB) (seeds [][]byte) {
	t.Helper()
	for _, pattern := range []string{"loops/*.txtar", "rule/*/*.txtar"} {
		names, err := filepath.Glob(filepath.Join("../testdata", pattern))
		if err != nil || len(names) == 0 {
			t.Fatal(err, names)
		}
		for _, name := range names {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			own := strings.TrimSuffix(filepath.Base(name), ".txtar") // as TestLoops unpacks them
			var files []txtar.File
			for _, f := range a.Files {
				if strings.HasSuffix(f.Name, ".go") && !strings.Contains(f.Name, "vendor/") {
					files = append(files, txtar.File{Name: own + "/" + f.Name, Data: f.Data})
				}
			}
			if len(files) > 0 {
				seeds = append(seeds, txtar.Format(&txtar.Archive{Files: files}))
			}
		}
	}
	for i := 0; i < pollings(); i += pollings()/100 + 1 {
		seeds = append(seeds, fmt.Appendf(nil, "-- p/p.go --\n%s", pollingAt(i).source()))
	}
	return seeds
}

// goFiles returns the files of an archive that may be part of the module.
func goFiles(archive []byte) (files []txtar.File) {
	seen := map[string]bool{}
	for _, f := range txtar.Parse(archive).Files {
		name := pathpkg.Clean(f.Name)
		if filepath.IsLocal(name) && pathpkg.Ext(name) == ".go" && !seen[name] && !strings.HasPrefix(name, helper.DefaultDir+"/") {
			seen[name] = true
			files = append(files, txtar.File{Name: name, Data: f.Data})
		}
	}
	return files
}

// fuzzComments returns the comments of a file, sorted.
func fuzzComments(src []byte) (out []string) {
	f, err := parser.ParseFile(token.NewFileSet(), "", src, parser.ParseComments)
	if err != nil {
		return nil
	}
	for _, group := range f.Comments {
		for _, c := range group.List {
			out = append(out, strings.ReplaceAll(c.Text, "\r", ""))
		}
	}
	slices.Sort(out)
	return out
}

// A world is what fuzzed programs may import: the real client and the standard library,
// stand-ins for libraries, and the helper.
type world struct {
	fset    *token.FileSet
	exports map[string]string // files, by import path
	gc      types.Importer
	sources map[string][]txtar.File // by import path
	done    map[string]*types.Package
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		fset: token.NewFileSet(), exports: map[string]string{},
		sources: map[string][]txtar.File{}, done: map[string]*types.Package{},
	}
	cmd := exec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}}={{.Export}}", "go.etcd.io/etcd/client/v3/clientv3util",
		"go.etcd.io/etcd/client/v3/concurrency", "std")
	cmd.Dir, cmd.Stderr = filepath.Join("..", "testdata", "example"), os.Stderr
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if path, file, ok := strings.Cut(strings.TrimSpace(line), "="); ok && file != "" {
			w.exports[path] = file
		}
	}
	w.gc = importer.ForCompiler(w.fset, "gc", func(path string) (io.ReadCloser, error) {
		if name, ok := w.exports[path]; ok {
			return os.Open(name)
		}
		return nil, fmt.Errorf("no package %s", path)
	})
	libraries, err := txtar.ParseFile("../testdata/loops/libraries/libraries.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range libraries.Files {
		if strings.HasSuffix(f.Name, ".go") {
			path := pathpkg.Dir(f.Name)
			w.sources[path] = append(w.sources[path], f)
		}
	}
	files, err := helper.Generate(helper.Config{
		Package: pathpkg.Base(helper.DefaultDir), Concurrency: "go.etcd.io/etcd/client/v3/concurrency", Client: "go.etcd.io/etcd/client/v3",
		Version: "test", Parts: helper.All,
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, src := range files {
		path := fuzzModule + "/" + helper.DefaultDir
		w.sources[path] = append(w.sources[path], txtar.File{Name: path + "/" + name, Data: src})
	}
	return w
}

// Import gives a package that is not fuzzed.
func (w *world) Import(path string) (*types.Package, error) {
	if pkg := w.done[path]; pkg != nil {
		return pkg, nil
	}
	if _, ok := w.sources[path]; !ok {
		if w.exports[path] == "" {
			return nil, fmt.Errorf("no package %s", path)
		}
		return w.gc.Import(path)
	}
	var syntax []*ast.File
	for _, f := range w.sources[path] {
		parsed, err := parser.ParseFile(w.fset, "/"+f.Name, f.Data, 0)
		if err != nil {
			return nil, err
		}
		syntax = append(syntax, parsed)
	}
	pkg, err := (&types.Config{Importer: w}).Check(path, w.fset, syntax, nil)
	if err != nil {
		return nil, err
	}
	w.done[path] = pkg
	return pkg, nil
}

// A fuzzed module is being type-checked.
type fuzzed struct {
	*world
	files map[string][]txtar.File // by import path
	pkgs  map[string]*packages.Package
	errs  []error
}

// load type-checks a program as far as that goes. It returns no input if a file does not
// parse.
func (w *world) load(files []txtar.File, options byte) (*source.Input, []error) {
	in := &source.Input{
		Fset: w.fset, Sources: map[string][]byte{}, ModulePath: fuzzModule, ModuleDir: fuzzDir, HelperDir: helper.DefaultDir,
		HelperFiles: map[string][]byte{}, Version: "test", Exported: source.ExportedAPI(options & 1), Strategy: source.Strategy(options >> 1 & 1),
	}
	c := &fuzzed{world: w, files: map[string][]txtar.File{}, pkgs: map[string]*packages.Package{}}
	for _, f := range files {
		path := pathpkg.Join(fuzzModule, pathpkg.Dir(f.Name))
		c.files[path] = append(c.files[path], f)
		in.Sources[filepath.Join(fuzzDir, filepath.FromSlash(f.Name))] = f.Data
	}
	ok := len(files) > 0
	for _, path := range slices.Sorted(maps.Keys(c.files)) {
		pkg := c.check(path)
		if pkg == nil {
			ok = false
			continue
		}
		in.Packages = append(in.Packages, pkg)
	}
	if !ok {
		w.forget(in)
		return nil, nil
	}
	return in, c.errs
}

// forget frees what the file set holds of a program.
func (w *world) forget(in *source.Input) {
	for _, pkg := range in.Packages {
		for _, f := range pkg.Syntax {
			w.fset.RemoveFile(w.fset.File(f.FileStart))
		}
	}
}

func (c *fuzzed) Import(path string) (*types.Package, error) {
	if _, ok := c.files[path]; !ok {
		return c.world.Import(path)
	}
	if pkg := c.check(path); pkg != nil && pkg.Types != nil && pkg.Types.Complete() {
		return pkg.Types, nil
	}
	return nil, fmt.Errorf("no package %s", path) // or it imports itself
}

// check type-checks a package of the module. It returns nil if a file does not parse.
func (c *fuzzed) check(path string) *packages.Package {
	if pkg, ok := c.pkgs[path]; ok {
		return pkg
	}
	c.pkgs[path] = nil
	pkg := &packages.Package{ID: path, PkgPath: path, Fset: c.fset}
	pkg.TypesInfo = &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
		Implicits: map[ast.Node]types.Object{}, Instances: map[*ast.Ident]types.Instance{},
		Selections: map[*ast.SelectorExpr]*types.Selection{}, Scopes: map[ast.Node]*types.Scope{},
	}
	for _, f := range c.files[path] {
		name := filepath.Join(fuzzDir, filepath.FromSlash(f.Name))
		syntax, err := parser.ParseFile(c.fset, name, f.Data, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil || pkg.Name != "" && pkg.Name != syntax.Name.Name {
			return nil
		}
		pkg.Syntax, pkg.GoFiles, pkg.Name = append(pkg.Syntax, syntax), append(pkg.GoFiles, name), syntax.Name.Name
	}
	conf := types.Config{Importer: c, FakeImportC: true, Error: func(err error) {
		c.errs = append(c.errs, err)
		if e, ok := err.(types.Error); ok { // as a load has it
			pkg.TypeErrors = append(pkg.TypeErrors, e)
		}
	}}
	pkg.Types, _ = conf.Check(path, c.fset, pkg.Syntax, pkg.TypesInfo)
	c.pkgs[path] = pkg
	return pkg
}

// TestMutations demands of each kind of mutation that it changes programs, and that
// enough of what comes out type-checks and is rewritten: or the fuzzing says little.
func TestMutations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	changed, typed, found := make([]int, len(mutations)), 0, 0
	seeds := fuzzSeeds(t)
	for i, seed := range seeds {
		files := goFiles(seed)
		for kind := range mutations {
			after := mutate(files, []byte{byte(kind), byte(3 * i), byte(5 * i)})
			if bytes.Equal(txtar.Format(&txtar.Archive{Files: files}), txtar.Format(&txtar.Archive{Files: after})) {
				continue
			}
			changed[kind]++
			in, errs := w.load(after, 0)
			if in == nil {
				continue
			}
			if len(errs) == 0 {
				typed++
				if len(Analyze(in).Findings) > 0 {
					found++
				}
			}
			w.forget(in)
		}
	}
	sum := 0
	for kind, n := range changed {
		if sum += n; n < len(seeds)/4 {
			t.Errorf("mutation %d changes only %d of %d programs", kind, n, len(seeds))
		}
	}
	t.Logf("%d programs, %d type-check, %d have findings", sum, typed, found)
	if typed < sum/10 || found < typed/4 {
		t.Errorf("of %d programs only %d type-check, and %d of these have findings", sum, typed, found)
	}
}
