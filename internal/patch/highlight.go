package patch

import (
	"strings"
	"unicode/utf8"

	"github.com/sergi/go-diff/diffmatchpatch"
)

const (
	// maxHighlight is the length, in bytes, up to which lines are compared with each
	// other. The time for a pair grows with the square of it.
	maxHighlight = 500

	// maxHighlightWork bounds the time for one patch: the sum of the products of the
	// lengths of the lines compared. Beyond it only the ends of lines are compared.
	maxHighlightWork = 20_000_000
)

// A span is a part of a text, in bytes.
type span struct{ from, to int }

// A highlighter finds what changed within lines.
type highlighter struct {
	work int // done so far
}

// change finds what changed within lines, which are removed lines followed by
// added ones. It gives the spans of each line; none for a line that has no
// counterpart, and none where most of a line changed, since that would shout.
func (h *highlighter) change(lines []hunkLine) [][]span {
	removed := 0
	for removed < len(lines) && lines[removed].op == opDelete {
		removed++
	}
	marks := make([][]span, len(lines))
	for i := range min(removed, len(lines)-removed) {
		j := removed + i
		marks[i], marks[j] = h.pair(chomp(lines[i].text), chomp(lines[j].text))
	}
	return marks
}

// pair gives the spans of a that are not in b, and those of b that are not in a.
func (h *highlighter) pair(a, b string) (inA, inB []span) {
	if a == b || len(a) > maxHighlight || len(b) > maxHighlight || !utf8.ValidString(a) || !utf8.ValidString(b) {
		return nil, nil
	}
	ok := false
	if work := len(a) * len(b); work <= maxHighlightWork-h.work {
		h.work += work
		dmp := diffmatchpatch.New()
		dmp.DiffTimeout = 0
		diffs := dmp.DiffCleanupSemantic(dmp.DiffMain(a, b, false))
		inA, inB, ok = spans(diffs, a, b)
	}
	if !ok {
		inA, inB = ends(a, b)
	}
	if shouts(a, inA) || shouts(b, inB) {
		return nil, nil
	}
	return inA, inB
}

// spans turns diffs into spans. It is not ok when diffs do not add up to a and b, or
// cut a character: in places DiffCleanupSemantic takes a count of characters for one
// of bytes, so beyond ASCII it is checked rather than trusted.
func spans(diffs []diffmatchpatch.Diff, a, b string) (inA, inB []span, ok bool) {
	var i, j int
	for _, d := range diffs {
		n := len(d.Text)
		if !utf8.ValidString(d.Text) {
			return nil, nil, false
		}
		if d.Type != diffmatchpatch.DiffInsert {
			if !strings.HasPrefix(a[i:], d.Text) {
				return nil, nil, false
			}
			if d.Type == diffmatchpatch.DiffDelete && n > 0 {
				inA = append(inA, span{i, i + n})
			}
			i += n
		}
		if d.Type != diffmatchpatch.DiffDelete {
			if !strings.HasPrefix(b[j:], d.Text) {
				return nil, nil, false
			}
			if d.Type == diffmatchpatch.DiffInsert && n > 0 {
				inB = append(inB, span{j, j + n})
			}
			j += n
		}
	}
	return inA, inB, i == len(a) && j == len(b)
}

// ends gives all but the common beginning and end of a and b.
func ends(a, b string) (inA, inB []span) {
	from, to := 0, 0
	for from < len(a) && from < len(b) {
		r, n := utf8.DecodeRuneInString(a[from:])
		if s, _ := utf8.DecodeRuneInString(b[from:]); r != s {
			break
		}
		from += n
	}
	for to < len(a)-from && to < len(b)-from {
		r, n := utf8.DecodeLastRuneInString(a[from : len(a)-to])
		if s, _ := utf8.DecodeLastRuneInString(b[from : len(b)-to]); r != s {
			break
		}
		to += n
	}
	if from < len(a)-to {
		inA = []span{{from, len(a) - to}}
	}
	if from < len(b)-to {
		inB = []span{{from, len(b) - to}}
	}
	return inA, inB
}

// shouts reports whether the spans cover most of what can be seen of text.
func shouts(text string, marks []span) bool {
	visible := func(s string) int { return len(s) - strings.Count(s, " ") - strings.Count(s, "\t") }
	n := 0
	for _, s := range marks {
		n += visible(text[s.from:s.to])
	}
	return 3*n > 2*visible(text)
}
