package gocmd_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"etcdmod/internal/gocmd"
)

func TestRun(t *testing.T) {
	r := gocmd.Runner{Dir: t.TempDir()}.With("GOENV=off", "GOWORK=off")
	out, err := r.Run(t.Context(), "env", "GOWORK")
	if err != nil || strings.TrimSpace(string(out)) != "off" {
		t.Errorf("got %q, %v", out, err)
	}
}

// A failure carries what the go command said and where, and what it printed.
func TestError(t *testing.T) {
	dir := t.TempDir()
	_, err := gocmd.Runner{Dir: dir}.With("GOWORK=off", "GOFLAGS=").Run(t.Context(), "list", "./nope")
	var e *gocmd.Error
	if !errors.As(err, &e) || !slices.Equal(e.Args, []string{"list", "./nope"}) || e.Dir != dir {
		t.Fatalf("got %#v", err)
	}
	if want := "go list (in " + dir + "): "; !strings.HasPrefix(err.Error(), want) || strings.HasSuffix(err.Error(), "\n") {
		t.Errorf("got %q, want %q…", err, want)
	}
}

func TestNoGo(t *testing.T) {
	if err := gocmd.Find(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", t.TempDir())
	if err := gocmd.Find(); !errors.Is(err, gocmd.ErrNoGo) {
		t.Errorf("Find: %v", err)
	}
	if _, err := (gocmd.Runner{Dir: t.TempDir()}).Run(t.Context(), "version"); !errors.Is(err, gocmd.ErrNoGo) {
		t.Errorf("Run: %v", err)
	}
}

// The end of the context is the error, and it comes soon.
func TestCancel(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":  "module m\n",
		"main.go": "package main\n\nimport (\n\t\"os\"\n\t\"time\"\n)\n\nfunc main() {\n\tos.WriteFile(os.Args[1], nil, 0o666)\n\ttime.Sleep(time.Hour)\n}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	started := filepath.Join(dir, "started")
	ctx, cancel := context.WithCancel(t.Context())
	var ended time.Time
	go func() {
		for ctx.Err() == nil { // however long it takes to build the program
			if _, err := os.Stat(started); err == nil {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		ended = time.Now()
		cancel()
	}()
	_, err := gocmd.Runner{Dir: dir}.With("GOWORK=off", "GOFLAGS=").Run(ctx, "run", ".", started)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if late := time.Since(ended); late > time.Minute {
		t.Errorf("it took %v", late)
	}
}

// Two Runners made from one do not share their environment.
func TestWithIsIndependent(t *testing.T) {
	base := gocmd.Runner{Env: append(make([]string, 0, 8), "A=1")}
	x, y := base.With("GOFLAGS=-x -mod=mod"), base.With("Y=1")
	if !slices.Equal(x.Env, []string{"A=1", "GOFLAGS=-x -mod=mod"}) || !slices.Equal(y.Env, []string{"A=1", "Y=1"}) || len(base.Env) != 1 {
		t.Errorf("got %q, %q, %q", base.Env, x.Env, y.Env)
	}
	r := x.In(filepath.FromSlash("/some/where"))
	env := r.Environ()
	if want := []string{"PWD=" + r.Dir, "GOPACKAGESDRIVER=off", "GOFLAGS=-mod=mod -buildvcs=false"}; !slices.Equal(env[len(env)-len(want):], want) || len(x.Env) != 2 {
		t.Errorf("got %q, want %q at its end", env, want)
	}
}

// The go command tells the tags that flags, experiments and variants of a processor bring, and
// whether there is cgo.
func TestContext(t *testing.T) {
	r := gocmd.Runner{Dir: t.TempDir()}.With("GOFLAGS=-race '-tags=a b'", "GOWORK=off", "GOOS=linux", "GOARCH=amd64", "GOAMD64=v2", "GOEXPERIMENT=jsonv2", "CGO_ENABLED=1")
	c, err := r.Context(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.BuildTags, []string{"a", "b"}) || c.GOARCH != "amd64" || c.GOOS != "linux" || !c.CgoEnabled || !slices.Contains(c.ReleaseTags, "go1.22") {
		t.Errorf("%+v", c)
	}
	for _, tag := range []string{"race", "amd64.v2", "goexperiment.jsonv2"} {
		if !slices.Contains(c.ToolTags, tag) {
			t.Errorf("%s is not in %v", tag, c.ToolTags)
		}
	}
	if c, err = r.With("CGO_ENABLED=0", "GOARCH=arm64").Context(t.Context(), []string{"-race=false", "-tags=c"}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.BuildTags, []string{"c"}) || c.CgoEnabled || c.GOARCH != "arm64" || slices.Contains(c.ToolTags, "race") {
		t.Errorf("%+v", c)
	}
	if _, err := r.Context(t.Context(), []string{"-none"}); err == nil {
		t.Error("a go command that fails said something")
	}
}
