package rewrite

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// Exits.
//
// A loop in which a try that met another holder ends the process, or the goroutine, does
// not retry. The call that ends it may be hidden in a function that checks errors, or in
// the one that tries.

// neverReturns knows the calls after which nothing follows, whatever the program does.
func neverReturns(f *file, call *ast.CallExpr) bool {
	obj := f.callee(call)
	if b, ok := obj.(*types.Builtin); ok {
		return b.Name() == "panic"
	}
	fn, ok := obj.(*types.Func)
	if !ok || fn.Pkg() == nil {
		return false
	}
	switch fn.Pkg().Path() {
	case "os":
		return fn.Name() == "Exit"
	case "runtime":
		return fn.Name() == "Goexit"
	case "log":
		switch fn.Name() {
		case "Fatal", "Fatalf", "Fatalln", "Panic", "Panicf", "Panicln":
			return true
		}
	case "testing":
		switch fn.Name() {
		case "Fatal", "Fatalf", "FailNow", "Skip", "Skipf", "SkipNow":
			return true
		}
	}
	return false
}

// endsProcess is neverReturns with the log libraries whose functions end the process
// unless the program has told them not to.
func endsProcess(f *file, call *ast.CallExpr) bool {
	if neverReturns(f, call) {
		return true
	}
	fn, ok := f.callee(call).(*types.Func)
	if !ok || fn.Pkg() == nil || !isLogPackage(fn.Pkg().Path()) {
		return false
	}
	for _, prefix := range []string{"Fatal", "Panic", "Exit"} {
		if strings.HasPrefix(fn.Name(), prefix) {
			return true
		}
	}
	return false
}

// checked returns which argument of a call is the try's error, or -1. tried says that it
// is the try itself.
func (t *tracer) checked(call *ast.CallExpr, p *path) (i int, tried bool) {
	for i, a := range call.Args {
		if inner, ok := ast.Unparen(a).(*ast.CallExpr); ok && t.isTry(inner) && !basicBool(t.file, inner) {
			return i, true
		}
		if obj := t.variable(a); obj != nil && p.errs[obj] {
			return i, false
		}
	}
	return -1, false
}

// exits reports whether a call does not return if its i-th argument is an error.
func (t *tracer) exits(call *ast.CallExpr, i int) bool {
	fn, ok := t.file.callee(call).(*types.Func)
	if !ok {
		return false
	}
	sig := fn.Origin().Signature()
	if i >= sig.Params().Len() || sig.Variadic() && i == sig.Params().Len()-1 {
		return false
	}
	return t.prog.exitsOn(fn.Origin().Pos(), sig.Params().At(i))
}

// exitsOn reports whether the function declared at decl never returns while its parameter
// is an error.
func (p *program) exitsOn(decl token.Pos, param *types.Var) bool {
	v, known := p.exitOn[param.Pos()]
	if known {
		return v
	}
	p.exitOn[param.Pos()] = false // for recursion
	fn, f := p.declaration(decl)
	if fn == nil || fn.Body == nil || p.assignedIn(f, param, fn.Body) {
		return false
	}
	v = true
	for _, o := range []outcome{locked, failed} {
		t := &tracer{prog: p, file: f, loop: fn.Body, isTry: func(*ast.CallExpr) bool { return false }, isDone: f.isDone}
		start := &path{outcome: o, errs: map[types.Object]bool{f.local(param): true}, bools: map[types.Object]tristate{}}
		paths := t.block(fn.Body.List, []*path{start})
		v = v && t.bad == nil && !returnsAfter(paths, o)
	}
	p.exitOn[param.Pos()] = v
	return v
}

// local returns the object by which the file knows a variable that may come from another
// variant of its package.
func (f *file) local(v *types.Var) types.Object {
	for _, obj := range f.pkg.TypesInfo.Defs {
		if obj != nil && obj.Pos() == v.Pos() {
			return obj
		}
	}
	return v
}

// returnsAfter reports whether one of the paths of a function comes back to its caller
// after a try that ended so.
func returnsAfter(paths []*path, o outcome) bool {
	for _, q := range paths {
		if _, exits := q.endStmt.(*ast.ExprStmt); q.outcome == o && !(q.end == left && exits) {
			return true
		}
	}
	return false
}

// givesUp reports whether a function that tries does not return when another session
// holds the lock.
func (p *program) givesUp(f *file, fn ast.Node, isTry func(*ast.CallExpr) bool) bool {
	var body *ast.BlockStmt
	switch fn := fn.(type) {
	case *ast.FuncDecl:
		body = fn.Body
	case *ast.FuncLit:
		body = fn.Body
	}
	if body == nil {
		return false
	}
	t := &tracer{prog: p, file: f, loop: body, isTry: isTry, isDone: f.isDone}
	paths := t.block(body.List, []*path{{errs: map[types.Object]bool{}, bools: map[types.Object]tristate{}}})
	if t.bad != nil || returnsAfter(paths, locked) {
		return false
	}
	met := false
	for _, q := range paths {
		if q.outcome == locked {
			if met = true; !p.surely(f, q.endStmt) {
				return false
			}
		}
	}
	return met
}

// surely reports whether a statement that does not return ends the process, or the
// goroutine, and not only functions up to one that recovers.
func (p *program) surely(f *file, s ast.Stmt) bool {
	if !p.recovers() {
		return true
	}
	stmt, ok := s.(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := ast.Unparen(stmt.X).(*ast.CallExpr)
	if !ok {
		return false
	}
	fn, ok := f.callee(call).(*types.Func) // no builtin
	return ok && endsProcess(f, call) && !strings.HasPrefix(fn.Name(), "Panic")
}

// recovers reports whether anything in the module recovers from panics.
func (p *program) recovers() bool {
	for _, f := range p.files {
		for id, obj := range f.pkg.TypesInfo.Uses {
			if b, ok := obj.(*types.Builtin); ok && b.Name() == "recover" && p.fileAt(id.Pos()) == f {
				return true
			}
		}
	}
	return false
}

// declaration returns the function declared at that position, or nil.
func (p *program) declaration(at token.Pos) (*ast.FuncDecl, *file) {
	f := p.fileAt(at)
	if f == nil {
		return nil, nil
	}
	for _, d := range f.ast.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Pos() == at {
			return fn, f
		}
	}
	return nil, nil
}
