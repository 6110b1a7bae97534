package tries

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"slices"

	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// Branches for errors.
//
// What a function does when the session cannot be made, and what it does when the try fails
// for another reason than that the lock is held, may differ in clean-up and in text: then it
// does not matter which of them an error of the grant takes.

// A plain is a branch with the error that it is about.
type plain struct {
	*perTry
	err   types.Object
	tried bool // it is that of the try
}

// list leaves out what is clean-up or a line of a log, and takes those ways that an error takes
// which is no verdict on the lock.
func (b plain) list(list []ast.Stmt) (out []ast.Stmt) {
	for i, st := range list {
		if b.cleans(st) {
			continue
		}
		cond, ok := st.(*ast.IfStmt)
		if !ok || cond.Init != nil || cond.Else != nil {
			if body, known := b.taken(st); known {
				if !b.leaves(body) {
					body = slices.Concat(body, list[i+1:])
				}
				return append(out, b.list(body)...)
			}
			out = append(out, st)
			continue
		}
		switch verdict, is := b.verdict(cond.Cond); {
		case verdict && is && b.leaves(cond.Body.List):
		case verdict && !is && b.leaves(cond.Body.List):
			return append(out, b.list(cond.Body.List)...)
		case loop.Pure(b.File, cond.Cond) && len(b.list(cond.Body.List)) == 0:
		default:
			out = append(out, st)
		}
	}
	return b.open(out)
}

// open leaves out what only says that the end of the list is reached.
func (b plain) open(list []ast.Stmt) []ast.Stmt {
	if len(list) == 0 {
		return nil
	}
	switch last := list[len(list)-1].(type) {
	case *ast.BranchStmt:
		if last.Tok == token.CONTINUE && last.Label == nil && b.ofLoop() {
			return list[:len(list)-1]
		}
	case *ast.ReturnStmt:
		if len(last.Results) == 0 && slices.Equal(source.Body(b.fn), b.perTry.list) && !b.names() {
			return list[:len(list)-1]
		}
	}
	return list
}

// ofLoop reports whether the statements are the body of a loop.
func (b plain) ofLoop() bool {
	for n := range ast.Preorder(b.fn) {
		switch n := n.(type) {
		case *ast.ForStmt:
			if slices.Equal(n.Body.List, b.perTry.list) {
				return true
			}
		case *ast.RangeStmt:
			if slices.Equal(n.Body.List, b.perTry.list) {
				return true
			}
		}
	}
	return false
}

// names reports whether the function has results.
func (b plain) names() bool {
	t := source.FuncType(b.fn)
	return t == nil || t.Results != nil
}

// cleans reports whether a statement closes the session, cancels a context or logs.
func (b plain) cleans(st ast.Stmt) bool {
	var x ast.Expr
	switch st := st.(type) {
	case *ast.ExprStmt:
		x = st.X
	case *ast.AssignStmt:
		if len(st.Lhs) == 1 && len(st.Rhs) == 1 && source.IsBlank(st.Lhs[0]) {
			x = st.Rhs[0]
		}
	case *ast.IfStmt:
		a, ok := st.Init.(*ast.AssignStmt)
		if !ok || st.Else != nil || a.Tok != token.DEFINE || len(a.Rhs) != 1 || len(b.list(st.Body.List)) > 0 || !loop.Pure(b.File, st.Cond) {
			return false
		}
		x = a.Rhs[0]
		return b.closes(x)
	}
	if x == nil {
		return false
	}
	call, ok := ast.Unparen(x).(*ast.CallExpr)
	return ok && (b.closes(x) || b.cancels(st) || loop.Logs(b.File, call) && !slices.ContainsFunc(call.Args, func(a ast.Expr) bool { return !loop.Pure(b.File, a) }))
}

func (b plain) closes(x ast.Expr) bool {
	call, ok := ast.Unparen(x).(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok {
		return false
	}
	id, ok := sel.X.(*ast.Ident)
	return ok && b.File.ObjectOf(id) == b.session && (sel.Sel.Name == "Close" || sel.Sel.Name == "Orphan")
}

// verdict reports whether a condition asks if the error says that the lock is held, or that the
// time for the try is up, and whether it holds then.
func (b plain) verdict(cond ast.Expr) (verdict, is bool) {
	cond, is = ast.Unparen(cond), true
	if not, ok := cond.(*ast.UnaryExpr); ok && not.Op == token.NOT {
		cond, is = ast.Unparen(not.X), false
	}
	var x, y ast.Expr
	switch c := cond.(type) {
	case *ast.BinaryExpr:
		switch {
		case c.Op == token.NEQ && is:
			is = false
		case c.Op != token.EQL:
			return false, false
		}
		x, y = c.X, c.Y
	case *ast.CallExpr:
		fn, ok := b.File.Callee(c).(*types.Func)
		if !ok || len(c.Args) != 2 || !source.IsObject(fn, "errors", "Is") {
			return false, false
		}
		x, y = c.Args[0], c.Args[1]
	default:
		return false, false
	}
	id, ok := ast.Unparen(x).(*ast.Ident)
	if !ok || !b.tried || b.err == nil || b.File.ObjectOf(id) != b.err {
		return false, false
	}
	name := source.NameIn(y)
	if name == nil {
		return false, false
	}
	obj := b.File.ObjectOf(name)
	return b.File.IsConcurrencyObj(obj, "ErrLocked") || source.IsObject(obj, "context", "DeadlineExceeded"), is
}

// alike reports whether two lists of statements do the same, but for the texts of errors.
func alike(a plain, x []ast.Stmt, b plain, y []ast.Stmt) bool {
	return slices.EqualFunc(x, y, func(x, y ast.Stmt) bool { return slices.Equal(a.parts(x), b.parts(y)) })
}

// A part is what two nodes that say the same have in common.
type part struct {
	kind string
	obj  types.Object
	text string
}

// parts are those of a statement in order, with one for the end of each.
func (b plain) parts(st ast.Stmt) (out []part) {
	texts := map[ast.Expr]bool{}
	ast.Inspect(st, func(n ast.Node) bool {
		p := part{kind: fmt.Sprintf("%T", n)}
		switch n := n.(type) {
		case *ast.CallExpr:
			if n.Ellipsis.IsValid() {
				p.text = "..."
			}
			if fn, ok := b.File.Callee(n).(*types.Func); ok && len(n.Args) > 0 && (source.IsObject(fn, "fmt", "Errorf") || source.IsObject(fn, "errors", "New")) {
				texts[n.Args[0]] = true
			}
		case *ast.BasicLit:
			if p.text = n.Value; texts[n] {
				p.text = ""
				for _, verb := range verbs.FindAllString(n.Value, -1) {
					p.text += verb
				}
			}
		case *ast.Ident:
			if p.obj = b.File.ObjectOf(n); p.obj == nil || p.obj.Pos() >= st.Pos() && p.obj.Pos() < st.End() {
				p.obj, p.text = nil, n.Name
			} else if p.obj == b.err {
				p.obj, p.text = nil, "the error"
			}
		case *ast.BinaryExpr:
			p.text = n.Op.String()
		case *ast.UnaryExpr:
			p.text = n.Op.String()
		case *ast.AssignStmt:
			p.text = n.Tok.String()
		case *ast.BranchStmt:
			p.text = n.Tok.String()
		case *ast.IncDecStmt:
			p.text = n.Tok.String()
		}
		out = append(out, p)
		return true
	})
	return out
}

var verbs = regexp.MustCompile(`%[^%a-zA-Z]*[%a-zA-Z]`)
