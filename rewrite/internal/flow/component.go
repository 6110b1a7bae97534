package flow

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/source"
)

// A Component is what must change together: all declarations, type expressions and
// constructor calls that one mutex flows through.
type Component struct {
	Node    *node
	Path    string           // import path of the client's package concurrency
	Reasons []finding.Reason // why it cannot be rewritten
	// Exported are the declarations of it that code outside the module may compile against,
	// if they are to be rewritten.
	Exported []string
}

// NodeOf returns the node of the mutex that is tried by a call or a function value, or nil.
func (f *Flow) NodeOf(file *source.File, tried, mutex ast.Expr) *node {
	w := &walker{Flow: f, file: file}
	n := w.expr(mutex)
	if n == nil {
		// TryLock may come from an embedded mutex.
		e := ast.Unparen(tried)
		if call, ok := e.(*ast.CallExpr); ok {
			e = ast.Unparen(call.Fun)
		}
		sel, _ := e.(*ast.SelectorExpr)
		field := source.Promoted(file.Pkg.TypesInfo.Selections[sel])
		if field == nil || !f.p.IsMutexPtr(field.Type()) && !f.p.IsMutex(field.Type()) {
			return nil
		}
		n = f.object(field)
	}
	return n.find()
}

// ComponentOf judges the component of the mutex that is tried by a call or a function value.
func (f *Flow) ComponentOf(file *source.File, tried, mutex ast.Expr) *Component {
	p := f.p
	n := f.NodeOf(file, tried, mutex)
	if n == nil {
		return &Component{Reasons: []finding.Reason{{Code: finding.Untyped, Detail: p.Text(mutex), Pos: p.Position(mutex.Pos())}}}
	}
	if c := f.components[n]; c != nil {
		return c
	}
	c := &Component{Node: n}
	f.components[n] = c
	n.Spelled = f.once(n.Spelled)
	c.Reasons = append(c.Reasons, n.poison...)
	paths := map[string]bool{}
	constructed := false
	for _, s := range n.Spelled {
		paths[s.Path] = true
		constructed = constructed || s.Name == "NewMutex"
		if s.File.Bytes == nil {
			c.Reasons = append(c.Reasons, finding.Reason{Code: finding.Untyped, Pos: p.Position(s.Sel.Pos())})
		}
	}
	switch {
	case len(paths) == 1:
		for path := range paths {
			c.Path = path
		}
	case len(paths) > 1:
		c.Reasons = append(c.Reasons, finding.Reason{Code: finding.MixedClients, Pos: p.Position(mutex.Pos())})
	}
	if p.IsFork(c.Path) {
		if r := p.ForkDiffers(c.Path); r != nil {
			c.Reasons = append(c.Reasons, *r)
		}
	}
	if !constructed && len(c.Reasons) == 0 {
		c.Reasons = append(c.Reasons, finding.Reason{Code: finding.NoOrigin, Detail: "no call of NewMutex reaches " + p.Text(mutex), Pos: p.Position(mutex.Pos())})
	}
	f.exported(c)
	c.Reasons = append(c.Reasons, f.tagged(n)...)
	sort.SliceStable(c.Reasons, func(i, j int) bool {
		a, b := c.Reasons[i].Pos, c.Reasons[j].Pos
		if a.Filename != b.Filename {
			return a.Filename < b.Filename
		}
		return a.Offset < b.Offset
	})
	return c
}

// once leaves out what several build configurations spell in the same place.
func (f *Flow) once(all []Spelling) (out []Spelling) {
	seen := map[*ast.SelectorExpr]bool{}
	for _, s := range all {
		if !seen[s.Sel] {
			seen[s.Sel] = true
			s.File = f.p.ByName[s.File.Name]
			out = append(out, s)
		}
	}
	return out
}

