package rewrite

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
)

// A component is what must change together: all declarations, type expressions and
// constructor calls that one mutex flows through.
type component struct {
	node    *node
	path    string           // import path of the client's package concurrency
	reasons []finding.Reason // why it cannot be rewritten
}

// nodeOf returns the node of the mutex at the end of a way, or nil.
func (p *program) nodeOf(h hop) *node {
	w := &walker{flow: p.flow, file: h.file}
	mutex := h.mutex()
	n := w.expr(mutex)
	if n == nil {
		// TryLock may come from an embedded mutex.
		e := ast.Unparen(h.node)
		if call, ok := e.(*ast.CallExpr); ok {
			e = ast.Unparen(call.Fun)
		}
		sel, _ := e.(*ast.SelectorExpr)
		field := promoted(h.file.pkg.TypesInfo.Selections[sel])
		if field == nil || !p.isMutexPtr(field.Type()) && !p.isMutex(field.Type()) {
			return nil
		}
		n = p.flow.object(field)
	}
	return n.find()
}

// promoted returns the last embedded field on the way of a selection, or nil.
func promoted(sel *types.Selection) *types.Var {
	fields := embedded(sel)
	if len(fields) == 0 {
		return nil
	}
	return fields[len(fields)-1]
}

// embedded returns the embedded fields that a selection goes through without naming them.
func embedded(sel *types.Selection) (out []*types.Var) {
	if sel == nil {
		return nil
	}
	t := sel.Recv()
	for _, i := range sel.Index()[:len(sel.Index())-1] {
		if p, ok := t.Underlying().(*types.Pointer); ok {
			t = p.Elem()
		}
		st, ok := t.Underlying().(*types.Struct)
		if !ok {
			return nil
		}
		out = append(out, st.Field(i))
		t = st.Field(i).Type()
	}
	return out
}

// componentOf judges the component of the mutex at the end of a way.
func (p *program) componentOf(h hop) *component {
	mutex := h.mutex()
	n := p.nodeOf(h)
	if n == nil {
		return &component{reasons: []finding.Reason{{Code: finding.Untyped, Detail: p.text(mutex), Pos: p.position(mutex.Pos())}}}
	}
	if c := p.components[n]; c != nil {
		return c
	}
	c := &component{node: n}
	p.components[n] = c
	n.spelled = p.flow.p.once(n.spelled)
	c.reasons = append(c.reasons, n.poison...)
	paths := map[string]bool{}
	constructed := false
	for _, s := range n.spelled {
		paths[s.path] = true
		constructed = constructed || s.name == "NewMutex"
		if s.file.src == nil {
			c.reasons = append(c.reasons, finding.Reason{Code: finding.Untyped, Pos: p.position(s.sel.Pos())})
		}
	}
	switch {
	case len(paths) == 1:
		for path := range paths {
			c.path = path
		}
	case len(paths) > 1:
		c.reasons = append(c.reasons, finding.Reason{Code: finding.MixedClients, Pos: p.position(mutex.Pos())})
	}
	if p.isFork(c.path) {
		if r := p.forkDiffers(c.path); r != nil {
			c.reasons = append(c.reasons, *r)
		}
	}
	if !constructed && len(c.reasons) == 0 {
		c.reasons = append(c.reasons, finding.Reason{Code: finding.NoOrigin, Detail: "no call of NewMutex reaches " + p.text(mutex), Pos: p.position(mutex.Pos())})
	}
	c.reasons = append(c.reasons, p.flow.p.exported(n)...)
	c.reasons = append(c.reasons, p.flow.p.tagged(n)...)
	sort.SliceStable(c.reasons, func(i, j int) bool {
		a, b := c.reasons[i].Pos, c.reasons[j].Pos
		if a.Filename != b.Filename {
			return a.Filename < b.Filename
		}
		return a.Offset < b.Offset
	})
	return c
}

// once leaves out what several build configurations spell in the same place.
func (p *program) once(all []spelling) (out []spelling) {
	seen := map[*ast.SelectorExpr]bool{}
	for _, s := range all {
		if !seen[s.sel] {
			seen[s.sel] = true
			s.file = p.byName[s.file.name]
			out = append(out, s)
		}
	}
	return out
}

// exported reports declarations of the component that code outside this module may
// compile against.
func (p *program) exported(n *node) (out []finding.Reason) {
	for _, f := range p.files {
		if !p.importable(f) {
			continue
		}
		for id, obj := range f.pkg.TypesInfo.Defs {
			if obj == nil || !obj.Exported() || p.fileAt(id.Pos()) != f || !p.reaches(obj, n) {
				continue
			}
			if v, ok := obj.(*types.Var); ok && !v.IsField() && !isPackageLevel(v) {
				continue
			}
			out = append(out, finding.Reason{
				Code:   finding.ExportedAPI,
				Detail: fmt.Sprintf("%s of package %s", obj.Name(), f.pkg.PkgPath),
				Pos:    p.position(id.Pos()),
			})
		}
	}
	return out
}

// importable reports whether code outside this module may compile against the file.
func (p *program) importable(f *file) bool {
	return !f.test && f.pkg.Name != "main" && !p.in.Programs[f.pkg.PkgPath] && !isInternal(f.pkg.PkgPath)
}

// reaches reports whether the declared type of obj contains the component n.
func (p *program) reaches(obj types.Object, n *node) bool {
	o := p.flow.objects[obj.Pos()]
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

func isInternal(path string) bool {
	return path == "internal" || strings.HasPrefix(path, "internal/") ||
		strings.HasSuffix(path, "/internal") || strings.Contains(path, "/internal/")
}

// tagged reports files that the build configuration leaves out and that use the mutex
// too: beside the component, or with an import of one of its packages.
func (p *program) tagged(n *node) (out []finding.Reason) {
	dirs, paths := map[string]bool{}, map[string]bool{}
	for _, s := range n.spelled {
		dirs[filepath.Dir(s.file.name)] = true
		if s.file.pkg.Name != "main" {
			paths[s.file.pkg.PkgPath] = true
		}
	}
	for _, u := range p.ignoredUsers() {
		beside := dirs[filepath.Dir(u.name)]
		for _, path := range u.imports {
			beside = beside || paths[path]
		}
		if beside {
			out = append(out, finding.Reason{Code: finding.BuildTagged, Detail: p.rel(u.name)})
		}
	}
	return out
}

// An ignoredUser is a file that the build configuration leaves out, and that imports the
// client's package.
type ignoredUser struct {
	name    string
	imports []string
}

func (p *program) ignoredUsers() (out []ignoredUser) {
	for _, name := range sortedNames(p.in.Ignored) {
		f, err := parser.ParseFile(token.NewFileSet(), name, p.in.Ignored[name], parser.ImportsOnly)
		if err != nil {
			continue // discovery names it
		}
		u, client := ignoredUser{name: name}, false
		for _, spec := range f.Imports {
			path := importPathOf(spec)
			u.imports = append(u.imports, path)
			client = client || slices.Contains(p.paths, path)
		}
		if client {
			out = append(out, u)
		}
	}
	return out
}
