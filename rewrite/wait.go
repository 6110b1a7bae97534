package rewrite

import (
	"go/ast"
	"go/token"
	"go/types"

	"etcdmod/rewrite/internal/source"
)

// functions is what is known of the functions of a module, as far as loops ask for it.
type functions struct {
	*source.Program
	exit    map[exit]bool      // see exitsOn
	prompts map[token.Pos]bool // see promptFunc
	pausers map[token.Pos]bool // see pauses
}

func newFunctions(p *source.Program) *functions {
	return &functions{Program: p, exit: map[exit]bool{}, prompts: map[token.Pos]bool{}, pausers: map[token.Pos]bool{}}
}

// blocks reports whether the loop waits, or may wait, for anything between tries.
func (s *site) blocks() bool {
	if s.iterator() > promptPacing {
		return true
	}
	if s.trace.bad == nil {
		for _, q := range s.paths {
			if q.outcome != locked || q.end != next {
				continue
			}
			waitsOn := false
			for _, st := range q.steps {
				switch st.kind {
				case polls:
				case acts:
					waitsOn = waitsOn || s.mayWait(st.node)
				default:
					waitsOn = true
				}
			}
			if !waitsOn {
				return false
			}
		}
		return true
	}
	blocking := false
	ast.Inspect(s.loop, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.UnaryExpr:
			blocking = blocking || n.Op == token.ARROW
		case *ast.SelectStmt, *ast.SendStmt:
			blocking = true
		case *ast.CallExpr:
			blocking = blocking || s.mayWait(n)
		}
		return !blocking
	})
	return blocking
}

// mayWait reports whether n calls, besides the try, something that is not known to
// return at once.
func (s *site) mayWait(n ast.Node) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit, *ast.GoStmt, *ast.DeferStmt:
			return false
		case *ast.CallExpr:
			found = found || !s.trace.isTry(n) && !s.prompt(s.file, n)
		}
		return !found
	})
	return found
}

// prompt reports whether a call is known to return at once.
func (p *functions) prompt(f *source.File, call *ast.CallExpr) bool {
	switch fn := f.Callee(call).(type) {
	case *types.Builtin:
		return true
	case *types.Func:
		return isLog(f, call) || harmless(fn) || source.IsObject(fn, "runtime", "Gosched") || neverReturns(f, call) || p.promptFunc(fn)
	}
	return f.Pkg.TypesInfo.Types[call.Fun].IsType() || isCancel(f, call)
}

// promptFunc reports whether a function of the module neither loops nor waits, nor calls
// what may.
func (p *functions) promptFunc(fn *types.Func) bool {
	at := fn.Origin().Pos()
	v, known := p.prompts[at]
	if known {
		return v
	}
	p.prompts[at] = false // for recursion
	decl, f := p.Declaration(at)
	if decl == nil || decl.Body == nil {
		return false
	}
	v = true
	ast.Inspect(decl.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			return false
		case *ast.ForStmt, *ast.RangeStmt, *ast.SelectStmt, *ast.SendStmt:
			v = false
		case *ast.BranchStmt:
			v = v && n.Tok != token.GOTO
		case *ast.UnaryExpr:
			v = v && n.Op != token.ARROW
		case *ast.CallExpr:
			v = v && p.prompt(f, n)
		}
		return v
	})
	p.prompts[at] = v
	return v
}

// pausing returns a call in the loop, besides the tries, of a function of the module that
// waits for a clock, the iterator of the loop included, or nil.
func (s *site) pausing() *ast.CallExpr {
	var found *ast.CallExpr
	if s.iterator() == clockPacing {
		found, _ = ast.Unparen(s.loop.(*ast.RangeStmt).X).(*ast.CallExpr)
	}
	ast.Inspect(s.loop, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit, *ast.GoStmt:
			return false
		case *ast.CallExpr:
			if fn, ok := s.file.Callee(n).(*types.Func); ok && found == nil && !s.trace.isTry(n) && s.pauses(fn) {
				found = n
			}
		}
		return true
	})
	return found
}

// pauses reports whether a function of the module waits for a clock, itself or through
// others.
func (p *functions) pauses(fn *types.Func) bool {
	at := fn.Origin().Pos()
	v, known := p.pausers[at]
	if known {
		return v
	}
	p.pausers[at] = false // for recursion
	decl, f := p.Declaration(at)
	if decl == nil || decl.Body == nil {
		return false
	}
	v = len(p.clocksOf(f, decl, decl.Body)) > 0
	ast.Inspect(decl.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit, *ast.GoStmt:
			return false
		case *ast.CallExpr:
			if fn, ok := f.Callee(n).(*types.Func); ok {
				v = v || p.pauses(fn)
			}
		}
		return !v
	})
	p.pausers[at] = v
	return v
}

// awaitsEvents reports whether n, which is part of fn, waits for the events of a watch,
// itself or in a function of the module that it calls.
func (p *functions) awaitsEvents(f *source.File, fn ast.Node, n ast.Stmt, seen map[ast.Node]bool) bool {
	for _, c := range p.clocksOf(f, fn, n) {
		if c.kind == watchClock {
			return true
		}
	}
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit, *ast.GoStmt:
			return false
		case *ast.CallExpr:
			if callee, ok := f.Callee(n).(*types.Func); ok && !found {
				for _, decl := range p.DeclsOf(callee) {
					if decl.Body != nil && !seen[decl] {
						seen[decl] = true
						found = found || p.awaitsEvents(p.FileAt(decl.Pos()), decl, decl.Body, seen)
					}
				}
			}
		}
		return !found
	})
	return found
}
