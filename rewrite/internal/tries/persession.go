package tries

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"time"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// A session for each try.
//
// Such a session can be granted its lease late, by the try, if nobody sees the difference
// before the try has won: it is a variable of the function that tries, and goes to the mutex
// alone until then; what was an error of the grant may be one of the try; and options can be
// kept for later. The forms are few, and read off the statements: the session, the branch for
// its error, the try, and the branch for that, in one list.

// A PerTry is a session that may be granted its lease by the try that it is made for.
type PerTry struct {
	File    *source.File
	Made    *ast.CallExpr   // of NewSession
	Options []*ast.CallExpr // of it
	Mutex   *ast.CallExpr   // of NewMutex
	Values  []*ast.Ident    // where the session is needed as a value, after success
	Within  *ast.CallExpr   // what gives the try its deadline, or nil
}

// enough is the time that a try needs to be granted a lease as well.
const enough = time.Second

// perTry reads one.
type perTry struct {
	*PerTry
	fn           ast.Node // around it
	list         []ast.Stmt
	made, tried  int // in the list
	session      types.Object
	mutex        types.Object // nil where it has no name
	try          *ast.CallExpr
	badly, given types.Object // the errors of the try and of the session; nil where there is none to see
	won          []ast.Stmt   // what runs after success alone, or from there on
	failed       []ast.Stmt   // what follows failure
}

// SessionOfTry returns the session that is made for a try, or why it cannot be granted its
// lease by that, and where.
func SessionOfTry(p *source.Program, h loop.Hop) (*PerTry, finding.Code, ast.Node) {
	s := &perTry{PerTry: &PerTry{File: h.File}}
	if !s.origin(p, h.Node) {
		return nil, finding.LeasePerTry, h.Node
	}
	if opt := s.strangeOption(); opt != nil {
		return nil, finding.SessionOptions, opt
	}
	if at := s.branches(); at != nil {
		return nil, finding.SessionErrors, at
	}
	if at := s.early(); at != nil {
		return nil, finding.SessionEarly, at
	}
	if made := s.hurried(p); made != nil {
		return nil, finding.SessionHurried, made
	}
	a, b := plain{s, s.given, false}, plain{s, s.badly, true}
	if !alike(a, a.list(s.list[s.made+1].(*ast.IfStmt).Body.List), b, b.list(s.failed)) {
		return nil, finding.SessionErrors, s.list[s.made+1]
	}
	return s.PerTry, "", nil
}

// origin follows the receiver of the try to the calls that make the mutex and the session.
func (s *perTry) origin(p *source.Program, try ast.Expr) bool {
	f, ok := s.File, false
	if s.try, ok = ast.Unparen(try).(*ast.CallExpr); !ok {
		return false
	}
	sel, ok := ast.Unparen(s.try.Fun).(*ast.SelectorExpr)
	if s.fn = f.FuncAround(s.try); !ok || s.fn == nil || f.MethodExpr(sel) {
		return false
	}
	x := ast.Unparen(sel.X)
	if id, ok := x.(*ast.Ident); ok {
		a := s.defined(f.ObjectOf(id))
		if a == nil || len(a.Lhs) != 1 {
			return false
		}
		s.mutex, x = f.ObjectOf(id), ast.Unparen(a.Rhs[0])
	}
	if s.Mutex, ok = x.(*ast.CallExpr); !ok || len(s.Mutex.Args) != 2 || !s.qualified(s.Mutex) {
		return false
	}
	fn, _ := f.Callee(s.Mutex).(*types.Func)
	if !f.IsConcurrencyObj(fn, "NewMutex") && !p.IsHelperFunc(fn, "NewMutex") {
		return false
	}
	id, ok := ast.Unparen(s.Mutex.Args[0]).(*ast.Ident)
	if !ok {
		return false
	}
	s.session = f.ObjectOf(id)
	a := s.defined(s.session)
	if a == nil || len(a.Lhs) != 2 || source.IsBlank(a.Lhs[1]) {
		return false
	}
	if s.Made, ok = ast.Unparen(a.Rhs[0]).(*ast.CallExpr); !ok || !s.qualified(s.Made) || !f.IsConcurrencyObj(f.Callee(s.Made), "NewSession") {
		return false
	}
	failed, ok := ast.Unparen(a.Lhs[1]).(*ast.Ident)
	if !ok {
		return false
	}
	s.given = f.ObjectOf(failed)
	s.list = source.Siblings(s.fn, a)
	s.made = slices.Index(s.list, ast.Stmt(a))
	if labeled, ok := slices.IndexFunc(source.Body(s.fn), func(st ast.Stmt) bool {
		l, ok := st.(*ast.LabeledStmt)
		return ok && l.Stmt == ast.Stmt(a)
	}), s.list == nil; ok {
		s.list, s.made = source.Body(s.fn), labeled
	}
	s.tried = slices.IndexFunc(s.list, func(st ast.Stmt) bool { return source.Within(s.try, st) })
	return s.made >= 0 && s.tried > s.made+1
}

