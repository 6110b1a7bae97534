// Package incident_test runs the program of the incident, and the fix that has been
// published for it, as processes against a real etcd server: as they are, and as the
// etcdmod binary rewrites them. Before and after are the same source.
package incident_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
)

// bins are the programs, built once.
var bins struct {
	etcdmod                                  string
	standby, standbyAfter, storm, stormAfter string
	tiers, tiersAfter                        string
	perTry, perTryAfter                      string
	elect, electAfter                        string
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "incident")
	if err == nil {
		err = build(dir)
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

func build(dir string) error {
	root, err := filepath.Abs("../..")
	if err != nil {
		return err
	}
	bins.etcdmod = filepath.Join(dir, "etcdmod")
	if err := run(root, "go", "build", "-o", bins.etcdmod, "./cmd/etcdmod"); err != nil {
		return err
	}
	for _, p := range []struct {
		name          string
		before, after *string
	}{
		{"example", &bins.standby, &bins.standbyAfter},
		{"storm", &bins.storm, &bins.stormAfter},
		{"tiers", &bins.tiers, &bins.tiersAfter},
		{"pertry", &bins.perTry, &bins.perTryAfter},
		{"elect", &bins.elect, &bins.electAfter},
	} {
		src := filepath.Join(dir, "src", p.name)
		if err := copyTree(src, filepath.Join(root, "testdata", p.name)); err != nil {
			return err
		}
		*p.before, *p.after = filepath.Join(dir, p.name), filepath.Join(dir, p.name+"-after")
		if err := run(src, "go", "build", "-o", *p.before, "."); err != nil {
			return err
		}
		if err := run(src, bins.etcdmod, "apply"); err != nil {
			return err
		}
		if err := run(src, bins.etcdmod, "check"); err != nil {
			return fmt.Errorf("after apply there are findings: %w", err)
		}
		if err := run(src, "go", "build", "-o", *p.after, "."); err != nil {
			return err
		}
	}
	return nil
}

func run(dir, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	// Every program here is a module by itself.
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

func copyTree(dst, src string) error {
	return filepath.WalkDir(src, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(dst, rel), 0o755)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dst, rel), data, 0o644)
	})
}

// A candidate is one process that wants the lock.
type candidate struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan string // of stdout
	done  chan error
	mu    sync.Mutex
	errs  strings.Builder // stderr
}

func start(t *testing.T, bin string, c *cluster.Cluster, args ...string) *candidate {
	t.Helper()
	p, _ := startWith(t, bin, c, args...)
	return p
}

// startWith is start for a process that reads its standard input.
func startWith(t *testing.T, bin string, c *cluster.Cluster, args ...string) (*candidate, io.Writer) {
	t.Helper()
	p := &candidate{t: t, lines: make(chan string, 100), done: make(chan error, 1)}
	p.cmd = exec.Command(bin, append([]string{"-endpoints", strings.Join(c.Endpoints(), ",")}, args...)...)
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = writerFunc(func(b []byte) (int, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.errs.Write(b)
	})
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for s := bufio.NewScanner(stdout); s.Scan(); {
			p.lines <- s.Text()
		}
		p.done <- p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		for range p.done {
		}
	})
	return p, stdin
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// expect waits for a line of output and returns when it came.
func (p *candidate) expect(line string, within time.Duration) time.Time {
	p.t.Helper()
	timeout := time.After(within)
	for {
		select {
		case got := <-p.lines:
			if got == line {
				return time.Now()
			}
		case err := <-p.done:
			p.t.Fatalf("ended before %q: %v\n%s", line, err, p.stderr())
		case <-timeout:
			p.t.Fatalf("no %q within %v\n%s", line, within, p.stderr())
		}
	}
}

func (p *candidate) stderr() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.errs.String()
}

func (p *candidate) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// contend starts n candidates, the first of which holds the lock.
func contend(t *testing.T, bin string, c *cluster.Cluster, n int, args ...string) []*candidate {
	t.Helper()
	all := make([]*candidate, n)
	for i := range all {
		all[i] = start(t, bin, c, args...)
		if i == 0 {
			all[i].expect("active at once", long)
		}
	}
	for _, p := range all[1:] {
		p.expect("standing by", long)
	}
	return all
}

// long is the bound for whatever must happen, on a machine that may be busy.
const long = 2 * time.Minute

