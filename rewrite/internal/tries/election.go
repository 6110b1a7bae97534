package tries

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// Elections.
//
// Whoever waits for a leader to go needs the client of the election, and what has become of its
// session. The election hides both, so that the session has to be named beside it: by what
// NewElection was given, as long as that is the same still, or by a field that is set together with
// that of the election.

// Campaigns returns the calls of Campaign that a site retries, as Locks does those of Lock.
func Campaigns(p *source.Program, s *loop.Site) []loop.Hop { return queueing(p, s, isCampaign) }

// Guarded reports whether all that a site retries are calls of CampaignWithin.
func Guarded(p *source.Program, s *loop.Site) bool {
	plain := slices.ContainsFunc(Campaigns(p, s), func(h loop.Hop) bool { return !h.File.IsHelper() })
	return !plain && len(queueing(p, s, isCampaignWithin)) > 0
}

// Elections knows where the elections of a program come from.
type Elections struct {
	*source.Program
	fields map[token.Pos]field // that have been looked at, by their declaration
}

// A field is one with elections, with what may have made these, and the field beside it that has
// their session.
type field struct {
	from   []made
	beside *types.Var
}

// NewElections returns what is known of the elections of a program: nothing yet.
func NewElections(p *source.Program) Elections { return Elections{p, map[token.Pos]field{}} }

// A made is a call of NewElection.
type made struct {
	file *source.File
	call *ast.CallExpr
}

// session is what it is given for a session.
func (m made) session() ast.Expr { return ast.Unparen(m.call.Args[0]) }

// A Candidacy is a call of Campaign.
type Candidacy struct {
	Election ast.Expr
	// Session is what names the session of the election beside the call; "" if nothing does.
	Session string
	from    []made // what may have made the election
}

// Candidacy follows the election of a call of Campaign.
func (p Elections) Candidacy(f *source.File, call *ast.CallExpr) Candidacy {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok || len(call.Args) != 2 || !p.isElection(f.TypeOf(sel.X)) {
		return Candidacy{}
	}
	c := Candidacy{Election: ast.Unparen(sel.X)}
	switch x := c.Election.(type) {
	case *ast.SelectorExpr:
		k := p.kept(f, x)
		if c.from = k.from; named(x.X) && k.beside != nil {
			if found, _, _ := types.LookupFieldOrMethod(f.TypeOf(x.X), true, f.Pkg.Types, k.beside.Name()); source.Same(found, k.beside) {
				c.Session = f.Plain(x.X) + "." + k.beside.Name()
			}
		}
	default:
		m := p.madeBy(f, x)
		if m.call == nil {
			c.from, c.Session = p.passed(f, x)
			return c
		}
		c.from = []made{m}
		if root, ok := source.RootIdent(m.session()); ok && p.steady(f, m.session()) && f.Lookup(root.Name, call.Pos()) == f.ObjectOf(root) {
			c.Session = f.Plain(m.session())
		}
	}
	return c
}

// Starts are the beginnings of the prefixes of an election.
func (c Candidacy) Starts() (out []string) {
	for _, m := range c.from {
		out = append(out, Start(m.file, m.call.Args[1]))
	}
	return out
}

// isElection reports whether t is a pointer to an election of a client.
func (p Elections) isElection(t types.Type) bool {
	if t == nil {
		return false
	}
	ptr, ok := types.Unalias(t).(*types.Pointer)
	return ok && p.isConcurrency(ptr.Elem(), "Election")
}

func (p Elections) isConcurrency(t types.Type, name string) bool {
	named, ok := types.Unalias(t).(*types.Named)
	return ok && p.IsConcurrencyObj(named.Obj(), name)
}

// named reports whether an expression is a variable, or a field of one, and so on.
func named(e ast.Expr) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		return true
	case *ast.SelectorExpr:
		return named(e.X)
	}
	return false
}

// madeBy returns the call of NewElection that has made the value of an expression: it is that, or
// a variable which has no other value.
func (p Elections) madeBy(f *source.File, e ast.Expr) made {
	e = ast.Unparen(e)
	if id, ok := e.(*ast.Ident); ok {
		v, ok := f.ObjectOf(id).(*types.Var)
		if !ok || v.IsField() || source.IsPackageLevel(v) || f.AssignedIn(v, f.Syntax) {
			return made{}
		}
		e = valueOf(f, v)
	}
	call, ok := e.(*ast.CallExpr)
	if !ok || len(call.Args) != 2 || !p.IsConcurrencyObj(f.Callee(call), "NewElection") {
		return made{}
	}
	return made{f, call}
}

