package rewrite

import (
	"go/ast"
	"go/token"

	"etcdmod/rewrite/internal/source"
)

// A branch is a path with the value of a condition on it.
type branch struct {
	path  *path
	value tristate
}

// cond evaluates a condition, which may contain the try itself.
func (t *tracer) cond(e ast.Expr, p *path) []branch {
	e = ast.Unparen(e)
	if receives(e) {
		t.giveUp(e)
	}
	if source.HasCall(e) {
		p.do(acts, e, nil) // what a condition calls may have effects
	}
	return t.condition(e, p)
}

func (t *tracer) condition(e ast.Expr, p *path) []branch {
	e = ast.Unparen(e)
	if !t.tries(e) {
		return []branch{{p, t.eval(e, p)}}
	}
	switch x := e.(type) {
	case *ast.UnaryExpr:
		if x.Op == token.NOT {
			bs := t.condition(x.X, p)
			for i := range bs {
				bs[i].value = bs[i].value.not()
			}
			return bs
		}
	case *ast.BinaryExpr:
		if x.Op == token.LAND || x.Op == token.LOR {
			stop := no
			if x.Op == token.LOR {
				stop = yes
			}
			var out []branch
			for _, b := range t.condition(x.X, p) {
				if b.value == stop {
					out = append(out, b)
					continue
				}
				if b.value == unknown {
					out = append(out, branch{b.path.fork(), stop})
				}
				out = append(out, t.condition(x.Y, b.path)...)
			}
			return out
		}
	}
	// The try is an operand: mu.TryLock(ctx) == nil, errors.Is(mu.TryLock(ctx), ...).
	var out []branch
	for _, q := range t.fork(p, func(*path) {}) {
		out = append(out, branch{q, t.eval(e, q)})
	}
	return out
}

// isErr reports whether e is the error of the latest try on p.
func (t *tracer) isErr(e ast.Expr, p *path) bool {
	e = ast.Unparen(e)
	if call, ok := e.(*ast.CallExpr); ok {
		return t.isTry(call)
	}
	obj := t.variable(e)
	return obj != nil && p.errs[obj]
}

// eval decides a condition on p, as far as it can.
func (t *tracer) eval(e ast.Expr, p *path) tristate {
	e = ast.Unparen(e)
	if tv, ok := t.file.Pkg.TypesInfo.Types[e]; ok && tv.Value != nil {
		switch tv.Value.String() {
		case "true":
			return yes
		case "false":
			return no
		}
	}
	switch x := e.(type) {
	case *ast.Ident:
		if obj := t.variable(x); obj != nil {
			return p.bools[obj]
		}
	case *ast.UnaryExpr:
		if x.Op == token.NOT {
			return t.eval(x.X, p).not()
		}
	case *ast.BinaryExpr:
		switch x.Op {
		case token.LAND, token.LOR:
			a, b := t.eval(x.X, p), t.eval(x.Y, p)
			short, long := no, yes
			if x.Op == token.LOR {
				short, long = yes, no
			}
			if a == short || b == short {
				return short
			}
			if a == long && b == long {
				return long
			}
			return unknown
		case token.EQL, token.NEQ:
			v := unknown
			if t.isErr(x.X, p) {
				v = t.is(x.Y, p)
			} else if t.isErr(x.Y, p) {
				v = t.is(x.X, p)
			} else if obj := t.variable(x.X); obj != nil && source.IsError(obj.Type()) && source.IsNilExpr(t.file, ast.Unparen(x.Y)) {
				v = p.bools[obj]
			}
			if x.Op == token.NEQ {
				v = v.not()
			}
			return v
		}
	case *ast.SelectorExpr: // of the response to a transaction
		if obj := t.variable(x.X); obj != nil && x.Sel.Name == "Succeeded" && t.file.IsTxnResponse(obj.Type()) {
			return p.bools[obj]
		}
	case *ast.CallExpr:
		if t.isTry(x) && basicBool(t.file, x) { // a function that tries
			return truth(p.outcome == won)
		}
		if source.IsObject(t.file.Callee(x), "errors", "Is") && len(x.Args) == 2 && t.isErr(x.Args[0], p) {
			return t.is(x.Args[1], p)
		}
	}
	return unknown
}

// is decides whether the try's error is the value that target names.
func (t *tracer) is(target ast.Expr, p *path) tristate {
	if p.outcome == untried {
		return unknown
	}
	if source.IsNilExpr(t.file, ast.Unparen(target)) {
		return truth(p.outcome == won)
	}
	var id *ast.Ident
	switch x := ast.Unparen(target).(type) {
	case *ast.Ident:
		id = x
	case *ast.SelectorExpr:
		id = x.Sel
	default:
		return unknown
	}
	obj := t.file.ObjectOf(id)
	if t.file.IsConcurrencyObj(obj, "ErrLocked") {
		return truth(p.outcome == locked)
	}
	if t.attempt.timed && source.IsObject(obj, "context", "DeadlineExceeded") {
		return truth(p.outcome == locked)
	}
	// These are never what a won or locked try returned. Any other error may be one more
	// name for ErrLocked.
	if p.outcome != failed {
		for _, name := range []string{"Canceled", "DeadlineExceeded"} {
			if source.IsObject(obj, "context", name) {
				return no
			}
		}
		if t.file.IsConcurrencyObj(obj, "ErrSessionExpired") || t.file.IsConcurrencyObj(obj, "ErrLockReleased") {
			return no
		}
	}
	return unknown
}
