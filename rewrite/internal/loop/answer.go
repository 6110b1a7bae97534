package loop

import (
	"go/ast"
	"go/token"
	"go/types"

	"etcdmod/rewrite/internal/source"
)

// Answers.
//
// What a function that tries gives back is told from its statements: they are walked once for
// each outcome, as a loop is, and what they return is read off the paths.

// replies returns what a call gives back that leads to a try: what all functions do that it may run.
func (r *reach) replies(call *ast.CallExpr) reply {
	return r.repliesOf(call, map[token.Pos]bool{})
}

func (r *reach) repliesOf(call *ast.CallExpr, seen map[token.Pos]bool) reply {
	y, first := plainly, true
	for _, to := range r.targets(call) {
		if z := r.answers(to, seen); first {
			y, first = z, false
		} else {
			y = reply{either(y.won, z.won), either(y.locked, z.locked), either(y.failed, z.failed)}
		}
	}
	return y
}

// answers returns the reply of the function that is declared, or is a literal, there.
func (r *reach) answers(fn token.Pos, seen map[token.Pos]bool) reply {
	if y, known := r.answered[fn]; known {
		return y
	}
	var typ *ast.FuncType
	var body *ast.BlockStmt
	switch decl := r.ways.bodies[fn].(type) {
	case *ast.FuncDecl:
		typ, body = decl.Type, decl.Body
	case *ast.FuncLit:
		typ, body = decl.Type, decl.Body
	}
	if body == nil || typ.Results == nil || seen[fn] {
		return plainly
	}
	seen[fn] = true
	defer delete(seen, fn)
	f := r.ways.owner[fn]
	at, isBool, names := result(f, typ)
	if at < 0 {
		return plainly
	}
	t := &Walker{
		Fns: r.p.Functions, Attempt: r.attempt, File: f, Loop: body, rough: true,
		IsTry:   func(c *ast.CallExpr) bool { return f.Tried(c) != nil || len(r.targets(c)) > 0 },
		Replies: func(c *ast.CallExpr) reply { return r.repliesOf(c, seen) },
	}
	paths := t.Block(body.List, []*Path{{Errs: map[types.Object]bool{}, Bools: map[types.Object]Tristate{}}})
	if t.Bad != nil {
		return plainly
	}
	values := map[Outcome][]Tristate{}
	for _, q := range paths {
		ret, ok := q.EndStmt.(*ast.ReturnStmt)
		if !ok || q.End != Left {
			continue
		}
		values[q.Outcome] = append(values[q.Outcome], t.returned(ret, at, isBool, names, q))
	}
	one := func(o Outcome) Tristate {
		vs := values[o]
		if len(vs) == 0 {
			return Unknown
		}
		for _, v := range vs {
			if v != vs[0] {
				return Unknown
			}
		}
		return vs[0]
	}
	y := reply{one(Won), one(Locked), one(Failed)}
	if r.p.recoversIn(f, body) { // it returns what nobody knows where something below has panicked
		y.locked, y.failed = Unknown, Unknown
	}
	if y.locked == No || !isBool && (y.locked != Yes || y.won != No) {
		y = plainly // what becomes of errors that are hidden is asked by hides
	}
	r.answered[fn] = y
	return y
}

// result returns which of the results says how a try ended: the first bool, or an error that is
// the last one. names are the names of all results, if they have some.
func result(f *source.File, typ *ast.FuncType) (at int, isBool bool, names []*ast.Ident) {
	at = -1
	n := 0
	for _, field := range typ.Results.List {
		t := f.TypeOf(field.Type)
		for i := range max(1, len(field.Names)) {
			if len(field.Names) > 0 {
				names = append(names, field.Names[i])
			}
			switch {
			case t == nil || isBool:
			case source.IsBool(t):
				at, isBool = n, true
			case source.IsError(t):
				at = n
			}
			n++
		}
	}
	if !isBool && at != n-1 {
		at = -1
	}
	return at, isBool, names
}

// returned decides what a return statement gives back as one of the results.
func (t *Walker) returned(ret *ast.ReturnStmt, at int, isBool bool, names []*ast.Ident, q *Path) Tristate {
	var e ast.Expr
	switch {
	case len(ret.Results) == 0 && at < len(names):
		e = names[at]
	case len(ret.Results) == 1 && at > 0: // what another function returns
		if call, ok := ast.Unparen(ret.Results[0]).(*ast.CallExpr); ok && t.IsTry(call) {
			return t.reply(call, q)
		}
		return Unknown
	case at < len(ret.Results):
		e = ast.Unparen(ret.Results[at])
	default:
		return Unknown
	}
	if call, ok := e.(*ast.CallExpr); ok && t.IsTry(call) {
		return t.reply(call, q)
	}
	if isBool {
		return t.Eval(e, q)
	}
	if source.IsNilExpr(t.File, e) {
		return Yes
	}
	if obj := t.Variable(e); obj != nil {
		if q.Errs[obj] {
			return truth(q.Outcome == Won)
		}
		if v := q.Bools[obj]; v != Unknown {
			return v
		}
		if source.IsPackageLevel(obj) {
			return No // a sentinel
		}
		return Unknown
	}
	if call, ok := e.(*ast.CallExpr); ok {
		if fn := t.File.Callee(call); source.IsObject(fn, "errors", "New") || source.IsObject(fn, "fmt", "Errorf") {
			return No
		}
	}
	return Unknown
}