// passed is for an election that is a parameter: where each call passes the session beside it, that
// is named by a parameter as well.
func (p Elections) passed(f *source.File, e ast.Expr) ([]made, string) {
	v := f.VariableOf(e)
	if v == nil || v.IsField() || p.assigned(v) {
		return nil, ""
	}
	calls, i := p.callsWith(f, v)
	if len(calls) == 0 {
		return nil, ""
	}
	params := f.ObjectOf(p.declared(f, v).Name).(*types.Func).Signature().Params()
	for j := range params.Len() {
		s := params.At(j)
		if !p.isConcurrency(pointed(s.Type()), "Session") || p.assigned(s) || f.Lookup(s.Name(), e.Pos()) != types.Object(s) {
			continue
		}
		var from []made
		for _, c := range calls {
			m := p.madeBy(c.File, c.Expr.Args[i])
			if m.call == nil || !p.same(c.File, m.session(), c.Expr.Args[j]) {
				break
			}
			from = append(from, m)
		}
		if len(from) == len(calls) {
			return from, s.Name()
		}
	}
	return nil, ""
}

// declared returns the function of which a variable is a parameter, or nil.
func (p Elections) declared(f *source.File, v *types.Var) *ast.FuncDecl {
	for _, d := range f.Syntax.Decls {
		decl, ok := d.(*ast.FuncDecl)
		if ok && decl.Recv == nil && source.PosWithin(v.Pos(), decl.Type.Params) {
			return decl
		}
	}
	return nil
}

// callsWith returns the calls of the function of which a variable is a parameter, and which one it
// is; no calls where there may be others than these.
func (p Elections) callsWith(f *source.File, v *types.Var) ([]source.Call, int) {
	decl := p.declared(f, v)
	if decl == nil || decl.Name.IsExported() && p.Importable(f) {
		return nil, 0
	}
	fn, ok := f.ObjectOf(decl.Name).(*types.Func)
	if !ok || fn.Signature().Variadic() || fn.Signature().TypeParams().Len() > 0 {
		return nil, 0
	}
	var calls []source.Call
	uses := 0
	for _, in := range p.Files {
		for id, obj := range in.Pkg.TypesInfo.Uses {
			if source.Same(obj, fn) && source.PosWithin(id.Pos(), in.Syntax) {
				uses++
			}
		}
		for n := range ast.Preorder(in.Syntax) {
			if call, ok := n.(*ast.CallExpr); ok && source.Same(in.Callee(call), fn) && len(call.Args) == fn.Signature().Params().Len() {
				calls = append(calls, source.Call{File: in, Expr: call})
			}
		}
	}
	for i := range fn.Signature().Params().Len() {
		if fn.Signature().Params().At(i) == v && uses == len(calls) {
			return calls, i
		}
	}
	return nil, 0
}

// same reports whether two expressions are one variable, or one field of it, that nothing assigns.
func (p Elections) same(f *source.File, a, b ast.Expr) bool {
	return f.Plain(a) == f.Plain(b) && p.steady(f, a) && sameRoot(f, a, b)
}

// valueOf returns what a variable is defined with, or nil.
func valueOf(f *source.File, v *types.Var) (value ast.Expr) {
	for n := range ast.Preorder(f.Syntax) {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				if n.Tok == token.DEFINE && len(n.Lhs) == len(n.Rhs) && f.DefinedBy(l) == types.Object(v) {
					return ast.Unparen(n.Rhs[i])
				}
			}
		case *ast.ValueSpec:
			for i, name := range n.Names {
				if len(n.Names) == len(n.Values) && f.DefinedBy(name) == types.Object(v) {
					return ast.Unparen(n.Values[i])
				}
			}
		}
	}
	return nil
}

// steady reports whether an expression has one value from the first time that it is used: it is a
// variable that nothing assigns, or a field of one that only literals set.
func (p Elections) steady(f *source.File, e ast.Expr) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		v, ok := f.ObjectOf(e).(*types.Var)
		return ok && !p.assigned(v)
	case *ast.SelectorExpr:
		field := f.VariableOf(e)
		return field != nil && field.IsField() && named(e.X) && p.steady(f, e.X) && !p.assigned(field.Origin()) && !p.overwritten(pointed(f.TypeOf(e.X)))
	}
	return false
}

