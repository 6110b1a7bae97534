package loop

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"etcdmod/rewrite/internal/source"
)

// Iterators.
//
// The pace of a loop over a function is that of the function: it may wait before it yields,
// and nothing in the loop shows that.

// promptIterators are packages of the standard library whose iterators do not wait.
var promptIterators = []string{"bytes", "maps", "slices", "strings"}

// A pacing says whether an iterator waits.
type pacing int

const (
	noIterator    pacing = iota
	promptPacing         // it yields at once
	UnknownPacing        // it may wait
	clockPacing          // it waits for a clock
)

// Iterator tells the pace of a loop over a function.
func (s *Site) Iterator() pacing {
	r, ok := s.Node.(*ast.RangeStmt)
	if !ok {
		return noIterator
	}
	if _, ok := source.Under(s.File.TypeOf(r.X)).(*types.Signature); !ok {
		return noIterator
	}
	call, ok := ast.Unparen(r.X).(*ast.CallExpr)
	if !ok {
		return UnknownPacing
	}
	fn, ok := s.File.Callee(call).(*types.Func)
	if !ok || fn.Pkg() == nil {
		return UnknownPacing
	}
	decls := s.DeclsOf(fn)
	if len(decls) == 0 {
		if slices.Contains(promptIterators, fn.Pkg().Path()) {
			return promptPacing
		}
		return UnknownPacing
	}
	pace := promptPacing
	for _, decl := range decls {
		if decl.Body == nil {
			return UnknownPacing
		}
		pace = max(pace, s.paceOf(s.FileAt(decl.Pos()), decl))
	}
	return pace
}

// paceOf tells how a function and the literals in it run: what it yields to is no part of
// that.
func (p *Functions) paceOf(f *source.File, decl *ast.FuncDecl) pacing {
	if len(p.clocksOf(f, decl, decl.Body)) > 0 {
		return clockPacing
	}
	pace := promptPacing
	ast.Inspect(decl.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			if len(p.clocksOf(f, n, n.Body)) > 0 {
				pace = clockPacing
			}
		case *ast.CallExpr:
			if fn, ok := f.Callee(n).(*types.Func); ok && p.pauses(fn) {
				pace = clockPacing
			} else if _, yields := f.Callee(n).(*types.Var); !yields && !p.prompt(f, n) && pace != clockPacing {
				pace = UnknownPacing
			}
		case *ast.SelectStmt, *ast.SendStmt:
			if pace != clockPacing {
				pace = UnknownPacing
			}
		case *ast.UnaryExpr:
			if n.Op == token.ARROW && pace != clockPacing {
				pace = UnknownPacing
			}
		}
		return true
	})
	return pace
}
