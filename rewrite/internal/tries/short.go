package tries

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"time"

	"etcdmod/rewrite/internal/source"
)

// Short deadlines.
//
// How long a call may take is read off what gives its context the deadline: a constant, or a variable or field that has
// one value in the whole module. What may be set from outside is not known, and taken for long enough.

// toAsk is the time that LockWithin and CampaignWithin need to ask first. Of a deadline that is as far away when it
// is made, less is left when they begin.
const toAsk = 250*time.Millisecond + 1

// Short returns what gives a call that queues its deadline where that is known to leave no time to ask first.
func Short(p *source.Program, f *source.File, call *ast.CallExpr) *ast.CallExpr {
	if len(call.Args) == 0 {
		return nil
	}
	within := Deadline(p, f, call, call.Args[0])
	if within == nil || !shorter(p, f, within, toAsk) {
		return nil
	}
	return within
}

// shorter reports whether what gives a context its deadline is known to give it less time than that.
func shorter(p *source.Program, f *source.File, within *ast.CallExpr, than time.Duration) bool {
	fn, ok := f.Callee(within).(*types.Func)
	if !ok || fn.Pkg() == nil {
		return false
	}
	known := &durations{Program: p, given: map[*types.Var]value{}}
	if fn.Pkg().Path() == "context" {
		return known.shorter(f, within, than)
	}
	decl := p.DeclOf(fn)
	if decl == nil || decl.Body == nil { // a function of the module, see givesDeadline
		return false
	}
	for i, a := range within.Args {
		if params := fn.Signature().Params(); i < params.Len() && !(fn.Signature().Variadic() && i == params.Len()-1) {
			known.given[params.At(i)] = value{f, a}
		}
	}
	in, some := p.FileAt(decl.Pos()), false
	for n := range ast.Preorder(decl.Body) {
		call, ok := n.(*ast.CallExpr)
		if !ok || !limits(in, call) {
			continue
		}
		if some = true; !known.shorter(in, call, than) {
			return false
		}
	}
	return some
}

// limits reports whether a call gives a context a deadline.
func limits(f *source.File, call *ast.CallExpr) bool {
	fn, ok := f.Callee(call).(*types.Func)
	return ok && fn.Pkg() != nil && fn.Pkg().Path() == "context" && len(call.Args) > 1 &&
		(strings.HasPrefix(fn.Name(), "WithTimeout") || strings.HasPrefix(fn.Name(), "WithDeadline"))
}

// A value is an expression, and the file that it is in.
type value struct {
	file *source.File
	expr ast.Expr
}

// durations knows the durations that expressions are.
type durations struct {
	*source.Program
	given map[*types.Var]value // what a call gives to parameters
	open  []*types.Var         // what is looked at
}

// shorter reports whether a call of package context is known to give less time than that.
func (d *durations) shorter(f *source.File, within *ast.CallExpr, than time.Duration) bool {
	if !limits(f, within) {
		return false
	}
	e := ast.Unparen(within.Args[1])
	if add, ok := e.(*ast.CallExpr); ok && len(add.Args) == 1 { // time.Now().Add(d)
		sel, ok := ast.Unparen(add.Fun).(*ast.SelectorExpr)
		if ok && sel.Sel.Name == "Add" && source.IsNamed(f.TypeOf(sel.X), "time", "Time") {
			now, ok := ast.Unparen(sel.X).(*ast.CallExpr)
			if !ok || !source.IsObject(f.Callee(now), "time", "Now") {
				return false
			}
			e = add.Args[0]
		}
	}
	v := d.of(f, e)
	if v == nil {
		return false
	}
	n, exact := constant.Int64Val(constant.ToInt(v))
	return exact && time.Duration(n) < than
}

// of returns the only value that an expression has, or nil.
func (d *durations) of(f *source.File, e ast.Expr) constant.Value {
	e = ast.Unparen(e)
	if tv := f.Pkg.TypesInfo.Types[e]; tv.Value != nil {
		if v := tv.Value; v.Kind() == constant.Int || v.Kind() == constant.Float {
			return v
		}
		return nil
	}
	switch e := e.(type) {
	case *ast.Ident, *ast.SelectorExpr:
		if v := f.VariableOf(e); v != nil && !tagged(f, e, v) {
			return d.variable(v.Origin())
		}
	case *ast.CallExpr: // a conversion
		if f.Pkg.TypesInfo.Types[e.Fun].IsType() && len(e.Args) == 1 && isInteger(f.TypeOf(e)) && isInteger(f.TypeOf(e.Args[0])) {
			return d.of(f, e.Args[0])
		}
	case *ast.BinaryExpr:
		x, y := d.of(f, e.X), d.of(f, e.Y)
		if x == nil || y == nil || !isInteger(f.TypeOf(e)) {
			return nil
		}
		switch e.Op {
		case token.ADD, token.SUB, token.MUL:
			return constant.BinaryOp(x, e.Op, y)
		case token.QUO:
			if constant.Sign(y) != 0 {
				return constant.BinaryOp(constant.ToInt(x), token.QUO_ASSIGN, constant.ToInt(y))
			}
		}
	}
	return nil
}