// assigned reports whether something may assign a variable or a field.
func (p Elections) assigned(v *types.Var) bool {
	at := p.FileAt(v.Pos())
	if at == nil {
		return true
	}
	if !v.IsField() && !source.IsPackageLevel(v) {
		return at.AssignedIn(v, at.Syntax)
	}
	if v.Exported() && p.Importable(at) {
		return true
	}
	return slices.ContainsFunc(p.Files, func(f *source.File) bool { return f.AssignedIn(v, f.Syntax) })
}

// overwritten reports whether something may assign a struct of that type as a whole.
func (p Elections) overwritten(t types.Type) bool {
	for _, f := range p.Files {
		for n := range ast.Preorder(f.Syntax) {
			a, ok := n.(*ast.AssignStmt)
			if ok && a.Tok == token.ASSIGN && slices.ContainsFunc(a.Lhs, func(l ast.Expr) bool {
				to := f.TypeOf(l)
				return to != nil && types.TypeString(to, nil) == types.TypeString(t, nil)
			}) {
				return true
			}
		}
	}
	return false
}

// kept returns what is known of the elections in a field that is selected.
func (p Elections) kept(f *source.File, x *ast.SelectorExpr) (k field) {
	sel := f.Pkg.TypesInfo.Selections[x]
	if sel == nil || sel.Kind() != types.FieldVal {
		return k
	}
	election := f.VariableOf(x).Origin()
	if k, ok := p.fields[election.Pos()]; ok {
		return k
	}
	defer func() { p.fields[election.Pos()] = k }()
	owner := sel.Recv()
	if within := source.Promoted(sel); within != nil {
		owner = within.Type()
	}
	st, ok := source.Under(pointed(owner)).(*types.Struct)
	if !ok {
		return k
	}
	for i := range st.NumFields() {
		g := st.Field(i).Origin()
		ptr, ok := types.Unalias(g.Type()).(*types.Pointer)
		if !ok || !p.isConcurrency(ptr.Elem(), "Session") {
			continue
		}
		if from, ok := (&fields{Elections: p, election: election, session: g}).together(); ok {
			return field{from, g}
		}
	}
	return k
}

// pointed is what a pointer points to, and any other type itself.
func pointed(t types.Type) types.Type {
	if ptr, ok := source.Under(t).(*types.Pointer); ok {
		return ptr.Elem()
	}
	return t
}

// fields are those of an election and of its session in one struct.
type fields struct {
	Elections
	election, session *types.Var
	from              []made
}

// together reports whether both are always set together, and returns what makes the elections.
func (p *fields) together() ([]made, bool) {
	for _, v := range []*types.Var{p.election, p.session} {
		if at := p.FileAt(v.Pos()); at == nil || v.Exported() && p.Importable(at) {
			return nil, false
		}
	}
	for _, f := range p.Files {
		for n := range ast.Preorder(f.Syntax) {
			ok := true
			switch n := n.(type) {
			case *ast.CompositeLit:
				ok = p.literal(f, n)
			case *ast.AssignStmt:
				ok = p.assignment(f, n)
			case *ast.UnaryExpr:
				ok = n.Op != token.AND || !p.is(f, n.X, p.election) && !p.is(f, n.X, p.session)
			case *ast.RangeStmt:
				for _, e := range []ast.Expr{n.Key, n.Value} {
					ok = ok && (e == nil || !p.is(f, e, p.election) && !p.is(f, e, p.session))
				}
			}
			if !ok {
				return nil, false
			}
		}
	}
	return p.from, len(p.from) > 0
}

// is reports whether an expression selects that field.
func (p *fields) is(f *source.File, e ast.Expr, field *types.Var) bool {
	_, ok := ast.Unparen(e).(*ast.SelectorExpr)
	v := f.VariableOf(e)
	return ok && v != nil && v.IsField() && source.Same(v.Origin(), field)
}

// literal judges one of the struct: the election in it is one of the session in it.
func (p *fields) literal(f *source.File, lit *ast.CompositeLit) bool {
	st, ok := source.Under(pointed(f.TypeOf(lit))).(*types.Struct) // a pointer where it is one of several
	if !ok {
		return true
	}
	var election, session ast.Expr
	for i, e := range lit.Elts {
		field, value := (*types.Var)(nil), e
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			field, value = f.VariableOf(kv.Key), kv.Value
		} else if i < st.NumFields() {
			field = st.Field(i)
		}
		switch {
		case field == nil:
		case source.Same(field.Origin(), p.election):
			election = value
		case source.Same(field.Origin(), p.session):
			session = value
		}
	}
	if election == nil || source.IsNilExpr(f, election) {
		return true
	}
	m := p.madeBy(f, election)
	if m.call == nil || session == nil || !p.same(f, m.session(), session) {
		return false
	}
	p.from = append(p.from, m)
	return true
}

