package edit

import (
	"go/scanner"
	"go/token"
	"regexp"
	"sort"
	"strings"
)

// CommentsOf returns the comments of a file, sorted, each without the layout that
// formatting may change.
func CommentsOf(src []byte) []string {
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

// IsDirective reports whether a comment tells a tool something about the line that it is on.
func IsDirective(text string) bool { return directive.MatchString(text) }

var directive = regexp.MustCompile(`^//(nolint\b|[a-z0-9]+:[a-z0-9])`)

// A StrayError is a directive whose statement an edit would take away.
type StrayError string

func (e StrayError) Error() string { return "no statement is left for the directive " + string(e) }

// LostComment returns a comment of before that after does not have, or "".
func LostComment(before, after []byte) string {
	have := map[string]int{}
	for _, c := range CommentsOf(after) {
		have[c]++
	}
	for _, c := range CommentsOf(before) {
		if have[c] == 0 {
			return c
		}
		have[c]--
	}
	return ""
}