// exported finds the declarations of the component that code outside this module may compile
// against.
func (fl *Flow) exported(c *Component) {
	p := fl.p
	for _, f := range p.Files {
		if !p.Importable(f) {
			continue
		}
		owners := owners(f.Syntax)
		for id, obj := range f.Pkg.TypesInfo.Defs {
			if obj == nil || !obj.Exported() || p.FileAt(id.Pos()) != f || !fl.reaches(obj, c.Node) {
				continue
			}
			if v, ok := obj.(*types.Var); ok && !v.IsField() && !source.IsPackageLevel(v) {
				continue
			}
			name := owners[id] + obj.Name()
			if p.In.Exported == source.RewriteExported {
				c.Exported = append(c.Exported, f.Pkg.PkgPath+"."+name)
				continue
			}
			c.Reasons = append(c.Reasons, finding.Reason{
				Code:   finding.ExportedAPI,
				Detail: fmt.Sprintf("%s of package %s", name, f.Pkg.PkgPath),
				Pos:    p.Position(id.Pos()),
			})
		}
	}
	slices.Sort(c.Exported)
	c.Exported = slices.Compact(c.Exported)
}

// owners names, with a dot behind, the types that methods and fields belong to.
func owners(f *ast.File) map[*ast.Ident]string {
	out := map[*ast.Ident]string{}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv != nil && len(d.Recv.List) == 1 {
				out[d.Name] = receiverName(d.Recv.List[0].Type) + "."
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				t, ok := spec.(*ast.TypeSpec)
				if !ok {
					continue
				}
				ast.Inspect(t.Type, func(n ast.Node) bool {
					if id, ok := n.(*ast.Ident); ok {
						out[id] = t.Name.Name + "."
					}
					return true
				})
			}
		}
	}
	return out
}

func receiverName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiverName(e.X)
	case *ast.IndexExpr:
		return receiverName(e.X)
	case *ast.IndexListExpr:
		return receiverName(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// reaches reports whether the declared type of obj contains the component n.
func (f *Flow) reaches(obj types.Object, n *node) bool {
	o := f.objects[obj.Pos()]
	if o == nil {
		return false
	}
	seen := map[*node]bool{}
	var visit func(*node) bool
	visit = func(m *node) bool {
		m = m.find()
		if m == n {
			return true
		}
		if seen[m] {
			return false
		}
		seen[m] = true
		for _, c := range m.children {
			if visit(c) {
				return true
			}
		}
		return false
	}
	return visit(o)
}

// tagged reports files that the build configuration leaves out and that use the mutex
// too: beside the component, or with an import of one of its packages.
func (f *Flow) tagged(n *node) (out []finding.Reason) {
	clauses, paths := map[string]bool{}, map[string]bool{}
	for _, s := range n.Spelled {
		clauses[clause(s.File.Name, s.File.Syntax)] = true
		if s.File.Pkg.Name != "main" {
			paths[s.File.Pkg.PkgPath] = true
		}
	}
	for _, u := range ignoredUsers(f.p) {
		beside := clauses[u.clause]
		for _, path := range u.imports {
			beside = beside || paths[path]
		}
		if beside {
			out = append(out, finding.Reason{Code: finding.BuildTagged, Detail: f.p.Rel(u.name)})
		}
	}
	return out
}

// An ignoredUser is a file that the build configuration leaves out, and that imports the
// client's package.
type ignoredUser struct {
	name    string
	clause  string   // directory and name of its package
	imports []string // of its package
}

// clause names the package of a file by its directory and its package clause: two packages in
// one directory share nothing.
func clause(name string, f *ast.File) string {
	return filepath.Dir(name) + " " + strings.TrimSuffix(f.Name.Name, "_test")
}

func ignoredUsers(p *source.Program) (out []ignoredUser) {
	imports := map[string][]string{} // of all such files of a package
	for _, name := range source.SortedNames(p.In.Ignored) {
		f, err := parser.ParseFile(token.NewFileSet(), name, p.In.Ignored[name], parser.ImportsOnly)
		if err != nil {
			continue // discovery names it
		}
		u, client := ignoredUser{name: name, clause: clause(name, f)}, false
		for _, spec := range f.Imports {
			path := source.ImportPath(spec)
			imports[u.clause] = append(imports[u.clause], path)
			client = client || slices.Contains(p.Concurrency, path)
		}
		if client {
			out = append(out, u)
		}
	}
	for i := range out {
		out[i].imports = imports[out[i].clause]
	}
	return out
}
