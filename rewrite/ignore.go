package rewrite

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"sync"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// IgnoreDirective begins a comment that keeps findings from being reported and rewritten:
//
//	//etcdmod:ignore RULE[,RULE...] reason
//
// It is for the loop on its line, for the loop on the line below the comment that it is
// part of, or, in the documentation of a function, for all loops in it.
const IgnoreDirective = "//etcdmod:ignore"

// IgnoreWord is in every such comment, and in what may be taken for one.
const IgnoreWord = "etcdmod"

const directivePrefix = "//etcdmod:"

// A directive is one such comment.
type directive struct {
	pos    token.Position
	rules  []string
	reason string
	lines  map[int]bool // of the findings that it is for
	fn     *ast.FuncDecl
	used   map[string]bool // rules
	bad    *finding.Reason // why it means nothing
}

// ignore takes away the findings that directives name. It returns what is left, with a
// finding for each directive that is malformed or names a rule in vain, and what it has
// taken away.
func ignore(p *source.Program, all []*proposal, guarded []*loop.Site) (kept, ignored []*proposal) {
	byFile := map[*source.File][]*directive{}
	for _, f := range p.Files {
		if !f.IsHelper() {
			byFile[f] = directives(p.Fset, f.Syntax, f.Bytes)
		}
	}
	for _, f := range all {
		if ignores(byFile[p.ByName[f.site.File.Name]], f) {
			ignored = append(ignored, f)
		} else {
			kept = append(kept, f)
		}
	}
	for _, s := range guarded { // with another loop: the comment keeps its meaning
		for _, d := range byFile[p.ByName[s.File.Name]] {
			for _, rule := range d.rules {
				d.used[rule] = d.used[rule] || covers(d, s)
			}
		}
	}
	for _, f := range p.Files {
		for _, d := range byFile[f] {
			if d.bad == nil && len(f.Pkg.Errors) > 0 {
				continue // what it is for may be among what could not be analysed
			}
			for _, why := range d.findings(f.Pkg.PkgPath) {
				kept = append(kept, &proposal{Finding: why})
			}
		}
	}
	sortFindings(kept)
	return kept, ignored
}

// ignores reports whether one of the directives is for the finding.
func ignores(ds []*directive, f *proposal) bool {
	found := false
	for _, d := range ds {
		if d.bad != nil || !slices.Contains(d.rules, f.Rule) {
			continue
		}
		if covers(d, f.site) {
			if !found {
				f.Ignored = d.reason
			}
			d.used[f.Rule], found = true, true
		}
	}
	return found
}

// covers reports whether the directive is for the loop of a site.
func covers(d *directive, s *loop.Site) bool {
	if d.lines[s.Position(s.Node.Pos()).Line] || d.fn != nil && source.Within(s.Node, d.fn) {
		return true
	}
	return s.Label != nil && d.lines[s.Position(s.Label.Pos()).Line]
}

// findings reports what is wrong with a directive.
func (d *directive) findings(pkg string) (out []*finding.Finding) {
	add := func(message string, why finding.Reason) {
		why.Pos = d.pos
		out = append(out, &finding.Finding{Rule: ignoreDirective.id, Pos: d.pos, Package: pkg, Message: message, Refused: []finding.Reason{why}})
	}
	if d.bad != nil {
		add("the directive is malformed and ignores nothing", *d.bad)
		return out
	}
	for _, rule := range d.rules {
		if !d.used[rule] {
			add(fmt.Sprintf("there is no finding of %s here to ignore", rule), finding.Reason{Code: finding.IgnoreUnused, Detail: rule})
		}
	}
	return out
}

