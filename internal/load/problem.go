package load

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// A Kind says what is wrong with a package.
type Kind int

// The kinds, the ones that cause others first.
const (
	Dependency Kind = iota // a package that it imports cannot be had
	Metadata               // the go command cannot make out the package
	Syntax                 // a file does not parse
	Type                   // it does not type-check
)

// A Problem is an error that a package has.
type Problem struct {
	Package string // import path, that of what is tested for a test package
	Pos     string // file:line:col with an absolute file, or ""
	Message string
	Kind    Kind
}

// maxPerPackage is how many problems of one package are told one by one.
const maxPerPackage = 5

// Problems returns the errors of all packages, each once, by package. Of one package no
// more than a few are told, the causes before the consequences.
func (p *Program) Problems() []Problem {
	byPackage := map[string][]Problem{}
	seen := map[Problem]bool{}
	for _, pkg := range p.Packages {
		for _, pr := range p.problems(pkg) {
			if !seen[pr] {
				seen[pr] = true
				byPackage[pr.Package] = append(byPackage[pr.Package], pr)
			}
		}
	}
	var out []Problem
	for _, path := range slices.Sorted(maps.Keys(byPackage)) {
		all := byPackage[path]
		slices.SortStableFunc(all, func(a, b Problem) int { return cmp.Compare(a.Kind, b.Kind) })
		if n := len(all) - maxPerPackage; n > 1 {
			all = append(all[:maxPerPackage], Problem{
				Package: path, Kind: all[len(all)-1].Kind, Message: fmt.Sprintf("and %d more errors", n),
			})
		}
		out = append(out, all...)
	}
	return out
}

// problems returns the errors of one package, without those that only follow from others.
func (p *Program) problems(pkg *packages.Package) []Problem {
	path := strings.TrimSuffix(pkg.PkgPath, "_test")
	broken := map[string]bool{} // files that do not parse
	detailed := false
	for _, e := range pkg.Errors {
		detailed = detailed || e.Kind == packages.ParseError || e.Kind == packages.TypeError
		if e.Kind == packages.ParseError {
			broken[fileOf(p.absolute(e.Pos))] = true
		}
	}
	told := map[string]bool{} // of broken
	var out []Problem
	for _, e := range pkg.Errors {
		pr := Problem{Package: path, Pos: p.absolute(e.Pos), Message: e.Msg}
		file := fileOf(pr.Pos)
		switch e.Kind {
		case packages.ParseError:
			if told[file] {
				continue
			}
			told[file] = true
			pr.Kind = Syntax
		case packages.TypeError:
			if broken[file] || strings.Contains(e.Msg, "; expected package ") {
				continue // the go command says so too
			}
			pr.Kind = Type
			if cause := missing(pkg, e.Msg); cause != "" {
				pr.Kind, pr.Message = Dependency, cause
			}
		default:
			if broken[file] || detailed && strings.HasPrefix(e.Msg, "# ") {
				continue // what the compiler said of the same errors
			}
			pr.Kind = Metadata
		}
		out = append(out, pr)
	}
	return out
}

// missing returns why the package that a message of the type checker is about could not
// be imported, or "".
func missing(pkg *packages.Package, msg string) string {
	rest, ok := strings.CutPrefix(msg, "could not import ")
	if !ok {
		return ""
	}
	path, _, _ := strings.Cut(rest, " ")
	imp := pkg.Imports[path]
	if imp == nil || len(imp.Errors) == 0 {
		return ""
	}
	return imp.Errors[0].Msg
}

// fileOf takes ":line:col" off a position.
func fileOf(pos string) string {
	for range 2 {
		if i := strings.LastIndexByte(pos, ':'); i > 0 {
			pos = pos[:i]
		}
	}
	return pos
}

// absolute gives the file of a position as the other positions give it: the go command
// prefers paths relative to where it runs.
func (p *Program) absolute(pos string) string {
	if pos == "" || pos == "-" {
		return ""
	}
	if file, _, _ := strings.Cut(pos, ":"); !filepath.IsAbs(file) && filepath.VolumeName(pos) == "" {
		return filepath.Join(p.dir, pos)
	}
	return pos
}
