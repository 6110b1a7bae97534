package flow

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/source"
)

// Patches.
//
// Some libraries replace a function at run time, by writing over its code: a test hands them the
// client's NewMutex or TryLock as a value, or names the method of a type. The rewritten code
// calls a function of the helper in its place, and that calls others of the client besides,
// which nobody has replaced. What is patched is patched for the whole program.

// patches notes a call by which code outside the module gets a function of the client as a
// value, or its name together with the type.
func (w observer) patches(n *ast.CallExpr) {
	fn, ok := w.file.Callee(n).(*types.Func)
	if !ok || fn.Pkg() == nil || w.p.FileAt(fn.Pos()) != nil {
		return
	}
	if _, client := w.p.ConcurrencyPath(fn.Pkg()); client {
		return
	}
	name, typed := "", false
	for _, a := range n.Args {
		tv := w.file.Pkg.TypesInfo.Types[a]
		if sel, ok := ast.Unparen(a).(*ast.SelectorExpr); ok && (w.p.IsConcurrencyObj(w.file.ObjectOf(sel.Sel), "NewMutex") || w.file.MethodExpr(sel)) {
			w.patched(n.Pos(), w.p.Text(sel), fn)
			return
		}
		if tv.Value != nil && tv.Value.Kind() == constant.String && source.MutexMethods[text(tv.Value)] {
			name = text(tv.Value)
		}
		typed = typed || w.mutexIn(tv.Type) || source.IsNamed(tv.Type, "reflect", "Type") && w.importsClient()
	}
	if name != "" && typed {
		w.patched(n.Pos(), name, fn)
	}
}

// importsClient reports whether the file can name the mutex.
func (w observer) importsClient() bool {
	for _, imported := range w.file.Syntax.Imports {
		for _, path := range w.p.Concurrency {
			if source.ImportPath(imported) == path {
				return true
			}
		}
	}
	return false
}

func (w observer) patched(at token.Pos, what string, by *types.Func) {
	w.looks.patched = append(w.looks.patched, finding.Reason{
		Code: finding.Patched, Detail: what + " goes to " + by.Pkg().Path() + "." + by.Name(), Pos: w.p.Position(at),
	})
}

// patch refuses all mutexes of a program with patches.
func (f *Flow) patch() {
	if len(f.looks.patched) == 0 {
		return
	}
	for _, n := range f.roots() {
		if len(n.Spelled) > 0 {
			n.deny(f.looks.patched[0])
		}
	}
}
