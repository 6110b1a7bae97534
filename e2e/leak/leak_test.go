// Package leak_test shows the leak that a bump ends: one program, built with the client
// that its go.mod requires and with the one that etcdmod bump makes of it, against a real
// server.
package leak_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"etcdmod/e2e/internal/cluster"
)

// waits is how many waits the program makes between two numbers that it prints.
const waits = 50

// TestWaitsWithDeadline: with v3.2.9 the stream table of the client grows by an entry for
// each wait whose context has a deadline, for as long as the program runs. After the bump
// it does not, and the program is the same.
func TestWaitsWithDeadline(t *testing.T) {
	dir := t.TempDir()
	src := filepath.Join(dir, "src")
	if err := os.CopyFS(src, os.DirFS("testdata/program")); err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	etcdmod, before, after := filepath.Join(dir, "etcdmod"), filepath.Join(dir, "before"), filepath.Join(dir, "after")
	run(t, root, "go", "build", "-o", etcdmod, "./cmd/etcdmod")
	run(t, src, "go", "build", "-o", before, ".")
	run(t, src, etcdmod, "bump")
	if got := run(t, src, "go", "list", "-m", "github.com/coreos/etcd"); !strings.Contains(got, "v3.2.26+incompatible") {
		t.Fatalf("after the bump: %s", got)
	}
	run(t, src, "go", "build", "-o", after, ".")

	endpoints := strings.Join(cluster.Start(t, 1).Endpoints(), ",")
	sizes := func(bin string, args ...string) (list []int) {
		t.Helper()
		for _, f := range strings.Fields(run(t, dir, bin, append([]string{"-endpoints", endpoints}, args...)...)) {
			n, err := strconv.Atoi(f)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, n)
		}
		if len(list) != 4 {
			t.Fatalf("%s: %v", bin, list)
		}
		t.Logf("%s %v: %v", filepath.Base(bin), args, list)
		return list
	}

	// Not every wait gets as far as its watch on a busy machine; what grows, grows by
	// about as much in each round.
	last := 0
	for round, n := range sizes(before) {
		if grown := n - last; grown < waits/2 || grown > waits+1 {
			t.Errorf("before, round %d: the stream table grows by %d in %d waits", round, grown, waits)
		}
		last = n
	}
	// It is the deadline that does it.
	for round, n := range sizes(before, "-cancel") {
		if n > 1 {
			t.Errorf("before, without deadlines, round %d: %d entries", round, n)
		}
	}
	for round, n := range sizes(after) {
		if n > 1 {
			t.Errorf("after, round %d: %d entries", round, n)
		}
	}
}

// run runs a command outside of the workspace and returns its standard output.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}
