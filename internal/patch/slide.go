package patch

import (
	"math"
	"strings"
)

const (
	// maxSlide bounds how far an edit is moved, in lines.
	maxSlide = 100
	// maxBlank bounds how many blank lines are skipped in search of an indentation.
	maxBlank = 20
)

// slide moves pure insertions and pure deletions among their equally short
// positions to the one that reads best: new functions from "func" to "}" rather
// than from the "}" of the one before. The edits stay valid and as many.
func slide(old, new []string, edits []edit) {
	for i := range edits {
		e := &edits[i]
		// Lines [p0,p1) of the side that has them move between lo and hi. An equal
		// line has to stay between two edits, or they would be one.
		lo, hi := 0, math.MaxInt
		switch {
		case e.a0 == e.a1:
			if i > 0 {
				lo = edits[i-1].b1 + 1
			}
			if i < len(edits)-1 {
				hi = edits[i+1].b0 - 1
			}
			n := bestShift(new, e.b0, e.b1, lo, hi)
			*e = edit{e.a0 + n, e.a1 + n, e.b0 + n, e.b1 + n}
		case e.b0 == e.b1:
			if i > 0 {
				lo = edits[i-1].a1 + 1
			}
			if i < len(edits)-1 {
				hi = edits[i+1].a0 - 1
			}
			n := bestShift(old, e.a0, e.a1, lo, hi)
			*e = edit{e.a0 + n, e.a1 + n, e.b0 + n, e.b1 + n}
		}
	}
}

// bestShift gives how far to move the block [p0,p1) of lines, within [lo,hi).
// Moving it down by one keeps the patch right when the line that leaves at the top
// is the one that enters at the bottom; moving it up likewise.
func bestShift(lines []string, p0, p1, lo, hi int) int {
	lo, hi = max(lo, p0-maxSlide), min(hi, p1+maxSlide, len(lines))
	up, down := 0, 0
	for p0-up > lo && lines[p0-up-1] == lines[p1-up-1] {
		up++
	}
	for p1+down < hi && lines[p0+down] == lines[p1+down] {
		down++
	}
	// A block that begins, and is followed, at little indentation is a whole
	// construct. Of equally good places the lowest wins: that leaves the blank line
	// after a declaration with the declaration.
	best, bestCost := 0, math.MaxInt
	for n := down; n >= -up; n-- {
		if cost := indentAt(lines, p0+n) + indentAt(lines, p1+n); cost < bestCost {
			best, bestCost = n, cost
		}
	}
	return best
}

// indentAt gives the width of the indentation of the first line, from index i on,
// that is not blank. At the end of the file, and of many blank lines, it is 0.
func indentAt(lines []string, i int) int {
	for end := min(len(lines), i+maxBlank); i < end; i++ {
		text := strings.TrimLeft(lines[i], " \t")
		if strings.TrimRight(text, "\r\n") == "" {
			continue
		}
		width := 0
		for _, c := range lines[i][:len(lines[i])-len(text)] {
			if c == '\t' {
				width += 8 - width%8
			} else {
				width++
			}
		}
		return width
	}
	return 0
}
