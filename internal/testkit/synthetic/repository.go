package synthetic

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/goproxytest"
)

// Environment is one in which the stub of the client, and nothing else, can be downloaded.
// The build cache stays: what it has of the standard library is dear.
func Environment(t testing.TB) []string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, Proxy); err != nil {
		t.Fatal(err)
	}
	proxy, err := goproxytest.NewServer(filepath.Join(dir, "proxy"), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	out, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	return append(os.Environ(),
		"GOPROXY="+proxy.URL, "GOSUMDB=off", "GONOSUMDB=", "GOFLAGS=-modcacherw", "GOENV=off", "GOWORK=",
		"GOMODCACHE="+filepath.Join(dir, "modcache"), "GOCACHE="+strings.TrimSpace(string(out)),
		"GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull)
}

// Repository writes a synthetic monorepo into a git repository.
func Repository(t testing.TB, env []string, c Config) (root string, modules []Module) {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if c.Sums, err = Sums(env); err != nil {
		t.Fatal(err)
	}
	if modules, err = Write(root, c); err != nil {
		t.Fatal(err)
	}
	git(t, root, "init", "-q")
	git(t, root, "config", "maintenance.auto", "false") // it would go on in the background
	git(t, root, "config", "gc.auto", "0")
	git(t, root, "add", ".")
	git(t, root, "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-q", "-m", "start")
	return root, modules
}

func git(t testing.TB, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
