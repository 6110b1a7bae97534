package rewrite

import (
	"go/ast"
	"go/token"
	"go/types"

	"etcdmod/internal/finding"
)

// Timed locks.
//
// Lock with a context that has a deadline of its own for each call is how one tried
// before TryLock. What matters is where the context is made: inside the loop, or in a
// function that the loop calls, it bounds one try; outside, it bounds the wait as a whole,
// which is as it should be.

// isTimedLock reports whether call is a Lock of an etcd mutex, or of a function that hands
// its context to one, with a context that is given a deadline for this call.
func (p *program) isTimedLock(f *file, call *ast.CallExpr) bool {
	i, ok := p.lockContext(f, call)
	return ok && p.timedHere(f, call, call.Args[i], 0)
}

// lockContext returns which argument of call is the context of a Lock.
func (p *program) lockContext(f *file, call *ast.CallExpr) (int, bool) {
	fn, ok := f.callee(call).(*types.Func)
	if !ok {
		return 0, false
	}
	if isLock(p, fn) {
		return 0, len(call.Args) == 1
	}
	i, ok := p.forwarders()[fn.Origin().Pos()]
	return i, ok && i < len(call.Args)
}

// isLock reports whether fn is the method Lock of an etcd mutex.
func isLock(p *program, fn *types.Func) bool {
	recv := fn.Signature().Recv()
	return fn.Name() == "Lock" && recv != nil && (p.isMutexPtr(recv.Type()) || p.isHelperMutex(recv.Type()))
}

// forwarders returns the functions that hand a context parameter to Lock, directly or
// through others, with the index of the parameter.
func (p *program) forwarders() map[token.Pos]int {
	if p.forwards != nil {
		return p.forwards
	}
	p.forwards = map[token.Pos]int{}
	for grown := true; grown; {
		grown = false
		for _, f := range p.files {
			if f.isHelper() {
				continue
			}
			for _, d := range f.ast.Decls {
				decl, ok := d.(*ast.FuncDecl)
				if !ok || decl.Body == nil {
					continue
				}
				fn, ok := f.pkg.TypesInfo.Defs[decl.Name].(*types.Func)
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

// forwarded returns the parameter of fn that is the context of a Lock in it.
func (p *program) forwarded(f *file, decl *ast.FuncDecl, fn *types.Func) (index int, found bool) {
	params := fn.Signature().Params()
	ast.Inspect(decl.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || found {
			return !found
		}
		i, ok := p.lockContext(f, call)
		if !ok {
			return true
		}
		id, ok := ast.Unparen(call.Args[i]).(*ast.Ident)
		for j := 0; ok && j < params.Len(); j++ {
			if f.objectOf(id) == types.Object(params.At(j)) && !p.assignedIn(f, params.At(j), decl.Body) {
				index, found = j, true
			}
		}
		return !found
	})
	return index, found
}

// timedHere reports whether the context ctx of call is given a deadline in the innermost
// loop around the call, or, outside of loops, in the function around it.
func (p *program) timedHere(f *file, call *ast.CallExpr, ctx ast.Expr, depth int) bool {
	id, ok := ast.Unparen(ctx).(*ast.Ident)
	if !ok || depth > 3 {
		return false
	}
	obj := f.objectOf(id)
	scope := p.repeatedAround(call)
	if obj == nil || scope == nil {
		return false
	}
	timed := false
	ast.Inspect(scope, func(n ast.Node) bool {
		a, ok := n.(*ast.AssignStmt)
		if !ok || len(a.Rhs) != 1 || a.Pos() > call.Pos() {
			return !timed
		}
		if target, ok := ast.Unparen(a.Lhs[0]).(*ast.Ident); !ok || f.objectOf(target) != obj {
			return !timed
		}
		derived, ok := ast.Unparen(a.Rhs[0]).(*ast.CallExpr)
		if !ok || len(derived.Args) == 0 {
			return !timed
		}
		switch fn, _ := f.callee(derived).(*types.Func); {
		case fn == nil || fn.Pkg() == nil:
		case fn.Pkg().Path() == "context":
			switch fn.Name() {
			case "WithTimeout", "WithDeadline", "WithTimeoutCause", "WithDeadlineCause":
				timed = true
			case "WithCancel", "WithCancelCause", "WithValue":
				timed = p.timedHere(f, call, derived.Args[0], depth+1)
			}
		case p.isClientPath(fn.Pkg().Path()) && fn.Name() == "WithRequireLeader":
			timed = p.timedHere(f, call, derived.Args[0], depth+1)
		}
		return !timed
	})
	return timed
}

// repeatedAround returns the body of the innermost loop around n, or else the function.
func (p *program) repeatedAround(n ast.Node) (scope ast.Node) {
	fn := p.funcAround(n)
	if fn == nil {
		return nil
	}
	scope = fn
	ast.Inspect(fn, func(m ast.Node) bool {
		switch l := m.(type) {
		case *ast.FuncLit:
			return m == fn
		case *ast.ForStmt:
			if within(n, l) {
				scope = l
			}
		case *ast.RangeStmt:
			if within(n, l.Body) {
				scope = l.Body
			}
		}
		return true
	})
	return scope
}

// timedLock makes the finding of a site that polls by Lock, or nil.
func (p *program) timedLock(s *site) *proposal {
	if !p.polls(s) {
		return nil
	}
	return p.refused(s, "timed-lock", p.lockEachTry(s), finding.LockWrites, s.attempts()[0].node)
}
