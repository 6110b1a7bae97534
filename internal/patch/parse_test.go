package patch

import (
	"math/rand/v2"
	"strings"
	"testing"

	"etcdmod/internal/change"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// parses demands that a patch, read again, is what Files gives.
func parses(t *testing.T, changes []change.Change) {
	t.Helper()
	diff, err := Unified(changes)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Files(changes)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(diff)
	if err != nil {
		t.Fatalf("%v\n%s", err, diff)
	}
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(change.Change{}, "Old", "New"), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("-want +got:\n%s\n%q", d, diff)
	}
}

func TestParse(t *testing.T) {
	for _, tt := range golden {
		t.Run(tt.name, func(t *testing.T) { parses(t, tt.changes) })
	}
	for _, bad := range []string{"x", "diff --git a/x b/x\nrename from x\nrename to y\n", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-x\n"} {
		if got, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%q is taken for %v", bad, got)
		}
	}
}

// Lines of all sorts: what looks like a header of a patch is text where it is in a hunk.
func TestParseRandom(t *testing.T) {
	const seeds = 200
	lines := []string{"", "a", "a b", "--- a/x", "+++ b/x", "@@ -1 +1 @@", "diff --git a/x b/x", "-- x", `\ No newline at end of file`, "\tü\xff", "a\r"}
	for seed := range uint64(seeds) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		text := func() string {
			var b strings.Builder
			for range rnd.IntN(30) {
				b.WriteString(lines[rnd.IntN(len(lines))] + "\n")
			}
			if rnd.IntN(2) == 0 {
				b.WriteString("end")
			}
			return b.String()
		}
		parses(t, []change.Change{modified("a b/ü.go", text(), text()), created("b", text()), deleted("c", text())})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}
