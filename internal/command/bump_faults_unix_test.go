//go:build unix

package command_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/goproxytest"

	"etcdmod/internal/command"
	"etcdmod/internal/journal"
)

// A bumpRun runs the program on modules with an affected client.
type bumpRun struct {
	etcdmod string
	env     []string
	proxy   string
}

func newBumpRun(t *testing.T) *bumpRun {
	t.Helper()
	etcdmod, err := exec.LookPath("etcdmod") // what TestMain made
	if err != nil {
		t.Fatal(err)
	}
	proxy := goproxytest.NewTestServer(t, "../../testdata/proxy", "").URL
	// What is killed leaves its temporary files, and go commands that may still write some.
	tmp, err := os.MkdirTemp("", "bump-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(tmp) })
	return &bumpRun{etcdmod, append(os.Environ(), "TMPDIR="+tmp, "GOPROXY="+proxy, "GOSUMDB=off", "GOENV=off", "GOWORK=off",
		"GOFLAGS=-modcacherw", "GOMODCACHE="+filepath.Join(t.TempDir(), "modcache")), proxy}
}

var affectedModule = map[string]string{
	"go.mod": "module example.com/app\n\ngo 1.16\n\nrequire (\n\tgithub.com/coreos/etcd v3.2.9+incompatible\n" +
		"\tgoogle.golang.org/genproto v0.1.0\n\tgoogle.golang.org/grpc v1.5.1\n)\n",
	"app.go": "package app\n\nimport (\n\t_ \"github.com/coreos/etcd/clientv3\"\n\t_ \"google.golang.org/genproto/googleapis/api/annotations\"\n)\n",
}

// module makes a directory with the module, and its go.sum.
func (b *bumpRun) module(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range affectedModule {
		writeFile(t, filepath.Join(dir, name), text)
	}
	b.run(t, dir, 0, "go", "list", "-mod=mod", "-deps", "./...")
	return dir
}

// run runs a command in a directory, and demands an exit code.
func (b *bumpRun) run(t *testing.T, dir string, want int, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, b.env
	out, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != want {
		t.Fatalf("%v: exit code %d, want %d: %s", args, got, want, out)
	}
	return string(out)
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// files describes what is below a directory; links are not followed.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, name)
		all[rel] = d.Type().String()
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(name)
			all[rel] += link
			return err
		case d.Type().IsRegular():
			data, err := os.ReadFile(name)
			all[rel] += string(data)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// What cannot be read or written, whoever asks, is an error that says so, and everything is
// as it was. Like the go command it takes a go.mod that leads nowhere for none.
func TestBumpFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the program many times")
	}
	b := newBumpRun(t)
	replace := func(name string, with func(name string) error) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			name := filepath.Join(dir, name)
			if err := errors.Join(os.RemoveAll(name), os.MkdirAll(filepath.Dir(name), 0o777), with(name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	directory := func(name string) error { return os.Mkdir(name, 0o777) }
	loop := func(name string) error { return os.Symlink(filepath.Base(name), name) }
	dangling := func(name string) error { return os.Symlink("nowhere", name) }
	for _, test := range []struct {
		name  string
		spoil func(t *testing.T, dir string)
		code  int
		says  string
	}{
		{"go.mod is a directory", replace("go.mod", directory), command.ExitUsage, "no go.mod in this directory"},
		{"go.mod is a link to itself", replace("go.mod", loop), command.ExitUsage, "no go.mod in this directory"},
		{"go.mod is a link to nothing", replace("go.mod", dangling), command.ExitUsage, "no go.mod in this directory"},
		{"go.mod is a link out of the module", func(t *testing.T, dir string) {
			name, other := filepath.Join(dir, "go.mod"), filepath.Join(t.TempDir(), "go.mod")
			if err := errors.Join(os.Rename(name, other), os.Symlink(other, name)); err != nil {
				t.Fatal(err)
			}
		}, command.ExitUsage, "cannot read go.mod: "},
		{"go.sum is a directory", replace("go.sum", directory), command.ExitIncomplete, "go.sum: unreadable: is a directory, not a file"},
		{"go.sum is a link to itself", replace("go.sum", loop), command.ExitUsage, "go.sum: too many levels of symbolic links"},
		{"the journal is in the way", replace(journal.Name, directory), command.ExitIncomplete, "this is not a journal"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := b.module(t)
			test.spoil(t, dir)
			was := files(t, dir)
			out := b.run(t, dir, test.code, b.etcdmod, "bump")
			if !strings.Contains(out, test.says) || strings.Contains(out, "panic") {
				t.Errorf("want %q in: %s", test.says, out)
			}
			if d := cmp.Diff(was, files(t, dir)); d != "" {
				t.Errorf("-was +is:\n%s", d)
			}
		})
	}
}
