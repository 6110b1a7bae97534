package loop

import (
	"go/ast"
	"go/token"
	"go/types"

	"etcdmod/rewrite/internal/source"
)

// A branch is a path with the value of a condition on it.
type branch struct {
	path  *Path
	value Tristate
}

// cond evaluates a condition, which may contain the try itself.
func (t *Walker) cond(e ast.Expr, p *Path) []branch {
	e = ast.Unparen(e)
	if receives(e) {
		t.giveUp(e)
	}
	if source.HasCall(e) {
		p.do(Acts, e, nil) // what a condition calls may have effects
	}
	out := t.condition(e, p)
	if len(out) == 1 && out[0].value == Unknown && !source.HasCall(e) {
		out[0].path.do(Acts, e, nil) // what it asks is of this round
	}
	return out
}

func (t *Walker) condition(e ast.Expr, p *Path) []branch {
	e = ast.Unparen(e)
	if !t.Tries(e) {
		return []branch{{p, t.Eval(e, p)}}
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
			stop := No
			if x.Op == token.LOR {
				stop = Yes
			}
			var out []branch
			for _, b := range t.condition(x.X, p) {
				if b.value == stop {
					out = append(out, b)
					continue
				}
				if b.value == Unknown {
					out = append(out, branch{b.path.fork(), stop})
				}
				out = append(out, t.condition(x.Y, b.path)...)
			}
			return out
		}
	}
	// The try is an operand: mu.TryLock(ctx) == nil, errors.Is(mu.TryLock(ctx), ...).
	var out []branch
	for _, q := range t.fork(p, func(*Path) {}) {
		out = append(out, branch{q, t.Eval(e, q)})
	}
	return out
}

// isErr reports whether e is the error of the latest try on p.
func (t *Walker) isErr(e ast.Expr, p *Path) bool {
	e = ast.Unparen(e)
	if call, ok := e.(*ast.CallExpr); ok {
		return t.IsTry(call) && isFailure(t.File.TypeOf(call))
	}
	obj := t.Variable(e)
	return obj != nil && p.Errs[obj]
}

// isFailure reports whether values of type t are errors. What else a function that tries returns, such as
// a pointer to what holds the lock, may be nil where it has failed.
func isFailure(t types.Type) bool {
	return t != nil && (source.IsError(t) || types.Implements(t, types.Universe.Lookup("error").Type().Underlying().(*types.Interface)))
}

// Eval decides a condition on p, as far as it can.
func (t *Walker) Eval(e ast.Expr, p *Path) Tristate {
	e = ast.Unparen(e)
	if tv, ok := t.File.Pkg.TypesInfo.Types[e]; ok && tv.Value != nil {
		switch tv.Value.String() {
		case "true":
			return Yes
		case "false":
			return No
		}
	}
	switch x := e.(type) {
	case *ast.Ident:
		if obj := t.Variable(x); obj != nil {
			return p.Bools[obj]
		}
	case *ast.UnaryExpr:
		if x.Op == token.NOT {
			return t.Eval(x.X, p).not()
		}
	case *ast.BinaryExpr:
		switch x.Op {
		case token.LAND, token.LOR:
			a, b := t.Eval(x.X, p), t.Eval(x.Y, p)
			short, long := No, Yes
			if x.Op == token.LOR {
				short, long = Yes, No
			}
			if a == short || b == short {
				return short
			}
			if a == long && b == long {
				return long
			}
			return Unknown
		case token.EQL, token.NEQ:
			v := Unknown
			if call, ok := ast.Unparen(x.X).(*ast.CallExpr); ok && t.IsTry(call) && t.reply(call, p) != plainly.of(p.Outcome) {
				if source.IsNilExpr(t.File, ast.Unparen(x.Y)) {
					v = t.reply(call, p)
				}
			} else if t.isErr(x.X, p) {
				v = t.is(x.Y, p)
			} else if t.isErr(x.Y, p) {
				v = t.is(x.X, p)
			} else if obj := t.Variable(x.X); obj != nil && source.IsError(obj.Type()) && source.IsNilExpr(t.File, ast.Unparen(x.Y)) {
				v = p.Bools[obj]
			}
			if x.Op == token.NEQ {
				v = v.not()
			}
			return v
		}
	case *ast.SelectorExpr: // of the response to a transaction
		if obj := t.Variable(x.X); obj != nil && x.Sel.Name == "Succeeded" && t.File.IsTxnResponse(obj.Type()) {
			return p.Bools[obj]
		}
	case *ast.CallExpr:
		if t.IsTry(x) && source.IsBool(t.File.TypeOf(x)) { // a function that tries
			return t.reply(x, p)
		}
		if source.IsObject(t.File.Callee(x), "errors", "Is") && len(x.Args) == 2 && t.isErr(x.Args[0], p) {
			return t.is(x.Args[1], p)
		}
	}
	return Unknown
}

// is decides whether the try's error is the value that target names.
func (t *Walker) is(target ast.Expr, p *Path) Tristate {
	if p.Outcome == Untried {
		return Unknown
	}
	if source.IsNilExpr(t.File, ast.Unparen(target)) {
		return truth(p.Outcome == Won)
	}
	var id *ast.Ident
	switch x := ast.Unparen(target).(type) {
	case *ast.Ident:
		id = x
	case *ast.SelectorExpr:
		id = x.Sel
	default:
		return Unknown
	}
	obj := t.File.ObjectOf(id)
	if t.File.IsConcurrencyObj(obj, "ErrLocked") {
		return truth(p.Outcome == Locked)
	}
	if t.Attempt.Timed && source.IsObject(obj, "context", "DeadlineExceeded") {
		return truth(p.Outcome == Locked)
	}
	// These are never what a won or locked try returned. Any other error may be one more
	// name for ErrLocked.
	if p.Outcome != Failed {
		for _, name := range []string{"Canceled", "DeadlineExceeded"} {
			if source.IsObject(obj, "context", name) {
				return No
			}
		}
		if t.File.IsConcurrencyObj(obj, "ErrSessionExpired") || t.File.IsConcurrencyObj(obj, "ErrLockReleased") {
			return No
		}
	}
	return Unknown
}
