package rollout_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"etcdmod/internal/change"
	"etcdmod/internal/discover"
	"etcdmod/internal/finding"
	"etcdmod/internal/gocmd"
	"etcdmod/internal/helper"
	"etcdmod/internal/load"
	"etcdmod/internal/pipeline"
	"etcdmod/internal/rollout"
	"etcdmod/internal/testkit/script"
	"etcdmod/rewrite"
)

// TestTextsOfAllLoops holds the text for every archive of testdata/loops and testdata/rule, each
// a module of its own, against what its findings and its patch say. They are loaded together
// and not compiled: what a text says depends on what the proofs let pass.
func TestTextsOfAllLoops(t *testing.T) {
	t.Parallel()
	const module = "example.com/app"
	dir, names := loops(t, module)
	prog, err := load.NewCache().Load(t.Context(), gocmd.Runner{Dir: dir}.With("GOWORK=off", "GOFLAGS=-mod=mod"), withGo(t, dir), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name, "go.mod"), []byte("module "+module+"/"+name+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, strategy := range []rewrite.Strategy{rewrite.WatchStrategy, rewrite.LockStrategy} {
		for _, top := range []finding.Tier{finding.Collapse, finding.Guard} {
			t.Run(fmt.Sprintf("%s of %s", top, strategy), func(t *testing.T) {
				look := func(_ context.Context, opts pipeline.Options) (*pipeline.Result, error) {
					name := filepath.Base(opts.Dir)
					own := module + "/" + name
					in := &rewrite.Input{
						Fset: prog.Fset, Sources: prog.Sources, ModulePath: own, ModuleDir: opts.Dir, HelperDir: helper.DefaultDir,
						Version: "test", Exported: rewrite.RewriteExported, Strategy: strategy,
					}
					for _, pkg := range prog.Packages {
						if path := strings.TrimSuffix(strings.TrimSuffix(pkg.PkgPath, ".test"), "_test"); path == own || strings.HasPrefix(path, own+"/") {
							in.Packages = append(in.Packages, pkg)
						}
					}
					plan := rewrite.Analyze(in)
					plan.Limit(top)
					changes, err := plan.Changes()
					slices.SortFunc(changes, func(a, b change.Change) int { return strings.Compare(a.Path, b.Path) })
					return &pipeline.Result{
						Module:   &discover.Module{Root: opts.Dir, Path: own},
						Findings: plan.Findings, Ignored: plan.Ignored, Tries: plan.Tries, Changes: changes,
						Incomplete: slices.ContainsFunc(plan.Tries, finding.Try.Lost),
					}, err
				}
				out := filepath.Join(t.TempDir(), "out")
				index, err := rollout.RunWith(t.Context(), rollout.Options{Root: dir, By: rollout.ByModule, Out: out}, look)
				if err != nil {
					t.Fatal(err)
				}
				wrong, err := script.Texts(out)
				if err != nil {
					t.Fatal(err)
				}
				for _, line := range wrong {
					t.Error(line)
				}
				told := 0
				for _, m := range index.Modules {
					told += len(m.Units)
				}
				if told < len(names)/2 {
					t.Errorf("%d of %d archives have a text", told, len(names))
				}
			})
		}
	}
}

// TestTextsStandByThemselves: who reads a text, or what explain says of a code, has what is meant there. A
// file of etcdmod's is named for more of it alone, and where it is.
func TestTextsStandByThemselves(t *testing.T) {
	texts := map[string]string{}
	for _, s := range rollout.Sentences {
		texts[s.When] = s.Text
	}
	for _, code := range finding.Codes() {
		why, _ := code.Explain()
		texts[string(code)] = why + " " + code.Earn()
	}
	for about, text := range texts {
		if strings.Contains(text, ".md") && !strings.HasPrefix(text, "For more, the repository of etcdmod has ") {
			t.Errorf("%s: it sends the reader to a file: %s", about, text)
		}
	}
}

// loops unpacks each archive of loops and rules to a directory of one module, so that all can be
// loaded together, with stand-ins for the libraries that they use.
func loops(t *testing.T, module string) (dir string, names []string) {
	t.Helper()
	const testdata = "../../testdata"
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	write := func(data []byte, elem ...string) {
		t.Helper()
		name := filepath.Join(elem...)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(testdata, "example", name))
		if err != nil {
			t.Fatal(err)
		}
		write(bytes.Replace(data, []byte("module example.com/standby"), []byte("module "+module), 1), dir, name)
	}
	for _, pattern := range []string{"loops/*.txtar", "rule/*/*.txtar"} {
		archives, err := filepath.Glob(filepath.Join(testdata, pattern))
		if err != nil || len(archives) == 0 {
			t.Fatal(err, archives)
		}
		for _, archive := range archives {
			a, err := txtar.ParseFile(archive)
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Base(filepath.Dir(archive)) + "_" + strings.TrimSuffix(filepath.Base(archive), ".txtar")
			names = append(names, name)
			for _, f := range a.Files {
				if strings.HasSuffix(f.Name, ".go") {
					src := bytes.ReplaceAll(f.Data, []byte(`"`+module+"/"), []byte(`"`+module+"/"+name+"/"))
					write(src, dir, name, filepath.FromSlash(f.Name))
				}
			}
		}
	}
	libraries, err := txtar.ParseFile(filepath.Join(testdata, "loops", "libraries", "libraries.txtar"))
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
	cmd := exec.Command("go", edit...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir, names
}

// withGo returns the directories that hold Go files.
func withGo(t *testing.T, dir string) []string {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
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
