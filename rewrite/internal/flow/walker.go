package flow

import (
	"fmt"
	"go/ast"
	"go/types"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/source"
)

// A walker relates what one file says of types.
type walker struct {
	*Flow
	file  *source.File
	stack []ast.Node
	funcs []*node // nodes of the enclosing functions
	sigs  []*types.Signature
}

func (w *Flow) poisonNode(n *node, code finding.Code, at ast.Node, format string, args ...any) {
	if n == nil {
		return
	}
	r := finding.Reason{Code: code, Detail: fmt.Sprintf(format, args...), Pos: w.p.Position(at.Pos())}
	n.find().deny(r)
	switch code {
	case finding.EscapesInterface, finding.GenericType, finding.UnsupportedUse, finding.UnsafeUse, finding.Untyped:
		w.boxes.leaks = append(w.boxes.leaks, r)
	}
}

func (w *walker) parent() ast.Node {
	for i := len(w.stack) - 2; i >= 0; i-- {
		if _, ok := w.stack[i].(*ast.ParenExpr); !ok {
			return w.stack[i]
		}
	}
	return nil
}

// fieldType is the type of a field's type expression. The type checker records none
// for the dots of a variadic parameter.
func (w *walker) fieldType(e ast.Expr) types.Type {
	if dots, ok := e.(*ast.Ellipsis); ok {
		return w.file.TypeOf(dots.Elt)
	}
	return w.file.TypeOf(e)
}

// method unifies methods of the same name and signature: one of them may be there to
// satisfy an interface that has the other.
func (w *Flow) method(fn *types.Func) {
	key := source.MethodKey(fn)
	if old := w.methods[key]; old.n != nil {
		unify(old.n, w.object(fn))
		return
	}
	w.methods[key] = namedMethod{fn, w.object(fn)}
}
