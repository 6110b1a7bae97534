package procgroup_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	mrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"etcdmod/internal/procgroup"
)

// subject has the mark by which the processes of one subject are known here.
const subject = "PROCGROUP_SUBJECT"

func TestMain(m *testing.M) {
	switch {
	case procgroup.Watches():
		os.Exit(0)
	case os.Getenv(subject) != "":
		startForever()
	}
	os.Exit(m.Run())
}

// startForever starts commands that would outlive it, as fast as it can, and says so when the first one runs.
func startForever() {
	procgroup.Own()
	for range 4 {
		go func() {
			for {
				cmd := exec.CommandContext(context.Background(), "sleep", "600")
				procgroup.Set(cmd)
				if err := cmd.Start(); err != nil {
					panic(err)
				}
				_, _ = os.Stdout.WriteString(".")
				time.Sleep(5 * time.Millisecond)
			}
		}()
	}
	select {}
}

// Whenever a process is killed, nothing that it has started outlives it: neither what runs, nor what is about to.
func TestNothingOutlivesAProcessThatIsKilled(t *testing.T) {
	rounds := 200
	if testing.Short() {
		rounds = 20
	}
	for range rounds {
		mark := rand.Text()
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), subject+"="+mark)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, make([]byte, 1+mrand.IntN(16))); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(mrand.IntN(5000)) * time.Microsecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		for deadline := time.Now().Add(time.Minute); len(alive(mark)) > 0; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("still there: %q", alive(mark))
			}
		}
	}
}

// alive gives the processes that have a mark in their environment.
func alive(mark string) (out []string) {
	names, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, name := range names {
		env, _ := os.ReadFile(name)
		if bytes.Contains(env, []byte(subject+"="+mark)) {
			args, _ := os.ReadFile(filepath.Join(filepath.Dir(name), "cmdline"))
			out = append(out, filepath.Dir(name)+" "+strings.ReplaceAll(string(args), "\x00", " "))
		}
	}
	return out
}

// What has a mark and a directory is ended in that; what lacks one of them is somebody else's.
func TestEndIn(t *testing.T) {
	dir := t.TempDir()
	started := func(env ...string) *exec.Cmd {
		cmd := exec.Command("sleep", "600")
		cmd.Env = env
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		return cmd
	}
	left := started(procgroup.Variable+"=x", "TMPDIR="+dir)
	others := []*exec.Cmd{
		started("TMPDIR=" + dir), started(procgroup.Variable+"=x", "TMPDIR="+filepath.Join(dir, "below")), started(procgroup.Variable + "=x"),
	}
	procgroup.EndIn(dir)
	if err := left.Wait(); err == nil {
		t.Error("it ended by itself")
	}
	for _, cmd := range others {
		if err := cmd.Process.Signal(syscall.Signal(0)); err != nil {
			t.Errorf("%q: %v", cmd.Env, err)
		}
	}
}
