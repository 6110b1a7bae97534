package patch

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"etcdmod/internal/change"

	"github.com/google/go-cmp/cmp"
	"github.com/sergi/go-diff/diffmatchpatch"
)

// shortest gives the number of changed lines of the smallest possible patch, by the
// textbook's table.
func shortest(old, new []string) int {
	above := make([]int, len(new)+1)
	for _, a := range old {
		row := make([]int, len(new)+1)
		for j, b := range new {
			if a == b {
				row[j+1] = above[j] + 1
			} else {
				row[j+1] = max(row[j], above[j+1])
			}
		}
		above = row
	}
	return len(old) + len(new) - 2*above[len(new)]
}

func size(edits []edit) int {
	n := 0
	for _, e := range edits {
		n += e.a1 - e.a0 + e.b1 - e.b0
	}
	return n
}

// valid fails the test unless edits turn old into new.
func valid(t *testing.T, old, new []string, edits []edit) {
	t.Helper()
	if err := checkHunks(group(old, new, edits), old, new); err != nil {
		t.Fatalf("%v\nold %q\nnew %q\nedits %v", err, old, new, edits)
	}
	for i := 1; i < len(edits); i++ {
		if edits[i].a0 <= edits[i-1].a1 || edits[i].b0 <= edits[i-1].b1 {
			t.Fatalf("no equal line between edits %v and %v", edits[i-1], edits[i])
		}
	}
}

func TestMinimal(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	for range 3000 {
		old, new := splitLines(finish(rng, randomFile(rng, 120))), splitLines(finish(rng, randomFile(rng, 120)))
		if rng.IntN(2) == 0 {
			new = splitLines(finish(rng, randomEdit(rng, old)))
		}
		edits := diff(old, new)
		valid(t, old, new, edits)
		if got, want := size(edits), shortest(old, new); got != want {
			t.Fatalf("%d changed lines, the smallest patch has %d\nold %q\nnew %q", got, want, old, new)
		}
		slide(old, new, edits)
		valid(t, old, new, edits)
		if got, want := size(edits), shortest(old, new); got != want {
			t.Fatalf("after sliding %d changed lines instead of %d", got, want)
		}
	}
}

// TestCoarse: with little or no work allowed, patches are longer but right, and still
// cut at the lines that occur once.
func TestCoarse(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 11))
	for range 500 {
		old := splitLines(finish(rng, randomFile(rng, 400)))
		for i := range old {
			if rng.IntN(10) == 0 && i < len(old)-1 {
				old[i] = fmt.Sprintf("unique %d\n", i)
			}
		}
		new := splitLines(finish(rng, randomEdit(rng, old)))
		for range rng.IntN(3) { // move a block
			at := rng.IntN(len(new) + 1)
			new = append(append([]string(nil), new[at:]...), new[:at]...)
		}
		if len(new) > 0 && strings.Join(new, "") != "" {
			new = splitLines([]byte(strings.Join(new, "")))
		}
		for _, limit := range []struct{ work, distinct int }{
			{0, maxDistinct}, {500, maxDistinct}, {20_000, maxDistinct}, {maxWork, 0}, {maxWork, 3}, {0, 0},
		} {
			edits := diffWithin(old, new, limit.work, limit.distinct)
			valid(t, old, new, edits)
			slide(old, new, edits)
			valid(t, old, new, edits)
		}
	}
}

func numbered(from, to int) []string {
	var lines []string
	for i := from; i < to; i++ {
		lines = append(lines, fmt.Sprintf("%d\n", i))
	}
	return lines
}

