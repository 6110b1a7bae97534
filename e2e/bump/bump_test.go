// Package bump_test bumps programs that require the real modules, from the module proxy of
// the environment.
package bump_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBump: each program of testdata builds after and, where that can be, before; its build list has the new
// version, and of its go.mod nothing else changes than what the test says.
func TestBump(t *testing.T) {
	etcdmod := filepath.Join(t.TempDir(), "etcdmod")
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if code, out := run(t, root, "go", "build", "-o", etcdmod, "./cmd/etcdmod"); code != 0 {
		t.Fatal(out)
	}
	for _, test := range []struct {
		name string // of the directory
		args []string
		path string
		want string // the version that is built afterwards
		// changes are regular expressions for the lines of go.mod that go (-) and come (+).
		changes []string
		says    string
		broken  bool // it does not build before
		vendor  bool // it is vendored, by the first go command that did
	}{
		{
			name: "same-line", path: "github.com/coreos/etcd", want: "v3.2.26+incompatible",
			changes: []string{`-	github.com/coreos/etcd v3\.2\.9\+incompatible`, `\+	github.com/coreos/etcd v3\.2\.26\+incompatible`},
			says:    "compiles with google.golang.org/grpc v1.5.1 to v1.29.1; v1.5.1 is built",
		},
		{
			name: "bare", path: "github.com/coreos/etcd", want: "v3.2.26+incompatible", broken: true,
			changes: []string{
				`-require github.com/coreos/etcd v3\.2\.9\+incompatible`, `\+require github.com/coreos/etcd v3\.2\.26\+incompatible`,
				`\+require google.golang.org/grpc v1\.26\.0 // indirect`,
			},
			says: "google.golang.org/grpc@v1.26.0 is added: ",
		},
		{
			name: "grpc-121", path: "github.com/coreos/etcd", want: "v3.2.26+incompatible",
			changes: []string{
				`-	github.com/coreos/etcd v3\.2\.9\+incompatible`, `\+	github.com/coreos/etcd v3\.2\.26\+incompatible`,
				`-	google.golang.org/grpc v1\.2\.1`, `\+	google.golang.org/grpc v1\.5\.1`,
				`\+	google.golang.org/genproto v0\.0\.0-20170731182057-09f6ed296fc6 // indirect`,
			},
			says: "google.golang.org/grpc is raised from v1.2.1 to v1.5.1: ",
		},
		{
			name: "grpc-140", args: []string{"-pin"}, path: "github.com/coreos/etcd", want: "v3.2.26+incompatible", broken: true,
			changes: []string{
				`-	github.com/coreos/etcd v3\.2\.9\+incompatible`, `\+	github.com/coreos/etcd v3\.2\.26\+incompatible`,
				`\+`, `\+replace google.golang.org/grpc => google.golang.org/grpc v1\.26\.0`,
			},
			says: "also moves: google.golang.org/grpc from v1.40.0 to ",
		},
		{
			name: "operator", path: "github.com/coreos/etcd", want: "v3.2.26+incompatible",
			changes: []string{`-	github.com/coreos/etcd v3\.2\.13\+incompatible`, `\+	github.com/coreos/etcd v3\.2\.26\+incompatible`},
			says:    "compiles with google.golang.org/grpc v1.5.1 to v1.29.1; v1.14.0 is built",
		},
		{
			name: "vendored", path: "github.com/coreos/etcd", want: "v3.2.26+incompatible", vendor: true,
			changes: []string{
				`-	github.com/coreos/etcd v3\.2\.9\+incompatible`, `\+	github.com/coreos/etcd v3\.2\.26\+incompatible`,
				`-	google.golang.org/grpc v0\.0\.0-20170413033559-0e8b58d22f34`, `\+	google.golang.org/grpc v1\.5\.1`,
			},
			says: "files change, as with \"go mod vendor\"",
		},
		{
			name: "flannel", path: "github.com/coreos/etcd", want: "v3.1.11+incompatible",
			says: "which comes through github.com/flannel-io/flannel@v0.14.0, leaks an entry",
		},
		{
			name: "linked", path: "github.com/coreos/etcd", want: "v3.2.26+incompatible",
			changes: []string{`\+require github.com/coreos/etcd v3\.2\.26\+incompatible // indirect`},
			says:    "which comes through example.com/linked/lib@v0.0.0, leaks an entry",
		},
		{
			name: "pseudo-34", args: []string{"-all"}, path: "go.etcd.io/etcd", want: "v0.5.0-alpha.5.0.20201125193152-8a03d2e9614b",
			changes: []string{`-require go.etcd.io/etcd v0\.0\.0-20191023171146-3cf2f69b5738 // v3\.4\.3`, `\+require go.etcd.io/etcd v0\.5\.0-alpha\.5\.0\.20201125193152-8a03d2e9614b // v3\.4\.3`},
			says:    "also moves: google.golang.org/grpc from v1.23.1 to v1.26.0",
		},
		{
			name: "client-35", args: []string{"-all"}, path: "go.etcd.io/etcd/client/v3", want: "v3.5.33",
			changes: []string{
				`-require go.etcd.io/etcd/client/v3 v3\.5\.0`, `\+require go.etcd.io/etcd/client/v3 v3\.5\.33`,
				`-	go.etcd.io/etcd/(api|client/pkg)/v3 v3\.5\.0 // indirect`, `\+	go.etcd.io/etcd/(api|client/pkg)/v3 v3\.5\.33 // indirect`,
				`[-+]	(github.com/golang/protobuf|golang.org/x/\w+|google.golang.org/\S+) v\S+ // indirect`,
			},
			says: "google.golang.org/grpc is raised from v1.38.0 to ",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", test.name))); err != nil {
				t.Fatal(err)
			}
			if test.vendor {
				vendor(t, dir)
			}
			if code, out := run(t, dir, "go", "build", "-o", os.DevNull, "."); (code != 0) != test.broken {
				t.Fatalf("before: %s", out)
			}
			before := read(t, dir)
			code, out := run(t, dir, etcdmod, append([]string{"bump"}, test.args...)...)
			if code != 0 || !strings.Contains(out, test.says) {
				t.Fatalf("exit code %d, want %q in\n%s", code, test.says, out)
			}
			if code, out := run(t, dir, "go", "build", "-o", os.DevNull, "."); code != 0 {
				t.Errorf("after: %s", out)
			}
			if _, out := run(t, dir, "go", "list", "-m", test.path); strings.TrimSpace(out) != test.path+" "+test.want {
				t.Errorf("%s is built, want %s", out, test.want)
			}
			if test.vendor {
				made := files(t, filepath.Join(dir, "vendor"))
				if code, out := run(t, dir, "go", "mod", "vendor"); code != 0 {
					t.Error(out)
				}
				if d := cmp.Diff(files(t, filepath.Join(dir, "vendor")), made); d != "" {
					t.Errorf("\"go mod vendor\" makes another vendor directory: -go +etcdmod:\n%s", d)
				}
			}
			changed := diff(before, read(t, dir))
			if len(changed) == 0 != (len(test.changes) == 0) {
				t.Errorf("go.mod changes: %q", changed)
			}
			for _, line := range changed {
				known := false
				for _, expr := range test.changes {
					known = known || regexp.MustCompile("^"+expr+"$").MatchString(line)
				}
				if !known {
					t.Errorf("go.mod changes: %q", line)
				}
			}
			now := read(t, dir)
			run(t, dir, etcdmod, append([]string{"bump"}, test.args...)...)
			if d := cmp.Diff(now, read(t, dir)); d != "" {
				t.Errorf("a second run changes go.mod:\n%s", d)
			}
		})
	}
}

