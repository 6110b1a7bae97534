package flow

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strconv"
	"strings"

	"etcdmod/internal/finding"
	"etcdmod/internal/importpath"
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
		f.look(u, max(u.closely(), f.suspected(u)), u.names(), fmt.Sprintf("code of %s, which this build leaves out", f.p.Rel(u.name)))
	}
	f.beside()
}

// suspected says how closely a file looks at what it names, by what it calls.
func (f unread) suspected(u unreadUser) look {
	names := map[string]suspicion{}
	for _, file := range f.near(u) {
		for name, is := range f.broughtBy(file) {
			names[name] |= is
		}
	}
	return newSuspects(u.syntax, f.p.In.ModulePath, names, func(path string) bool {
		_, known := blindCode[path]
		known = known || path == "C" || path == "unsafe" || onlyCalls(path) || importpath.WithinAny(path, memberReaders) || importpath.WithinAny(path, typeReaders)
		return !known && !slices.Contains(f.p.Concurrency, path) && !importpath.Within(path, f.p.In.ModulePath)
	}).shown()
}

// broughtBy says by name what a file declares that brings something. Many files are near the same.
func (f unread) broughtBy(file *source.File) map[string]suspicion {
	names, known := f.brought[file]
	if !known {
		names = map[string]suspicion{}
		for id, obj := range file.Pkg.TypesInfo.Defs {
			if obj != nil && f.p.FileAt(id.Pos()) == file && !isLocal(obj) {
				names[id.Name] |= f.brings(obj)
			}
		}
		f.brought[file] = names
	}
	return names
}

// brings says what somebody may have who has a declaration, or calls it.
func (f unread) brings(obj types.Object) (is suspicion) {
	for _, t := range given(obj) {
		if f.mutexIn(t) || len(f.held(t, calls)) > 0 {
			is |= holds
		}
		if leaves(f.p, t, false) {
			is |= boxed
		}
	}
	return is
}

// given returns the types of what somebody has who has a declaration, or calls it.
func given(obj types.Object) []types.Type {
	sig, ok := obj.Type().(*types.Signature)
	if !ok {
		return []types.Type{obj.Type()}
	}
	var list []types.Type
	for v := range sig.Results().Variables() {
		list = append(list, v.Type())
	}
	return list
}

// beside is looks for the packages of other modules that use this one, with all that they may hand
// it on to in the repository.
func (f unread) beside() {
	// Many packages may hand on to the same ones: each file is looked at once.
	files, closely, tells := map[string]unreadUser{}, map[string]look{}, map[string]bool{}
	for _, u := range unreadUsers(f.p, f.p.In.Beside) {
		files[u.name], closely[u.name] = u, u.closely()
		tells[u.name] = closely[u.name] >= named || u.tells()
	}
	for _, n := range f.p.In.Neighbours {
		how, who, names := none, "", map[string]bool{}
		for _, name := range slices.Concat(n.Files, n.Beyond, n.Above) {
			if closely[name] > how {
				how, who = closely[name], name
			}
		}
		for _, name := range n.Files {
			if u, ok := files[name]; ok && how < calls && f.handsOn(u, n, files) > how {
				how, who = calls, name
			}
		}
		first := func(files ...[]string) string {
			for _, name := range slices.Concat(files...) {
				if tells[name] {
					return f.apart(name)
				}
			}
			return ""
		}
		teller, above := first(n.Files, n.Beyond), first(n.Files, n.Beyond, n.Above)
		near := beside{unbuilt: n.Unbuilt}
		for _, name := range n.Files {
			if u, ok := files[name]; ok {
				maps.Copy(names, u.names())
				near.files = append(near.files, u)
			}
		}
		f.Flow.besides = append(f.Flow.besides, near)
		for _, name := range n.Files {
			if u, ok := files[name]; ok {
				f.look(u, how, names, f.apart(who))
				f.Flow.tellers = append(f.Flow.tellers, telling{u, names, teller, above, embeds(u, f.p.In.ModulePath)})
			}
		}
	}
}

// handsOn says how closely code that nobody reads looks at what a file of another module hands to it, and holds a
// mutex.
func (f unread) handsOn(u unreadUser, n source.Neighbour, files map[string]unreadUser) look {
	names := map[string]suspicion{}
	for _, file := range f.near(u) {
		for name, is := range f.broughtBy(file) {
			names[name] |= is & holds
		}
	}
	for _, name := range slices.Concat(n.Files, n.Beyond) { // what is called there is seen there
		if other, ok := files[name]; ok {
			for _, d := range other.syntax.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok {
					names[fn.Name.Name] |= 0
				}
			}
		}
	}
	return newSuspects(u.syntax, f.p.In.ModulePath, names, func(path string) bool {
		first, _, _ := strings.Cut(path, "/")
		_, known := blindCode[path]
		known = known || !strings.Contains(first, ".") || onlyCalls(path) || slices.Contains(n.Read, path) || importpath.WithinAny(path, clientModules)
		known = known || importpath.WithinAny(path, memberReaders) || slices.Contains(f.p.Concurrency, path)
		return !known && !importpath.Within(path, f.p.In.ModulePath)
	}).shown()
}

