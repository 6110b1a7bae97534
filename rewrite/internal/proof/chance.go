package proof

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// redrawn reports that rounds draw from a generator of the program's own which others draw from, too: what those get says
// how many rounds there were. Where chance has seeded it, they may as well get anything else.
func redrawn(s *loop.Site) *finding.Reason {
	c := chance{s, source.Parents(s.Func), &carried{Site: s}}
	for n := range ast.Preorder(s.Node) {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			continue
		}
		if from := c.generator(call); from != nil && !c.wayOut(call) && c.elsewhere(from, 0) && c.replayed(from) {
			return &finding.Reason{Code: finding.AttemptCounter, Detail: "what " + s.Text(from) + " gives elsewhere depends on how often " + source.FirstLine(s.Text(call)) + " is called", Pos: s.Position(call.Pos())}
		}
	}
	return nil
}

// chance is what is known of the generators of a program.
type chance struct {
	*loop.Site
	parents map[ast.Node]ast.Node
	rounds  *carried
}

// generator returns what a call draws from, or nil where that is not the program's own.
func (c chance) generator(call *ast.CallExpr) ast.Expr {
	fn, ok := c.File.Callee(call).(*types.Func)
	sel, isSel := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok || !isSel || !isRandom(fn) || fn.Signature().Recv() == nil {
		return nil
	}
	return ast.Unparen(sel.X)
}

func isRandom(fn *types.Func) bool {
	return fn != nil && fn.Pkg() != nil && (fn.Pkg().Path() == "math/rand" || fn.Pkg().Path() == "math/rand/v2")
}

// own returns the variable of the function that an expression names, and what that is assigned.
func (c chance) own(e ast.Expr) (v *types.Var, from []ast.Expr) {
	v, ok := c.Walker.Variable(e).(*types.Var)
	if !ok || v.Kind() != types.LocalVar || !source.PosWithin(v.Pos(), c.Func) {
		return nil, nil
	}
	for n := range ast.Preorder(c.Func) {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				if c.Walker.Variable(l) == types.Object(v) {
					from = append(from, n.Rhs[min(i, len(n.Rhs)-1)])
				}
			}
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if i < len(n.Values) && c.File.ObjectOf(name) == types.Object(v) {
					from = append(from, n.Values[i])
				}
			}
		}
	}
	return v, from
}

// maxSeeds is how many variables are followed from a generator to what it is seeded with.
const maxSeeds = 4

// elsewhere reports whether anything but the loop, and what comes before it, may draw from a generator.
func (c chance) elsewhere(from ast.Expr, depth int) bool {
	v, made := c.own(from)
	if v == nil || depth > maxSeeds {
		return true
	}
	for _, id := range c.File.UsesOf(v) {
		if a, ok := c.parents[id].(*ast.AssignStmt); ok && slices.Contains(a.Lhs, ast.Expr(id)) {
			continue
		}
		draws := false
		for n := c.parents[id]; n != nil && n != c.Func; n = c.parents[n] {
			if call, ok := n.(*ast.CallExpr); ok {
				draws = draws || c.generator(call) == ast.Expr(id) || depth > 0 && isRandom(c.function(call))
			}
			if _, literal := n.(*ast.FuncLit); literal {
				return true
			}
		}
		if !draws || id.Pos() > c.Node.End() || source.Within(id, c.Node) && c.wayOut(id) {
			return true
		}
	}
	for _, e := range made {
		for n := range ast.Preorder(e) { // the source of the generator
			if x, ok := n.(*ast.Ident); ok && isSource(c.File.TypeOf(x)) && c.elsewhere(x, depth+1) {
				return true
			}
		}
	}
	return false
}

// wayOut reports whether no other round comes behind n.
func (c chance) wayOut(n ast.Node) bool {
	if c.rounds.ends(write{node: n}) {
		return true
	}
	for ; n != nil && n != c.Func; n = c.parents[n] {
		switch n.(type) {
		case *ast.ReturnStmt:
			return true
		case *ast.FuncLit:
			return false
		}
	}
	return false
}

func (c chance) function(call *ast.CallExpr) *types.Func {
	fn, _ := c.File.Callee(call).(*types.Func)
	return fn
}

// isSource reports whether t is a type of the packages that make numbers by chance.
func isSource(t types.Type) bool {
	if t == nil {
		return false
	}
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	n, ok := types.Unalias(t).(*types.Named)
	return ok && n.Obj().Pkg() != nil && strings.HasPrefix(n.Obj().Pkg().Path(), "math/rand")
}

// replayed reports whether a generator may give the same numbers in each run of the program.
func (c chance) replayed(from ast.Expr) bool {
	if v, made := c.own(from); v != nil {
		return len(made) == 0 || slices.ContainsFunc(made, func(e ast.Expr) bool { return !c.seeded(c.File, e, 0) })
	}
	found := false
	for _, f := range c.Files {
		if f.Test && !c.File.Test {
			continue
		}
		for n := range ast.Preorder(f.Syntax) {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				continue
			}
			fn, _ := f.Callee(call).(*types.Func)
			if !isRandom(fn) || fn.Signature().Recv() != nil || !strings.HasPrefix(fn.Name(), "New") {
				continue
			}
			if found = true; !c.seeded(f, call, 0) {
				return true
			}
		}
	}
	return !found
}

// seeded reports whether what an expression makes depends on the time or on chance.
func (c chance) seeded(f *source.File, e ast.Expr, depth int) bool {
	if depth > maxSeeds {
		return false
	}
	for n := range ast.Preorder(e) {
		switch x := n.(type) {
		case *ast.CallExpr:
			fn, ok := f.Callee(x).(*types.Func)
			if !ok || fn.Pkg() == nil {
				continue
			}
			switch path := fn.Pkg().Path(); {
			case path == "crypto/rand", path == "hash/maphash", source.IsObject(fn, "time", "Now"), source.IsObject(fn, "os", "Getpid"):
				return true
			case isRandom(fn) && fn.Signature().Recv() == nil && !strings.HasPrefix(fn.Name(), "New"):
				return true
			}
		case *ast.Ident:
			v, ok := f.ObjectOf(x).(*types.Var)
			if !ok || v.IsField() {
				continue
			}
			for n := range ast.Preorder(f.Syntax) {
				a, ok := n.(*ast.AssignStmt)
				if !ok || source.Within(x, a) {
					continue
				}
				for i, l := range a.Lhs {
					if id, ok := ast.Unparen(l).(*ast.Ident); ok && f.ObjectOf(id) == types.Object(v) && c.seeded(f, a.Rhs[min(i, len(a.Rhs)-1)], depth+1) {
						return true
					}
				}
			}
		}
	}
	return false
}