// eventually waits until something holds, on a machine that may be busy.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(long); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", long, what)
		}
	}
}

// grows waits until n raft entries more are applied.
func grows(t *testing.T, c *cluster.Cluster, n uint64) {
	t.Helper()
	from, before := time.Now(), c.AppliedIndex()
	eventually(t, fmt.Sprintf("%d raft entries", n), func() bool { return c.AppliedIndex() >= before+n })
	t.Logf("%d entries in %v", c.AppliedIndex()-before, time.Since(from))
}

// growth is how many raft entries are applied during d, in which nothing is to be written.
func growth(c *cluster.Cluster, d time.Duration) uint64 {
	before := c.AppliedIndex()
	time.Sleep(d)
	return c.AppliedIndex() - before
}

func TestPollingGrowsTheRaftLog(t *testing.T) {
	c := cluster.Start(t, 1)
	contend(t, bins.standby, c, 3, "-ttl", "3")
	grows(t, c, 12) // two standbys that write two each, every three seconds
}

func TestRewrittenStandbysWriteNothing(t *testing.T) {
	for _, n := range []int{3, 10, 50} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			c := cluster.Start(t, 1)
			contend(t, bins.standbyAfter, c, n, "-ttl", "600") // nobody is late to keep a lease alive
			settle(c)
			if n := growth(c, 5*time.Second); n != 0 {
				t.Errorf("%d entries in 5 s, want 0", n)
			}
		})
	}
}

// settle waits until candidates that have just started have done so.
func settle(c *cluster.Cluster) {
	for range 50 {
		if growth(c, 200*time.Millisecond) == 0 {
			return
		}
	}
}

func TestPublishedFixStormsAndItsRewriteDoesNot(t *testing.T) {
	before := cluster.Start(t, 1)
	watchers := cluster.Watchers(t)
	contend(t, bins.storm, before, 3)
	eventually(t, "two standbys watch", func() bool { return cluster.Watchers(t) >= watchers+2 })
	stir(t, before)
	grows(t, before, 1000) // nothing but the storm writes
	watchers = cluster.Watchers(t)
	after := cluster.Start(t, 1)
	contend(t, bins.stormAfter, after, 3)
	eventually(t, "two rewritten standbys watch", func() bool { return cluster.Watchers(t) >= watchers+2 })
	stir(t, after)
	settle(after)
	if n := growth(after, 5*time.Second); n != 0 {
		t.Errorf("rewritten: %d entries in 5 s, want 0", n)
	}
}

