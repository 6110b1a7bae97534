//go:build unix

package rollout_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"etcdmod/internal/finding"
	"etcdmod/internal/pipeline"
	"etcdmod/internal/report"
	"etcdmod/internal/rollout"
	"etcdmod/internal/testkit/synthetic"
)

// BenchmarkClean is the cost of modules that have nothing to do with etcd, beside the floor:
// to walk the tree and read the import blocks, with whatever does it fastest.
func BenchmarkClean(b *testing.B) {
	for _, modules := range []int{200, 1000, 5000} {
		b.Run(fmt.Sprint(modules), func(b *testing.B) {
			m := newMonorepo(b, synthetic.Config{Modules: modules, Seed: 1, Files: 12})
			for b.Loop() {
				b.StopTimer()
				m.walk(b).metrics(b, "walk")
				m.grep(b).metrics(b, "grep")
				c := begin(b)
				b.StartTimer()
				m.rollout(b, rollout.ByModule)
				b.StopTimer()
				c.end(b).metrics(b, "rollout")
				b.ReportMetric(peak(b), "own-MB")
				b.StartTimer()
			}
		})
	}
}

// BenchmarkAffected has 3 modules in a hundred that poll. What is built is in the cache, what
// changes is not. Beside it is go vet of the packages that changed, after the change, in as
// many modules at a time.
func BenchmarkAffected(b *testing.B) {
	for _, modules := range []int{200, 1000, 5000} {
		for _, by := range []rollout.By{rollout.ByModule, rollout.ByDir} {
			b.Run(fmt.Sprintf("%d/%s", modules, by), func(b *testing.B) {
				m := newMonorepo(b, synthetic.Config{Modules: modules, Affected: 0.03, Seed: 1, Files: 12})
				m.warm(b)
				for b.Loop() { // -benchtime 1x: a second time would find the changes in the cache
					c := begin(b)
					index := m.rollout(b, by)
					b.StopTimer()
					c.end(b).metrics(b, "rollout")
					m.vetChanged(b, index).metrics(b, "vet")
					n, took := changed(index)
					b.ReportMetric(float64(n), "changed")
					b.ReportMetric(took, "changed-s")
					b.ReportMetric(peak(b), "own-MB")
					b.StartTimer()
				}
			})
		}
	}
}

// A cost is the time on the clock and on the processors, with those of other processes that
// were run. The latter tells more on a machine with other work.
type cost struct{ wall, cpu time.Duration }

func begin(b *testing.B) cost {
	b.Helper()
	c := cost{wall: time.Duration(time.Now().UnixNano())}
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var r syscall.Rusage
		if err := syscall.Getrusage(who, &r); err != nil {
			b.Fatal(err)
		}
		c.cpu += time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	return c
}

func (c cost) end(b *testing.B) cost {
	b.Helper()
	now := begin(b)
	return cost{now.wall - c.wall, now.cpu - c.cpu}
}

func (c cost) metrics(b *testing.B, name string) {
	b.ReportMetric(c.wall.Seconds(), name+"-s")
	b.ReportMetric(c.cpu.Seconds(), name+"-cpu-s")
}

// changed counts the modules that have changes, and says how long they would have kept all
// processors busy: others that poll are analysed as well, and some are compiled, but refused.
func changed(index *rollout.Index) (n int, seconds float64) {
	for _, m := range index.Modules {
		if m.State == report.Changed {
			n++
			seconds += m.Seconds
		}
	}
	return n, seconds / float64(runtime.GOMAXPROCS(0))
}

type monorepo struct {
	env     []string
	root    string
	out     string // of the last run
	modules []synthetic.Module
}

func newMonorepo(b *testing.B, c synthetic.Config) *monorepo {
	m := &monorepo{env: synthetic.Environment(b)}
	m.root, m.modules = synthetic.Repository(b, m.env, c)
	return m
}

// rollout runs one and writes its reports.
func (m *monorepo) rollout(b *testing.B, by rollout.By) *rollout.Index {
	forgetPeak(b)
	m.out = b.TempDir()
	index, err := rollout.Run(b.Context(), rollout.Options{
		Root: m.root, By: by, Out: m.out, Timeout: 10 * time.Minute,
		Pipeline: pipeline.Options{Env: m.env, Tier: finding.Collapse, Vet: true},
	})
	if err != nil {
		b.Fatal(err)
	}
	if len(index.Notes) > 0 {
		b.Fatalf("it is another rollout than was meant: %v", index.Notes)
	}
	if err := index.WriteReports(m.out, topics()); err != nil {
		b.Fatal(err)
	}
	return index
}

// walk reads the import blocks of all Go files, on all processors.
func (m *monorepo) walk(b *testing.B) cost {
	c := begin(b)
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	err := filepath.WalkDir(m.root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "vendor"):
			return filepath.SkipDir
		case filepath.Ext(name) == ".go":
			g.Go(func() error {
				_, _ = parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
				return nil
			})
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	_ = g.Wait()
	return c.end(b)
}

// grep looks for the client in all Go files; what it reads is what an import block is in.
func (m *monorepo) grep(b *testing.B) cost {
	c := begin(b)
	out, err := exec.Command("grep", "-rlF", "--include=*.go", "--exclude-dir=.git", "--exclude-dir=vendor", "go.etcd.io/etcd", m.root).Output()
	if err != nil && len(out) > 0 {
		b.Fatal(err)
	}
	return c.end(b)
}

