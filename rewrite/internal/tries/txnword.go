package tries

import (
	"go/ast"
	"go/types"

	"etcdmod/rewrite/internal/source"
)

// What is said of transactions that create a key, and that are not looked for.

// Unasked reports whether the response of a call is thrown away, so that nobody asks whether the key was made.
func Unasked(f *source.File, call *ast.CallExpr) bool {
	around := f.Around(call)
	if len(around) == 0 {
		return false
	}
	switch n := around[len(around)-1].(type) {
	case *ast.ExprStmt:
		return true
	case *ast.AssignStmt:
		return len(n.Rhs) == 1 && source.IsBlank(n.Lhs[0])
	}
	return false
}

// PutsElse reports whether the transaction that call commits puts something where a comparison fails which asks whether a
// key is there, and writes nothing where it holds.
func (p Txns) PutsElse(f *source.File, call *ast.CallExpr) bool {
	fn := p.outermost(call)
	if fn == nil {
		return false
	}
	present, puts := false, false
	for _, c := range chain(f, fn, call, map[types.Object]bool{}) {
		for _, op := range operands(f, fn, c) {
			key, missing := compared(f, op)
			present = present || key != nil && !missing
			put, ok := op.(*ast.CallExpr)
			if ok && f.IsClientCall(put, "OpPut") {
				if !f.IsClientCall(c, "Else") {
					return false
				}
				puts = true
			}
		}
	}
	return present && puts
}

// Reads reports whether the parts of the transaction that call commits are known: what it
// demands, and what it does then.
func (p Txns) Reads(f *source.File, call *ast.CallExpr) bool {
	fn := p.outermost(call)
	if fn == nil {
		return false
	}
	demands, puts := false, false
	for _, c := range chain(f, fn, call, map[types.Object]bool{}) {
		for _, op := range operands(f, fn, c) {
			demands = demands || missing(f, op) != nil
			put, ok := op.(*ast.CallExpr)
			puts = puts || ok && f.IsClientCall(put, "OpPut")
		}
	}
	return demands && puts
}
