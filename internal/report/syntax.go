package report

import (
	"bytes"
	"go/scanner"
	"go/token"
	"go/types"
)

// A Token is a part of a line of Go that has a colour. What is between tokens has none.
type Token struct {
	From int    `json:"from"` // in bytes
	To   int    `json:"to"`
	Kind string `json:"kind"`
}

// The kinds of a [Token].
const (
	kindComment  = "c"
	kindKeyword  = "k"
	kindNumber   = "n"
	kindString   = "s"
	kindFunction = "f" // what is declared or called
	kindBuiltin  = "b" // predeclared
)

// tokens gives the tokens of a Go file, by line. It makes the best of a file that does not
// parse.
//
// The scanner is that of the standard library, not that of a highlighter for all languages:
// it knows Go exactly, and it reads in a millisecond what costs those 30.
func tokens(src []byte) [][]Token {
	lines := make([][]Token, bytes.Count(src, []byte("\n"))+1)
	file := token.NewFileSet().AddFile("", -1, len(src))
	var s scanner.Scanner
	s.Init(file, src, func(token.Position, string) {}, scanner.ScanComments)
	starts := lineStarts(src)
	line := 0
	// add notes a token, which may go over several lines.
	add := func(from, to int, kind string) {
		for line+1 < len(starts) && starts[line+1] <= from {
			line++
		}
		for at := line; at < len(starts) && starts[at] < to; at++ {
			end := to
			if at+1 < len(starts) {
				end = min(to, starts[at+1]-1)
				if end > starts[at] && src[end-1] == '\r' {
					end--
				}
			}
			if begin := max(from, starts[at]); begin < end {
				lines[at] = append(lines[at], Token{begin - starts[at], end - starts[at], kind})
			}
		}
	}
	name, nameAt := "", 0 // the identifier just read
	for {
		pos, tok, lit := s.Scan()
		at := file.Offset(pos)
		if name != "" {
			kind := ""
			switch {
			case types.Universe.Lookup(name) != nil:
				kind = kindBuiltin
			case tok == token.LPAREN:
				kind = kindFunction
			}
			if kind != "" {
				add(nameAt, nameAt+len(name), kind)
			}
			name = ""
		}
		switch {
		case tok == token.EOF:
			return lines
		case tok == token.IDENT:
			name, nameAt = lit, at
		case tok == token.COMMENT:
			add(at, commentEnd(src, at), kindComment)
		case tok == token.STRING && lit[0] == '`':
			add(at, after(src, at+1, "`"), kindString)
		case tok == token.STRING, tok == token.CHAR:
			add(at, at+len(lit), kindString)
		case tok == token.INT, tok == token.FLOAT, tok == token.IMAG:
			add(at, at+len(lit), kindNumber)
		case tok.IsKeyword():
			add(at, at+len(lit), kindKeyword)
		}
	}
}

// commentEnd is where a comment ends. The scanner's text of it lacks carriage returns, and so
// does that of a raw string.
func commentEnd(src []byte, at int) int {
	if bytes.HasPrefix(src[at:], []byte("/*")) {
		return after(src, at+2, "*/")
	}
	end := after(src, at, "\n")
	return at + len(bytes.TrimRight(src[at:end], "\r\n"))
}

// after is the offset behind the next occurrence of text, or the end.
func after(src []byte, at int, text string) int {
	if i := bytes.Index(src[min(at, len(src)):], []byte(text)); i >= 0 {
		return at + i + len(text)
	}
	return len(src)
}

// lineStarts gives the offset at which each line starts.
func lineStarts(src []byte) []int {
	starts := []int{0}
	for i, c := range src {
		if c == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}
