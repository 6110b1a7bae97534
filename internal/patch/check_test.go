package patch

import (
	"slices"
	"strings"
	"testing"
)

// TestCheckFindsDamage damages right hunks in every way that a bug could, and wants
// each found.
func TestCheckFindsDamage(t *testing.T) {
	old := numbered(0, 40)
	new := concat(old[:5], []string{"new\n"}, old[5:20], old[21:39], []string{"39"})
	hunks := group(old, new, diff(old, new))
	if len(hunks) != 3 {
		t.Fatalf("%d hunks, want 3", len(hunks))
	}
	if err := checkHunks(hunks, old, new); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		damage func(hs []hunk) []hunk
		want   string
	}{
		{"a hunk lost", func(hs []hunk) []hunk { return hs[:2] }, "content differs"},
		{"hunks swapped", func(hs []hunk) []hunk { hs[0], hs[1] = hs[1], hs[0]; return hs }, "begins at"},
		{"no hunk", func([]hunk) []hunk { return nil }, "content differs"},
		{"old start", func(hs []hunk) []hunk { hs[1].oldStart++; return hs }, "begins at"},
		{"new start", func(hs []hunk) []hunk { hs[1].newStart++; return hs }, "begins at"},
		{"old count", func(hs []hunk) []hunk { hs[1].oldCount++; return hs }, "counts"},
		{"new count", func(hs []hunk) []hunk { hs[0].newCount++; return hs }, "counts"},
		{"beyond the end", func(hs []hunk) []hunk { hs[2].oldCount++; return hs }, "out of place"},
		{"context", func(hs []hunk) []hunk { hs[0].lines[0].text = "x\n"; return hs }, "does not fit"},
		{"removed line", func(hs []hunk) []hunk { hs[1].lines[3].text = "x\n"; return hs }, "does not fit"},
		{"added line", func(hs []hunk) []hunk { hs[0].lines[3].text = "x\n"; return hs }, "content differs"},
		{"line lost", func(hs []hunk) []hunk { hs[0].lines = hs[0].lines[1:]; return hs }, "does not fit"},
		{"final newline", func(hs []hunk) []hunk { hs[2].lines[4].text = "39\n"; return hs }, "content differs"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			damaged := slices.Clone(hunks)
			for i := range damaged {
				damaged[i].lines = slices.Clone(damaged[i].lines)
			}
			err := checkHunks(tt.damage(damaged), old, new)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}
