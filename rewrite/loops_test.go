package rewrite_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"etcdmod/internal/change"
	"etcdmod/internal/discover"
	"etcdmod/internal/gocmd"
	"etcdmod/internal/helper"
	"etcdmod/internal/load"
	"etcdmod/internal/patch"
	"etcdmod/internal/pipeline"
	"etcdmod/internal/report"
	"etcdmod/rewrite"
	"etcdmod/rewrite/internal/source"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata/loops")

// The shapes of 26 families of loops that were found in public code: what paces the
// tries, what follows success, what becomes of other errors, and what bounds the retry.
var families = map[string]map[string]int{
	"pace":    {"sleep": 6, "ticker": 6, "nothing": 5, "default": 2, "library": 2, "after": 2, "timer": 2, "backoff": 1},
	"success": {"return": 10, "loops": 12, "break": 3, "next": 1},
	"errors": {"retried": 11, "discarded": 3, "returned": 5, "fatal": 2, "rollback": 1, "session": 1,
		"success": 2, "channel": 1},
	"bound": {"context": 12, "none": 8, "attempts": 3, "deadline": 3},
}

// points is how many things there are that a rewrite of such loops must get right.
const points = 11

// A row is one archive of testdata/loops. Its comment says what it is about; a line
// "family: ..." names the shape, and a line "point: N" what must be got right. The file
// "report" holds the findings as etcdmod prints them, and "diff" what becomes of the code.
type row struct {
	name    string // of the archive, and of the directory that it is unpacked to
	path    string
	archive *txtar.Archive
}

// TestLoops finds and rewrites the loops of each row, each as if it were a module of its
// own. They are type-checked against the real client, loaded together, and what comes out
// is compiled and vetted together, tests included. A second run must change nothing.
func TestLoops(t *testing.T) {
	t.Parallel()
	dir, rows := unpack(t)
	before, err := load.NewCache().Load(context.Background(), goCommand(dir), dirsBelow(t, dir), nil)
	if err != nil {
		t.Fatal(err)
	}
	helperFiles, ran := map[string][]byte{}, map[*row]bool{}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			ran[r] = true
			plan := rewrite.Analyze(r.input(dir, before, nil))
			changes, err := plan.Changes()
			if err != nil {
				t.Fatal(err)
			}
			var shown []change.Change
			for _, c := range changes {
				rel, err := filepath.Rel(dir, c.Path)
				if err != nil {
					t.Fatal(err)
				}
				if strings.HasPrefix(filepath.ToSlash(rel), helper.DefaultDir+"/") {
					helperFiles[c.Path] = c.New
					continue
				}
				shown = append(shown, change.Change{Path: filepath.ToSlash(rel), Old: c.Old, New: c.New})
				if err := os.WriteFile(c.Path, c.New, 0o666); err != nil {
					t.Fatal(err)
				}
			}
			var text bytes.Buffer
			if err := report.Text(&text, &pipeline.Result{Module: &discover.Module{Root: dir}, Findings: plan.Findings}); err != nil {
				t.Fatal(err)
			}
			diff, err := patch.Unified(shown)
			if err != nil {
				t.Fatal(err)
			}
			r.golden(t, "report", text.String())
			r.golden(t, "diff", string(diff))
		})
	}
	for name, src := range helperFiles {
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, src, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	goDo(t, dir, "vet", "./...") // compiles as well

	after, err := load.NewCache().Load(context.Background(), goCommand(dir), dirsBelow(t, dir), nil)
	if err != nil {
		t.Fatal(err)
	}
	for r := range ran {
		files := map[string][]byte{}
		for name, src := range helperFiles {
			files[filepath.Base(name)] = src
		}
		plan := rewrite.Analyze(r.input(dir, after, files))
		changes, err := plan.Changes()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			t.Errorf("%s: a second run changes %s", r.name, c.Path)
		}
	}
}

// TestLoopFamilies demands a row for each family of loops, and for each point.
func TestLoopFamilies(t *testing.T) {
	got := map[string]map[string]int{}
	for key := range families {
		got[key] = map[string]int{}
	}
	covered := map[string]bool{}
	for _, r := range readRows(t) {
		for line := range strings.Lines(string(r.archive.Comment)) {
			if text, ok := strings.CutPrefix(line, "family: "); ok {
				for field := range strings.FieldsSeq(text) {
					key, value, _ := strings.Cut(field, "=")
					got[key][value]++
				}
			}
			if text, ok := strings.CutPrefix(line, "point: "); ok {
				covered[strings.TrimSpace(text)] = true
			}
		}
	}
	if d := cmp.Diff(families, got); d != "" {
		t.Errorf("families (-want +got):\n%s", d)
	}
	for n := 1; n <= points; n++ {
		if !covered[fmt.Sprint(n)] {
			t.Errorf("no row for point %d", n)
		}
	}
}

