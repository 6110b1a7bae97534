package rewrite

import (
	"go/scanner"
	"go/token"
	"sort"
	"strings"
)

// commentsOf returns the comments of a file, sorted, each without the layout that
// formatting may change.
func commentsOf(src []byte) []string {
	var out []string
	fset := token.NewFileSet()
	var s scanner.Scanner
	s.Init(fset.AddFile("", -1, len(src)), src, func(token.Position, string) {}, scanner.ScanComments)
	for {
		_, tok, lit := s.Scan()
		if tok == token.EOF {
			break
		}
		if tok == token.COMMENT {
			lines := strings.Split(lit, "\n")
			for i := range lines {
				lines[i] = strings.TrimSpace(lines[i])
			}
			out = append(out, strings.Join(lines, "\n"))
		}
	}
	sort.Strings(out)
	return out
}

// lostComment returns a comment of before that after does not have, or "".
func lostComment(before, after []byte) string {
	have := map[string]int{}
	for _, c := range commentsOf(after) {
		have[c]++
	}
	for _, c := range commentsOf(before) {
		if have[c] == 0 {
			return c
		}
		have[c]--
	}
	return ""
}
