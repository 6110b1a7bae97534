package tries

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"etcdmod/rewrite/internal/source"
)

// Timed locks.
//
// Lock, or Campaign of an election, with a context that has a deadline of its own for each call is how one tried
// before TryLock. What matters is where the context is made: inside the loop, or in a
// function that the loop calls, it bounds one try; outside, it bounds the wait as a whole,
// which is as it should be.

// timed recognizes calls of a method that queues, with a deadline for each.
type timed struct {
	*source.Program
	queues   func(*source.Program, *types.Func) bool // the method; its first argument is the context
	forwards map[token.Pos]int                       // see forwarders
}

// is reports whether call is one of the method, or of a function that hands its context to
// one, with a context that is given a deadline for this call.
func (p *timed) is(f *source.File, call *ast.CallExpr) bool {
	i, ok := p.lockContext(f, call)
	return ok && Deadline(p.Program, f, call, call.Args[i]) != nil
}

// lockContext returns which argument of call is the context of a call of the method.
func (p *timed) lockContext(f *source.File, call *ast.CallExpr) (int, bool) {
	fn, ok := f.Callee(call).(*types.Func)
	if !ok {
		return 0, false
	}
	if p.queues(p.Program, fn) {
		return 0, len(call.Args) > 0
	}
	i, ok := p.forwarders()[fn.Origin().Pos()]
	return i, ok && i < len(call.Args)
}

// isLock reports whether fn is the method Lock of an etcd mutex.
func isLock(p *source.Program, fn *types.Func) bool {
	recv := fn.Signature().Recv()
	return fn.Name() == "Lock" && recv != nil && (p.IsMutexPtr(recv.Type()) || p.IsHelperMutex(recv.Type()))
}

// isLockWithin reports whether fn is the method LockWithin of the helper's mutex.
func isLockWithin(p *source.Program, fn *types.Func) bool {
	recv := fn.Signature().Recv()
	return fn.Name() == "LockWithin" && recv != nil && p.IsHelperMutex(recv.Type())
}

// isCampaign reports whether fn is the method Campaign of an etcd election.
func isCampaign(p *source.Program, fn *types.Func) bool {
	recv := fn.Signature().Recv()
	if fn.Name() != "Campaign" || recv == nil {
		return false
	}
	ptr, ok := types.Unalias(recv.Type()).(*types.Pointer)
	if !ok {
		return false
	}
	named, ok := types.Unalias(ptr.Elem()).(*types.Named)
	if !ok || named.Obj().Name() != "Election" {
		return false
	}
	_, ok = p.ConcurrencyPath(named.Obj().Pkg())
	return ok
}

// isCampaignWithin reports whether fn is the function CampaignWithin of the helper package.
func isCampaignWithin(p *source.Program, fn *types.Func) bool {
	return p.IsHelperFunc(fn, "CampaignWithin")
}

// forwarders returns the functions that hand a context parameter to the method, directly or
// through others, with the index of the parameter.
func (p *timed) forwarders() map[token.Pos]int {
	if p.forwards != nil {
		return p.forwards
	}
	p.forwards = map[token.Pos]int{}
	for grown := true; grown; {
		grown = false
		for _, f := range p.Files {
			if f.IsHelper() {
				continue
			}
			for _, d := range f.Syntax.Decls {
				decl, ok := d.(*ast.FuncDecl)
				if !ok || decl.Body == nil {
					continue
				}
				fn, ok := f.Pkg.TypesInfo.Defs[decl.Name].(*types.Func)
				if !ok {
					continue
				}
				if _, known := p.forwards[fn.Pos()]; known {
					continue
				}
				if i, ok := p.forwarded(f, decl, fn); ok {
					p.forwards[fn.Pos()], grown = i, true
				}
			}
		}
	}
	return p.forwards
}

// through returns the calls of the method that get the context of a call.
func (p *timed) through(f *source.File, call *ast.CallExpr) (out []*ast.CallExpr) {
	seen := map[*ast.FuncDecl]bool{}
	var follow func(f *source.File, call *ast.CallExpr)
	follow = func(f *source.File, call *ast.CallExpr) {
		fn, ok := f.Callee(call).(*types.Func)
		if !ok || p.queues(p.Program, fn) {
			out = append(out, call)
			return
		}
		decl := p.DeclOf(fn)
		if decl == nil || decl.Body == nil || seen[decl] {
			return
		}
		seen[decl] = true
		in := p.FileAt(decl.Pos())
		for n := range ast.Preorder(decl.Body) {
			if inner, ok := n.(*ast.CallExpr); ok {
				if _, forwards := p.lockContext(in, inner); forwards {
					follow(in, inner)
				}
			}
		}
	}
	follow(f, call)
	return out
}

// forwarded returns the parameter of fn that is the context of a call of the method in it.
func (p *timed) forwarded(f *source.File, decl *ast.FuncDecl, fn *types.Func) (index int, found bool) {
	params := fn.Signature().Params()
	for n := range ast.Preorder(decl.Body) {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			continue
		}
		i, ok := p.lockContext(f, call)
		if !ok {
			continue
		}
		id, ok := ast.Unparen(call.Args[i]).(*ast.Ident)
		for j := 0; ok && j < params.Len(); j++ {
			if f.ObjectOf(id) == types.Object(params.At(j)) && !f.AssignedIn(params.At(j), decl.Body) {
				return j, true
			}
		}
	}
	return 0, false
}

