//go:build unix

package journal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"etcdmod/internal/vouch"

	"etcdmod/internal/change"
)

// The tests below run Apply in a process of its own, which is this test binary again:
// these variables tell it what to be.
const (
	childRole = "JOURNAL_TEST_ROLE"
	childRoot = "JOURNAL_TEST_ROOT"
	childStep = "JOURNAL_TEST_STEP"
	childSize = "JOURNAL_TEST_SIZE"
)

var childRoles = map[string]func(root string) error{
	// Applies edits and is killed from outside, or kills itself before a step.
	"apply": func(root string) error {
		n, _ := strconv.Atoi(os.Getenv(childSize))
		files := edits(root, n)
		var step stepFunc
		if s := os.Getenv(childStep); s != "" {
			left, _ := strconv.Atoi(s)
			step = func(op, name string) error {
				if left == 0 {
					syscall.Kill(os.Getpid(), syscall.SIGKILL)
					select {} // it takes a moment
				}
				left--
				return nil
			}
		}
		fmt.Println("ready")
		begin := time.Now()
		err := apply(root, files, step)
		fmt.Println(time.Since(begin).Microseconds())
		return err
	},

	// Holds the lock until its standard input ends.
	"hold": func(root string) error {
		return apply(root, []change.Change{create(root, "held.go")}, func(op, name string) error {
			if op == "rename" || op == "link" {
				fmt.Println("ready")
				io.Copy(io.Discard, os.Stdin)
			}
			return nil
		})
	},
}

