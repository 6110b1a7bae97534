package loop

import (
	"go/ast"
	"go/types"

	"etcdmod/rewrite/internal/source"
)

// An Attempt is something that asks for a lock and may fail, so that a loop may retry it.
type Attempt struct {
	Is func(*source.File, *ast.CallExpr) bool
	// method is the name by which interfaces and method values of the mutex lead to it as
	// well, or "".
	method string
	// names reports whether a selector names that method, and fn whether a function is it.
	names func(*source.File, *ast.SelectorExpr) bool
	fn    func(*types.Func) bool
	Timed bool // it fails with context.DeadlineExceeded where another holder is in its way
	// Replies says that a bool among its results tells whether the lock is held; an error
	// beside it is nil then.
	Replies bool
	// Through returns the calls of the method that a call is an attempt for, where that is one
	// of a function which hands its context to them; nil where calls are the attempts.
	Through func(*source.File, *ast.CallExpr) []*ast.CallExpr
}

// IsMethod reports whether the attempt is a call of the mutex's method of that name.
func (a *Attempt) IsMethod(name string) bool { return a.method == name }

// TryLocks are the calls of TryLock of an etcd mutex.
func TryLocks(p *Functions) *Attempt {
	return &Attempt{
		Is: (*source.File).IsTryLock, method: "TryLock", names: namesTryLock,
		fn: func(fn *types.Func) bool {
			return fn.Name() == "TryLock" && fn.Signature().Recv() != nil && p.IsMutexPtr(fn.Signature().Recv().Type())
		},
	}
}

// namesTryLock reports whether sel names the method TryLock of an etcd mutex, or is a method value
// of an interface or type parameter that may hold one.
func namesTryLock(f *source.File, sel *ast.SelectorExpr) bool {
	s := f.Pkg.TypesInfo.Selections[sel]
	if sel.Sel.Name != "TryLock" || s == nil {
		return false
	}
	fn, ok := f.ObjectOf(sel.Sel).(*types.Func)
	if !ok || fn.Signature().Recv() == nil {
		return false
	}
	recv := fn.Signature().Recv().Type()
	return f.IsMutexPtr(recv) || isAbstract(recv) && s.Kind() == types.MethodVal
}

// isAbstract reports whether t is an interface or a type parameter.
func isAbstract(t types.Type) bool {
	_, isParam := types.Unalias(t).(*types.TypeParam)
	return isParam || types.IsInterface(t)
}
