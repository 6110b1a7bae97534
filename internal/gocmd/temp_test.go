package gocmd

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMkdirTemp(t *testing.T) {
	here, there := t.TempDir(), t.TempDir()
	r := Runner{Dir: "/", Env: []string{"X=y"}}.WithTemp(here)
	for _, c := range []struct {
		r    Runner
		want string
	}{
		{r, here},
		{r.WithTemp(there), there},
		{r.WithTemp(""), filepath.Clean(os.TempDir())},
		{Runner{}, filepath.Clean(os.TempDir())},
	} {
		dir, err := c.r.MkdirTemp("etcdmod-test-")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
		if got := filepath.Dir(dir); got != c.want {
			t.Errorf("%v: in %s, want %s", c.r.Env, got, c.want)
		}
	}
}

func TestTempFor(t *testing.T) {
	r := Runner{}.WithTemp(t.TempDir())
	make := func(what string) string {
		t.Helper()
		dir, err := r.TempFor("etcdmod-test-", what)
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
	first := make("/m")
	if second, other := make("/m"), make("/n"); second == first || other == first {
		t.Errorf("%s, and then %s and %s", first, second, other)
	}
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	if again := make("/m"); again != first {
		t.Errorf("%s, and then %s", first, again)
	}
}
