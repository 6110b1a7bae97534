package gosum

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/goproxytest"
	"golang.org/x/tools/txtar"

	"etcdmod/internal/gocmd"
)

// A world is a module proxy, a module cache and a go command that know nothing
// of the machine's. Its proxy serves testdata/mod.
type world struct {
	t      *testing.T
	env    []string
	denied func(path string) bool // requests to answer with 403
}

func newWorld(t *testing.T) *world {
	t.Parallel()
	w := &world{t: t}
	proxy := goproxytest.NewTestServer(t, "testdata/mod", "")
	target, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	target.Path = ""
	forward := httputil.NewSingleHostReverseProxy(target)
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		if w.denied != nil && w.denied(req.URL.Path) {
			http.Error(rw, "not for you", http.StatusForbidden)
			return
		}
		forward.ServeHTTP(rw, req)
	}))
	t.Cleanup(front.Close)
	w.env = append(os.Environ(),
		"GOENV=off", "GO111MODULE=", "GOTOOLCHAIN=local", "GOWORK=off", "GOPRIVATE=", "GOINSECURE=",
		"GOPROXY="+front.URL+"/mod", "GOSUMDB=off", "GONOSUMDB=", "GONOPROXY=",
		"GOMODCACHE="+filepath.Join(t.TempDir(), "modcache"),
		"GOFLAGS=-modcacherw", // or t.TempDir cannot remove it
	)
	return w
}

// deny lets the proxy refuse every path with part in it.
func (w *world) deny(part string) {
	w.denied = func(path string) bool { return strings.Contains(path, part) }
}

// tree writes an archive to a new directory.
func (w *world) tree(archive string) string {
	w.t.Helper()
	dir := w.t.TempDir()
	for _, file := range txtar.Parse([]byte(archive)).Files {
		name := filepath.Join(dir, filepath.FromSlash(file.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			w.t.Fatal(err)
		}
		w.write(name, file.Data)
	}
	return dir
}

// module writes an archive and gives it the go.sum that it needs, under all its
// build tags. The go.mod stays as it is.
func (w *world) module(archive string) gocmd.Runner {
	w.t.Helper()
	r := w.runner(w.tree(archive))
	gomod := read(w.t, r, "go.mod")
	if !bytes.Contains(gomod, []byte("\ngo ")) {
		w.write(filepath.Join(r.Dir, "go.mod"), append(bytes.Clone(gomod), "\ngo 1.16\n"...))
	}
	if _, err := r.Run(w.t.Context(), "list", "-mod=mod", "-deps", "-test", "-tags=integration", "./..."); err != nil {
		w.t.Fatal(err)
	}
	w.write(filepath.Join(r.Dir, "go.mod"), gomod)
	return r
}

func (w *world) runner(dir string) gocmd.Runner { return gocmd.Runner{Dir: dir, Env: w.env} }

func (w *world) write(name string, data []byte) {
	w.t.Helper()
	if err := os.WriteFile(name, data, 0o666); err != nil {
		w.t.Fatal(err)
	}
}

// read returns a file of a module, nil if there is none.
func read(t *testing.T, r gocmd.Runner, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(r.Dir, name))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return data
}

// snapshot describes every file below a directory.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		files[path] = fmt.Sprintf("%v %v %s", info.Mode(), info.ModTime(), data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// bump returns the go.mod of a module with one version changed.
func bump(t *testing.T, r gocmd.Runner, from, to string) []byte {
	t.Helper()
	gomod := string(read(t, r, "go.mod"))
	if strings.Count(gomod, from) != 1 {
		t.Fatalf("%q is not there once:\n%s", from, gomod)
	}
	return []byte(strings.Replace(gomod, from, to, 1))
}

// complete runs Complete with the go.sum of the module and checks that the
// module was left alone.
func complete(t *testing.T, r gocmd.Runner, gomod []byte) ([]byte, Report, error) {
	t.Helper()
	before := snapshot(t, r.Dir)
	gosum, report, err := Complete(t.Context(), r, gomod, read(t, r, "go.sum"))
	after := snapshot(t, r.Dir)
	for path := range after {
		if after[path] != before[path] {
			t.Errorf("%s was changed", path)
		}
	}
	if len(before) != len(after) {
		t.Errorf("the module has %d files, not %d", len(after), len(before))
	}
	if err != nil && gosum != nil {
		t.Error("a go.sum and an error")
	}
	return gosum, report, err
}

// builds writes the two files to the module and builds it as a user would.
func builds(w *world, r gocmd.Runner, gomod, gosum []byte) {
	w.t.Helper()
	w.write(filepath.Join(r.Dir, "go.mod"), gomod)
	w.write(filepath.Join(r.Dir, "go.sum"), gosum)
	if _, err := r.Run(context.Background(), "build", "-mod=readonly", "./..."); err != nil {
		w.t.Errorf("does not build with the completed go.sum: %v\n%s", err, gosum)
	}
}