// warm builds and vets the modules that use the client, as whoever works on them has.
func (m *monorepo) warm(b *testing.B) {
	for _, s := range m.modules {
		dir := filepath.Join(m.root, filepath.FromSlash(s.Dir))
		if sums, err := os.ReadFile(filepath.Join(dir, "go.sum")); err == nil && bytes.Contains(sums, []byte("etcd")) {
			_ = m.vet(b.Context(), dir, "./...") // what does not build does not
		}
	}
}

func (m *monorepo) vet(ctx context.Context, dir string, packages ...string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"vet"}, packages...)...)
	cmd.Dir, cmd.Env = dir, append(slices.Clone(m.env), "GOWORK=off") // the workspace is that of few
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go vet in %s: %w\n%s", dir, err, out)
	}
	return nil
}

// vetChanged applies the changes to a copy of the tree, where nothing is in the cache, and
// vets the packages that changed, and those in which something was found but nothing changed:
// these have been looked at as well.
func (m *monorepo) vetChanged(b *testing.B, index *rollout.Index) cost {
	dir, err := filepath.EvalSymlinks(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	git(b, dir, "clone", "-q", m.root, "clone")
	dir = filepath.Join(dir, "clone")
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	packages := map[string][]string{} // by module
	add := func(module, file string) {
		rel, err := filepath.Rel(filepath.FromSlash(module), filepath.FromSlash(path.Dir(file)))
		if err != nil {
			b.Fatal(err)
		}
		if p := "./" + filepath.ToSlash(rel); path.Ext(file) == ".go" && !slices.Contains(packages[module], p) {
			packages[module] = append(packages[module], p)
		}
	}
	for _, mod := range index.Modules {
		for _, u := range mod.Units {
			git(b, dir, "apply", filepath.Join(m.out, u.Patch))
			for _, f := range u.Files {
				add(mod.Dir, f.Path)
			}
		}
		for _, f := range mod.Findings {
			add(mod.Dir, f.Path)
		}
	}
	c := begin(b)
	for mod, list := range packages {
		g.Go(func() error { return m.vet(b.Context(), filepath.Join(dir, filepath.FromSlash(mod)), list...) })
	}
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
	return c.end(b)
}

// BenchmarkReports writes the reports of 2,000 units of 500 modules. What a browser does with
// such a page is measured where the tests open one.
func BenchmarkReports(b *testing.B) {
	m := newMonorepo(b, synthetic.Config{Modules: 20, Affected: 0.5, Seed: 1})
	index := m.rollout(b, rollout.ByDir)
	units := multiply(b, index, m.out, 2000)
	for b.Loop() {
		forgetPeak(b)
		began := time.Now()
		texts := written(b, index, m.out)
		b.ReportMetric(time.Since(began).Seconds(), "write-s")
		b.ReportMetric(peak(b), "own-MB")
		for name, text := range texts {
			b.ReportMetric(float64(len(text))/(1<<20), "MB-"+filepath.Ext(name)[1:])
		}
		b.ReportMetric(float64(units), "units")
	}
}

// multiply repeats the changed modules of an index until there are n units, each with its own
// directory, in the index and in the patches.
func multiply(b *testing.B, index *rollout.Index, out string, n int) (units int) {
	text, err := json.Marshal(slices.DeleteFunc(index.Modules, func(m rollout.Module) bool { return m.State != report.Changed }))
	if err != nil {
		b.Fatal(err)
	}
	patches := map[string]string{}
	var some []rollout.Module
	if err := json.Unmarshal(text, &some); err != nil {
		b.Fatal(err)
	}
	for _, m := range some {
		for _, u := range m.Units {
			diff, err := os.ReadFile(filepath.Join(out, u.Patch))
			if err != nil {
				b.Fatal(err)
			}
			patches[u.ID] = string(diff)
		}
	}
	index.Modules = nil
	for i := 0; units < n; i++ {
		copied := strings.NewReplacer("services/", fmt.Sprintf("services/copy%d/", i), "services-", fmt.Sprintf("services-copy%d-", i))
		var modules []rollout.Module
		if err := json.Unmarshal([]byte(copied.Replace(string(text))), &modules); err != nil {
			b.Fatal(err)
		}
		for _, m := range modules {
			units += len(m.Units)
		}
		index.Modules = append(index.Modules, modules...)
		for id, diff := range patches {
			name := filepath.Join(out, "units", copied.Replace(id)+".patch")
			if err := os.WriteFile(name, []byte(copied.Replace(diff)), 0o666); err != nil {
				b.Fatal(err)
			}
		}
	}
	return units
}

// forgetPeak makes peak that of what follows.
func forgetPeak(b *testing.B) {
	debug.FreeOSMemory()
	if runtime.GOOS == "linux" {
		if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
			b.Fatal(err)
		}
	}
}

// peak is the most memory that this process has had, in MB; 0 where it is not known.
func peak(b *testing.B) float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	var kb float64
	if _, err := fmt.Sscan(rest, &kb); err != nil {
		b.Fatal(err)
	}
	return kb / 1024
}
