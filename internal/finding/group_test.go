package finding_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"etcdmod/internal/finding"
)

// Every code is in one group, and says in sentences what was seen, and besides what to do.
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
		if first, _ := utf8.DecodeRuneInString(text); !unicode.IsUpper(first) || !strings.HasSuffix(text, ".") {
			t.Errorf("%s does not explain in sentences: %s", c, text)
		}
		do := c.Earn()
		if first, _ := utf8.DecodeRuneInString(do); !unicode.IsLower(first) || strings.HasSuffix(do, ".") {
			t.Errorf("%s does not say what to do: %q", c, do)
		}
		if strings.Contains(text, strings.TrimSuffix(do, ".")) {
			t.Errorf("%s says twice what to do: %s", c, text)
		}
	}
	for c := range in {
		t.Errorf("%s is in a group and is no code", c)
	}
}
