package rewrite

import (
	"go/ast"
	"go/types"

	"etcdmod/rewrite/internal/source"
)

// An attempt is something that asks for a lock and may fail, so that a loop may retry it.
type attempt struct {
	is func(*source.File, *ast.CallExpr) bool
	// method is the name by which interfaces and method values of the mutex lead to it as
	// well, or "".
	method string
	// names reports whether a selector names that method, and fn whether a function is it.
	names func(*source.File, *ast.SelectorExpr) bool
	fn    func(*types.Func) bool
	timed bool // it fails with context.DeadlineExceeded where another holder is in its way
	// replies says that a bool among its results tells whether the lock is held; an error
	// beside it is nil then.
	replies bool
}

// What loops retry.
func tryLocks(p *functions) *attempt {
	return &attempt{
		is: (*source.File).IsTryLock, method: "TryLock", names: namesTryLock,
		fn: func(fn *types.Func) bool {
			return fn.Name() == "TryLock" && fn.Signature().Recv() != nil && p.IsMutexPtr(fn.Signature().Recv().Type())
		},
	}
}
