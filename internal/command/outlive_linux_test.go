package command_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"etcdmod/internal/command"
)

// goThatHangs is a go command that never lists anything: it ignores what tells it to end, and
// has a child in its group and one in a session of its own that do so as well.
const goThatHangs = `#!/bin/sh
case $1 in
list) ;;
*) exec "$REAL_GO" "$@" ;;
esac
trap '' INT TERM HUP
sleep 600 &
setsid sleep 600 &
sleep 0.1
touch "$STARTED"
while :; do sleep 600; done
`

// Whatever ends a run ends what it has started: nothing of it is left some seconds later.
func TestNothingOutlivesARun(t *testing.T) {
	etcdmod, err := exec.LookPath("etcdmod") // what TestMain made
	if err != nil {
		t.Fatal(err)
	}
	real, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "go"), []byte(goThatHangs), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args   []string
		signal syscall.Signal // 0 where the run ends by itself
	}{
		"SIGTERM":      {[]string{"check"}, syscall.SIGTERM},
		"SIGINT":       {[]string{"diff"}, syscall.SIGINT},
		"SIGKILL":      {[]string{"check"}, syscall.SIGKILL},
		"rollout-KILL": {[]string{"rollout"}, syscall.SIGKILL},
		"timeout":      {[]string{"rollout", "-timeout", "1s"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, temp := t.TempDir(), t.TempDir()
			for name, text := range map[string]string{
				"go.mod":  "module example.com/app\n\ngo 1.24\n\nrequire go.etcd.io/etcd/client/v3 v3.6.5\n",
				"lock.go": "package app\n\nimport (\n\t\"context\"\n\n\t\"go.etcd.io/etcd/client/v3/concurrency\"\n)\n\nfunc f(m *concurrency.Mutex) {\n\tfor m.TryLock(context.Background()) != nil {\n\t}\n}\n",
			} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			started := filepath.Join(dir, "started")
			tag := "OUTLIVES=" + dir
			var out bytes.Buffer
			cmd := exec.Command(etcdmod, c.args...)
			cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
			cmd.Env = append(os.Environ(), "PATH="+bin+string(filepath.ListSeparator)+os.Getenv("PATH"), "REAL_GO="+real, "STARTED="+started, "GOWORK=off", "TMPDIR="+temp, tag)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			until(t, time.Minute, "the go command starts", func() bool {
				_, err := os.Stat(started)
				return err == nil
			})
			if len(tagged(t, tag)) < 4 {
				t.Errorf("these are all that run: %q", tagged(t, tag))
			}
			told := time.Now()
			if c.signal != 0 {
				_ = cmd.Process.Signal(c.signal)
			}
			err := cmd.Wait()
			if took := time.Since(told); took > 20*time.Second { // it is 5 s where nothing else runs
				t.Errorf("it took %s to end", took)
			}
			if c.signal != syscall.SIGKILL && cmd.ProcessState.ExitCode() != command.ExitUsage {
				t.Errorf("%v: %s", err, &out)
			}
			until(t, 20*time.Second, "all processes end", func() bool { return len(tagged(t, tag)) == 0 })
			// What a killed run leaves behind, the next one takes away.
			if left, err := filepath.Glob(filepath.Join(temp, "etcdmod-run-*")); err != nil || (len(left) > 0) != (c.signal == syscall.SIGKILL) {
				t.Errorf("left: %q, %v", left, err)
			}
			next := exec.Command(etcdmod, "check")
			next.Dir, next.Env = dir, append(os.Environ(), "PATH=", "TMPDIR="+temp)
			_ = next.Run() // there is no go command
			if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
				t.Errorf("after the next run: %v, %v", left, err)
			}
		})
	}
}

// until waits for a condition.
func until(t *testing.T, most time.Duration, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(most); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %s it is not so that %s", most, what)
		}
	}
}

// tagged returns the command lines of the processes that have a setting in their environment.
func tagged(t *testing.T, setting string) (out []string) {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil || len(names) == 0 {
		t.Skip("the system does not tell of processes", err)
	}
	for _, name := range names {
		env, _ := os.ReadFile(name)
		if bytes.Contains(append([]byte{0}, env...), []byte("\x00"+setting+"\x00")) {
			line, _ := os.ReadFile(filepath.Join(filepath.Dir(name), "cmdline"))
			out = append(out, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return out
}
