package finding

import (
	"fmt"
	"go/token"
	"strconv"
	"strings"
)

// A Skip is something that was not covered.
type Skip struct {
	Path   string // absolute file, maybe with ":line:col", or directory, or an import path
	Reason Code
	Detail string
}

// Position returns Path in its parts; Line and Column are 0 where there are none.
func (s Skip) Position() token.Position {
	pos := token.Position{Filename: s.Path}
	var n []int
	for len(n) < 2 {
		i := strings.LastIndexByte(pos.Filename, ':')
		if i < 0 {
			break
		}
		v, err := strconv.Atoi(pos.Filename[i+1:])
		if err != nil {
			break
		}
		pos.Filename, n = pos.Filename[:i], append([]int{v}, n...)
	}
	if len(n) > 0 {
		pos.Line = n[0]
	}
	if len(n) > 1 {
		pos.Column = n[1]
	}
	return pos
}

// A Note names a place that was not looked at, or a file that says less than it should.
type Note struct {
	Path   string
	Detail string
	// Fault says that the result lacks something because of it.
	Fault bool
}

// A Problem is one error that verification found in changed code.
type Problem struct {
	// Package is the import path of the package, also for an error in its tests;
	// empty when the whole module is concerned.
	Package string
	// File is the absolute path of the file as the user knows it, also when it exists
	// only in the overlay; empty when the go command named none.
	File string
	// Line and Col count from 1, Col in bytes; 0 is unknown.
	Line, Col int
	// Message may have several lines.
	Message string
	// Phase is the step of verification that found it.
	Phase string
}

// String gives "file:line:col: message", or with the package where no file is known.
func (p Problem) String() string {
	var b strings.Builder
	switch {
	case p.File == "" && p.Package != "":
		fmt.Fprintf(&b, "%s: ", p.Package)
	case p.File != "":
		b.WriteString(p.File)
		for _, n := range []int{p.Line, p.Col} {
			if n > 0 {
				fmt.Fprintf(&b, ":%d", n)
			}
		}
		b.WriteString(": ")
	}
	b.WriteString(p.Message)
	return b.String()
}
