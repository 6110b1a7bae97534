package pipeline

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"

	"etcdmod/internal/change"
	"etcdmod/internal/finding"
	"etcdmod/internal/modules"
	"etcdmod/internal/rooted"
	"etcdmod/internal/verify"
	"etcdmod/rewrite"
)

// Which of several rewrites a file objects to that none of them changes.
//
// What no longer compiles there is what it names: a declaration with another type. The others may be
// right, and stand or fall by what is said of them.

// refuseNamed refuses the rewrites that change a declaration which is named where a file that stays as it
// is no longer compiles, each for its own problem. It reports whether there are any.
func (r *run) refuseNamed(plan *rewrite.Plan, changes []change.Change, problems []finding.Problem) (any bool) {
	for _, p := range problems {
		if p.Phase != verify.PhaseBuild || p.Line == 0 || slices.ContainsFunc(changes, func(c change.Change) bool { return c.Path == p.File }) {
			continue
		}
		src, err := modules.ReadFile(p.File, rooted.GoFile)
		if err != nil {
			continue
		}
		for _, f := range namedBy(rewriting(plan.Findings), src, p.Line) {
			plan.Refuse(f, finding.Reason{Code: finding.DoesNotBuild, Detail: r.mod.Located(p).String(), Pos: f.Pos})
			any = true
		}
	}
	return any
}

// namedBy returns those of some findings that change a declaration which a line of a file names, with its
// package if that is so, or else the file.
func namedBy(all []*finding.Finding, src []byte, line int) (out []*finding.Finding) {
	lines := bytes.Split(src, []byte("\n"))
	if line > len(lines) {
		return nil
	}
	at := lines[line-1]
	for _, named := range []func(exported string) bool{
		func(exported string) bool { return hasWord(at, path.Base(exported)) },
		func(exported string) bool { return hasWord(at, lastName(exported)) },
		func(exported string) bool { return hasWord(src, lastName(exported)) },
	} {
		for _, f := range all {
			if slices.ContainsFunc(f.Exported, named) {
				out = append(out, f)
			}
		}
		if len(out) > 0 {
			break
		}
	}
	return out
}

// lastName returns the name of a declaration without its package and its owner.
func lastName(exported string) string { return exported[strings.LastIndex(exported, ".")+1:] }

func hasWord(src []byte, word string) bool {
	return bytes.Contains(src, []byte(word)) && regexp.MustCompile(`\b`+regexp.QuoteMeta(word)+`\b`).Match(src)
}
