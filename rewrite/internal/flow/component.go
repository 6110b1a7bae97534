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
	"etcdmod/internal/importpath"
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
	type alike struct {
		declared declared
		goes     func(code finding.Code, who string) finding.Reason
	}
	const looking = ", which may look at its type"
	all := newDeclared()
	var alone []alike
	for _, f := range p.Files {
		plugin := p.MaybePlugin(f)
		if !p.Importable(f) && !plugin {
			continue
		}
		kind := "package"
		if plugin {
			kind = "plugin"
		}
		owners := owners(f.Syntax)
		for id, obj := range f.Pkg.TypesInfo.Defs {
			if obj == nil || !obj.Exported() || p.FileAt(id.Pos()) != f || !fl.reaches(obj, c.Node) {
				continue
			}
			if isLocal(obj) {
				continue
			}
			if plugin && !source.IsPackageLevel(obj) {
				continue // nobody can look it up
			}
			name := owners[id] + obj.Name()
			goes := func(code finding.Code, who string) finding.Reason {
				return finding.Reason{
					Code:   code,
					Detail: fmt.Sprintf("%s of %s %s goes to %s", name, kind, f.Pkg.PkgPath, who),
					Pos:    p.Position(id.Pos()),
				}
			}
			code, who := unread{fl}.told(f, obj)
			if who != "" {
				c.Reasons = append(c.Reasons, goes(code, who))
			}
			if p.In.Exported == source.RewriteExported {
				c.Exported = append(c.Exported, f.Pkg.PkgPath+"."+name)
				all.add(f, obj, fl.mutexIn)
				if one := newDeclared(); who == "" {
					one.add(f, obj, fl.mutexIn)
					alone = append(alone, alike{one, goes})
				}
				continue
			}
			c.Reasons = append(c.Reasons, finding.Reason{
				Code:   finding.ExportedAPI,
				Detail: fmt.Sprintf("%s of %s %s", name, kind, f.Pkg.PkgPath),
				Pos:    p.Position(id.Pos()),
			})
		}
	}
	// Some of them may go to others of them, which is right: it is all of them that tell.
	if in, who := (unread{fl}).handed(all, fl.besides); who != "" && len(alone) > 0 {
		found := false
		for _, a := range alone {
			if _, one := (unread{fl}).handed(a.declared, in); one != "" {
				c.Reasons, found = append(c.Reasons, a.goes(finding.EscapesInterface, who+looking)), true
			}
		}
		if !found {
			c.Reasons = append(c.Reasons, alone[0].goes(finding.EscapesInterface, who+looking))
		}
	}
	slices.Sort(c.Exported)
	c.Exported = slices.Compact(c.Exported)
}

func isLocal(obj types.Object) bool {
	v, ok := obj.(*types.Var)
	return ok && !v.IsField() && !source.IsPackageLevel(v)
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
	names, all := f.namesOf(n)
	for _, u := range f.ignored {
		beside := clauses[u.clause] && u.client || u.takes(names[u.clause]) || u.uses(f.p.In.ModulePath) && all.hands([]unreadUser{u}, unbuilt) != ""
		for _, path := range u.imports {
			beside = beside || u.client && paths[path]
		}
		if beside {
			out = append(out, finding.Reason{Code: finding.BuildTagged, Detail: f.p.Rel(u.name)})
		}
	}
	return out
}

// uses reports whether such a file imports a package of a module.
func (u unreadUser) uses(module string) bool {
	return slices.ContainsFunc(u.syntax.Imports, func(spec *ast.ImportSpec) bool {
		return importpath.Within(source.ImportPath(spec), module)
	})
}

// unbuilt says that no compiler looks at a file.
func unbuilt(string) bool { return false }

// namesOf returns the names of what belongs to a component, by the package that declares it, and
// those that other packages may have.
func (f *Flow) namesOf(n *node) (map[string]map[string]bool, declared) {
	out, all := map[string]map[string]bool{}, newDeclared()
	if len(f.p.In.Ignored) == 0 {
		return out, all
	}
	for _, file := range f.p.Files {
		clause := clause(file.Name, file.Syntax)
		for _, obj := range file.Pkg.TypesInfo.Defs {
			if obj == nil || f.p.FileAt(obj.Pos()) != file || !f.reaches(obj, n) {
				continue
			}
			if isLocal(obj) {
				continue
			}
			if out[clause] == nil {
				out[clause] = map[string]bool{}
			}
			out[clause][obj.Name()] = true
			if obj.Exported() {
				all.add(file, obj, f.mutexIn)
			}
		}
	}
	return out, all
}

// An unreadUser is a file without types: the build configuration leaves it out, or it is another
// module's.
type unreadUser struct {
	name    string
	clause  string   // directory and name of its package
	imports []string // of its package
	client  bool     // it imports the client's package
	syntax  *ast.File
}

// takes reports whether the file may hand on something with one of the names: it does more with
// it than to call a method of the mutex.
func (u unreadUser) takes(names map[string]bool) (found bool) {
	if len(names) == 0 {
		return false
	}
	var visit func(ast.Node)
	visit = func(n ast.Node) {
		ast.Inspect(n, func(m ast.Node) bool {
			switch m := m.(type) {
			case *ast.CallExpr:
				sel, ok := ast.Unparen(m.Fun).(*ast.SelectorExpr)
				if !ok || !source.MutexMethods[sel.Sel.Name] {
					break
				}
				if inner, ok := ast.Unparen(sel.X).(*ast.SelectorExpr); ok {
					visit(inner.X)
				} else if _, ok := ast.Unparen(sel.X).(*ast.Ident); !ok {
					visit(sel.X)
				}
				for _, a := range m.Args {
					visit(a)
				}
				return false
			case *ast.Ident:
				found = found || names[m.Name]
			}
			return true
		})
	}
	visit(u.syntax)
	return found
}

// clause names the package of a file by its directory and its package clause: two packages in
// one directory share nothing.
func clause(name string, f *ast.File) string {
	return filepath.Dir(name) + " " + strings.TrimSuffix(f.Name.Name, "_test")
}

// unreadUsers parses such files.
func unreadUsers(p *source.Program, files map[string][]byte) (out []unreadUser) {
	imports := map[string][]string{} // of all such files of a package
	for _, name := range source.SortedNames(files) {
		f, err := parser.ParseFile(token.NewFileSet(), name, files[name], parser.SkipObjectResolution)
		if err != nil {
			continue // discovery names it
		}
		u := unreadUser{name: name, clause: clause(name, f), syntax: f}
		for _, spec := range f.Imports {
			path := source.ImportPath(spec)
			imports[u.clause] = append(imports[u.clause], path)
			u.client = u.client || slices.Contains(p.Concurrency, path)
		}
		out = append(out, u)
	}
	for i := range out {
		out[i].imports = imports[out[i].clause]
	}
	return out
}
