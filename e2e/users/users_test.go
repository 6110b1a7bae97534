// Package users_test has the tests of a user's module run before and after etcdmod has
// rewritten it: with a fake written by hand and with mocks that mockgen made, both behind
// interfaces of the module's own, and against a server where errors are compared with
// concurrency.ErrLocked by ==, by switch and by errors.Is.
package users_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"etcdmod/e2e/internal/cluster"
)

func TestTestsOfUsersSurvive(t *testing.T) {
	before := os.DirFS("testdata/before")
	dir, tool := filepath.Join(t.TempDir(), "users"), filepath.Join(t.TempDir(), "etcdmod")
	if err := os.CopyFS(dir, before); err != nil {
		t.Fatal(err)
	}
	run(t, filepath.Join("..", ".."), nil, "go", "build", "-o", tool, "./cmd/etcdmod")
	server := "ETCD_ENDPOINTS=" + strings.Join(cluster.Start(t, 1).Endpoints(), ",")
	tests := func() []string {
		out := run(t, dir, []string{"GOWORK=off", server}, "go", "test", "-count=1", "-v", "./...")
		if strings.Contains(out, "--- SKIP") {
			t.Fatalf("skipped:\n%s", out)
		}
		passed := regexp.MustCompile(`(?m)^--- PASS: \w+`).FindAllString(out, -1)
		slices.Sort(passed)
		return passed
	}
	plain := tests()
	if len(plain) == 0 {
		t.Fatal("the module has no tests")
	}
	run(t, dir, []string{"GOWORK=off"}, tool, "apply")
	if rewritten := tests(); !slices.Equal(plain, rewritten) {
		t.Errorf("passed before: %q\nand after: %q", plain, rewritten)
	}

	// They passed because the code is another one, and not because the tests are.
	source := read(t, filepath.Join(dir, "leader.go"))
	if bytes.Contains(source, []byte("concurrency.NewMutex")) || bytes.Count(source, []byte("etcdlock.NewMutex")) != 3 {
		t.Errorf("not rewritten:\n%s", source)
	}
	for _, name := range []string{"leader_test.go", "mock_test.go"} {
		if !bytes.Equal(read(t, filepath.Join(dir, name)), read(t, filepath.Join("testdata", "before", name))) {
			t.Errorf("%s has changed", name)
		}
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}
