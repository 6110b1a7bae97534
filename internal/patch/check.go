package patch

import (
	"errors"
	"fmt"
	"slices"
)

// checkHunks makes sure that hunks turn old into new and new into old, and that
// every number printed in their headers is right.
func checkHunks(hunks []hunk, old, new []string) error {
	if err := rebuild(hunks, old, new); err != nil {
		return fmt.Errorf("the new side cannot be rebuilt from the patch: %w", err)
	}
	reversed := make([]hunk, len(hunks))
	for i, h := range hunks {
		reversed[i] = h.reverse()
	}
	if err := rebuild(reversed, new, old); err != nil {
		return fmt.Errorf("the old side cannot be rebuilt from the patch: %w", err)
	}
	return nil
}

// reverse gives the hunk that undoes h.
func (h hunk) reverse() hunk {
	h.oldStart, h.oldCount, h.newStart, h.newCount = h.newStart, h.newCount, h.oldStart, h.oldCount
	h.lines = slices.Clone(h.lines)
	for i := range h.lines {
		switch l := &h.lines[i]; l.op {
		case opDelete:
			l.op = opInsert
		case opInsert:
			l.op = opDelete
		}
	}
	return h
}

// rebuild applies hunks to from, as strictly as can be, and compares with want.
func rebuild(hunks []hunk, from, want []string) error {
	at := 0 // lines of from used up
	var got []string
	for n, h := range hunks {
		if h.oldStart < at || h.oldStart+h.oldCount > len(from) {
			return fmt.Errorf("hunk %d is out of place", n+1)
		}
		got = append(got, from[at:h.oldStart]...)
		at = h.oldStart
		if len(got) != h.newStart {
			return fmt.Errorf("hunk %d begins at line %d of the other side, not %d", n+1, len(got), h.newStart)
		}
		for _, l := range h.lines {
			if l.op != opInsert {
				if at >= len(from) || from[at] != l.text {
					return fmt.Errorf("hunk %d does not fit at line %d", n+1, at+1)
				}
				at++
			}
			if l.op != opDelete {
				got = append(got, l.text)
			}
		}
		if at != h.oldStart+h.oldCount || len(got) != h.newStart+h.newCount {
			return fmt.Errorf("the line counts of hunk %d are wrong", n+1)
		}
	}
	got = append(got, from[at:]...)
	if !slices.Equal(got, want) {
		return errors.New("the content differs")
	}
	return nil
}
