package verify

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// The phases in which a problem shows, in the order in which they run.
const (
	PhaseLoad  = "load"  // the go command cannot make out the packages or a dependency
	PhaseBuild = "build" // the compiler or cgo says no
	PhaseVet   = "vet"   // go vet has something to say
	PhaseTest  = "test"  // a test that passed fails
)

var phases = []string{PhaseLoad, PhaseBuild, PhaseVet, PhaseTest}

// A Problem is one error that the edits brought.
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
	// Phase is one of the Phase constants.
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

// key is what of a problem survives an edit elsewhere in its file. The file of a load
// error is that of any importer, not always the same.
func (p Problem) key() string {
	msg := withoutPositions(p.Message)
	if p.Phase == PhaseLoad {
		return msg
	}
	return p.File + "\x00" + msg
}

// worse gives the problems of after that before does not have, as multisets. Of
// several with the same key the last ones count as new.
func worse(after, before []Problem) []Problem {
	old := map[string]int{}
	for _, p := range before {
		old[p.key()]++
	}
	var more []Problem
	for _, p := range after {
		if old[p.key()] > 0 {
			old[p.key()]--
			continue
		}
		more = append(more, p)
	}
	return more
}

// sortProblems sorts, and drops what a package and its test variant both said.
func sortProblems(ps []Problem) []Problem {
	slices.SortFunc(ps, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(slices.Index(phases, a.Phase), slices.Index(phases, b.Phase)),
			strings.Compare(a.Package, b.Package),
			strings.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Col, b.Col),
			strings.Compare(a.Message, b.Message),
		)
	})
	return slices.Compact(ps)
}
