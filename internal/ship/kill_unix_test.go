//go:build unix

package ship_test

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A run that is killed leaves the checkout as it was and no branch that is half made; the next
// one makes the others, and removes what is left.
func TestKilled(t *testing.T) {
	kills := 20
	if os.Getenv("ETCDMOD_E2E_LONG") != "" {
		kills = 500
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	f := newFixture(t, 4)
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)

	before := f.checkout(t)
	began := time.Now()
	f.ship(t, nil)
	whole := time.Since(began)
	want := f.branches(t)
	if len(want) != 12 {
		t.Fatalf("%d branches, want 12", len(want))
	}
	left := map[string]int{} // how many kills left a worktree, some of the branches, ...
	for i := 0; i < kills || left["worktree"] == 0; i++ {
		for name := range want {
			f.git(t, "branch", "-q", "-D", name)
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childRoot+"="+f.root)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // git dies with it, as when a machine does
		var out strings.Builder
		cmd.Stderr = &out
		began := time.Now()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(rnd.Int64N(int64(whole+whole/5))), func() {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		})
		if err := cmd.Wait(); timer.Stop() {
			if err != nil {
				t.Fatalf("the child failed by itself: %v\n%s", err, out.String())
			}
			whole = time.Since(began)
		} else {
			whole = max(whole, time.Since(began)) // a machine that is busy now takes longer
		}
		if strings.Contains(f.git(t, "worktree", "list"), "etcdmod") {
			left["worktree"]++
		}
		some := f.branches(t)
		for name, commit := range some {
			if commit != want[name] {
				t.Errorf("killed: %s is %s, want %s", name, commit, want[name])
			}
		}
		left[strconv.Itoa(min(len(some), 1))+" branches or more"]++
		if d := cmp.Diff(before, f.checkout(t)); d != "" {
			t.Fatalf("killed, the checkout changed:\n%s", d)
		}
		for _, line := range f.ship(t, nil) {
			if !strings.Contains(line, ": made ") && !strings.Contains(line, ": kept ") {
				t.Error(line)
			}
		}
		if d := cmp.Diff(want, f.branches(t)); d != "" {
			t.Errorf("branches: -want +got:\n%s", d)
		}
		if list := f.git(t, "worktree", "list"); strings.Contains(list, "etcdmod") {
			t.Errorf("worktrees are left:\n%s", list)
		}
		if entries, err := os.ReadDir(tmp); err != nil || len(entries) > 0 {
			t.Errorf("temporary files are left: %v, %v", entries, err)
		}
	}
	t.Log(left)
}
