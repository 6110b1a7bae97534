package finding_test

import (
	"strings"
	"testing"

	"etcdmod/internal/finding"
)

// Every code is in one group, and says what to do: in its text, which then has more to say than
// what was seen, or by the edit that would help.
func TestCodesSayWhatToDo(t *testing.T) {
	in := map[finding.Code]int{}
	for _, g := range finding.Groups {
		for _, c := range g.Codes {
			in[c]++
		}
	}
	for _, c := range finding.Codes() {
		if in[c] != 1 {
			t.Errorf("%s is in %d groups", c, in[c])
		}
		delete(in, c)
		text, _ := c.Explain()
		_, edit := c.Earn()
		if !edit && !strings.ContainsAny(strings.TrimSuffix(text, "."), ".;") {
			t.Errorf("%s does not say what to do: %s", c, text)
		}
	}
	for c := range in {
		t.Errorf("%s is in a group and is no code", c)
	}
}
