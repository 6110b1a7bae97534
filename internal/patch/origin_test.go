package patch

import (
	"strings"
	"testing"

	"etcdmod/internal/change"
)

func TestOldLine(t *testing.T) {
	c := change.Change{
		Old: []byte(strings.ReplaceAll("a b c d e f g", " ", "\n") + "\n"),
		New: []byte(strings.ReplaceAll("a new b C e f g more", " ", "\n") + "\n"),
	}
	for line, want := range map[int]int{1: 1, 2: 1, 3: 2, 4: 3, 5: 5, 6: 6, 7: 7, 8: 7} {
		if got := OldLine(c, line); got != want {
			t.Errorf("line %d was %d, want %d", line, got, want)
		}
	}
}
