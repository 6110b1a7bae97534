//go:build unix

package command_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/goproxytest"

	"etcdmod/internal/command"
	"etcdmod/internal/journal"
)

// A run that is killed while it writes leaves a tree that is as before or as after, or
// one of which check says so and which apply puts right.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the program many times")
	}
	etcdmod, err := exec.LookPath("etcdmod") // what TestMain made
	if err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(),
		"GOPROXY="+goproxytest.NewTestServer(t, "../../testdata/proxy", "").URL, "GOSUMDB=off", "GOENV=off", "GOWORK=off",
		"GOFLAGS=-modcacherw", "GOMODCACHE="+filepath.Join(t.TempDir(), "modcache"),
	)
	before := map[string]string{
		"go.mod": "module example.com/app\n\ngo 1.16\n\nrequire (\n\tgithub.com/coreos/etcd v3.2.9+incompatible\n" +
			"\tgoogle.golang.org/genproto v0.1.0\n\tgoogle.golang.org/grpc v1.5.1\n)\n",
		"app.go": "package app\n\nimport (\n\t_ \"github.com/coreos/etcd/clientv3\"\n\t_ \"google.golang.org/genproto/googleapis/api/annotations\"\n)\n",
	}
	read := func(dir string) string {
		var b strings.Builder
		for _, name := range []string{"go.mod", "go.sum"} {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			b.Write(data)
			b.WriteByte(0)
		}
		return b.String()
	}
	start := func(dir string, args ...string) (*exec.Cmd, *bytes.Buffer) {
		var out bytes.Buffer
		cmd := exec.Command(etcdmod, args...)
		cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd, &out
	}
	finish := func(dir string, want int, args ...string) string {
		t.Helper()
		cmd, out := start(dir, args...)
		_ = cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Fatalf("%v: exit code %d, want %d: %s", args, got, want, out)
		}
		return out.String()
	}
	tree := func() string {
		dir := t.TempDir()
		for name, text := range before {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	whole := tree()
	old := read(whole)
	finish(whole, command.ExitOK, "apply", "-vet=false")
	after := read(whole)
	if old == after {
		t.Fatal("nothing was written")
	}

	pending := 0
	for round := range 8 {
		dir := tree()
		cmd, _ := start(dir, "apply", "-vet=false")
		journalFile := filepath.Join(dir, journal.Name)
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
			if _, err := os.Lstat(journalFile); err == nil {
				break
			}
			if cmd.Process.Signal(syscall.Signal(0)) != nil {
				break
			}
			time.Sleep(100 * time.Microsecond) // the go command keeps a list of every look
		}
		time.Sleep(time.Duration(round) * 700 * time.Microsecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if _, err := os.Lstat(journalFile); err == nil {
			pending++
			if out := finish(dir, command.ExitIncomplete, "check"); !strings.Contains(out, "an interrupted run of etcdmod left this module half written; run \"etcdmod apply\"") {
				t.Errorf("check says: %s", out)
			}
			if out := finish(dir, command.ExitOK, "apply", "-vet=false"); !strings.Contains(out, "interrupted run") {
				t.Errorf("apply says: %s", out)
			}
			if read(dir) != after {
				t.Errorf("apply left another tree: %s", read(dir))
			}
		} else if now := read(dir); now != old && now != after {
			t.Errorf("half written, and nobody knows: %s", now)
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".etcdmod-") {
				t.Errorf("%s was left", e.Name())
			}
		}
	}
	t.Logf("%d of 8 runs were killed half way", pending)
}
