//go:build unix

package command_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A meter runs programs in one directory and adds what they cost to the figures of a benchmark.
type meter struct {
	*testing.B
	dir string
	env []string
}

// run reports the time on the clock and on the processors, and the peak of the biggest process. An exit
// code is no failure: what is run says so that it found something.
func (m meter) run(name string, argv ...string) {
	m.Helper()
	cmd := exec.CommandContext(m.Context(), argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = m.dir, append(os.Environ(), m.env...)
	began := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(began)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		m.Fatal(err)
	}
	if err != nil {
		first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		m.Logf("%s: %v: %.120s", name, err, first)
	}
	used, _ := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	m.ReportMetric(took.Seconds(), name+"-s")
	m.ReportMetric((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(), name+"-cpu-s")
	m.ReportMetric(float64(used.Maxrss)/1024, name+"-MB")
}

func built(b *testing.B) string {
	b.Helper()
	name := filepath.Join(b.TempDir(), "etcdmod")
	if out, err := exec.Command("go", "build", "-o", name, "etcdmod/cmd/etcdmod").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return name
}

// BenchmarkRepositories is what check and diff cost in the directories that ETCDMOD_REPOSITORIES lists, beside
// other tools that load a whole module: with an empty build cache for each, and once more with what that left there.
func BenchmarkRepositories(b *testing.B) {
	dirs := filepath.SplitList(os.Getenv("ETCDMOD_REPOSITORIES"))
	if len(dirs) == 0 {
		b.Skip("ETCDMOD_REPOSITORIES lists no directories of modules")
	}
	etcdmod := built(b)
	staticcheck, err := exec.Command("go", "tool", "-n", "staticcheck").Output()
	if err != nil {
		b.Fatal(err)
	}
	for _, tool := range []struct {
		name string
		argv []string
	}{
		{"check", []string{etcdmod, "check"}},
		{"diff", []string{etcdmod, "diff"}},
		{"build", []string{"go", "build", "./..."}},
		{"vet", []string{"go", "vet", "./..."}},
		{"staticcheck", []string{strings.TrimSpace(string(staticcheck)), "./..."}},
	} {
		for _, dir := range dirs {
			b.Run(filepath.Base(dir)+"/"+tool.name, func(b *testing.B) {
				m := meter{b, dir, []string{"GOCACHE=" + b.TempDir(), "STATICCHECK_CACHE=" + b.TempDir()}}
				for b.Loop() { // -benchtime 1x: a second time would find what the first left
					m.run("cold", tool.argv...)
					m.run("warm", tool.argv...)
				}
			})
		}
	}
}

// BenchmarkGrowth is what check and diff of one module cost by how many packages it has that import the client,
// and by how many loops that poll.
func BenchmarkGrowth(b *testing.B) {
	etcdmod := built(b)
	measure := func(b *testing.B, packages, loops int) {
		m := meter{B: b, dir: grown(b, packages, loops)}
		m.run("first", "go", "vet", "./...")
		for b.Loop() {
			m.run("check", etcdmod, "check")
			m.run("diff", etcdmod, "diff")
		}
	}
	for _, n := range []int{4, 40, 400} {
		b.Run(fmt.Sprintf("packages=%d", n), func(b *testing.B) { measure(b, n, 1) })
	}
	for _, n := range []int{1, 10, 100} {
		b.Run(fmt.Sprintf("loops=%d", n), func(b *testing.B) { measure(b, 4, n) })
	}
}

// grown is a copy of the bundled example with that many packages more, each with a function that takes
// the mutex, and with its loop that many times.
func grown(b *testing.B, packages, loops int) string {
	const example = "../../testdata/example"
	dir := b.TempDir()
	put := func(name, text string) {
		b.Helper()
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	for _, name := range []string{"go.mod", "go.sum", "main.go", "lock.go"} {
		text, err := os.ReadFile(filepath.Join(example, name))
		if err != nil {
			b.Fatal(err)
		}
		put(name, string(text))
		for i := 1; name == "lock.go" && i < loops; i++ {
			loop := strings.NewReplacer("package main", "package more", "awaitLock", fmt.Sprintf("await%d", i), "time.Duration(ttl)", "60")
			put(fmt.Sprintf("more/lock%d.go", i), fmt.Sprintf(`%[1]s
// Await%[2]d waits for lock %[2]d.
func Await%[2]d(ctx context.Context, session *concurrency.Session) error {
	return await%[2]d(ctx, concurrency.NewMutex(session, "/lock/%[2]d"))
}
`, loop.Replace(string(text)), i))
		}
	}
	for i := range packages {
		put(fmt.Sprintf("part%d/part.go", i), fmt.Sprintf(`// Package part%[1]d holds a lock while it works.
package part%[1]d

import (
	"context"
	"fmt"

	"go.etcd.io/etcd/client/v3/concurrency"
)

// Work works.
func Work(ctx context.Context, held *concurrency.Mutex) error {
	if err := held.Lock(ctx); err != nil {
		return fmt.Errorf("part %[1]d: %%w", err)
	}
	return held.Unlock(ctx)
}
`, i))
	}
	return dir
}