// qualified reports whether a call names the function by its package.
func (s *perTry) qualified(call *ast.CallExpr) bool {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok {
		return false
	}
	id, ok := sel.X.(*ast.Ident)
	if !ok {
		return false
	}
	_, ok = s.File.ObjectOf(id).(*types.PkgName)
	return ok
}

// defined returns the statement that defines a variable of the function, which is its only
// value; nil if there is none.
func (s *perTry) defined(obj types.Object) (found *ast.AssignStmt) {
	if v, ok := obj.(*types.Var); !ok || v.IsField() || s.File.AssignedIn(obj, s.fn) {
		return nil
	}
	ast.Inspect(s.fn, func(n ast.Node) bool {
		a, ok := n.(*ast.AssignStmt)
		if ok && a.Tok == token.DEFINE && len(a.Rhs) == 1 && s.File.DefinedBy(a.Lhs[0]) == obj {
			found = a
		}
		return found == nil
	})
	if found != nil && s.File.FuncAround(found) != s.fn {
		return nil
	}
	return found
}

// strangeOption returns an option of the session that cannot be kept for later, or nil.
func (s *perTry) strangeOption() ast.Node {
	if s.Made.Ellipsis.IsValid() {
		return s.Made
	}
	for _, arg := range s.Made.Args[min(1, len(s.Made.Args)):] {
		opt, ok := ast.Unparen(arg).(*ast.CallExpr)
		if !ok || !s.qualified(opt) {
			return arg
		}
		fn := s.File.Callee(opt)
		if !s.File.IsConcurrencyObj(fn, "WithTTL") && !s.File.IsConcurrencyObj(fn, "WithContext") {
			return arg
		}
		s.Options = append(s.Options, opt)
	}
	return nil
}

// branches finds what runs after success and after failure. It returns where that cannot be
// told.
func (s *perTry) branches() ast.Node {
	if given, ok := s.list[s.made+1].(*ast.IfStmt); !ok || given.Init != nil || given.Else != nil ||
		s.against(given.Cond) != s.given || s.given == nil || !s.leaves(given.Body.List) {
		return s.list[s.made+1]
	}
	if st := labeled(s.list[s.made+1 : s.tried+1]); st != nil {
		return st
	}
	at := s.tried
	cond, body, isIf := ast.Expr(nil), []ast.Stmt(nil), false
	switch st := s.list[at].(type) {
	case *ast.IfStmt:
		cond, body, isIf = st.Cond, st.Body.List, true
		if st.Init != nil {
			a, ok := st.Init.(*ast.AssignStmt)
			if !ok || !s.assigns(a) {
				return st
			}
		}
		if st.Else != nil {
			return s.toldApart(at, st)
		}
	case *ast.SwitchStmt:
		if a, ok := st.Init.(*ast.AssignStmt); ok && s.assigns(a) {
			return s.toldApart(at, st)
		}
	case *ast.AssignStmt:
		if !s.assigns(st) {
			return st
		}
		for at++; at < len(s.list) && s.cancels(s.list[at]); at++ {
		}
		if at == len(s.list) {
			return st
		}
		if sw, ok := s.list[at].(*ast.SwitchStmt); ok && sw.Init == nil {
			return s.toldApart(at, sw)
		}
		next, ok := s.list[at].(*ast.IfStmt)
		if !ok || next.Init != nil {
			return st
		}
		if next.Else != nil {
			return s.toldApart(at, next)
		}
		cond, body, isIf = next.Cond, next.Body.List, true
	}
	if !isIf {
		return s.list[s.tried]
	}
	won := s.isNil(cond, token.EQL)
	if !won && !s.isNil(cond, token.NEQ) {
		return s.list[at]
	}
	if won {
		s.won, s.failed = body, s.list[at+1:]
		return nil
	}
	if !s.leaves(body) {
		return s.list[at]
	}
	s.won, s.failed = s.list[at+1:], body
	return labeled(s.won)
}

// assigns reports whether a is the assignment of the try's error.
func (s *perTry) assigns(a *ast.AssignStmt) bool {
	if len(a.Lhs) != 1 || len(a.Rhs) != 1 || ast.Unparen(a.Rhs[0]) != ast.Expr(s.try) {
		return false
	}
	id, ok := ast.Unparen(a.Lhs[0]).(*ast.Ident)
	if !ok || source.IsBlank(id) {
		return false
	}
	v, ok := s.File.ObjectOf(id).(*types.Var)
	if !ok || source.IsPackageLevel(v) {
		return false
	}
	s.badly = v
	return true
}

