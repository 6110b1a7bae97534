package loop

import (
	"go/ast"
	"go/token"
	"go/types"

	"etcdmod/rewrite/internal/source"
)

// Functions is what is known of the functions of a module, as far as loops ask for it.
type Functions struct {
	*source.Program
	exit    map[exit]bool      // see exitsOn
	prompts map[token.Pos]bool // see promptFunc
	pausers map[token.Pos]bool // see pauses
}

func NewFunctions(p *source.Program) *Functions {
	return &Functions{Program: p, exit: map[exit]bool{}, prompts: map[token.Pos]bool{}, pausers: map[token.Pos]bool{}}
}

// Blocks reports whether the loop waits, or may wait, for anything between tries.
func (s *Site) Blocks() bool {
	if s.Iterator() > promptPacing {
		return true
	}
	if s.Walker.Bad == nil {
		for _, q := range s.Paths {
			if q.Outcome != Locked || q.End != Next {
				continue
			}
			waitsOn := false
			for _, st := range q.Steps {
				switch st.Kind {
				case TakesDefault:
				case Acts:
					waitsOn = waitsOn || s.MayWait(st.Node)
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
	ast.Inspect(s.Node, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.UnaryExpr:
			blocking = blocking || n.Op == token.ARROW
		case *ast.SelectStmt, *ast.SendStmt:
			blocking = true
		case *ast.CallExpr:
			blocking = blocking || s.MayWait(n)
		}
		return !blocking
	})
	return blocking
}

// MayWait reports whether n calls, besides the try, something that is not known to
// return at once.
func (s *Site) MayWait(n ast.Node) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit, *ast.GoStmt, *ast.DeferStmt:
			return false
		case *ast.CallExpr:
			found = found || !s.Walker.IsTry(n) && !s.prompt(s.File, n)
		}
		return !found
	})
	return found
}

// prompt reports whether a call is known to return at once.
func (p *Functions) prompt(f *source.File, call *ast.CallExpr) bool {
	switch fn := f.Callee(call).(type) {
	case *types.Builtin:
		return true
	case *types.Func:
		return isLog(f, call) || harmless(fn) || source.IsObject(fn, "runtime", "Gosched") || NeverReturns(f, call) || p.promptFunc(fn)
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

// Pausing returns a call in the loop, besides the tries, of a function of the module that
// waits for a clock, the iterator of the loop included, or nil.
func (s *Site) Pausing() *ast.CallExpr {
	var found *ast.CallExpr
	if s.Iterator() == clockPacing {
		found, _ = ast.Unparen(s.Node.(*ast.RangeStmt).X).(*ast.CallExpr)
	}
	ast.Inspect(s.Node, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit, *ast.GoStmt:
			return false
		case *ast.CallExpr:
			if fn, ok := s.File.Callee(n).(*types.Func); ok && found == nil && !s.Walker.IsTry(n) && s.pauses(fn) {
				found = n
			}
		}
		return true
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

// Polls tells a loop that retries an attempt from one that happens to make it, such as
// one that serves requests: a clock paces it, or only success ends it, or a round that
// failed does nothing else.
func (s *Site) Polls() bool {
	if s.Paced() || s.Repeated() {
		return true
	}
	ends, goesOn, idle := false, false, false
	for _, q := range s.Outline() {
		switch {
		case q.Outcome == Won:
			ends = ends || q.End == Broke || q.End == Left
			goesOn = goesOn || q.End == Next
		case q.Outcome == Locked && q.End == Next:
			quiet := true
			for _, st := range q.Steps {
				if st.Kind == Receives {
					quiet = false
				} else if st.Kind == Acts {
					ok, _ := s.Inert(st.Node)
					quiet = quiet && ok
				}
			}
			idle = idle || quiet
		}
	}
	return ends && !goesOn || idle
}

// Repeated reports whether a library repeats the attempt, or a function that calls itself.
func (s *Site) Repeated() bool {
	_, ok := s.Node.(*ast.ExprStmt)
	return ok
}

// Paced reports whether a clock paces the loop, here or in a function that it calls.
func (s *Site) Paced() bool {
	if s.Pausing() != nil {
		return true
	}
	for _, c := range s.Clocks {
		if c.Kind != Watch {
			return true
		}
	}
	return false
}
