package tries

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"etcdmod/rewrite/internal/source"
)

// The helper's transaction is of a type of its own, so that it must stay in the function that begins it: in variables
// that take their type from it, and as what If, Then, Else and Commit are called on.

// handed returns where a transaction that begins with a call goes elsewhere, as a value of the client's type or to what
// the calls of its chain do not show; nil if it stays in fn, the function around the call.
func handed(f *source.File, fn ast.Node, begun *ast.CallExpr, chain []*ast.CallExpr) ast.Node {
	t := &txnValue{f: f, fn: fn, parents: source.Parents(fn), links: map[ast.Node]bool{begun: true}}
	for _, c := range chain {
		t.links[c] = true
	}
	t.follow(begun)
	return t.elsewhere
}

type txnValue struct {
	f         *source.File
	fn        ast.Node
	parents   map[ast.Node]ast.Node
	links     map[ast.Node]bool // the calls that are known to make the transaction
	vars      []types.Object    // that hold it
	elsewhere ast.Node
}

func (t *txnValue) goes(n ast.Node) {
	if t.elsewhere == nil {
		t.elsewhere = n
	}
}

// follow follows the value of a call of the chain.
func (t *txnValue) follow(call ast.Node) {
	if !t.links[call] {
		t.goes(call)
		return
	}
	at, parent := t.up(call)
	switch p := parent.(type) {
	case *ast.ExprStmt:
	case *ast.SelectorExpr:
		t.method(p)
	case *ast.AssignStmt:
		i := slices.IndexFunc(p.Rhs, func(r ast.Expr) bool { return ast.Node(r) == at })
		id, ok := ast.Unparen(p.Lhs[i]).(*ast.Ident)
		switch {
		case !ok || len(p.Lhs) != len(p.Rhs):
			t.goes(call)
		case source.IsBlank(id):
		case p.Tok == token.DEFINE && t.f.DefinedBy(id) != nil:
			t.variable(t.f.DefinedBy(id))
		case !slices.Contains(t.vars, t.f.ObjectOf(id)): // its type stands somewhere else
			t.goes(call)
		}
	default:
		t.goes(call)
	}
}

// up returns the parent of a node, and what is below it, whatever parentheses there are.
func (t *txnValue) up(n ast.Node) (child, parent ast.Node) {
	for {
		parent = t.parents[n]
		if _, ok := parent.(*ast.ParenExpr); !ok {
			return n, parent
		}
		n = parent
	}
}

// method follows what a method of the transaction returns.
func (t *txnValue) method(sel *ast.SelectorExpr) {
	at, parent := t.up(sel)
	call, ok := parent.(*ast.CallExpr)
	switch {
	case !ok || ast.Node(call.Fun) != at:
		t.goes(sel)
	case !t.f.IsClientCall(call, "Commit"):
		t.follow(call)
	}
}

// variable follows the uses of a variable that holds the transaction.
func (t *txnValue) variable(v types.Object) {
	if slices.Contains(t.vars, v) {
		return
	}
	t.vars = append(t.vars, v)
	for n := range ast.Preorder(t.fn) {
		id, ok := n.(*ast.Ident)
		if !ok || t.f.ObjectOf(id) != v {
			continue
		}
		at, parent := t.up(id)
		switch p := parent.(type) {
		case *ast.SelectorExpr:
			t.method(p)
		case *ast.AssignStmt:
			i := slices.IndexFunc(p.Lhs, func(l ast.Expr) bool { return ast.Node(l) == at })
			if i < 0 || len(p.Lhs) != len(p.Rhs) || !t.links[ast.Unparen(p.Rhs[i])] {
				t.goes(id)
			}
		default:
			t.goes(id)
		}
	}
}