func isInteger(t types.Type) bool {
	b, ok := source.Under(t).(*types.Basic)
	return ok && b.Info()&types.IsInteger != 0
}

// variable returns the only value of a variable or field, or nil.
func (d *durations) variable(v *types.Var) (only constant.Value) {
	if slices.Contains(d.open, v) {
		return nil
	}
	d.open = append(d.open, v)
	defer func() { d.open = d.open[:len(d.open)-1] }()
	at := d.FileAt(v.Pos())
	if at == nil || v.Exported() && (v.IsField() || source.IsPackageLevel(v)) && d.Importable(at) {
		return nil
	}
	var all []value
	if from, ok := d.given[v]; ok {
		all = append(all, from)
	}
	for _, f := range d.Files {
		if f != at && !v.IsField() && !source.IsPackageLevel(v) {
			continue
		}
		some, known := assignments(f, v)
		if !known {
			return nil
		}
		all = append(all, some...)
	}
	for _, a := range all {
		is := d.of(a.file, a.expr)
		if is == nil || only != nil && !constant.Compare(only, token.EQL, is) {
			return nil
		}
		only = is
	}
	return only
}

// assignments returns what a file gives to a variable or field; false where that is not known.
func assignments(f *source.File, v *types.Var) (out []value, known bool) {
	is := func(e ast.Expr) bool {
		if e == nil {
			return false
		}
		got := f.VariableOf(e)
		return got != nil && got.Origin() == v
	}
	for n := range ast.Preorder(f.Syntax) {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				switch {
				case !is(l):
				case len(n.Lhs) != len(n.Rhs) || n.Tok != token.ASSIGN && n.Tok != token.DEFINE:
					return nil, false
				default:
					out = append(out, value{f, n.Rhs[i]})
				}
			}
		case *ast.ValueSpec:
			for i, name := range n.Names {
				switch {
				case !is(name) || len(n.Values) == 0:
				case len(n.Names) != len(n.Values):
					return nil, false
				default:
					out = append(out, value{f, n.Values[i]})
				}
			}
		case *ast.CompositeLit:
			out = append(out, fieldOf(f, n, is, v)...)
		case *ast.IncDecStmt:
			if is(n.X) {
				return nil, false
			}
		case *ast.RangeStmt:
			if is(n.Key) || is(n.Value) {
				return nil, false
			}
		case *ast.UnaryExpr:
			if n.Op == token.AND && (is(n.X) || v.IsField() && holds(f.TypeOf(n.X), v) && !literal(n.X)) {
				return nil, false // whoever gets the pointer may set it
			}
		}
	}
	return out, true
}

// fieldOf returns what a literal of a struct gives to a field.
func fieldOf(f *source.File, lit *ast.CompositeLit, is func(ast.Expr) bool, v *types.Var) (out []value) {
	for i, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if id, ok := kv.Key.(*ast.Ident); ok && v.IsField() && is(id) {
				out = append(out, value{f, kv.Value})
			}
		} else if st, ok := source.Under(pointed(f.TypeOf(lit))).(*types.Struct); ok && i < st.NumFields() && st.Field(i).Origin() == v {
			out = append(out, value{f, e})
		}
	}
	return out
}

// tagged reports whether a field that is selected has a tag, by which others set it.
func tagged(f *source.File, e ast.Expr, v *types.Var) bool {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok || !v.IsField() {
		return false
	}
	st, ok := source.Under(pointed(f.TypeOf(sel.X))).(*types.Struct)
	for i := 0; ok && i < st.NumFields(); i++ {
		if st.Field(i).Origin() == v.Origin() {
			return st.Tag(i) != ""
		}
	}
	return true // a field of what is embedded
}

// holds reports whether t is a struct with the field.
func holds(t types.Type, field *types.Var) bool {
	st, ok := source.Under(t).(*types.Struct)
	if !ok {
		return false
	}
	for v := range st.Fields() {
		if v.Origin() == field {
			return true
		}
	}
	return false
}

func literal(e ast.Expr) bool {
	_, ok := ast.Unparen(e).(*ast.CompositeLit)
	return ok
}
