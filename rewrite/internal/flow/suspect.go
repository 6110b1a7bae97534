package flow

import (
	"go/ast"
	"go/token"
	"maps"
	pathpkg "path"
	"slices"

	"etcdmod/internal/importpath"
	"etcdmod/rewrite/internal/source"
)

// What a file without types prints, and hands to libraries.
//
// The names of what the module declares beside it, and of the interfaces that it is given itself, tell
// what may be a mutex in an interface, or may hold one.

// A suspicion says what something may be.
type suspicion uint8

const (
	holds suspicion = 1 << iota // it holds a mutex
	boxed                       // it is one in an interface, or has interfaces
)

// suspects are the names in one such file of what may be or hold a mutex.
type suspects struct {
	syntax   *ast.File
	declared map[string]suspicion // beside it
	vars     map[string]suspicion // of its own
	pkgs     map[string]string    // import paths by the names that it has for them
	foreign  map[string]bool      // whether nothing is known of the code of an import path
	module   string               // where what is declared may come from, if it has a qualifier
}

// newSuspects looks for them, beside what a module declares. unknown says of what code nothing is known.
func newSuspects(syntax *ast.File, module string, declared map[string]suspicion, unknown func(path string) bool) *suspects {
	s := &suspects{syntax: syntax, module: module, declared: declared, vars: map[string]suspicion{}, pkgs: map[string]string{}, foreign: map[string]bool{}}
	for _, spec := range syntax.Imports {
		path := source.ImportPath(spec)
		name := pathpkg.Base(path)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		s.pkgs[name] = path
		s.foreign[path] = name != "_" && unknown(path)
	}
	for again := true; again; {
		had := maps.Clone(s.vars)
		ast.Inspect(syntax, s.learn)
		again = !maps.Equal(had, s.vars)
	}
	return s
}

// learn takes the names of variables that are made from suspects.
func (s *suspects) learn(n ast.Node) bool {
	name := func(is suspicion, list ...ast.Expr) {
		for _, e := range list {
			if id, ok := e.(*ast.Ident); ok && is != 0 && id.Name != "_" {
				s.vars[id.Name] |= is
			}
		}
	}
	switch n := n.(type) {
	case *ast.Field:
		for _, id := range n.Names {
			name(s.typed(n.Type), id)
		}
	case *ast.AssignStmt:
		for i, l := range n.Lhs {
			name(s.may(n.Rhs[min(i, len(n.Rhs)-1)]), l)
		}
	case *ast.ValueSpec:
		for i, id := range n.Names {
			if n.Type != nil {
				name(s.typed(n.Type), id)
			} else if len(n.Values) > 0 {
				name(s.may(n.Values[min(i, len(n.Values)-1)]), id)
			}
		}
	case *ast.RangeStmt:
		name(s.may(n.X), n.Key, n.Value)
	}
	return true
}

// typed says what values of a type may be, by the interfaces and names in it.
func (s *suspects) typed(e ast.Expr) (found suspicion) {
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.InterfaceType:
			found |= boxed
		case *ast.Ident:
			if found |= s.declared[n.Name]; n.Name == "any" {
				found |= boxed
			}
		}
		return true
	})
	return found
}

// may says what an expression may give.
func (s *suspects) may(e ast.Expr) suspicion {
	switch e := ast.Unparen(e).(type) {
	case *ast.BasicLit, *ast.BinaryExpr, nil:
		return 0
	case *ast.Ident:
		return s.vars[e.Name] | s.declared[e.Name]
	case *ast.SelectorExpr:
		if s.elsewhere(e) {
			return 0
		}
		if is, ok := s.declared[e.Sel.Name]; ok {
			return is
		}
		return s.may(e.X)
	case *ast.FuncLit: // what it does with them is seen in it
		var found suspicion
		ast.Inspect(e.Body, func(n ast.Node) bool {
			if ret, ok := n.(*ast.ReturnStmt); ok {
				found |= s.any(ret.Results)
			}
			_, inner := n.(*ast.FuncLit)
			return !inner
		})
		return found
	case *ast.CallExpr:
		if s.elsewhere(e.Fun) && s.pkgOf(e.Fun) != "fmt" {
			return s.any(e.Args) // it may give back what it is given
		}
		if id, ok := ast.Unparen(e.Fun).(*ast.Ident); ok && slices.Contains([]string{"len", "cap", "make", "string", "int", "copy"}, id.Name) {
			return 0
		}
		if path := s.pkgOf(e.Fun); slices.Contains([]string{"fmt", "strings", "strconv", "errors", "time"}, path) {
			if path == "fmt" && nameOf(e.Fun) == "Errorf" {
				return s.any(e.Args) // it may wrap one
			}
			return 0
		}
		if is, ok := s.declared[nameOf(e.Fun)]; ok {
			return is
		}
		return s.may(e.Fun) | s.any(e.Args)
	}
	var found suspicion
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr, *ast.FuncLit:
			found |= s.may(n.(ast.Expr))
			return false
		case *ast.Ident:
			found |= s.vars[n.Name] | s.declared[n.Name]
		}
		return true
	})
	return found
}

func (s *suspects) any(list []ast.Expr) (found suspicion) {
	for _, e := range list {
		found |= s.may(e)
	}
	return found
}

// elsewhere reports whether e names something of a package that is none of the module.
func (s *suspects) elsewhere(e ast.Expr) bool {
	path := s.pkgOf(e)
	return path != "" && !importpath.Within(path, s.module)
}

// pkgOf returns the import path of the package that e names something of, or "".
func (s *suspects) pkgOf(e ast.Expr) string {
	if star, ok := e.(*ast.IndexExpr); ok {
		e = star.X
	}
	if sel, ok := ast.Unparen(e).(*ast.SelectorExpr); ok {
		if id, ok := sel.X.(*ast.Ident); ok && s.vars[id.Name] == 0 {
			return s.pkgs[id.Name]
		}
	}
	return ""
}

func nameOf(e ast.Expr) string {
	if id := source.NameIn(e); id != nil {
		return id.Name
	}
	return ""
}

// anyForeign reports whether the file imports code that nothing is known of.
func (s *suspects) anyForeign() bool {
	for _, is := range s.foreign {
		if is {
			return true
		}
	}
	return false
}

// shown says how closely suspects are looked at by what the file calls: by what prints, and by code that is not
// known. Methods may be of what such code gives.
func (s *suspects) shown() (how look) {
	if s.foreign[s.pkgs["."]] && len(s.vars) > 0 {
		return calls
	}
	for n := range ast.Preorder(s.syntax) {
		switch n := n.(type) {
		case *ast.CallExpr:
			is := s.any(n.Args)
			if is == 0 {
				continue
			}
			path := s.pkgOf(n.Fun)
			_, own := s.declared[nameOf(n.Fun)]
			if slices.Contains(printers, path) {
				if is&boxed != 0 {
					how = max(how, surface)
				}
			} else if s.foreign[path] || s.anyForeign() && path == "" && !own && isSelector(n.Fun) {
				how = calls
			}
		case *ast.CompositeLit:
			if n.Type != nil && s.foreign[s.pkgOf(n.Type)] && s.any(n.Elts) != 0 {
				how = calls
			}
		case *ast.AssignStmt:
			if n.Tok == token.ASSIGN && s.any(n.Rhs) != 0 && slices.ContainsFunc(n.Lhs, func(e ast.Expr) bool { return s.foreign[s.pkgOf(e)] }) {
				how = calls
			}
		}
	}
	return how
}

func isSelector(e ast.Expr) bool { _, ok := ast.Unparen(e).(*ast.SelectorExpr); return ok }
