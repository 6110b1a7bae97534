package patch

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"etcdmod/internal/change"

	"github.com/google/go-cmp/cmp"
)

var sgr = regexp.MustCompile("\x1b\\[[0-9;]*m")

// checkColour fails the test unless the coloured patch, without its colours, is patch.
func checkColour(t *testing.T, changes []change.Change, patch []byte) {
	t.Helper()
	var buf bytes.Buffer
	if err := Colour(&buf, changes); err != nil {
		t.Fatal(err)
	}
	if bytes.ContainsRune(patch, '\x1b') {
		return // content with sequences of its own: nobody can tell them apart
	}
	if diff := cmp.Diff(string(patch), sgr.ReplaceAllString(buf.String(), "")); diff != "" {
		t.Fatalf("colours stripped (-want +got)\n%s", diff)
	}
}

func TestColourStripped(t *testing.T) {
	for _, tt := range golden {
		t.Run(tt.name, func(t *testing.T) {
			checkColour(t, tt.changes, []byte(tt.want))
		})
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for range 1000 {
		changes := []change.Change{randomChange(rng, "f.go")}
		patch, err := Unified(changes)
		if err != nil {
			t.Fatal(err)
		}
		checkColour(t, changes, patch)
	}
}

// readable shows escape sequences by what they do.
var readable = strings.NewReplacer(
	"\x1b[1m", "<bold>", "\x1b[36m", "<cyan>", "\x1b[31m", "<red>", "\x1b[32m", "<green>",
	"\x1b[31;1;7m", "<RED>", "\x1b[32;1;7m", "<GREEN>",
	"\x1b[0m", "</>", "\x1b[22m", "</>", "\x1b[0;22;27m", "</>",
)

func TestColour(t *testing.T) {
	t.Setenv("NO_COLOR", "1") // is for the caller to obey
	var buf bytes.Buffer
	err := Colour(&buf, []change.Change{
		modified("lock.go",
			"func run() {\n\tmu := concurrency.NewMutex(s, \"/p\")\r\n\twait()\n}",
			"func run() {\n\tmu := etcdlock.NewMutex(s, \"/p\")\r\n\twait(ctx)\n}\n"),
		deleted("x", ""),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := text(
		"<bold>diff --git a/lock.go b/lock.go</>",
		"<bold>index b6e65b0..b593084</>",
		"<bold>--- a/lock.go</>",
		"<bold>+++ b/lock.go</>",
		"<cyan>@@ -1,4 +1,4 @@</>",
		" func run() {",
		"<red>-\tmu := </><RED>concurrency</><red>.NewMutex(s, \"/p\")</>\r",
		"<red>-\twait()</>",
		"<red>-}</>",
		`\ No newline at end of file`,
		"<green>+\tmu := </><GREEN>etcdlock</><green>.NewMutex(s, \"/p\")</>\r",
		"<green>+\twait(</><GREEN>ctx</><green>)</>",
		"<green>+}</>",
		"<bold>diff --git a/x b/x</>",
		"<bold>deleted file mode 100644</>",
		"<bold>index e69de29..0000000</>",
	)
	if diff := cmp.Diff(want, readable.Replace(buf.String())); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestColourHeading(t *testing.T) {
	var buf bytes.Buffer
	if err := Colour(&buf, []change.Change{modified("f", "func f() {\n\n\n\n1\n", "func f() {\n\n\n\n2\n")}); err != nil {
		t.Fatal(err)
	}
	if got, want := readable.Replace(buf.String()), "<cyan>@@ -2,4 +2,4 @@</> func f() {\n"; !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwithout %q", got, want)
	}
}

type brokenWriter struct{}

var errBroken = errors.New("broken")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestColourWriteError(t *testing.T) {
	if err := Colour(brokenWriter{}, []change.Change{modified("f", "x", "y")}); !errors.Is(err, errBroken) {
		t.Errorf("got error %v, want the writer's", err)
	}
}

func TestHighlight(t *testing.T) {
	long := strings.Repeat("x", maxHighlight)
	for _, tt := range []struct{ name, old, new, wantOld, wantNew string }{
		{"a word", "a := b", "a := c", "a := [b]", "a := [c]"},
		{"an insertion", "wait()", "wait(ctx)", "wait()", "wait([ctx])"},
		{"only whitespace", "\tx", "\t\tx", "\tx", "[\t]\tx"},
		{"two places", "f(alpha, other, beta, stays)", "f(omega, other, zeta, stays)", "f([alph]a, other, [b]eta, stays)", "f([omeg]a, other, [z]eta, stays)"},
		{"all of it", "alpha", "omega!", "alpha", "omega!"},
		{"beyond ASCII, the cut is between characters", "größe := maß(ü)", "größe := maß(ä)", "größe := maß([ü])", "größe := maß([ä])"},
		{"a shift that go-diff counts in characters", "ééxé fin de la ligne", "ééxééxé fin de la ligne", "ééxé fin de la ligne", "ééxé[éxé] fin de la ligne"},
		{"not UTF-8", "x\xff = 1", "x\xff = 2", "x\xff = 1", "x\xff = 2"},
		{"too long", long + "1", long + "2", long + "1", long + "2"},
		{"the line ending is no part of it", "a = 1\r\n", "a = 2\n", "a = [1]\r\n", "a = [2]\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, exhausted := range []bool{false, true} {
				var h highlighter
				if exhausted {
					h.work = maxHighlightWork
				}
				marks := h.change([]hunkLine{{opDelete, tt.old}, {opInsert, tt.new}})
				got := []string{bracket(tt.old, marks[0]), bracket(tt.new, marks[1])}
				for i, want := range []string{tt.wantOld, tt.wantNew} {
					if !exhausted && got[i] != want {
						t.Errorf("got %q, want %q", got[i], want)
					}
				}
				if rest := []string{outside(tt.old, marks[0]), outside(tt.new, marks[1])}; len(marks[0])+len(marks[1]) > 0 && chomp(rest[0]) != chomp(rest[1]) {
					t.Errorf("exhausted %v: what is not marked differs: %q", exhausted, rest)
				}
			}
		})
	}
}

// TestHighlightPairs: lines are paired in order; the rest has no marks.
func TestHighlightPairs(t *testing.T) {
	var h highlighter
	marks := h.change([]hunkLine{{opDelete, "value = 1\n"}, {opInsert, "value = 2\n"}, {opInsert, "value = 3\n"}})
	want := [][]span{{{8, 9}}, {{8, 9}}, nil}
	if diff := cmp.Diff(want, marks, cmp.AllowUnexported(span{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// FuzzHighlight: marks are in order, between characters, and what is not marked is common.
func FuzzHighlight(f *testing.F) {
	f.Add("größe", "grösse")
	f.Add("ééxé", "ééxééxé")
	f.Add("a b c", "a c b")
	f.Fuzz(func(t *testing.T, a, b string) {
		var h highlighter
		inA, inB := h.pair(a, b)
		if len(inA)+len(inB) > 0 && outside(a, inA) != outside(b, inB) {
			t.Fatalf("%q %v\n%q %v", a, inA, b, inB)
		}
		for _, s := range []struct {
			text  string
			marks []span
		}{{a, inA}, {b, inB}} {
			if got := strings.NewReplacer("[", "", "]", "").Replace(bracket(s.text, s.marks)); len(s.marks) > 0 && strings.ToValidUTF8(got, "") != got {
				t.Fatalf("a character of %q is cut by %v", s.text, s.marks)
			}
		}
	})
}

func bracket(text string, marks []span) string {
	out, at := "", 0
	for _, s := range marks {
		out += text[at:s.from] + "[" + text[s.from:s.to] + "]"
		at = s.to
	}
	return out + text[at:]
}

func outside(text string, marks []span) string {
	out, at := "", 0
	for _, s := range marks {
		out += text[at:s.from]
		at = s.to
	}
	return out + text[at:]
}