// isNil reports whether a condition compares the try, or its error, with nil.
func (s *perTry) isNil(cond ast.Expr, op token.Token) bool {
	b, ok := ast.Unparen(cond).(*ast.BinaryExpr)
	if !ok || b.Op != op || !s.File.Pkg.TypesInfo.Types[b.Y].IsNil() {
		return false
	}
	if s.badly == nil {
		return ast.Unparen(b.X) == ast.Expr(s.try)
	}
	id, ok := ast.Unparen(b.X).(*ast.Ident)
	return ok && s.File.ObjectOf(id) == s.badly
}

// against returns the variable that a condition wants to be other than nil, or nil.
func (s *perTry) against(cond ast.Expr) types.Object {
	b, ok := ast.Unparen(cond).(*ast.BinaryExpr)
	if !ok || b.Op != token.NEQ || !s.File.Pkg.TypesInfo.Types[b.Y].IsNil() {
		return nil
	}
	if id, ok := ast.Unparen(b.X).(*ast.Ident); ok {
		return s.File.ObjectOf(id)
	}
	return nil
}

// leaves reports whether what follows a list is not reached from its end.
func (s *perTry) leaves(list []ast.Stmt) bool {
	if len(list) == 0 {
		return false
	}
	switch last := list[len(list)-1].(type) {
	case *ast.ReturnStmt:
		return true
	case *ast.BranchStmt:
		return last.Tok != token.FALLTHROUGH
	case *ast.ExprStmt:
		call, ok := ast.Unparen(last.X).(*ast.CallExpr)
		return ok && loop.NeverReturns(s.File, call)
	}
	return false
}

func (s *perTry) cancels(st ast.Stmt) bool {
	x, ok := st.(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := ast.Unparen(x.X).(*ast.CallExpr)
	return ok && source.IsNamed(s.File.TypeOf(call.Fun), "context", "CancelFunc")
}

// hurried returns what gives the try its deadline where there is known to be too little time for
// the grant, which came before.
func (s *perTry) hurried(p *source.Program) ast.Node {
	if len(s.try.Args) == 0 {
		return nil
	}
	if s.Within = Deadline(p, s.File, s.try, s.try.Args[0]); s.Within == nil {
		return nil
	}
	if shorter(p, s.File, s.Within, enough) {
		return s.Within
	}
	return nil
}

// after reports whether n is in what runs only once the try has won.
func (s *perTry) after(n ast.Node) bool {
	return slices.ContainsFunc(s.won, func(st ast.Stmt) bool { return source.Within(n, st) })
}

// early returns a use of the session or the mutex that may see that there is no lease yet, or
// nil.
func (s *perTry) early() ast.Node {
	parents := source.Parents(s.fn)
	for _, id := range s.File.UsesOf(s.session) {
		sel, method := parents[id].(*ast.SelectorExpr)
		switch {
		case s.after(id) && !method:
			s.Values = append(s.Values, id)
		case s.after(id), parents[id] == ast.Node(s.Mutex):
		case !method || !s.ends(parents, sel):
			return id
		}
	}
	if s.mutex == nil {
		return nil
	}
	for _, id := range s.File.UsesOf(s.mutex) {
		if !s.after(id) && !source.Within(id, s.try.Fun) {
			return id
		}
	}
	return nil
}

// ends reports whether a selector calls Close or Orphan of the session where no try can follow:
// in a deferred call, or on the way out.
func (s *perTry) ends(parents map[ast.Node]ast.Node, sel *ast.SelectorExpr) bool {
	call, ok := parents[sel].(*ast.CallExpr)
	if !ok || call.Fun != ast.Expr(sel) || sel.Sel.Name != "Close" && sel.Sel.Name != "Orphan" {
		return false
	}
	if d, ok := parents[call].(*ast.DeferStmt); ok && s.File.FuncAround(call) == s.fn {
		return source.Siblings(s.fn, d) != nil
	}
	if lit, ok := s.File.FuncAround(call).(*ast.FuncLit); ok && lit != s.fn {
		run, ok := parents[lit].(*ast.CallExpr)
		if !ok || len(run.Args) > 0 || s.File.FuncAround(lit) != s.fn {
			return false
		}
		_, deferred := parents[run].(*ast.DeferStmt)
		return deferred
	}
	if slices.ContainsFunc(s.failed, func(st ast.Stmt) bool { return source.Within(call, st) }) {
		return true
	}
	for _, st := range s.list[s.made+2 : s.tried] {
		if out, ok := st.(*ast.IfStmt); ok && source.Within(call, out.Body) {
			return s.leaves(out.Body.List)
		}
	}
	return false
}