// StrayDirectives reports the directives of a file in which nothing can be found.
func StrayDirectives(name string, src []byte, pkgPath string) (out []*finding.Finding) {
	fset := token.NewFileSet()
	f, _ := parser.ParseFile(fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if f == nil {
		return nil
	}
	for _, d := range directives(fset, f, src) {
		out = append(out, d.findings(pkgPath)...)
	}
	return out
}

// directives reads the directives of a file.
func directives(fset *token.FileSet, f *ast.File, src []byte) (out []*directive) {
	docs := map[*ast.CommentGroup]*ast.FuncDecl{}
	for _, decl := range f.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Doc != nil {
			docs[fn.Doc] = fn
		}
	}
	for _, group := range f.Comments {
		for _, c := range group.List {
			d := parseDirective(c.Text)
			if d == nil {
				continue
			}
			d.pos, d.fn, d.used = fset.PositionFor(c.Pos(), false), docs[group], map[string]bool{}
			d.lines = map[int]bool{d.pos.Line: true}
			if startsLine(src, d.pos.Offset) {
				d.lines = map[int]bool{fset.PositionFor(group.End(), false).Line + 1: true}
			}
			out = append(out, d)
		}
	}
	return out
}

// startsLine reports whether there is nothing but space before offset in its line.
func startsLine(src []byte, offset int) bool {
	if offset > len(src) {
		return false
	}
	line := string(src[:offset])
	return strings.TrimSpace(line[strings.LastIndexByte(line, '\n')+1:]) == ""
}

// block matches a comment between stars that begins as a directive does, whatever follows.
var block = regexp.MustCompile(`^/\*[*\s]*etcdmod:ignore\b`)

// alike matches a comment that a reader takes for a directive: other letters or spaces in its
// first words, behind whatever the lines of a comment begin with, and then a rule. A sentence
// about directives has no rule there.
var alike = sync.OnceValue(func() *regexp.Regexp {
	var ids []string
	for _, r := range rules {
		if r.about == aLoop {
			ids = append(ids, regexp.QuoteMeta(r.id))
		}
	}
	return regexp.MustCompile(`(?im)^[/*\s\pZ\p{Cf}]*etcdmod[\s\pZ\p{Cf}]*:[\s\pZ\p{Cf}]*ignore\b[\s\pZ\p{Cf}:=]*(` + strings.Join(ids, "|") + `)\b`)
})

// parseDirective returns the directive in the text of a comment, or nil.
func parseDirective(text string) *directive {
	text = strings.TrimRight(text, "\r\n")
	if !strings.Contains(strings.ToLower(text), IgnoreWord) {
		return nil // as nearly every comment; the rest of this takes longer
	}
	bad := func(detail string) *directive {
		return &directive{bad: &finding.Reason{Code: finding.IgnoreMalformed, Detail: detail}}
	}
	rest, ok := strings.CutPrefix(text, directivePrefix)
	if !ok {
		// What looks like one to a reader would be taken for effective.
		switch {
		case !alike().MatchString(text) && !block.MatchString(text):
			return nil
		case strings.HasPrefix(text, "/*"):
			return bad("a directive is a comment of one line, behind //")
		default:
			return bad("a directive is spelled " + IgnoreDirective + ", without another space and in small letters")
		}
	}
	verb, rest, _ := strings.Cut(strings.ReplaceAll(rest, "\t", " "), " ")
	if verb != strings.TrimPrefix(IgnoreDirective, directivePrefix) {
		return bad(fmt.Sprintf("%s%s is no directive", directivePrefix, verb))
	}
	names, reason, _ := strings.Cut(strings.TrimSpace(rest), " ")
	d := &directive{rules: strings.Split(names, ","), reason: strings.TrimSpace(reason)}
	for _, name := range d.rules {
		switch {
		case names == "":
			return bad("it names no rule")
		case !isRule(name):
			return bad(fmt.Sprintf("%q is no rule of loops", name))
		}
	}
	if d.reason == "" {
		return bad("it gives no reason")
	}
	return d
}

// isRule reports whether findings of this package can have that rule and be ignored.
func isRule(name string) bool {
	return slices.ContainsFunc(rules, func(r *rule) bool { return r.id == name && r.about == aLoop })
}
