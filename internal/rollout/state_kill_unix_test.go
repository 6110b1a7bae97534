//go:build unix

package rollout_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"etcdmod/internal/command"
	"etcdmod/internal/procgroup"
	"etcdmod/internal/rollout"
	"etcdmod/internal/testkit/synthetic"
)

// asProcess is set in the environment of a test binary that is to be etcdmod.
const asProcess = "ETCDMOD_TEST_PROCESS"

func TestMain(m *testing.M) {
	// The process that watches one has nothing of its environment, and begins where it begins.
	if procgroup.Watches() {
		os.Exit(0)
	}
	if os.Getenv(asProcess) != "" {
		os.Exit(command.Process(nil))
	}
	os.Exit(m.Run())
}

// process returns etcdmod as a process of its own, with its temporary files in a directory.
func process(t *testing.T, env []string, tmp string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.Command(exe, args...)
	cmd.Env = append(slices.Clone(env), asProcess+"=1", "TMPDIR="+tmp,
		"GORACE=atexit_sleep_ms=0") // or every process under the race detector takes a second
	cmd.Stdout, cmd.Stderr = &out, &out
	return cmd, &out
}

// A history is one rollout that is killed, maybe more than once, and gone on with.
type history struct {
	out, state, tmp string
	args            []string
}

func newHistory(t *testing.T, root string, jobs int) *history {
	t.Helper()
	dir := t.TempDir()
	h := &history{out: filepath.Join(dir, "out"), state: filepath.Join(dir, "state"), tmp: filepath.Join(dir, "tmp")}
	if err := os.Mkdir(h.tmp, 0o777); err != nil {
		t.Fatal(err)
	}
	h.args = []string{"rollout", "-C", root, "-vet=false", "-j", fmt.Sprint(jobs), "-o", h.out, "-state", h.state, "-resume"}
	if jobs == 1 {
		h.args = append(h.args, "-test") // which copies modules
	}
	return h
}

// recorded counts the modules that are in the journal.
func (h *history) recorded(t *testing.T) int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(h.state, "rollout.journal"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return bytes.Count(data, []byte(`{"module":`))
}

// left lists what a rollout must not leave.
func (h *history) left(t *testing.T) (out []string) {
	t.Helper()
	for dir, wanted := range map[string][]string{
		h.tmp: nil, h.state: {"rollout.journal", "rollout.lock", "rollout.key"}, h.out: {rollout.IndexFile, rollout.TimesFile, "units", "report.csv", "report.html", "report.sarif"},
	} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !slices.Contains(wanted, e.Name()) {
				out = append(out, filepath.Join(filepath.Base(dir), e.Name()))
			}
		}
	}
	return out
}

// results are the files of an output directory, but for how long it took.
func (h *history) results(t *testing.T) map[string]string {
	t.Helper()
	got := files(t, h.out)
	delete(got, rollout.TimesFile)
	return got
}

// A rollout is killed at random moments and gone on with, until the result is there: it is
// that of a run that nobody killed. Nothing else is left of it, and the tree is as it was.
//
// Set ETCDMOD_E2E_LONG for ten times as many kills.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the program many times")
	}
	kills := 50
	if os.Getenv("ETCDMOD_E2E_LONG") != "" {
		kills *= 10
	}
	env := synthetic.Environment(t)
	root, modules := synthetic.Repository(t, env, synthetic.Config{Modules: 10, Affected: 0.2, Broken: 0.1, Seed: 1})
	before := files(t, root)

	// What is to be had, and how long it takes beside the other one. The first round fills the
	// build cache.
	want, code := map[int]map[string]string{}, command.ExitFindings
	usual := map[int]time.Duration{} // with so many jobs
	var mu sync.Mutex
	for range 2 {
		var wg sync.WaitGroup
		for _, jobs := range []int{1, 2} {
			h := newHistory(t, root, jobs)
			cmd, out := process(t, env, h.tmp, h.args...)
			wg.Go(func() {
				began := time.Now()
				_ = cmd.Run()
				took, results := time.Since(began), h.results(t)
				if got := cmd.ProcessState.ExitCode(); got != code {
					t.Errorf("exit code %d: %s", got, out)
				}
				if left := h.left(t); left != nil || len(results) < 8 {
					t.Errorf("%d files; left behind: %q", len(results), left)
				}
				mu.Lock()
				defer mu.Unlock()
				usual[jobs], want[jobs] = took, results
			})
		}
		if wg.Wait(); t.Failed() {
			return
		}
	}

	seed := rand.Uint64()
	t.Logf("seed %d, a run takes %v with one job and %v with two", seed, usual[1], usual[2])
	random := rand.New(rand.NewPCG(seed, 0))
	killed, histories, at := 0, map[int]int{}, make([]int, len(modules)+1)
	// moment gives the next one, unless there were enough. First runs are killed all over the
	// time that one takes, those that go on anywhere in it, and the third attempt is left
	// alone.
	moment := func(jobs, attempt int) (after time.Duration, kill bool) {
		mu.Lock()
		defer mu.Unlock()
		part := random.Float64()
		if attempt == 0 {
			const parts = 12
			part = (float64(histories[jobs]%parts) + part) / parts
			histories[jobs]++
		}
		// Where all kills came at one point, more of them come, later and later.
		one := slices.Max(at) == killed
		late := 1 + float64(max(0, killed-kills))/10
		return time.Duration(part * late * float64(usual[jobs])), (killed < kills || one) && attempt < 2
	}
	history := func(jobs int) (more bool) {
		h := newHistory(t, root, jobs)
		for attempt := 0; ; attempt++ {
			after, kill := moment(jobs, attempt)
			if attempt == 0 && !kill {
				return false
			}
			cmd, out := process(t, env, h.tmp, h.args...)
			if err := cmd.Start(); err != nil {
				t.Error(err)
				return false
			}
			if kill {
				timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
				defer timer.Stop()
			}
			_ = cmd.Wait()
			if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signaled() && ws.Signal() == syscall.SIGKILL {
				n := h.recorded(t)
				mu.Lock()
				killed++
				at[min(n, len(modules))]++
				mu.Unlock()
				continue
			}
			if got := cmd.ProcessState.ExitCode(); got != code {
				t.Errorf("exit code %d, want %d: %s", got, code, out)
				return false
			}
			if d := cmp.Diff(want[jobs], h.results(t)); d != "" {
				t.Errorf("-uninterrupted +killed:\n%s", d)
			}
			if left := h.left(t); left != nil {
				t.Errorf("left behind: %q", left)
			}
			return !t.Failed()
		}
	}
	var wg sync.WaitGroup
	for jobs := range 2 {
		wg.Go(func() {
			for history(jobs + 1) {
			}
		})
	}
	wg.Wait()
	if d := cmp.Diff(before, files(t, root)); d != "" {
		t.Errorf("the tree changed:\n%s", d)
	}
	status := exec.Command("git", "status", "--porcelain", "--ignored")
	status.Dir = root
	if text, err := status.CombinedOutput(); err != nil || strings.TrimSpace(string(text)) != "!! out/" {
		t.Errorf("git status: %v\n%s", err, text)
	}
	var counts []string
	for n, times := range at {
		counts = append(counts, fmt.Sprintf("%d: %d", n, times))
	}
	t.Logf("%d kills in %d histories; by how many modules were recorded: %s", killed, histories[1]+histories[2], strings.Join(counts, ", "))
}
