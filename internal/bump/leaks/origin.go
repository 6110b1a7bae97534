package leaks

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// A kind says what is known of a context.
type kind int

const (
	none     kind = iota // it has no deadline
	unknown              // it comes from where it cannot be followed
	deadline             // it has one
)

// An origin is where a context comes from.
type origin struct {
	kind kind
	path []Frame
}

// origins tells where the i-th argument of a call comes from. Visited are the parameters
// on the way, so that recursion ends.
func (p *sources) origins(s site, i int, visited map[string]bool) []origin {
	if i >= len(s.call.Args) || s.call.Ellipsis.IsValid() {
		return []origin{{kind: unknown}}
	}
	return p.derive(s, s.call.Args[i], visited, 0)
}

// maxDepth bounds how often one context is derived from another within a function.
const maxDepth = 30

// derive tells where an expression of type context.Context comes from.
func (p *sources) derive(s site, e ast.Expr, visited map[string]bool, depth int) []origin {
	if depth > maxDepth {
		return []origin{{kind: unknown}}
	}
	switch e := ast.Unparen(e).(type) {
	case *ast.CallExpr:
		return p.call(s, e, visited, depth)
	case *ast.Ident:
		obj, ok := s.info.ObjectOf(e).(*types.Var)
		if !ok {
			break
		}
		return p.variable(s, obj, visited, depth)
	}
	return []origin{{kind: unknown}}
}

// call tells what a function makes of a context.
func (p *sources) call(s site, e *ast.CallExpr, visited map[string]bool, depth int) []origin {
	fn := callee(s.info, e)
	if fn == nil || fn.Pkg() == nil {
		return []origin{{kind: unknown}}
	}
	switch name, path := fn.Name(), fn.Pkg().Path(); {
	case path == "context" || path == "golang.org/x/net/context":
		switch {
		case name == "Background" || name == "TODO":
			return []origin{{kind: none}}
		case strings.HasPrefix(name, "WithTimeout") || strings.HasPrefix(name, "WithDeadline"):
			return []origin{{kind: deadline, path: []Frame{{p.fset.Position(e.Pos()), "context." + name}}}}
		}
		if strings.HasPrefix(name, "With") && len(e.Args) > 0 {
			return p.derive(s, e.Args[0], visited, depth+1)
		}
	case name == "WithRequireLeader" || name == "NewOutgoingContext" || name == "AppendToOutgoingContext":
		if len(e.Args) > 0 {
			return p.derive(s, e.Args[0], visited, depth+1)
		}
	}
	return []origin{{kind: unknown}}
}

// variable tells where a variable gets its values: from assignments in the functions
// around, or from the callers.
func (p *sources) variable(s site, obj *types.Var, visited map[string]bool, depth int) []origin {
	var all []origin
	found := false
	for _, fn := range s.outs {
		if i := parameter(s.info, fn, obj); i >= 0 {
			found = true
			all = append(all, p.parameter(s, fn, i, visited)...)
		}
	}
	if len(s.outs) > 0 {
		outermost := s.outs[len(s.outs)-1]
		for _, rhs := range assigned(s.info, outermost, obj) {
			// "ctx = context.WithValue(ctx, …)" in a loop leads back to itself.
			key := p.fset.Position(rhs.Pos()).String()
			found = true
			if visited[key] {
				continue
			}
			visited[key] = true
			all = append(all, p.derive(s, rhs, visited, depth+1)...)
			delete(visited, key)
		}
	}
	if !found {
		return []origin{{kind: unknown}} // a package variable, a range, a channel
	}
	return all
}

// parameter tells what the callers pass as the i-th parameter of a function.
func (p *sources) parameter(s site, fn ast.Node, i int, visited map[string]bool) []origin {
	decl, ok := fn.(*ast.FuncDecl)
	if !ok {
		return []origin{{kind: unknown}} // a literal goes where it goes
	}
	obj, ok := s.info.Defs[decl.Name].(*types.Func)
	if !ok {
		return []origin{{kind: unknown}}
	}
	key := obj.FullName()
	if visited[key] {
		return nil
	}
	visited[key] = true
	defer delete(visited, key)
	callers := p.callers[key]
	if len(callers) == 0 {
		return []origin{{kind: unknown}}
	}
	var all []origin
	for _, c := range callers {
		for _, o := range p.origins(c, i, visited) {
			if o.kind == deadline {
				frame := Frame{p.fset.Position(c.call.Pos()), "calls " + obj.Name()}
				o.path = append(append([]Frame(nil), o.path...), frame)
			}
			all = append(all, o)
		}
	}
	return all
}

// parameter returns the index of a parameter of a function; -1 if it is none.
func parameter(info *types.Info, fn ast.Node, obj *types.Var) int {
	var list *ast.FieldList
	switch fn := fn.(type) {
	case *ast.FuncDecl:
		list = fn.Type.Params
	case *ast.FuncLit:
		list = fn.Type.Params
	}
	i := 0
	for _, field := range list.List {
		for _, name := range field.Names {
			if info.Defs[name] == obj {
				return i
			}
			i++
		}
		if len(field.Names) == 0 {
			i++
		}
	}
	return -1
}

// assigned returns what is assigned to a variable in a function. The first result of a
// call with several is the call.
func assigned(info *types.Info, fn ast.Node, obj *types.Var) (list []ast.Expr) {
	is := func(e ast.Expr) bool {
		id, ok := e.(*ast.Ident)
		return ok && info.ObjectOf(id) == obj
	}
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.ASSIGN && n.Tok != token.DEFINE {
				return true
			}
			for i, lhs := range n.Lhs {
				switch {
				case !is(lhs):
				case len(n.Rhs) == len(n.Lhs):
					list = append(list, n.Rhs[i])
				case i == 0:
					list = append(list, n.Rhs[0])
				}
			}
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if info.Defs[name] == obj && i < len(n.Values) {
					list = append(list, n.Values[i])
				}
			}
		}
		return true
	})
	return list
}
