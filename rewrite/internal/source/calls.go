package source

import (
	"go/ast"
	"go/types"
	"sync"
)

// A Call is a call by name, and the file that it is in.
type Call struct {
	File *File
	Expr *ast.CallExpr
}

// calls are the calls of a program by what they name. They are looked for once: to walk all
// files for each function that is asked for takes minutes where there are hundreds of packages.
type calls struct {
	once sync.Once
	of   map[types.Object][]Call
}

// CallsOf returns the calls that name an object, in the order of the files. Calls through
// variables of functions and through interfaces name something else.
func (p *Program) CallsOf(obj types.Object) []Call {
	p.calls.once.Do(func() {
		p.calls.of = map[types.Object][]Call{}
		for _, f := range p.Files {
			for n := range ast.Preorder(f.Syntax) {
				if call, ok := n.(*ast.CallExpr); ok {
					if callee := f.Callee(call); callee != nil {
						p.calls.of[callee] = append(p.calls.of[callee], Call{f, call})
					}
				}
			}
		}
	})
	return p.calls.of[obj]
}
