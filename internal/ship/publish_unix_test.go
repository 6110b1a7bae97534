//go:build unix

package ship_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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
	const command = `sh -c 'echo $$ >"$LOG"; exec sleep 1000'; true`
	// A busy machine may not come to start the command within a short time.
	for limit := 500 * time.Millisecond; ; limit *= 2 {
		said := f.ship(t, func(o *ship.Options) { o.Command, o.Timeout = command, limit })
		if want := fmt.Sprintf("m0-prelude: not published the command took longer than %v; -timeout sets that", limit); said[3] != want {
			t.Fatalf("%q, want %q", said[3], want)
		}
		if data, _ := os.ReadFile(f.path("log")); bytes.HasSuffix(data, []byte("\n")) {
			break
		}
	}
	f.ended(t)

	if err := os.Remove(f.path("log")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for ctx.Err() == nil {
			if data, _ := os.ReadFile(f.path("log")); bytes.HasSuffix(data, []byte("\n")) {
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
	for deadline := time.Now().Add(time.Minute); syscall.Kill(pid, 0) == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d goes on", pid)
		}
	}
}
