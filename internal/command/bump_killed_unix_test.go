//go:build unix

package command_test

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"etcdmod/internal/command"
	"etcdmod/internal/journal"
)

// A bump that is killed, at whatever moment, leaves a module that is as before or as after,
// or one of which the next run says so and puts it right. The module is vendored: files
// are changed, created and removed.
func TestBumpKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the program many times")
	}
	b := newBumpRun(t)
	module := func() string {
		dir := b.module(t)
		b.run(t, dir, 0, "go", "mod", "vendor")
		return dir
	}
	whole := module()
	before := files(t, whole)
	began := time.Now()
	b.run(t, whole, command.ExitOK, b.etcdmod, "bump", "-vet=false")
	took := time.Since(began)
	after := files(t, whole)
	if cmp.Equal(before, after) {
		t.Fatal("nothing was written")
	}

	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	rounds, pending, done := 6, 0, 0
	if os.Getenv("ETCDMOD_E2E_LONG") != "" {
		rounds = 60
	}
	for round := range rounds {
		dir := module()
		cmd := exec.Command(b.etcdmod, "bump", "-vet=false")
		cmd.Dir, cmd.Env = dir, b.env
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { _ = cmd.Wait(); close(ended) }()
		journalFile := filepath.Join(dir, journal.Name)
		if round%2 == 0 {
			time.Sleep(time.Duration(random.Int64N(int64(took))))
		} else {
			// Most of the time goes into finding out; the moment of writing is short.
			for writing := false; !writing; time.Sleep(100 * time.Microsecond) {
				_, err := os.Lstat(journalFile)
				select {
				case <-ended:
					writing = true
				default:
					writing = err == nil
				}
			}
			time.Sleep(time.Duration(random.Int64N(int64(5 * time.Millisecond))))
		}
		_ = cmd.Process.Kill()
		<-ended

		if _, err := os.Lstat(journalFile); err == nil {
			pending++
			if out := b.run(t, dir, command.ExitIncomplete, b.etcdmod, "bump", "-diff"); !strings.Contains(out, "an interrupted run of etcdmod left this module half written") {
				t.Errorf("bump -diff says: %s", out)
			}
			if out := b.run(t, dir, command.ExitOK, b.etcdmod, "bump", "-vet=false"); !strings.Contains(out, "interrupted run") {
				t.Errorf("bump says: %s", out)
			}
			if d := cmp.Diff(after, files(t, dir)); d != "" {
				t.Errorf("seed %d, round %d: the next run leaves another module: -want +got:\n%s", seed, round, d)
			}
			continue
		}
		switch now := files(t, dir); {
		case cmp.Equal(now, after):
			done++
		case !cmp.Equal(now, before):
			t.Errorf("seed %d, round %d: half written, and nobody knows: -was +is:\n%s", seed, round, cmp.Diff(before, now))
		}
		if left, err := os.ReadDir(dir); err == nil {
			for _, e := range left {
				if strings.HasPrefix(e.Name(), ".etcdmod-") {
					t.Errorf("%s was left", e.Name())
				}
			}
		}
	}
	t.Logf("of %d runs %d were killed half way, %d were done", rounds, pending, done)
}
