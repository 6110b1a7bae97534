// Package compat_test builds the generated helper as a part of services that use other
// versions of the etcd client and of Go, and runs it there against a real server.
//
// Each version is a module below testdata/modules whose go.mod and go.sum are complete,
// so that every clone builds the same. After a change of the rows,
//
//	go test ./compat -run TestClients -update
//
// resolves them anew. ETCDMOD_E2E_NEWER=1 tells when a release appeared that no row
// covers. ETCDMOD_E2E_LONG=1 compiles the helper with every release that there is.
package compat_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
	"etcdmod/internal/gocmd"
	"etcdmod/internal/helper"
)

const (
	service = "example.com/service" // the module in whose place the fixtures stand
	v3      = "go.etcd.io/etcd/client/v3"
	// oldest is the version of Go that the first clients with TryLock were made for.
	oldest = "1.16"
	// limit ends a command that hangs. A cold build on a small machine takes its time.
	limit = 10 * time.Minute
)

var update = flag.Bool("update", false, "resolve the modules anew")

// A row is a service: the module of its client, and the go line of its go.mod.
type row struct {
	name    string // also of the directory below testdata/modules
	module  string
	version string
	client  string // import path of package clientv3
	line    string
}

func client(version, line string) row { return row{version, v3, version, v3, line} }

// rows are the ends of what is in use, and the newest of each line of releases. Where
// the client allows it the service still says go 1.16; elsewhere it says what the client
// says.
var rows = []row{
	// The master branch had TryLock before a release did, under the older import path.
	{"master", "go.etcd.io/etcd", "v0.5.0-alpha.5.0.20200425165423-262c93980547", "go.etcd.io/etcd/clientv3", oldest},
	client("v3.5.0", oldest),
	client("v3.5.9", oldest),  // the last one that asks for less than go 1.20
	client("v3.5.15", "1.21"), // the least that etcdmod bumps to
	client("v3.5.35", "1.26.0"),
	client("v3.6.16", "1.26.0"),
	client("v3.7.3", "1.26.0"),
	client("v3.8.0-alpha.0", "1.26"), // there is no release yet
}

// dependencies is the directory with the go.mod and the go.sum of the service.
func (r row) dependencies() string { return filepath.Join("testdata", "modules", r.name) }

func TestClients(t *testing.T) {
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			m := r.write(t)
			if *update {
				m.resolve(t, r)
			}
			m.copy(t, r.dependencies(), ".")
			used := m.run(t, "list", "-f", "{{.Module.Path}} {{.Module.Version}}", r.client)
			line := m.run(t, "list", "-m", "-f", "{{.GoVersion}}")
			if used != r.module+" "+r.version+"\n" || line != r.line+"\n" {
				t.Fatalf("the client is %sand the go line %s", used, line)
			}
			m.check(t)
			bin := filepath.Join(m.Dir, "smoke.test")
			m.run(t, "test", "-c", "-o", bin, "./smoke")
			smoke(t, bin)
		})
	}
}

// A module is a service on disk.
type module struct{ gocmd.Runner }

// write writes the service without its dependencies: the helper with all that it may have, the helper
// of a guard, and the tests that use it.
func (r row) write(t *testing.T) module {
	t.Helper()
	m := module{gocmd.Runner{Dir: t.TempDir()}.With("GOWORK=off", "GOTOOLCHAIN=local", "GOFLAGS=-mod=readonly")}
	m.put(t, "go.mod", []byte("module "+service+"\n\ngo "+r.line+"\n\nrequire "+r.module+" "+r.version+"\n"))
	for dir, parts := range map[string]helper.Parts{"internal/etcdlock": helper.All, "internal/guard": helper.Mutex} {
		files, err := helper.Generate(helper.Config{
			Package: filepath.Base(dir), Concurrency: r.client + "/concurrency", Version: "test", Parts: parts,
			Earlier: parts == helper.All,
		})
		if err != nil {
			t.Fatal(err)
		}
		for name, src := range files {
			// Without the reads beside a silent watch a wake-up that is lost stays lost.
			src = bytes.Replace(src, []byte("firstReread = time.Second "), []byte("firstReread = time.Hour   "), 1)
			m.put(t, filepath.Join(dir, name), src)
		}
	}
	m.copy(t, filepath.Join("testdata", "smoke"), "smoke", `"`+v3, `"`+r.client)
	return m
}

func (m module) put(t *testing.T, name string, data []byte) {
	t.Helper()
	name = filepath.Join(m.Dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// copy copies the files of a directory, with some strings replaced.
func (m module) copy(t *testing.T, from, to string, oldnew ...string) {
	t.Helper()
	files, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(from, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		m.put(t, filepath.Join(to, f.Name()), []byte(strings.NewReplacer(oldnew...).Replace(string(data))))
	}
}

// resolve completes go.mod and go.sum and keeps them.
func (m module) resolve(t *testing.T, r row) {
	t.Helper()
	m.run(t, "mod", "tidy")
	keep := module{gocmd.Runner{Dir: r.dependencies()}}
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(m.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		keep.put(t, name, data)
	}
}

// run runs the go command and returns what it printed.
func (m module) run(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	out, err := m.Run(ctx, args...)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// check compiles and vets the module, at the language version of its go line.
func (m module) check(t *testing.T) {
	t.Helper()
	m.run(t, "vet", "./...")
	// Before Go 1.22 the iterations of a loop shared its variables. The compiler names
	// each loop for which that makes a difference.
	cmd := exec.CommandContext(t.Context(), "go", "build", "-gcflags=-d=loopvar=2", "./internal/...")
	cmd.Dir, cmd.Env = m.Dir, m.Environ()
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v, and the go line decides what this means:\n%s", err, out)
	}
}

// smoke runs the service's tests as a process against a server of its own.
func smoke(t *testing.T, bin string) {
	t.Helper()
	c := cluster.Start(t, 1)
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	out, err := exec.CommandContext(ctx, bin, "-test.v="+fmt.Sprint(testing.Verbose()), "-test.parallel=16",
		"-endpoint="+c.Endpoints()[0]).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
