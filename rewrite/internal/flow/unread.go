package flow

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"

	"etcdmod/rewrite/internal/source"
)

// Code that runs beside what is read.
//
// Files that the build configuration leaves out have no types here, and neither have the
// plugins that a program opens. What they look at is told from what they import and from the
// formats that they spell.

// typeReaders are packages that may read all of what is in an interface, with what is below their
// paths.
var typeReaders = append([]string{"html/template", "reflect", "text/template", "github.com/kr/pretty"}, fieldReaders...)

// An unread knows of such code.
type unread struct{ *Flow }

// looks notes who looks at values in files that are not read, and at what they name.
func (f unread) looks() {
	for _, file := range f.p.Files {
		for _, spec := range file.Syntax.Imports {
			if source.ImportPath(spec) == "plugin" {
				f.Flow.looks.meetings = append(f.Flow.looks.meetings, meeting{calls, anything, "code that package plugin opens", spec.Pos(), origin{}})
			}
		}
	}
	for _, u := range f.ignored {
		how := u.closely()
		if how == none {
			continue
		}
		near := f.near(u)
		if len(near) == 0 {
			continue
		}
		who := fmt.Sprintf("code of %s, which this build leaves out", f.p.Rel(u.name))
		f.Flow.looks.meetings = append(f.Flow.looks.meetings, meeting{how, anything, who, token.NoPos, origin{}})
		names := u.names()
		for _, file := range near {
			for id, obj := range file.Pkg.TypesInfo.Defs {
				if obj != nil && names[id.Name] && f.p.FileAt(id.Pos()) == file && !isLocal(obj) {
					f.shown(obj, how, who)
				}
			}
		}
	}
}

// shown refuses what somebody sees who has a declaration, or calls it.
func (f unread) shown(obj types.Object, how look, who string) {
	list := []types.Type{obj.Type()}
	if sig, ok := obj.Type().(*types.Signature); ok {
		list = nil
		for v := range sig.Results().Variables() {
			list = append(list, v.Type())
		}
	}
	for _, t := range list {
		f.show(t, how, who, obj.Pos())
	}
}

// near returns the files of packages that a file of another build configuration belongs to or
// imports.
func (f unread) near(u ignoredUser) (out []*source.File) {
	for _, file := range f.p.Files {
		if u.clause == clause(file.Name, file.Syntax) || slices.Contains(u.imports, file.Pkg.PkgPath) {
			out = append(out, file)
		}
	}
	return out
}

// closely says how closely a file looks at what it may get: at most, as it is not known what that is.
func (u ignoredUser) closely() (how look) {
	prints := false
	for _, spec := range u.syntax.Imports {
		switch path := source.ImportPath(spec); {
		case below(path, typeReaders):
			how = max(how, calls)
		case below(path, memberReaders):
			how, prints = max(how, members), true
		case slices.Contains(printers, path):
			prints = true
		}
	}
	if !prints {
		return how
	}
	for n := range ast.Preorder(u.syntax) {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING || !strings.Contains(lit.Value, "%") {
			continue
		}
		format, _ := strconv.Unquote(lit.Value)
		all, _ := verbs(format)
		for _, list := range all {
			for _, v := range list {
				switch {
				case strings.Contains(v.flags, "#") && v.letter == 'v':
					how = max(how, whole)
				case v.letter == 'T':
					how = max(how, named)
				}
			}
		}
	}
	return how
}

// names returns the names that a file has.
func (u ignoredUser) names() map[string]bool {
	out := map[string]bool{}
	for n := range ast.Preorder(u.syntax) {
		if id, ok := n.(*ast.Ident); ok {
			out[id.Name] = true
		}
	}
	return out
}
