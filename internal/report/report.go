// Package report prints what was found in a module.
//
// It takes the result of the pipeline, or the page of many modules, and writes text, a page or a
// summary for people, JSON lines for programs, SARIF for code scanning or CSV for spreadsheets. It never decides anything, and the same result gives the same bytes. Paths are
// relative to the root of the repository and slash-separated; what is not in the
// repository has an absolute path.
//
// # JSON lines
//
// Every line is one object with a member "type". Readers skip types and members that they
// do not know: both may be added, but none changes its meaning. Members that would be
// empty are left out. Lines and columns count from 1, columns in bytes; "at" members are
// "path:line:col". Codes are those that "etcdmod explain" explains.
//
//	schema   the first line: version, of what is described here
//	finding  a place that polls, or a requirement in go.mod: id (the same in later runs), rule, path, line, col,
//	         package, func, message, tier (guard, gate, collapse, refuse; for go.mod
//	         bump, report, refuse), refused (why tier is refuse: code, detail, at),
//	         notHigher (why tier is not the next one up: the same), callPath (from the
//	         loop to the try: at, call), exported (the exported declarations that change), differences (what
//	         the program does otherwise with that tier: kind, text, value, at; docs/DIFFERENCES.md has the
//	         kinds), bump (for go.mod: module, version, target, indirect, evidence, remains, wanted,
//	         via (the modules it comes through), plan (what else the bump changes), calls
//	         (those that leak: at, name, known, path from the deadline to it))
//	try      a place that tries a lock: path, line, col, kind (the method), call, package, func, findings (the ids of
//	         those that it is in), or verdict and why (why it is in none), at (where that is seen)
//	skipped  something that was not covered: path, package (where path is no file but an
//	         import path), line, col, reason (a code), detail
//	problem  what verification said when it accepted nothing: phase (load, build, vet,
//	         test), package, path, line, col, message
//	patch    the patch that git apply takes: patch
//	wrote    a file that was written: path, added, removed (lines)
//
// What comments in the source ignore is in the index of a rollout, in SARIF and in CSV.
package report

import (
	"fmt"
	"go/token"
	"path/filepath"

	"etcdmod/internal/bump"
	"etcdmod/internal/pipeline"
	"etcdmod/modbump"
)

// rel makes an absolute path, also one with a position, relative to the repository.
// Import paths stay.
func rel(res *pipeline.Result, name string) string {
	if filepath.IsAbs(name) {
		return res.Module.Rel(name)
	}
	return name
}

func at(res *pipeline.Result, pos token.Position) string {
	return fmt.Sprintf("%s:%d:%d", rel(res, pos.Filename), pos.Line, pos.Column)
}

// action says what is done about a requirement.
func action(b bump.Bump) modbump.Action {
	if b.Refused != nil {
		return modbump.Refuse
	}
	return b.Action
}

// file is the one with the requirement.
func file(res *pipeline.Result, b bump.Bump) string {
	if b.File != "" {
		return b.File
	}
	return res.Module.GoModFile
}

// code says why a requirement is not bumped.
func code(b bump.Bump) string {
	if b.Refused != nil {
		return string(b.Refused.Code)
	}
	return string(b.Reason)
}