// apart names a file of another module.
func (f unread) apart(name string) string {
	return fmt.Sprintf("code of %s, in another module", f.p.Rel(name))
}

// A telling is a file of another module that has some names, with who may tell values in interfaces by
// their types: where it hands them to, and above that, where what it keeps is used. "" is nobody.
type telling struct {
	user       unreadUser
	names      map[string]bool
	who, above string
	embeds     bool // what is declared elsewhere is embedded there
}

// A beside is a package of another module.
type beside struct {
	files   []unreadUser
	unbuilt []string // those of the files that no compiler looks at
}

// told returns who in other modules may tell a declaration by the type that it has, and what that is, or
// "". An embedded mutex needs no name: its methods are those of what it is embedded in.
func (f unread) told(file *source.File, obj types.Object) (code finding.Code, who string) {
	v, _ := obj.(*types.Var)
	embedded := v != nil && v.Embedded()
	for _, t := range f.tellers {
		switch {
		case embedded && t.embeds:
			return finding.EmbeddedMutex, f.apart(t.user.name) + ", where a type may embed it beside other members"
		case !t.user.near(file):
		case embedded && t.above != "":
			return finding.EscapesInterface, t.above + ", which may look at its type"
		case t.names[obj.Name()] && t.who != "":
			return finding.EscapesInterface, t.who + ", which may look at its type"
		}
	}
	return "", ""
}

// handed returns who of other packages does more with what is declared than to call methods of the
// mutex, and in which of them.
func (f unread) handed(all declared, besides []beside) (in []beside, who string) {
	for i, b := range besides {
		who := all.hands(b.files, func(name string) bool { return !slices.Contains(b.unbuilt, name) })
		if who != "" {
			return besides[i : i+1], f.apart(who)
		}
	}
	return nil, ""
}

// tells reports whether a file may find out which of two types a value in an interface has.
func (u unreadUser) tells() bool {
	for _, spec := range u.syntax.Imports {
		if importpath.WithinAny(source.ImportPath(spec), inspectors) {
			return true
		}
	}
	for n := range ast.Preorder(u.syntax) {
		if _, ok := n.(*ast.TypeAssertExpr); ok {
			return true
		}
	}
	return false
}

// look notes that code which has some names looks at what it gets.
func (f unread) look(u unreadUser, how look, names map[string]bool, who string) {
	if how == none {
		return
	}
	near := f.near(u)
	if len(near) == 0 {
		return
	}
	f.Flow.looks.meetings = append(f.Flow.looks.meetings, meeting{how, anything, who, token.NoPos, origin{}})
	for _, file := range near {
		for id, obj := range file.Pkg.TypesInfo.Defs {
			if obj != nil && names[id.Name] && f.p.FileAt(id.Pos()) == file && !isLocal(obj) {
				f.shown(obj, how, who)
			}
		}
	}
}

// shown refuses what somebody sees who has a declaration, or calls it.
func (f unread) shown(obj types.Object, how look, who string) {
	for _, t := range given(obj) {
		f.show(t, how, who, obj.Pos())
		if how < members {
			continue
		}
		for _, iface := range f.interfacesIn(t, how) {
			f.Flow.looks.meetings = append(f.Flow.looks.meetings, meeting{how, iface, who, token.NoPos, origin{}})
		}
	}
}

// near returns the files of packages that such a file belongs to or imports.
func (f unread) near(u unreadUser) (out []*source.File) {
	for _, file := range f.p.Files {
		if u.near(file) {
			out = append(out, file)
		}
	}
	return out
}

func (u unreadUser) near(file *source.File) bool {
	return u.clause == clause(file.Name, file.Syntax) || slices.Contains(u.imports, file.Pkg.PkgPath)
}

// closely says how closely a file looks at what it may get: at most, as it is not known what that is.
func (u unreadUser) closely() (how look) {
	prints := false
	for _, spec := range u.syntax.Imports {
		switch path := source.ImportPath(spec); {
		case importpath.WithinAny(path, typeReaders):
			how = max(how, calls)
		case path == "unsafe" && (spec.Name == nil || spec.Name.Name != "_"): // which linkname asks for
			how = max(how, whole)
		case importpath.WithinAny(path, memberReaders):
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
func (u unreadUser) names() map[string]bool {
	out := map[string]bool{}
	for n := range ast.Preorder(u.syntax) {
		if id, ok := n.(*ast.Ident); ok {
			out[id.Name] = true
		}
	}
	return out
}
