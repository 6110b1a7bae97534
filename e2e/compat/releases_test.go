package compat_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"etcdmod/internal/gocmd"
)

// releases are the versions of the client that the module proxy lists, oldest first.
func releases(t *testing.T) []string {
	t.Helper()
	out := module{gocmd.Runner{Dir: "."}}.run(t, "list", "-m", "-versions", v3)
	return strings.Fields(out)[1:]
}

func TestNewestReleasesHaveRows(t *testing.T) {
	if os.Getenv("ETCDMOD_E2E_NEWER") == "" {
		t.Skip("depends on what is released: set ETCDMOD_E2E_NEWER=1")
	}
	newest := map[string]string{} // by line ("v3.5"); a pre-release until there is more
	for _, v := range releases(t) {
		newest[strings.Join(strings.SplitN(v, ".", 3)[:2], ".")] = v
	}
	for line, v := range newest {
		if !slices.ContainsFunc(rows, func(r row) bool { return r.version == v }) {
			t.Errorf("the newest %s is %s: let it take the place of an older row, and run with -update", line, v)
		}
	}
}

// TestEveryRelease compiles only, and resolves what the rows do not cover anew.
func TestEveryRelease(t *testing.T) {
	if os.Getenv("ETCDMOD_E2E_LONG") == "" {
		t.Skip("builds dozens of clients: set ETCDMOD_E2E_LONG=1")
	}
	for _, v := range releases(t) {
		if strings.Contains(v, "-") || slices.ContainsFunc(rows, func(r row) bool { return r.version == v }) {
			continue
		}
		t.Run(v, func(t *testing.T) {
			t.Parallel()
			line := oldest
			var patch int
			if _, err := fmt.Sscanf(v, "v3.5.%d", &patch); err != nil || patch > 9 {
				line = strings.TrimSpace(module{gocmd.Runner{Dir: "."}}.run(t, "list", "-m", "-f", "{{.GoVersion}}", v3+"@"+v))
			}
			m := client(v, line).write(t)
			m.run(t, "mod", "tidy")
			m.check(t)
		})
	}
}
