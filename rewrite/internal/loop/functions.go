package loop

import (
	"go/ast"
	"go/token"
	"go/types"

	"etcdmod/rewrite/internal/source"
	"etcdmod/rewrite/internal/told"
)

// Functions is what is known of the functions of a module, as far as loops ask for it.
type Functions struct {
	*source.Program
	Told    *told.Told
	exit    map[exit]bool      // see exitsOn
	prompts map[token.Pos]bool // see promptFunc
	pausers map[token.Pos]bool // see pauses
}

// NewFunctions returns what is known of the functions of a program: nothing yet.
func NewFunctions(p *source.Program) *Functions {
	return &Functions{Program: p, Told: told.New(p), exit: map[exit]bool{}, prompts: map[token.Pos]bool{}, pausers: map[token.Pos]bool{}}
}

// prompt reports whether a call is known to return at once.
func (p *Functions) prompt(f *source.File, call *ast.CallExpr) bool {
	switch fn := f.Callee(call).(type) {
	case *types.Builtin:
		return true
	case *types.Func:
		return isLog(f, call) || harmless(fn) || IsContextCall(f, call) || source.IsObject(fn, "runtime", "Gosched") || NeverReturns(f, call) || p.promptFunc(fn)
	}
	return f.Pkg.TypesInfo.Types[call.Fun].IsType() || isCancel(f, call)
}

// promptFunc reports whether a function of the module neither loops nor waits, nor calls
// what may.
func (p *Functions) promptFunc(fn *types.Func) bool {
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

// Returns reports whether a call surely comes back, and at once.
func (p *Functions) Returns(f *source.File, call *ast.CallExpr) bool {
	return p.prompt(f, call) && !p.mayEnd(f, call, map[token.Pos]bool{})
}

// mayEnd reports whether a call may end the process, the goroutine or its callers, itself or
// through functions of the module.
func (p *Functions) mayEnd(f *source.File, n ast.Node, seen map[token.Pos]bool) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || found {
			return !found
		}
		found = endsProcess(f, call)
		if fn, ok := f.Callee(call).(*types.Func); ok && !seen[fn.Origin().Pos()] {
			seen[fn.Origin().Pos()] = true
			if decl, in := p.Declaration(fn.Origin().Pos()); decl != nil && decl.Body != nil {
				found = found || p.mayEnd(in, decl.Body, seen)
			}
		}
		return !found
	})
	return found
}

// pauses reports whether a function of the module waits for a clock, itself or through
// others.
func (p *Functions) pauses(fn *types.Func) bool {
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

// AwaitsEvents reports whether n, which is part of fn, waits for the events of a watch,
// itself or in a function of the module that it calls.
func (p *Functions) AwaitsEvents(f *source.File, fn ast.Node, n ast.Stmt, seen map[ast.Node]bool) bool {
	for _, c := range p.clocksOf(f, fn, n) {
		if c.Kind == Watch {
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
						found = found || p.AwaitsEvents(p.FileAt(decl.Pos()), decl, decl.Body, seen)
					}
				}
			}
		}
		return !found
	})
	return found
}
