package patch

import "etcdmod/internal/change"

// OldLine returns the line of the old text that a line of the new one was, or that stood in
// its place. Lines count from 1.
func OldLine(c change.Change, line int) int {
	at, moved := line-1, 0
	for _, e := range diff(splitLines(c.Old), splitLines(c.New)) {
		if at < e.b0 {
			break
		}
		if at < e.b1 {
			return max(min(e.a0+at-e.b0, e.a1-1), 0) + 1
		}
		moved = e.a1 - e.b1
	}
	return at + moved + 1
}
