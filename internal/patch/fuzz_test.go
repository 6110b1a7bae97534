package patch

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"etcdmod/internal/change"
)

// FuzzUnified: the printed text, read by a reader that knows nothing of this package's
// types, rebuilds both sides.
func FuzzUnified(f *testing.F) {
	for _, tt := range golden {
		for _, c := range tt.changes {
			f.Add(c.Old, c.New)
		}
	}
	for _, a := range odd {
		f.Add([]byte(strings.Repeat(a, 9)), []byte("x"+strings.Repeat(a, 3)+"y\n"+strings.Repeat(a, 5)+"z"))
	}
	f.Fuzz(func(t *testing.T, old, new []byte) {
		changes := []change.Change{{Path: "f", Old: old, New: new}}
		patch, err := Unified(changes)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(old, new) {
			if patch != nil {
				t.Fatalf("patch of an unchanged file: %q", patch)
			}
			return
		}
		got, back, err := readPatch(string(patch), string(old), string(new))
		if err != nil {
			t.Fatalf("%v\n%q", err, patch)
		}
		if got != string(new) || back != string(old) {
			t.Fatalf("rebuilt %q → %q\nwant %q → %q\n%q", back, got, old, new, patch)
		}
		again, err := Unified(changes)
		if err != nil || !bytes.Equal(again, patch) {
			t.Fatalf("not deterministic:\n%q\n%q", patch, again)
		}
		checkColour(t, changes, patch)
	})
}

// FuzzPath: a path is refused, or comes back from the header as it was.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"a", "a b", "ü", "\xff", "\"", `\`, "\n", "\x7f", "a/../b", "/", ".git/x", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		patch, err := Unified([]change.Change{created(path, "x\n")})
		if err != nil {
			return
		}
		lines := strings.Split(string(patch), "\n")
		if len(lines) != 8 {
			t.Fatalf("%d lines: %q", len(lines), patch)
		}
		name := strings.TrimSuffix(strings.TrimPrefix(lines[4], "+++ "), "\t")
		if strings.HasPrefix(name, `"`) {
			// Go reads everything that git's quoting writes.
			if name, err = strconv.Unquote(name); err != nil {
				t.Fatalf("%v: %s", err, lines[4])
			}
		}
		if name != "b/"+path {
			t.Fatalf("path %q came back as %q", path, name)
		}
	})
}

var hunkHeader = regexp.MustCompile(`^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@`)

// readPatch applies the patch of one modified file to old, and its reverse to new. It
// is strict about positions, counts and context.
func readPatch(patch, old, new string) (forward, backward string, err error) {
	lines := strings.SplitAfter(patch, "\n")
	if lines[len(lines)-1] != "" {
		return "", "", errors.New("the patch does not end in a line feed")
	}
	lines = lines[:len(lines)-1]
	for i, prefix := range []string{"diff --git a/f b/f\n", "index ", "--- a/f\n", "+++ b/f\n"} {
		if len(lines) <= i || !strings.HasPrefix(lines[i], prefix) {
			return "", "", fmt.Errorf("no header line %q", prefix)
		}
	}
	lines = lines[4:]

	oldLines, newLines := strings.SplitAfter(old, "\n"), strings.SplitAfter(new, "\n")
	var i, j int // lines of either side used up
	for len(lines) > 0 {
		m := hunkHeader.FindStringSubmatch(lines[0])
		if m == nil {
			return "", "", fmt.Errorf("not a hunk header: %q", lines[0])
		}
		lines = lines[1:]
		number := func(s string) int {
			if s == "" {
				return 1
			}
			n, _ := strconv.Atoi(s)
			return n
		}
		oldStart, oldCount, newStart, newCount := number(m[1]), number(m[2]), number(m[3]), number(m[4])
		if oldCount > 0 {
			oldStart--
		}
		if newCount > 0 {
			newStart--
		}
		if oldStart < i || newStart-j != oldStart-i {
			return "", "", fmt.Errorf("hunk out of place: %v", m)
		}
		for ; i < oldStart; i, j = i+1, j+1 {
			forward += oldLines[i]
			backward += newLines[j]
		}
		for oldCount > 0 || newCount > 0 {
			if len(lines) == 0 {
				return "", "", errors.New("hunk too short")
			}
			op, text := lines[0][0], lines[0][1:]
			lines = lines[1:]
			if len(lines) > 0 && lines[0] == "\\ No newline at end of file\n" {
				text = strings.TrimSuffix(text, "\n")
				lines = lines[1:]
			}
			if op == ' ' || op == '-' {
				if oldLines[i] != text {
					return "", "", fmt.Errorf("old line %d is %q, not %q", i+1, oldLines[i], text)
				}
				backward += text
				i, oldCount = i+1, oldCount-1
			}
			if op == ' ' || op == '+' {
				if newLines[j] != text {
					return "", "", fmt.Errorf("new line %d is %q, not %q", j+1, newLines[j], text)
				}
				forward += text
				j, newCount = j+1, newCount-1
			}
			if !strings.ContainsRune(" -+", rune(op)) {
				return "", "", fmt.Errorf("unknown line %q", text)
			}
		}
		if oldCount != 0 || newCount != 0 {
			return "", "", errors.New("hunk too long")
		}
	}
	return forward + strings.Join(oldLines[i:], ""), backward + strings.Join(newLines[j:], ""), nil
}