// sameRoot reports whether two expressions that read the same begin with the same variable.
func sameRoot(f *source.File, a, b ast.Expr) bool {
	x, ok := source.RootIdent(a)
	y, also := source.RootIdent(b)
	return ok && also && f.ObjectOf(x) != nil && f.ObjectOf(x) == f.ObjectOf(y)
}

// assignment judges one: where the session is set, the election is made of it further down in the
// same statements, and the other way round.
func (p *fields) assignment(f *source.File, a *ast.AssignStmt) bool {
	for i, l := range a.Lhs {
		switch {
		case p.is(f, l, p.session):
			gone := len(a.Lhs) == len(a.Rhs) && source.IsNilExpr(f, a.Rhs[i]) // then Campaign is the client's
			if !gone && p.partner(f, a, l, true) == nil {
				return false
			}
		case p.is(f, l, p.election):
			if len(a.Lhs) != len(a.Rhs) {
				return false
			}
			if source.IsNilExpr(f, a.Rhs[i]) {
				continue
			}
			m := p.madeBy(f, a.Rhs[i])
			if m.call == nil || !p.ofSession(f, m, a, l) {
				return false
			}
			p.from = append(p.from, m)
		}
	}
	return true
}

// base is what a selector selects from, if that is a variable or a field of one.
func base(e ast.Expr) ast.Expr { return ast.Unparen(ast.Unparen(e).(*ast.SelectorExpr).X) }

// ofSession reports whether an election that an assignment sets is one of the session in the field
// beside it.
func (p *fields) ofSession(f *source.File, m made, a *ast.AssignStmt, l ast.Expr) bool {
	if !named(base(l)) {
		return false
	}
	if p.is(f, m.session(), p.session) {
		s := base(m.session())
		return f.Plain(s) == f.Plain(base(l)) && sameRoot(f, s, base(l)) && slices.Contains(a.Rhs, ast.Expr(m.call))
	}
	value := p.partner(f, a, l, false)
	return value != nil && p.same(f, value, m.session())
}

// partner returns what the other field of the same struct is set to in the statements around an
// assignment: below it, or above it; nil if it is not set there alone.
func (p *fields) partner(f *source.File, a *ast.AssignStmt, l ast.Expr, below bool) ast.Expr {
	fn := f.FuncAround(a)
	if fn == nil || !named(base(l)) {
		return nil
	}
	if root, ok := source.RootIdent(l); !ok || f.AssignedIn(f.ObjectOf(root), fn) {
		return nil
	}
	list := source.Siblings(fn, a)
	at := slices.Index(list, ast.Stmt(a))
	if at < 0 {
		return nil
	}
	other, rest := p.election, slices.Clone(list[at:])
	if !below {
		other, rest = p.session, slices.Clone(list[:at+1])
		slices.Reverse(rest)
	}
	for _, st := range rest {
		if b, ok := st.(*ast.AssignStmt); ok {
			for i, m := range b.Lhs {
				switch {
				case !p.is(f, m, other) || f.Plain(base(m)) != f.Plain(base(l)) || !sameRoot(f, base(m), base(l)):
				case len(b.Lhs) != len(b.Rhs):
					return nil
				default:
					return ast.Unparen(b.Rhs[i])
				}
			}
		}
		if st != ast.Stmt(a) && !p.quiet(f, st) {
			return nil
		}
	}
	return nil
}

// quiet reports whether a statement that stands between both runs no code of the module, which might
// campaign meanwhile.
func (p *fields) quiet(f *source.File, st ast.Stmt) bool {
	for n := range ast.Preorder(st) {
		switch n := n.(type) {
		case *ast.GoStmt, *ast.ForStmt, *ast.RangeStmt, *ast.LabeledStmt:
			return false
		case *ast.CallExpr:
			if fn, ok := f.Callee(n).(*types.Func); !ok || !p.IsForeign(fn) {
				if _, builtin := f.Callee(n).(*types.Builtin); !builtin {
					return false
				}
			}
		}
	}
	return true
}

// apart reports whether the prefixes of two elections are known to differ.
func apart(a, b []string) bool {
	for _, x := range a {
		for _, y := range b {
			if strings.HasPrefix(x, y) || strings.HasPrefix(y, x) {
				return false
			}
		}
	}
	return len(a) > 0 && len(b) > 0
}
