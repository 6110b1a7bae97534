package faults_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Helpers that are broken in one place are rejected, each by a test of the package beside this
// one, which passes with the helper as it is.
func TestBrokenHelpersAreRejected(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the tests of another package anew for each")
	}
	dir, err := filepath.Abs("../internal/withoutrereads")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []struct{ name, file, old, new, test string }{
		{"cleans up by name", "mutex.go",
			`If(clientv3.Compare(clientv3.CreateRevision(own), "=", created)).`, `If().`,
			"TestLateCleanUpLeavesTheLockOfAFreshMutex"},
		{"unlocks the lock of a sibling", "mutex.go",
			`	if !m.refused && m.unused != nil {
		return m.Mutex.Unlock(ctx)`, `	if true {
		return m.Mutex.Unlock(ctx)`,
			"TestUnlockOfARefusedMutexLeavesTheLockOfASibling"},
		{"asks again after a pause", "watch.go",
			`				m.undo(v.rev)
			}
			again = retry > 0
			sleep(live, retry)`, `				defer m.undo(v.rev)
			}
			again = retry > 0
			sleep(live, retry)`,
			"TestWaitThatPausesLeavesTheLockOfASibling"},
		{"takes the failure of a transaction for a verdict", "mutex.go",
			`if _, err = cli.Get(ctx, own, keys); err == nil {`, `if false {`,
			"TestTransactionThatFailsOnceIsNoVerdict"},
		{"queues whenever somebody has the lock", "watch.go",
			`			m.await(live, v, RetryInterval)`, `			return m.Mutex.Lock(ctx)`,
			"TestWaitsBesideAFormerQueueWriteNothing"},
	} {
		t.Run(b.name, func(t *testing.T) {
			path := filepath.Join(dir, b.file)
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			broken := strings.Replace(string(src), b.old, b.new, 1)
			if broken == string(src) {
				t.Fatalf("%s has no %s", b.file, b.old)
			}
			temp := t.TempDir()
			file, overlay := filepath.Join(temp, b.file), filepath.Join(temp, "overlay.json")
			data, err := json.Marshal(map[string]map[string]string{"Replace": {path: file}})
			if err != nil {
				t.Fatal(err)
			}
			for name, text := range map[string][]byte{file: []byte(broken), overlay: data} {
				if err := os.WriteFile(name, text, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			out, err := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-vet=off", "-overlay="+overlay,
				"-run=^"+b.test+"$", "../helper").CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: "+b.test) {
				t.Errorf("not rejected: %v\n%s", err, out)
			}
		})
	}
}