// vendor makes the vendor directory of a module as go 1.11 did: it wrote nothing about what is
// explicit, and left in what no build reads.
func vendor(t *testing.T, dir string) {
	t.Helper()
	if code, out := run(t, dir, "go", "mod", "vendor"); code != 0 {
		t.Fatal(out)
	}
	list := filepath.Join(dir, "vendor", "modules.txt")
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	text = regexp.MustCompile(`(?m)^##.*\n`).ReplaceAll(text, nil)
	ignored := filepath.Join(dir, "vendor", "google.golang.org", "grpc", "generate.go")
	if err := errors.Join(os.WriteFile(list, text, 0o666), os.WriteFile(ignored, []byte("// +build ignore\n\npackage main\n"), 0o666)); err != nil {
		t.Fatal(err)
	}
}

// files maps the files below a directory to what they hold.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(os.DirFS(dir), name)
		all[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func read(t *testing.T, dir string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// diff gives the lines that only a has with "-" before them, and those that only b has with
// "+".
func diff(a, b string) (lines []string) {
	count := map[string]int{}
	for line := range strings.Lines(a) {
		count[line]++
	}
	for line := range strings.Lines(b) {
		if count[line]--; count[line] < 0 {
			lines = append(lines, "+"+strings.TrimSuffix(line, "\n"))
		}
	}
	for line, n := range count {
		if n > 0 {
			lines = append(lines, "-"+strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}

// run runs a command outside of the workspace and returns its exit code and output.
func run(t *testing.T, dir, name string, args ...string) (code int, out string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	data, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", name, err)
	}
	return cmd.ProcessState.ExitCode(), string(data)
}