// Deadline returns the call that gives the context ctx of a call its deadline, in the innermost
// loop around the call or, outside of loops, in the function around it; nil if there is none. A
// literal that runs where it stands belongs to what is around it.
func Deadline(p *source.Program, f *source.File, call *ast.CallExpr, ctx ast.Expr) *ast.CallExpr {
	return deadline(p, f, call, ctx, 0)
}

func deadline(p *source.Program, f *source.File, call *ast.CallExpr, ctx ast.Expr, depth int) (found *ast.CallExpr) {
	id, ok := ast.Unparen(ctx).(*ast.Ident)
	if !ok || depth > 3 {
		return nil
	}
	obj := f.ObjectOf(id)
	scope := p.RepeatedAround(call)
	if obj == nil || scope == nil {
		return nil
	}
	ast.Inspect(scope, func(n ast.Node) bool {
		a, ok := n.(*ast.AssignStmt)
		if !ok || len(a.Rhs) != 1 || a.Pos() > call.Pos() {
			return found == nil
		}
		if target, ok := ast.Unparen(a.Lhs[0]).(*ast.Ident); !ok || f.ObjectOf(target) != obj {
			return found == nil
		}
		derived, ok := ast.Unparen(a.Rhs[0]).(*ast.CallExpr)
		if !ok || len(derived.Args) == 0 {
			return found == nil
		}
		switch fn, _ := f.Callee(derived).(*types.Func); {
		case fn == nil || fn.Pkg() == nil:
		case fn.Pkg().Path() == "context":
			switch fn.Name() {
			case "WithTimeout", "WithDeadline", "WithTimeoutCause", "WithDeadlineCause":
				found = derived
			case "WithCancel", "WithCancelCause", "WithValue":
				found = deadline(p, f, call, derived.Args[0], depth+1)
			}
		case givesDeadline(p, fn):
			found = derived
		case p.IsClientPath(fn.Pkg().Path()) && fn.Name() == "WithRequireLeader":
			found = deadline(p, f, call, derived.Args[0], depth+1)
		}
		return found == nil
	})
	if lit, ok := scope.(*ast.FuncLit); ok && found == nil && !source.PosWithin(obj.Pos(), lit) {
		if run := runs(f, lit); run != nil { // in a goroutine, say
			return deadline(p, f, run, ctx, depth+1)
		}
	}
	return found
}

// runs returns the call that runs a function literal where it stands, or nil.
func runs(f *source.File, lit *ast.FuncLit) *ast.CallExpr {
	around := f.Around(lit)
	if len(around) == 0 {
		return nil
	}
	call, ok := around[len(around)-1].(*ast.CallExpr)
	if !ok || call.Fun != ast.Expr(lit) {
		return nil
	}
	return call
}

// GivenDeadline reports whether the context of a call is a parameter of the method around it, to which a call
// through an interface may give one with a deadline.
func GivenDeadline(p *source.Program, f *source.File, call *ast.CallExpr) bool {
	decl, ok := p.RepeatedAround(call).(*ast.FuncDecl)
	if !ok || decl.Recv == nil || len(call.Args) == 0 {
		return false
	}
	fn, ok := f.Pkg.TypesInfo.Defs[decl.Name].(*types.Func)
	if !ok {
		return false
	}
	param := slices.Index(slices.Collect(fn.Signature().Params().Variables()), f.VariableOf(call.Args[0]))
	if param < 0 {
		return false
	}
	for _, in := range p.Files {
		for n := range ast.Preorder(in.Syntax) {
			c, ok := n.(*ast.CallExpr)
			if !ok || param >= len(c.Args) {
				continue
			}
			of, ok := in.Callee(c).(*types.Func)
			if ok && of != fn && of.Name() == fn.Name() && slices.Contains(p.DeclsOf(of), decl) && Deadline(p, in, c, c.Args[param]) != nil {
				return true
			}
		}
	}
	return false
}

// givesDeadline reports whether a function of the module makes a context with a deadline and
// returns it.
func givesDeadline(p *source.Program, fn *types.Func) bool {
	res := fn.Signature().Results()
	if res.Len() == 0 || !source.IsNamed(res.At(0).Type(), "context", "Context") {
		return false
	}
	decl := p.DeclOf(fn)
	if decl == nil || decl.Body == nil {
		return false
	}
	f := p.FileAt(decl.Pos())
	found := false
	ast.Inspect(decl.Body, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			switch made, _ := f.Callee(call).(*types.Func); {
			case made == nil || made.Pkg() == nil || made.Pkg().Path() != "context":
			case strings.HasPrefix(made.Name(), "WithTimeout"), strings.HasPrefix(made.Name(), "WithDeadline"):
				found = true
			}
		}
		return !found
	})
	return found
}
