package verify

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"etcdmod/internal/finding"
	"etcdmod/internal/verify/shadow"
)

// The phases in which a problem shows, in the order in which they run.
const (
	PhaseLoad  = "load"  // the go command cannot make out the packages or a dependency
	PhaseBuild = "build" // the compiler or cgo says no
	PhaseVet   = "vet"   // go vet has something to say
	PhaseTest  = "test"  // a test that passed fails
)

var phases = []string{PhaseLoad, PhaseBuild, PhaseVet, PhaseTest}

// key is what of a problem survives an edit elsewhere in its file. The file of a load
// error is that of any importer, not always the same.
func key(p finding.Problem) string {
	msg := shadow.WithoutPositions(p.Message)
	if p.Phase == PhaseLoad {
		return msg
	}
	return moduleVersion.ReplaceAllString(p.File, "") + "\x00" + msg
}

// moduleVersion is that in the name of a directory of the module cache: an error that a
// dependency has in one version and in another is the same.
var moduleVersion = regexp.MustCompile(`@v[^/\\]+`)

// worse gives the problems of after that before does not have, as multisets. Of
// several with the same key the last ones count as new.
func worse(after, before []finding.Problem) []finding.Problem {
	old := map[string]int{}
	for _, p := range before {
		old[key(p)]++
	}
	var more []finding.Problem
	for _, p := range after {
		if old[key(p)] > 0 {
			old[key(p)]--
			continue
		}
		more = append(more, p)
	}
	return more
}

// sortProblems sorts, and drops what a package and its test variant both said.
func sortProblems(ps []finding.Problem) []finding.Problem {
	slices.SortFunc(ps, func(a, b finding.Problem) int {
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