// stir makes one event below the lock's name, as any candidate does that comes or goes:
// it takes one, while others watch, to set off a storm.
func stir(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	if _, err := c.Client().Put(t.Context(), "/storm/active/zzz", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Client().Delete(t.Context(), "/storm/active/zzz"); err != nil {
		t.Fatal(err)
	}
}

// The lease of the holder would last for ten minutes more, and so would the interval.
func TestHandOverComesWithTheRelease(t *testing.T) {
	c := cluster.Start(t, 1)
	all := contend(t, bins.standbyAfter, c, 3, "-ttl", "600")
	holder, standby := all[0], all[1]
	all[2].signal(syscall.SIGTERM)
	<-all[2].done
	var took []time.Duration
	for range 5 {
		from := time.Now()
		holder.signal(syscall.SIGTERM) // the holder unlocks and exits
		at := standby.expect("active after waiting", long)
		took = append(took, at.Sub(from))
		if err := <-holder.done; err != nil {
			t.Errorf("the holder did not exit cleanly: %v\n%s", err, holder.stderr())
		}
		holder, standby = standby, start(t, bins.standbyAfter, c, "-ttl", "600")
		standby.expect("standing by", long)
	}
	slices.Sort(took)
	t.Logf("hand-overs: %v", took)
}

func TestTakeOverAfterTheHolderIsKilled(t *testing.T) {
	c := cluster.Start(t, 1)
	all := contend(t, bins.standbyAfter, c, 2, "-ttl", "5")
	all[0].signal(syscall.SIGKILL)
	// The lease ends some time between ttl and 2×ttl after the last keep-alive.
	all[1].expect("active after waiting", long)
}

func TestStandbyReturnsWhenItsContextEnds(t *testing.T) {
	c := cluster.Start(t, 1)
	all := contend(t, bins.standbyAfter, c, 2)
	all[1].signal(syscall.SIGTERM)
	select {
	case err := <-all[1].done:
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(all[1].stderr(), context.Canceled.Error()) {
			t.Errorf("got %v, want exit code 1 and %q\n%s", err, context.Canceled, all[1].stderr())
		}
	case <-time.After(long):
		t.Fatalf("still there after %v", long)
	}
}

func TestNoGoroutineIsLeftAfterTheWait(t *testing.T) {
	c := cluster.Start(t, 1)
	watchers := cluster.Watchers(t)
	all := contend(t, bins.standbyAfter, c, 2)
	all[0].signal(syscall.SIGTERM)
	all[1].expect("active after waiting", long)
	// The watch is cancelled, not awaited.
	eventually(t, "no watch is left", func() bool { return cluster.Watchers(t) <= watchers })
	all[1].signal(syscall.SIGQUIT) // the runtime prints all goroutines
	<-all[1].done
	dump := all[1].stderr()
	if !strings.Contains(dump, "goroutine ") {
		t.Fatalf("no goroutine dump:\n%s", dump)
	}
	if strings.Contains(dump, "etcdlock") {
		t.Errorf("a goroutine of the helper is left:\n%s", dump)
	}
}

// holder starts a candidate that gets the lock.
func holder(t *testing.T, bin string, c *cluster.Cluster) *candidate {
	t.Helper()
	p := start(t, bin, c)
	p.expect("active", long)
	return p
}

const notActive = "not active: mutex: Locked by another session"

func TestGatedLoopKeepsItsPaceAndWritesNothing(t *testing.T) {
	c := cluster.Start(t, 1)
	holder(t, bins.tiersAfter, c)
	var waiting []*candidate
	for range 3 {
		p := start(t, bins.tiersAfter, c, "-interval", "500ms")
		p.expect(notActive, long)
		waiting = append(waiting, p)
	}
	settle(c)
	from, before := time.Now(), c.AppliedIndex()
	for _, p := range waiting {
		for range 10 {
			p.expect(notActive, long)
		}
	}
	if n := c.AppliedIndex() - before; n != 0 {
		t.Errorf("%d entries in ten rounds, want 0", n)
	}
	// Rounds from before that were not read yet are not counted: ten at 500 ms are left.
	most := 10 + 2*int(time.Since(from)/(500*time.Millisecond))
	for _, p := range waiting {
		if more := len(p.lines); more > most {
			t.Errorf("%d rounds more within %v: the pace has changed", more, time.Since(from))
		}
	}
}

func TestGatedLoopWakesOnRelease(t *testing.T) {
	c := cluster.Start(t, 1)
	watchers := cluster.Watchers(t)
	first := holder(t, bins.tiersAfter, c)
	var took []time.Duration
	for range 5 {
		second := start(t, bins.tiersAfter, c, "-interval", "1h")
		second.expect(notActive, long)
		eventually(t, "the standby watches", func() bool { return cluster.Watchers(t) > watchers })
		from := time.Now()
		first.signal(syscall.SIGTERM)
		took = append(took, second.expect("active", long).Sub(from))
		<-first.done
		first = second
	}
	slices.Sort(took)
	t.Logf("hand-overs at an interval of 1h: %v", took)
}

func TestGuardedJobsSkipWithoutWriting(t *testing.T) {
	for _, bin := range []struct {
		name, path string
		writes     bool
	}{{"before", bins.tiers, true}, {"after", bins.tiersAfter, false}} {
		t.Run(bin.name, func(t *testing.T) {
			c := cluster.Start(t, 1)
			first := holder(t, bin.path, c)
			var jobs []*candidate
			for range 3 {
				p := start(t, bin.path, c, "-mode", "job", "-interval", "300ms")
				p.expect("skipped", long)
				jobs = append(jobs, p)
			}
			before := c.AppliedIndex()
			for _, p := range jobs {
				for range 10 {
					p.expect("skipped", long)
				}
			}
			if n := c.AppliedIndex() - before; (n > 0) != bin.writes {
				t.Errorf("%d entries in ten rounds while the lock is held, want some: %v", n, bin.writes)
			}
			// Jobs go on at their pace when the lock is free.
			first.signal(syscall.SIGTERM)
			jobs[0].expect("did the job", long)
		})
	}
}