func readRows(t *testing.T) (rows []*row) {
	t.Helper()
	names, err := filepath.Glob("../testdata/loops/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal(err, names)
	}
	for _, name := range names {
		a, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, &row{strings.TrimSuffix(filepath.Base(name), ".txtar"), name, a})
	}
	return rows
}

// golden compares got with a file of the archive, or puts it there.
func (r *row) golden(t *testing.T, name, got string) {
	t.Helper()
	i := slices.IndexFunc(r.archive.Files, func(f txtar.File) bool { return f.Name == name })
	if *update {
		if i < 0 {
			i = len(r.archive.Files)
			r.archive.Files = append(r.archive.Files, txtar.File{Name: name})
		}
		r.archive.Files[i].Data = []byte(got)
		if err := os.WriteFile(r.path, txtar.Format(r.archive), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want := ""
	if i >= 0 {
		want = string(r.archive.Files[i].Data)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", name, d)
	}
}

// input makes an input of those packages of prog that belong to the row.
func (r *row) input(dir string, prog *load.Program, helperFiles map[string][]byte) *source.Input {
	const module = "example.com/app"
	in := &source.Input{
		Fset: prog.Fset, Sources: prog.Sources, ModulePath: module, ModuleDir: dir,
		HelperDir: helper.DefaultDir, HelperFiles: helperFiles, Version: "test",
		Exported: source.RewriteExported,
	}
	own := module + "/" + r.name
	for _, pkg := range prog.Packages {
		if pkg.PkgPath == own || strings.HasPrefix(pkg.PkgPath, own+"/") || pkg.PkgPath == own+"_test" || pkg.PkgPath == own+".test" {
			in.Packages = append(in.Packages, pkg)
		}
	}
	return in
}

// unpack writes all rows to one module that requires the real client, and stand-ins for
// the libraries that they use.
func unpack(t *testing.T) (dir string, rows []*row) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	write := func(data []byte, elem ...string) {
		name := filepath.Join(elem...)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join("../testdata/example", name))
		if err != nil {
			t.Fatal(err)
		}
		write(bytes.Replace(data, []byte("module example.com/standby"), []byte("module example.com/app"), 1), dir, name)
	}
	rows = slices.DeleteFunc(readRows(t), func(r *row) bool { return !asked(t, r.name) })
	for _, r := range rows {
		for _, f := range r.archive.Files {
			if strings.HasSuffix(f.Name, ".go") {
				write(f.Data, dir, r.name, filepath.FromSlash(f.Name))
			}
		}
	}
	libraries, err := txtar.ParseFile("../testdata/loops/libraries/libraries.txtar")
	if err != nil {
		t.Fatal(err)
	}
	libs := t.TempDir()
	edit := []string{"mod", "edit"}
	for _, f := range libraries.Files {
		write(f.Data, libs, filepath.FromSlash(f.Name))
		if path, ok := strings.CutSuffix(f.Name, "/go.mod"); ok {
			version := "v1.0.0"
			if i := strings.LastIndex(path, "/v"); i >= 0 {
				version = path[i+1:] + ".0.0"
			}
			edit = append(edit, "-require="+path+"@"+version, "-replace="+path+"="+filepath.Join(libs, filepath.FromSlash(path)))
		}
	}
	goDo(t, dir, edit...)
	return dir, rows
}

// asked reports whether -run asks for the subtest of that name of the test t, so that no more
// is loaded than what is looked at.
func asked(t *testing.T, name string) bool {
	_, pattern, ok := strings.Cut(flag.Lookup("test.run").Value.String(), "/")
	if !ok {
		return true
	}
	match, err := regexp.MatchString(pattern, strings.ReplaceAll(name, " ", "_"))
	if err != nil {
		t.Fatal(err)
	}
	return match
}

// dirsBelow returns the directories of the module that hold Go files.
func dirsBelow(t *testing.T, dir string) []string {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir(dir, func(name string, _ os.DirEntry, err error) error {
		if strings.HasSuffix(name, ".go") {
			found[filepath.Dir(name)] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(found))
}

func goCommand(dir string) gocmd.Runner {
	return gocmd.Runner{Dir: dir}.With("GOWORK=off", "GOFLAGS=-mod=mod")
}

func goDo(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = dir, goCommand(dir).Environ()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", args[0], err, out)
	}
}
