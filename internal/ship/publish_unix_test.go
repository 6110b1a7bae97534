//go:build unix

package ship_test

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"etcdmod/internal/ship"
)

// A command that takes too long is ended, with what it has started, and so is one at the end
// of the run.
func TestPublishEnds(t *testing.T) {
	f := newFixture(t, 1)
	t.Setenv("LOG", f.path("log"))
	const command = `sh -c 'echo $$ >"$LOG"; exec sleep 100'; true`
	said := f.ship(t, func(o *ship.Options) { o.Command, o.Timeout = command, 500*time.Millisecond })
	if want := "m0-prelude: not published the command took longer than 500ms; -timeout sets that"; said[3] != want {
		t.Errorf("%q, want %q", said[3], want)
	}
	f.ended(t)

	if err := os.Remove(f.path("log")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for ctx.Err() == nil {
			if data, _ := os.ReadFile(f.path("log")); len(data) > 0 {
				cancel()
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	if _, err := f.tryShip(ctx, func(o *ship.Options) { o.Command = command }); !errors.Is(err, context.Canceled) {
		t.Errorf("the run ended with %v", err)
	}
	f.ended(t)
	if data := f.read(t, "out/"+ship.RecordFile); data != "" {
		t.Errorf("recorded: %s", data)
	}
}

// ended demands that the process whose number is in the log has ended.
func (f *fixture) ended(t *testing.T) {
	t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(f.read(t, "log")))
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); syscall.Kill(pid, 0) == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d goes on", pid)
		}
	}
}
