//go:build unix

package command_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"etcdmod/internal/command"
)

// faulty puts a server before a module proxy that answers requests for the targets of a
// bump, all or those whose path ends in suffix, by fault, and returns its address.
func faulty(t *testing.T, proxy, suffix string, fault http.HandlerFunc) string {
	t.Helper()
	to, err := url.Parse(proxy)
	if err != nil {
		t.Fatal(err)
	}
	good := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: to.Scheme, Host: to.Host})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		target := strings.Contains(r.URL.Path, "/etcd/@v/v3.") && !strings.Contains(r.URL.Path, "v3.2.9")
		if target && strings.HasSuffix(r.URL.Path, suffix) {
			fault(w, r)
			return
		}
		good.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL + to.Path
}

// A proxy that answers errors, or rubbish, is named with what it said, and nothing is
// written.
func TestBumpProxyFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the program many times")
	}
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Error(w, "the proxy is unwell", code) }
	}
	for _, test := range []struct {
		name, suffix string
		fault        http.HandlerFunc
		says         []string
	}{
		{"500", "", status(500), []string{"500 Internal Server Error", "version-unavailable"}},
		{"503", "", status(503), []string{"503 Service Unavailable", "version-unavailable"}},
		{"404", "", status(404), []string{"404 Not Found", "version-unavailable"}},
		{"410", "", status(410), []string{"410 Gone", "version-unavailable"}},
		{"403", "", status(403), []string{"403 Forbidden", "version-unavailable"}},
		{"the zip alone", ".zip", status(500), []string{"500 Internal Server Error", "version-unavailable"}},
		{"no zip", ".zip", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<html>log in first</html>") }, []string{"not a valid zip file", "version-unavailable"}},
		{"half a zip", ".zip", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100000")
			fmt.Fprint(w, "PK\x03\x04")
		}, []string{"unexpected EOF", "version-unavailable"}},
		{"no go.mod", ".mod", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<html>log in first</html>") }, []string{"parsing go.mod: missing module line", "version-unavailable"}},
		{"no information", ".info", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<html>log in first</html>") }, []string{"version-unavailable"}},
		{"the connection breaks", "", func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }, []string{"EOF", "version-unavailable"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBumpRun(t) // with a module cache of its own
			dir := b.module(t)
			was := files(t, dir)
			b.env = append(b.env, "GOPROXY="+faulty(t, b.proxy, test.suffix, test.fault))
			out := b.run(t, dir, command.ExitIncomplete, b.etcdmod, "bump")
			for _, text := range test.says {
				if !strings.Contains(out, text) {
					t.Errorf("want %q in: %s", text, out)
				}
			}
			if d := cmp.Diff(was, files(t, dir)); d != "" {
				t.Errorf("-was +is:\n%s", d)
			}
		})
	}
}

// A proxy that does not answer is waited for until the user has enough.
func TestBumpProxyHangs(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the program")
	}
	b := newBumpRun(t)
	dir := b.module(t)
	was := files(t, dir)
	asked := make(chan struct{})
	var once sync.Once
	proxy := faulty(t, b.proxy, "", func(w http.ResponseWriter, r *http.Request) {
		once.Do(func() { close(asked) })
		<-r.Context().Done()
	})
	var out bytes.Buffer
	cmd := exec.Command(b.etcdmod, "bump")
	cmd.Dir, cmd.Env = dir, append(b.env[:len(b.env):len(b.env)], "GOPROXY="+proxy)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	<-asked
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != command.ExitUsage || !strings.Contains(out.String(), "interrupted; nothing was written") {
		t.Errorf("exit code %d: %s", code, &out)
	}
	if d := cmp.Diff(was, files(t, dir)); d != "" {
		t.Errorf("-was +is:\n%s", d)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".etcdmod*")); len(left) > 0 {
		t.Errorf("%s was left", left)
	}
}
