package rewrite

import (
	"go/ast"
	"go/types"
)

// sessionPerTry reports a loop in which each try makes a session of its own, directly or
// in the functions on the way to TryLock. Granting its lease writes whatever the try does.
func (p *program) sessionPerTry(s *site) *Reason {
	bodies := []ast.Node{s.loop}
	for i, h := range s.trail {
		if i == 0 {
			continue // in the loop
		}
		if fn := p.declAround(h.node); fn != nil && fn != s.fn {
			bodies = append(bodies, fn)
		}
	}
	for _, body := range bodies {
		f := p.fileAt(body.Pos())
		var found *ast.CallExpr
		ast.Inspect(body, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if fn, ok := f.callee(call).(*types.Func); ok && isConcurrencyObj(fn, "NewSession") {
					found = call
				}
			}
			return found == nil
		})
		if found != nil {
			return &Reason{Code: SessionPerTry, Detail: firstLine(p.text(found)), Pos: p.position(found.Pos())}
		}
	}
	return nil
}

// declAround returns the function declaration that holds n, or nil.
func (p *program) declAround(n ast.Node) *ast.FuncDecl {
	f := p.fileAt(n.Pos())
	if f == nil {
		return nil
	}
	for _, d := range f.ast.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && within(n, fn) {
			return fn
		}
	}
	return nil
}
