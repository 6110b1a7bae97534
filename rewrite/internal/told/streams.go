package told

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"etcdmod/rewrite/internal/source"
)

// streams returns what reads the lines where a file gives the standard streams another end than a file
// that it has opened by name, or "".
func (t *Told) streams(f *source.File) (name string) {
	stream := func(e ast.Expr) string {
		for _, s := range []string{"Stdout", "Stderr"} {
			if sel, ok := ast.Unparen(e).(*ast.SelectorExpr); ok && source.IsObject(f.ObjectOf(sel.Sel), "os", s) {
				return "whatever reads os." + s
			}
		}
		return ""
	}
	ast.Inspect(f.Syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				from := n.Rhs[0]
				if len(n.Lhs) == len(n.Rhs) {
					from = n.Rhs[i]
				}
				if s := stream(l); s != "" && !opened(f, from, 0) {
					name = s
				}
			}
		case *ast.UnaryExpr:
			if s := stream(n.X); n.Op == token.AND && s != "" {
				name = s
			}
		}
		return name == ""
	})
	return name
}

// opened reports whether e is a file that was opened by its name, or a stream that the process began with.
func opened(f *source.File, e ast.Expr, depth int) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.CallExpr:
		for _, name := range []string{"Open", "OpenFile", "Create", "CreateTemp"} {
			if source.IsObject(f.Callee(e), "os", name) {
				return true
			}
		}
	case *ast.SelectorExpr:
		return source.IsObject(f.ObjectOf(e.Sel), "os", "Stdout") || source.IsObject(f.ObjectOf(e.Sel), "os", "Stderr")
	case *ast.Ident:
		v, ok := f.ObjectOf(e).(*types.Var)
		if !ok || v.IsField() || depth > 5 {
			return false
		}
		known, other := false, false
		note := func(to, from ast.Expr) {
			if id, ok := ast.Unparen(to).(*ast.Ident); ok && f.ObjectOf(id) == types.Object(v) {
				known = true
				other = other || !opened(f, from, depth+1)
			}
		}
		for n := range ast.Preorder(f.Syntax) {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for i, l := range n.Lhs {
					note(l, n.Rhs[min(i, len(n.Rhs)-1)])
				}
			case *ast.ValueSpec:
				for i, name := range n.Names {
					if len(n.Values) > 0 {
						note(name, n.Values[min(i, len(n.Values)-1)])
					}
				}
			}
		}
		return known && !other && !source.IsPackageLevel(v)
	}
	return false
}

// ReadBack returns the function by which the module reads metrics back that a call of that log package
// writes, or "".
func (t *Told) ReadBack(path string, test bool) string {
	for _, f := range t.p.Files {
		if name := readsMetrics(f); name != "" && IsMetrics(path) && !f.IsHelper() && (test || !f.Test) {
			return name
		}
	}
	return ""
}

func readsMetrics(f *source.File) string {
	for n := range ast.Preorder(f.Syntax) {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			continue
		}
		if fn, ok := f.Callee(call).(*types.Func); ok && fn.Pkg() != nil && IsMetrics(fn.Pkg().Path()) && slices.Contains(reading, fn.Name()) {
			return fn.Name()
		}
	}
	return ""
}

// pipes reports whether the module makes pipes.
func (t *Told) pipes(test bool) bool {
	return slices.ContainsFunc(t.p.Files, func(f *source.File) bool {
		if f.IsHelper() || f.Test && !test {
			return false
		}
		for n := range ast.Preorder(f.Syntax) {
			if id, ok := n.(*ast.Ident); ok && (source.IsObject(f.ObjectOf(id), "os", "Pipe") || source.IsObject(f.ObjectOf(id), "io", "Pipe") || source.IsObject(f.ObjectOf(id), "net", "Pipe")) {
				return true
			}
		}
		return false
	})
}

// keepsLines returns what reads the lines where a logger writes to a pipe or a buffer, or "".
func (t *Told) keepsLines(f *source.File, e ast.Expr, typ types.Type) string {
	if p, ok := types.Unalias(typ).(*types.Pointer); ok {
		typ = p.Elem()
	}
	switch {
	case source.IsNamed(typ, "io", "PipeWriter"), source.IsNamed(typ, "os", "File") && t.pipes(f.Test) && !opened(f, e, 0):
		return "whatever reads the pipe"
	case source.IsNamed(typ, "bytes", "Buffer"), source.IsNamed(typ, "strings", "Builder"):
		return "whatever reads the buffer"
	}
	return ""
}

// unnamed returns the name of code of the module that a logger may be given by way of a value of one of
// its functions, or "".
func (t *Told) unnamed(f *source.File, fn *types.Func) string {
	for v := range fn.Signature().Params().Variables() {
		switch u := source.Under(v.Type()).(type) {
		case *types.Signature:
			return fn.Name() + ", which is called by another name"
		case *types.Interface:
			if !slices.ContainsFunc(slices.Collect(u.Methods()), func(m *types.Func) bool { return m.Name() == "Write" }) {
				continue
			}
			if t.pipes(f.Test) {
				return "whatever reads a pipe"
			}
			if name := t.anyWriter(f, u); name != "" {
				return name
			}
		}
	}
	return ""
}
