package patch

import (
	"strings"
	"unicode/utf8"
)

// contextLines is the number of equal lines shown before and after a change.
const contextLines = 3

// The first byte of a line of a hunk.
const (
	opEqual  = ' '
	opDelete = '-'
	opInsert = '+'
)

// A hunkLine is one line of a hunk; text has its line feed, if the file has it.
type hunkLine struct {
	op   byte
	text string
}

// A hunk changes a range of lines. Starts are indices from 0; printing them as git
// does is for the printer.
type hunk struct {
	oldStart, oldCount int
	newStart, newCount int
	heading            string // what declaration it is in, may be empty
	lines              []hunkLine
}

// group makes hunks of edits. Edits whose contexts touch share a hunk.
func group(old, new []string, edits []edit) []hunk {
	var hunks []hunk
	heads := headings{old: old}
	for len(edits) > 0 {
		n := 1
		for n < len(edits) && edits[n].a0-edits[n-1].a1 <= 2*contextLines {
			n++
		}
		h := newHunk(old, new, edits[:n])
		h.heading = heads.before(h.oldStart)
		hunks = append(hunks, h)
		edits = edits[n:]
	}
	return hunks
}

// newHunk makes one hunk of edits.
func newHunk(old, new []string, edits []edit) hunk {
	first, last := edits[0], edits[len(edits)-1]
	above := min(contextLines, first.a0)
	below := min(contextLines, len(old)-last.a1)

	h := hunk{oldStart: first.a0 - above, newStart: first.b0 - above}
	add := func(op byte, lines []string) {
		for _, text := range lines {
			h.lines = append(h.lines, hunkLine{op, text})
		}
	}
	at := h.oldStart
	for _, e := range edits {
		add(opEqual, old[at:e.a0])
		add(opDelete, old[e.a0:e.a1])
		add(opInsert, new[e.b0:e.b1])
		at = e.a1
	}
	add(opEqual, old[at:last.a1+below])

	h.oldCount = last.a1 + below - h.oldStart
	h.newCount = last.b1 + below - h.newStart
	return h
}

// headings finds the declaration above a hunk, in ever lower hunks.
type headings struct {
	old  []string
	seen int    // lines looked at so far
	last string // the last heading among them
}

// maxHeading is git's limit, in bytes.
const maxHeading = 80

// before gives the last line above index i that looks like the start of a
// declaration. It is git's rule for files without a diff driver: a line that
// begins with a letter, "_" or "$".
func (h *headings) before(i int) string {
	for j := i - 1; j >= h.seen; j-- {
		if c := h.old[j][0]; c == '_' || c == '$' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' {
			h.last = cutHeading(h.old[j])
			break
		}
	}
	h.seen = i
	return h.last
}

// cutHeading shortens a line to a heading, not within a character.
func cutHeading(line string) string {
	if len(line) > maxHeading {
		n := maxHeading
		for n > maxHeading-utf8.UTFMax && !utf8.RuneStart(line[n]) {
			n--
		}
		line = line[:n]
	}
	return strings.TrimRight(line, " \t\r\n")
}