func concat(parts ...[]string) []string {
	var all []string
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// TestTooManyLines: beyond the number of lines that go-diff can number, unique lines
// still cut the file; without any the middle is replaced as a whole.
func TestTooManyLines(t *testing.T) {
	twice := func(lines []string) []string { return concat(lines, lines) }
	for _, tt := range []struct {
		name     string
		old, new []string
		want     []edit
	}{
		{
			name: "unique lines",
			old:  concat(numbered(0, 100), []string{"x\n"}, numbered(100, 200)),
			new:  concat([]string{"x\n"}, numbered(0, 100), numbered(100, 200)),
			want: []edit{{0, 0, 0, 1}, {100, 101, 101, 101}},
		},
		{
			name: "no unique lines",
			old:  concat([]string{"same\n", "p\n"}, twice(numbered(0, 100)), []string{"q\n", "same\n"}),
			new:  concat([]string{"same\n", "q\n"}, twice(numbered(0, 100)), []string{"p\n", "same\n"}),
			// p and q are unique, but cross; one of them is kept.
			want: []edit{{1, 202, 1, 1}, {203, 203, 2, 203}},
		},
		{
			name: "nothing unique at all",
			old:  concat([]string{"same\n", "p\n", "p\n"}, twice(numbered(0, 100)), []string{"q\n", "q\n", "same\n"}),
			new:  concat([]string{"same\n", "q\n", "q\n"}, twice(numbered(0, 100)), []string{"p\n", "p\n", "same\n"}),
			want: []edit{{1, 205, 1, 205}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := diffWithin(tt.old, tt.new, maxWork, 10)
			valid(t, tt.old, tt.new, got)
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(edit{})); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestLimitIsInclusive: as many distinct lines as go-diff takes are handed to it, one
// more is not.
func TestLimitIsInclusive(t *testing.T) {
	old := concat([]string{"p\n", "p\n"}, numbered(0, 50), numbered(0, 50), []string{"q\n", "q\n"})
	new := concat([]string{"q\n", "q\n"}, numbered(0, 50), numbered(0, 50), []string{"p\n", "p\n"})
	if got, want := size(diffWithin(old, new, maxWork, 52)), shortest(old, new); got != want {
		t.Errorf("at the limit %d changed lines, want %d", got, want)
	}
	if got, want := size(diffWithin(old, new, maxWork, 51)), len(old)+len(new); got != want {
		t.Errorf("beyond the limit %d changed lines, want all %d", got, want)
	}
}

// TestGoDiffLimit pins what maxDistinct says about go-diff: that many distinct lines
// come back as they were, around the code points that are no characters as well, and
// one more panics.
func TestGoDiffLimit(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("a million lines")
	}
	var sb strings.Builder
	for i := range maxDistinct {
		fmt.Fprintf(&sb, "%x\n", i)
	}
	text := sb.String()
	dmp := diffmatchpatch.New()
	dmp.DiffTimeout = 0
	a, b, table := dmp.DiffLinesToRunes(text, "")
	if len(a) != maxDistinct || len(b) != 0 {
		t.Fatalf("%d and %d lines, want %d and 0", len(a), len(b), maxDistinct)
	}
	diffs := dmp.DiffCharsToLines(dmp.DiffMainRunes(a, b, false), table)
	if len(diffs) != 1 || diffs[0].Text != text {
		t.Error("the lines came back changed")
	}

	defer func() {
		if recover() == nil {
			t.Error("one line more did not panic; the limit has moved")
		}
	}()
	dmp.DiffLinesToRunes(text+"one more\n", "")
}

// TestMoreLinesThanGoDiffTakes is the real limit, passed.
func TestMoreLinesThanGoDiffTakes(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("a million lines")
	}
	lines := numbered(0, maxDistinct+10)
	old := strings.Join(lines, "")
	// Swapping the ends keeps all lines shared and none trimmed.
	last := len(lines) - 1
	lines[0], lines[last] = lines[last], lines[0]
	stats, err := Stats([]change.Change{modified("f", old, strings.Join(lines, ""))})
	if err != nil {
		t.Fatal(err)
	}
	if want := (Stat{"f", 2, 2}); stats[0] != want {
		t.Errorf("got %v, want %v", stats[0], want)
	}
}

// TestSurrogates: line numbers around 0xD800, which is no character, and 0xFFFD, which
// stands for a broken one.
func TestSurrogates(t *testing.T) {
	lines := numbered(0, 66_000)
	moved := concat(lines[1:], lines[:1])
	moved[0xD7FF], moved[0xFFF0] = moved[0xFFF0], moved[0xD7FF]
	edits := diff(lines, moved)
	valid(t, lines, moved, edits)
	if got := size(edits); got != 6 {
		t.Errorf("%d changed lines, want 6", got)
	}
}

// TestWorkIsBounded: whatever the input, the search stays within its budget. It counts
// steps, not seconds; BenchmarkUnified has the seconds.
func TestWorkIsBounded(t *testing.T) {
	const n, budget = 50_000, 2_000_000
	for _, tt := range []struct {
		name  string
		input func() (old, new []byte)
	}{
		{"reversed", func() ([]byte, []byte) { return reversed(n) }},
		{"noise, few distinct", func() ([]byte, []byte) { return noise(n, 50) }},
		{"noise, many distinct", func() ([]byte, []byte) { return noise(n, n) }},
		{"repeated", func() ([]byte, []byte) { return repeated(n, n/2) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			oldText, newText := tt.input()
			old, new := splitLines(oldText), splitLines(newText)
			m := newMatcher(old, new, budget, maxDistinct)
			m.match(0, len(old), 0, len(new), 0)
			// A probe notices that it has used up its share at the end of a round, in
			// which it can walk over all lines.
			if over := -m.work; over > 2*n {
				t.Errorf("%d steps too many", over)
			}
			if m.work > budget/2 {
				t.Errorf("%d of %d steps left: they were not counted", m.work, budget)
			}
			valid(t, old, new, m.edits())
		})
	}
}

// TestScanIsBounded: a search that is short by itself is refused when go-diff would
// look for one side in the other for too long.
func TestScanIsBounded(t *testing.T) {
	for _, tt := range []struct {
		n, m int
		want bool
	}{
		{115_000, 105_000, false},
		{111_000, 105_000, true},
	} {
		oldText, newText := repeated(tt.n, tt.m)
		old, new := splitLines(oldText), splitLines(newText)
		m := newMatcher(old, new, maxWork, maxDistinct)
		a, b, _ := m.shared(0, len(old), 0, len(new))
		if got := m.affordable(a, b); got != tt.want {
			t.Errorf("%d lines against %d: affordable %v, want %v", tt.n, tt.m, got, tt.want)
		}
		if m.work < maxWork/2 {
			t.Errorf("%d lines against %d: the search itself took too long for this test", tt.n, tt.m)
		}
	}
}

// TestProbe: what it says of the length is true, and it needs no more steps than it says.
func TestProbe(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 13))
	for range 2000 {
		old, new := randomFile(rng, 60), randomFile(rng, 60)
		if rng.IntN(2) == 0 {
			new = randomEdit(rng, old)
		}
		a, b, _ := intern(old, new)
		length, steps, ok := probe(a, b, 1_000_000)
		if want := shortest(old, new); !ok || length != want {
			t.Fatalf("length %d, %v; want %d\nold %q\nnew %q", length, ok, want, old, new)
		}
		if _, _, ok := probe(a, b, steps); !ok {
			t.Fatalf("not done in %d steps, though it was before", steps)
		}
	}
}

// TestFewDistinctLines: a long file without one unique line and few changes gets a
// short patch, though nothing marks where it changed.
func TestFewDistinctLines(t *testing.T) {
	old := make([]string, 0, 60_000)
	for i := range 60_000 {
		old = append(old, odd[i%7])
	}
	new := append([]string(nil), old...)
	for _, i := range []int{50_000, 30_000, 10_000} {
		new = append(new[:i], new[i+1:]...)
	}
	edits := diff(old, new)
	valid(t, old, new, edits)
	if got := size(edits); got != 3 {
		t.Errorf("%d changed lines, want 3", got)
	}
}
