package verify

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"etcdmod/internal/finding"
	"etcdmod/internal/gocmd"
)

// TestMain gives all tests a temporary directory of their own, and demands that
// nothing of this package or the go command is left there.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "verify-test-")
	if err != nil {
		panic(err)
	}
	os.Setenv("TMPDIR", dir)
	code := m.Run()
	left, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(left) > 0 {
		fmt.Fprintln(os.Stderr, "left behind:", left)
		code = max(code, 1)
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// A fixture is a module on disk.
type fixture struct {
	dir string // the module
	top string // above it: other modules, go.work
	env []string

	unproved, uncovered []string // what a result is expected to say
}

// setup writes the files of a txtar archive. The module is the root, or sub of it.
func setup(t *testing.T, archive, sub string) *fixture {
	t.Helper()
	top := t.TempDir()
	for _, f := range txtar.Parse([]byte(archive)).Files {
		name := filepath.Join(top, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return &fixture{dir: filepath.Join(top, sub), top: top, env: []string{
		"GOWORK=off", "GOFLAGS=", "GOPROXY=off", "GOTOOLCHAIN=local", "GO111MODULE=", "CGO_ENABLED=1",
	}}
}

// request makes a Request of edits in an archive, with paths relative to the module.
func (f *fixture) request(edits string, packages ...string) Request {
	overlay := map[string][]byte{}
	for _, file := range txtar.Parse([]byte(edits)).Files {
		overlay[filepath.Join(f.dir, filepath.FromSlash(file.Name))] = file.Data
	}
	return Request{
		Go:       gocmd.Runner{Dir: f.dir}.With(f.env...),
		Overlay:  overlay,
		Packages: packages,
	}
}

// check runs Check and demands that nothing was written in or above the module, and
// nothing left behind.
func (f *fixture) check(t *testing.T, req Request) *Result {
	t.Helper()
	res, err := f.try(t, context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func (f *fixture) try(t *testing.T, ctx context.Context, req Request) (*Result, error) {
	t.Helper()
	before := hash(t, f.top)
	res, err := Check(ctx, req)
	if diff := cmp.Diff(before, hash(t, f.top)); diff != "" {
		t.Errorf("the module directory was written to (-before +after):\n%s", diff)
	}
	return res, err
}

// hash gives name, mode, time and content of everything below a directory.
func hash(t *testing.T, dir string) map[string]string {
	t.Helper()
	sums := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		sum := fmt.Sprint(info.Mode(), info.ModTime().UnixNano())
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			sum += fmt.Sprintf(" %x", sha256.Sum256(data))
		}
		sums[name] = sum
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums
}

// brief gives problems as "phase package file:line:col: first line of the message",
// with files relative to the module.
func (f *fixture) brief(ps []finding.Problem) []string {
	var lines []string
	for _, p := range ps {
		if rel, err := filepath.Rel(f.dir, p.File); err == nil && filepath.IsLocal(rel) && p.File != "" {
			p.File = filepath.ToSlash(rel)
		}
		text, _, _ := strings.Cut(p.String(), "\n")
		lines = append(lines, p.Phase+" "+p.Package+" "+text)
	}
	return lines
}

func (f *fixture) want(t *testing.T, res *Result, lines ...string) {
	t.Helper()
	if diff := cmp.Diff(lines, f.brief(res.New)); diff != "" {
		t.Errorf("new problems (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(f.unproved, res.Unproved); diff != "" {
		t.Errorf("unproved (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(f.uncovered, res.Uncovered); diff != "" {
		t.Errorf("uncovered (-want +got):\n%s", diff)
	}
}

// Tests of a package that "./..." leaves out are compiled where the request names it.
func TestApart(t *testing.T) {
	f := setup(t, `
-- go.mod --
module m

go 1.24
-- a/a.go --
package a

func F() {}
-- _b/b.go --
package b
-- _b/b_test.go --
package b

import "m/a"

var _ = a.F
`, "")
	req := f.request(`
-- a/a.go --
package a

func F2() {}
`)
	if res := f.check(t, req); !res.OK() {
		t.Errorf("nothing in ./... uses the function: %v", res.New)
	}
	req.Apart = []string{"m/_b"}
	if res := f.check(t, req); res.OK() {
		t.Error("the test that uses the function does not build, and nothing was said")
	}
}
