package proof

import (
	"go/ast"
	"go/constant"
	"go/types"
	"strings"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/flow"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// sameKey reports that the watch behind k may be for something else than the lock of s.
// The published fix watches the name that the mutex was made with:
//
//	mu := concurrency.NewMutex(session, name)
//	events := client.Watch(ctx, name, clientv3.WithPrefix())
func sameKey(fl *flow.Flow, s *loop.Site, k *loop.Clock) *finding.Reason {
	unproved := func(detail string) *finding.Reason {
		return &finding.Reason{Code: finding.WatchKeyUnknown, Detail: detail, Pos: s.Position(k.Wait.Pos())}
	}
	if k.Problem != nil {
		return k.Problem
	}
	fn, ok := s.File.Callee(k.Made).(*types.Func)
	if !ok || fn.Name() != "Watch" || fn.Pkg() == nil || !s.IsClientPath(fn.Pkg().Path()) || len(k.Made.Args) < 2 {
		return unproved(s.Text(k.Made))
	}
	if !withPrefix(s.File, k.Made) {
		return unproved("no WithPrefix")
	}
	n := fl.NodeOf(s.File, s.Tries[0], s.Mutex())
	if n == nil || len(n.Made) != 1 || len(n.Made[0].Args) != 2 {
		return unproved("the mutex is not made in one place")
	}
	if a, b := s.Walker.Variable(k.Made.Args[0]), s.Walker.Variable(s.Tries[0].Args[0]); a == nil || a != b {
		return &finding.Reason{Code: finding.ContextMismatch, Detail: s.Text(k.Made.Args[0]), Pos: s.Position(k.Made.Pos())}
	}
	made := n.Made[0]
	if !sameString(s.File, k.Made.Args[1], s.FileAt(made.Pos()), made.Args[1]) {
		return unproved(s.Text(k.Made.Args[1]) + " and " + s.Text(made.Args[1]))
	}
	return nil
}

// withPrefix reports whether a call of Watch is for a prefix.
func withPrefix(f *source.File, watch *ast.CallExpr) bool {
	for _, a := range watch.Args[2:] {
		if call, ok := ast.Unparen(a).(*ast.CallExpr); ok {
			if fn := f.Callee(call); fn != nil && fn.Name() == "WithPrefix" && fn.Pkg() != nil && f.IsClientPath(fn.Pkg().Path()) {
				return true
			}
		}
	}
	return false
}

// sameString reports whether two expressions are the same prefix: equal constants, up to
// the slash that NewMutex appends, or one package-level name.
func sameString(f *source.File, a ast.Expr, g *source.File, b ast.Expr) bool {
	va, vb := f.Pkg.TypesInfo.Types[a].Value, g.Pkg.TypesInfo.Types[b].Value
	if va != nil && vb != nil {
		return strings.TrimSuffix(constant.StringVal(va), "/") == strings.TrimSuffix(constant.StringVal(vb), "/")
	}
	oa, ob := packageVar(f, a), packageVar(g, b)
	if oa != nil && ob != nil {
		return oa.Pos() == ob.Pos()
	}
	ia, ok1 := ast.Unparen(a).(*ast.Ident)
	ib, ok2 := ast.Unparen(b).(*ast.Ident)
	if !ok1 || !ok2 || f != g {
		return false
	}
	v, ok := f.ObjectOf(ia).(*types.Var)
	return ok && f.ObjectOf(ib) == types.Object(v) && !f.AssignedIn(v, f.Syntax)
}

func packageVar(f *source.File, e ast.Expr) types.Object {
	id := source.NameIn(e)
	if id == nil {
		return nil
	}
	obj, ok := f.ObjectOf(id).(*types.Var)
	if !ok || !source.IsPackageLevel(obj) {
		return nil
	}
	return obj
}