func TestMain(m *testing.M) {
	role, ok := os.LookupEnv(childRole)
	if !ok {
		keys, err := os.MkdirTemp("", "journal-keys-")
		if err == nil {
			err = os.Setenv(vouch.Variable, keys)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		code := m.Run()
		os.RemoveAll(keys)
		os.Exit(code)
	}
	run, ok := childRoles[role]
	if !ok {
		fmt.Fprintln(os.Stderr, "no such role:", role)
		os.Exit(2)
	}
	if err := run(os.Getenv(childRoot)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// child returns a command that plays a role below root; settings are more variables.
func child(t testing.TB, role, root string, settings ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childRole+"="+role, childRoot+"="+root)
	cmd.Env = append(cmd.Env, "GORACE=atexit_sleep_ms=0") // or every child under the race detector takes a second
	cmd.Env = append(cmd.Env, settings...)
	return cmd
}

// wasKilled reports whether a child ended by SIGKILL; other failures end the test.
func wasKilled(t testing.TB, err error, stderr string) bool {
	t.Helper()
	if err == nil {
		return false
	}
	if ee, ok := errors.AsType[*exec.ExitError](err); ok {
		if ws := ee.Sys().(syscall.WaitStatus); ws.Signaled() && ws.Signal() == syscall.SIGKILL {
			return true
		}
	}
	t.Fatalf("child: %v: %s", err, stderr)
	return false
}

// A process that is killed with SIGKILL before each of its steps.
func TestSIGKILLAtEveryStep(t *testing.T) {
	t.Parallel()
	const n = 4
	was, is := beforeAfter(t, n)
	for step := 0; ; step++ {
		root := quickRoot(t)
		build(t, root, n)
		cmd := child(t, "apply", root, childSize+"="+strconv.Itoa(n), childStep+"="+strconv.Itoa(step))
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if !wasKilled(t, cmd.Run(), stderr.String()) {
			is.mustEqual(t, snap(t, root))
			if step < 30 {
				t.Errorf("only %d steps", step)
			}
			t.Logf("%d kills", step)
			return
		}
		checkKilled(t, root, was, is)
	}
}

// A process that applies about 20 files is killed with SIGKILL at random moments.
func TestSIGKILLAtRandomMoments(t *testing.T) {
	t.Parallel()
	const n, kills = 17, 100
	was, is := beforeAfter(t, n)

	// How long does it take undisturbed?
	run := func(after time.Duration) (killed bool, root string, took time.Duration) {
		root = quickRoot(t)
		build(t, root, n)
		cmd := child(t, "apply", root, childSize+"="+strconv.Itoa(n))
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Error(err)
			return
		}
		if err := cmd.Start(); err != nil {
			t.Error(err)
			return
		}
		r := bufio.NewReader(out)
		r.ReadString('\n') // ready
		if after >= 0 {
			// Not time.Sleep: that is too coarse for a run of a millisecond.
			for begin := time.Now(); time.Since(begin) < after; {
			}
			cmd.Process.Kill()
		}
		line, _ := r.ReadString('\n')
		us, _ := strconv.Atoi(strings.TrimSpace(line))
		return wasKilled(t, cmd.Wait(), stderr.String()), root, time.Duration(us) * time.Microsecond
	}
	var mu sync.Mutex
	usual := time.Hour
	for range 3 {
		_, root, took := run(-1)
		is.mustEqual(t, snap(t, root))
		usual = min(usual, took)
	}

	count := map[Action]int{}
	killed := 0
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				mu.Lock()
				enough := killed >= kills || t.Failed()
				mu.Unlock()
				if enough {
					return
				}
				dead, root, _ := run(rand.N(usual))
				if !dead {
					if d := is.diff(snap(t, root)); d != "" {
						t.Error(d)
					}
					continue
				}
				action := checkKilled(t, root, was, is)
				mu.Lock()
				killed++
				count[action]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	t.Logf("%d kills within %v: %d before the first or after the last step, %d undone, %d finished", killed, usual, count[Nothing], count[Undone], count[Finished])
}

// checkKilled recovers what a killed child left and checks that it is as before or as
// after, and which.
func checkKilled(t testing.TB, root string, was, is snapshot) Action {
	t.Helper()
	out, err := Recover(root)
	if err != nil {
		t.Error(err)
		return out.Action
	}
	now := snap(t, root)
	back, forth := was.diff(now), is.diff(now)
	ok := false
	switch out.Action {
	case Undone:
		ok = back == ""
	case Finished:
		ok = forth == ""
	case Nothing:
		ok = back == "" || forth == ""
	}
	if !ok {
		t.Errorf("%v:\nto before: %s\n\nto after: %s", out, back, forth)
	}
	return out.Action
}

// Elsewhere the journal itself is the lock.
const hasLocks = runtime.GOOS != "solaris" && runtime.GOOS != "aix"

// While a run is active, others are turned away; when it is killed, its lock is gone.
func TestBusy(t *testing.T) {
	t.Parallel()
	if !hasLocks {
		t.Skip("NOT TESTED: no locks on this system")
	}
	root := tempRoot(t)
	put(t, root+"/a.go", "old", 0o644)
	was := snap(t, root)
	cmd := child(t, "hold", root)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatal(line, err)
	}

	during := snap(t, root)
	begin := time.Now()
	if err := Apply(root, []change.Change{edit(root, "a.go")}); !errors.Is(err, ErrBusy) || errors.Is(err, ErrPending) || !strings.Contains(err.Error(), root) {
		t.Errorf("Apply: %v", err)
	}
	if out, err := Recover(root); !errors.Is(err, ErrBusy) || out.Action != Nothing {
		t.Errorf("Recover: %v, %v", out, err)
	}
	if p, err := Pending(root); !errors.Is(err, ErrBusy) || p {
		t.Errorf("Pending: %v, %v", p, err)
	}
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("waited for %v", took)
	}
	during.mustEqual(t, snap(t, root))

	cmd.Process.Kill()
	cmd.Wait()
	if p, err := Pending(root); !p || err != nil {
		t.Errorf("Pending after the kill: %v, %v", p, err)
	}
	if out, err := Recover(root); err != nil || out.Action != Finished {
		t.Fatal(out, err)
	}
	was["held.go"] = `-rw-r--r-- "new"`
	was.mustEqual(t, snap(t, root))
}

// Many goroutines at once: each run is done or turned away, and none is mixed up
// with another.
func TestRace(t *testing.T) {
	t.Parallel()
	root := quickRoot(t)
	put(t, root+"/count", "0", 0o644)
	put(t, root+"/copy", "0", 0o644)
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range 8 {
		wg.Go(func() {
			for range 20 {
				old, err := os.ReadFile(root + "/count")
				if err != nil {
					t.Error(err)
					return
				}
				i, _ := strconv.Atoi(string(old))
				next := []byte(strconv.Itoa(i + 1))
				err = Apply(root, []change.Change{
					{Path: root + "/count", Old: old, New: next},
					{Path: root + "/copy", Old: old, New: next},
				})
				_, changed := errors.AsType[*ChangedError](err)
				switch {
				case err == nil:
					mu.Lock()
					done++
					mu.Unlock()
				case changed, errors.Is(err, ErrBusy), !hasLocks && errors.Is(err, ErrPending):
				default:
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	want := fmt.Sprintf("-rw-r--r-- %q", strconv.Itoa(done))
	snapshot{"count": want, "copy": want}.mustEqual(t, snap(t, root))
	if done == 0 {
		t.Error("none was done")
	}
}
