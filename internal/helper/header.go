package helper

import (
	"bytes"
	"fmt"
	"strings"
)

// Header separates the comments above the line that says which version has generated a file, such
// as those of a licence, from what etcdmod has generated. rest is nil where no version has.
//
// Nothing may stand there that says more to a tool than a comment says to people: a build
// constraint would take the file out of the build, and a directive has a meaning.
func Header(src []byte) (header, rest []byte) {
	for rest = src; ; {
		if bytes.HasPrefix(rest, []byte(marker)) {
			return src[:len(src)-len(rest)], rest
		}
		size := comment(rest)
		if size == 0 {
			return nil, nil
		}
		rest = rest[size:]
	}
}

// comment returns the length of the empty line or the comment that src begins with, with the end
// of its line; 0 where there is none, or it may mean something to a tool.
func comment(src []byte) int {
	line, _, ended := bytes.Cut(src, []byte("\n"))
	if !ended {
		return 0
	}
	text := strings.TrimSpace(string(line))
	if block, ok := strings.CutPrefix(text, "/*"); ok && bytes.HasPrefix(src, []byte("/*")) && !strings.HasPrefix(block, "line ") {
		end := bytes.Index(src[2:], []byte("*/"))
		if end < 0 {
			return 0
		}
		size := 2 + end + 2
		after, _, ended := bytes.Cut(src[size:], []byte("\n"))
		if !ended || len(bytes.TrimSpace(after)) > 0 {
			return 0
		}
		return size + len(after) + 1
	}
	text, isComment := strings.CutPrefix(text, "//")
	switch {
	case text == "" && (isComment || len(bytes.TrimSpace(line)) == 0):
	case !isComment, text[0] != ' ', !bytes.HasPrefix(line, []byte("//")):
		return 0
	case strings.HasPrefix(strings.TrimSpace(text), "+build"), strings.HasPrefix(strings.TrimSpace(text), "Code generated "):
		return 0
	}
	return len(line) + 1
}

// CheckHeader makes a header of what a user wants above each file: comments, with one empty line
// at the end.
func CheckHeader(text []byte) ([]byte, error) {
	header := bytes.TrimSpace(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")))
	if len(header) == 0 {
		return nil, nil
	}
	header = append(bytes.Clone(header), "\n\n"...)
	for rest := header; len(rest) > 0; {
		size := comment(rest)
		if size == 0 {
			line := 1 + bytes.Count(header[:len(header)-len(rest)], []byte("\n"))
			return nil, fmt.Errorf("line %d is no comment for people alone: want lines that begin with // and a space, or a block between /* and */", line)
		}
		rest = rest[size:]
	}
	return header, nil
}
