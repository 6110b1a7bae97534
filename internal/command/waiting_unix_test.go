//go:build unix

package command_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"etcdmod/internal/command"
)

// A signal is a writer that says when a text was written.
type signal struct {
	mu   sync.Mutex
	all  bytes.Buffer
	want string
	seen chan struct{}
	once sync.Once
}

func (s *signal) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.all.Write(p)
	if strings.Contains(s.all.String(), s.want) {
		s.once.Do(func() { close(s.seen) })
	}
	return n, err
}

func (s *signal) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.String()
}

// Whoever runs it for the first time waits for the go command, which says nothing. A go command
// that waits until it was told about: the run says so, in one line.
func TestSaysWhatItWaitsFor(t *testing.T) {
	real, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.Abs("../../testdata/example")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	began, release := filepath.Join(bin, "began"), filepath.Join(bin, "release")
	script := fmt.Sprintf("#!/bin/sh\n: >%s\nuntil [ -e %s ]; do sleep 0.05; done\nexec %s \"$@\"\n", began, release, real)
	if err := os.WriteFile(filepath.Join(bin, "go"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	for _, args := range [][]string{{"check"}, {"check", "-v"}, {"rollout"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			ticks := make(chan time.Time)
			stderr := &signal{want: "; the go command downloads and compiles what its caches lack\n", seen: make(chan struct{})}
			done := make(chan int, 1)
			go func() {
				var out bytes.Buffer
				done <- command.Main(t.Context(), args, command.Env{Dir: dir, Stdin: strings.NewReader(""), Stdout: &out, Stderr: stderr, Ticks: ticks})
			}()
			for begun := false; !begun; time.Sleep(10 * time.Millisecond) {
				_, err := os.Stat(began)
				begun = err == nil
				select {
				case code := <-done:
					t.Fatalf("it ended with %d and said %q", code, stderr)
				default:
				}
			}
			ticks <- time.Time{} // it is taken, since the go command waits
			<-stderr.seen
			if err := os.WriteFile(release, nil, 0o644); err != nil {
				t.Fatal(err)
			}
			code := <-done
			if want := `waiting for "go `; code != command.ExitFindings || !strings.Contains(stderr.String(), want) {
				t.Errorf("exit code %d; no %q in %q", code, want, stderr)
			}
			os.Remove(began)
			os.Remove(release)
		})
	}
}
