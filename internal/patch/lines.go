package patch

import "strings"

// splitLines cuts text after each "\n". A line is its bytes, the line feed among
// them: "a\r\n" and "a\n" differ, as do "a\n" and the "a" that ends a file, and a
// lone "\r" ends nothing. Only the last line can be without a line feed.
func splitLines(text []byte) []string {
	if len(text) == 0 {
		return nil
	}
	lines := strings.SplitAfter(string(text), "\n")
	if last := len(lines) - 1; lines[last] == "" {
		lines = lines[:last]
	}
	return lines
}

// countLines is len(splitLines(text)).
func countLines(text string) int {
	n := strings.Count(text, "\n")
	if text != "" && !strings.HasSuffix(text, "\n") {
		n++
	}
	return n
}

// intern gives every distinct line a small number, so that lines compare in one step.
// It returns the lines of both sides as numbers, and how many numbers there are.
func intern(old, new []string) (a, b []int32, distinct int) {
	ids := make(map[string]int32)
	number := func(lines []string) []int32 {
		out := make([]int32, len(lines))
		for i, line := range lines {
			id, ok := ids[line]
			if !ok {
				id = int32(len(ids))
				ids[line] = id
			}
			out[i] = id
		}
		return out
	}
	a, b = number(old), number(new)
	return a, b, len(ids)
}
