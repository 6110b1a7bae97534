package rewrite

import (
	"go/ast"
	"go/token"
	"go/types"
)

// blocks reports whether the loop waits, or may wait, for anything between tries.
func (p *program) blocks(s *site) bool {
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
					waitsOn = waitsOn || p.mayWait(s, st.node)
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
			blocking = blocking || p.mayWait(s, n)
		}
		return !blocking
	})
	return blocking
}

// mayWait reports whether n calls, besides the try, something that is not known to
// return at once.
func (p *program) mayWait(s *site, n ast.Node) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit, *ast.GoStmt, *ast.DeferStmt:
			return false
		case *ast.CallExpr:
			found = found || !s.trace.isTry(n) && !p.prompt(s.file, n)
		}
		return !found
	})
	return found
}

// prompt reports whether a call is known to return at once.
func (p *program) prompt(f *file, call *ast.CallExpr) bool {
	switch fn := f.callee(call).(type) {
	case *types.Builtin:
		return true
	case *types.Func:
		return isLog(f, call) || harmless(fn) || isPkgObj(fn, "runtime", "Gosched") || neverReturns(f, call) || p.promptFunc(fn)
	}
	return f.pkg.TypesInfo.Types[call.Fun].IsType() || isCancel(f, call)
}

// promptFunc reports whether a function of the module neither loops nor waits, nor calls
// what may.
func (p *program) promptFunc(fn *types.Func) bool {
	at := fn.Origin().Pos()
	v, known := p.prompts[at]
	if known {
		return v
	}
	p.prompts[at] = false // for recursion
	decl, f := p.declaration(at)
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
// waits for a clock, or nil.
func (p *program) pausing(s *site) *ast.CallExpr {
	var found *ast.CallExpr
	ast.Inspect(s.loop, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit, *ast.GoStmt:
			return false
		case *ast.CallExpr:
			if fn, ok := s.file.callee(n).(*types.Func); ok && found == nil && !s.trace.isTry(n) && p.pauses(fn) {
				found = n
			}
		}
		return true
	})
	return found
}

// pauses reports whether a function of the module waits for a clock, itself or through
// others.
func (p *program) pauses(fn *types.Func) bool {
	at := fn.Origin().Pos()
	v, known := p.pausers[at]
	if known {
		return v
	}
	p.pausers[at] = false // for recursion
	decl, f := p.declaration(at)
	if decl == nil || decl.Body == nil {
		return false
	}
	v = len(p.clocksOf(f, decl, decl.Body)) > 0
	ast.Inspect(decl.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit, *ast.GoStmt:
			return false
		case *ast.CallExpr:
			if fn, ok := f.callee(n).(*types.Func); ok {
				v = v || p.pauses(fn)
			}
		}
		return !v
	})
	p.pausers[at] = v
	return v
}
