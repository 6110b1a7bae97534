package rewrite

import (
	"go/ast"
	"go/constant"
	"go/types"
	"strings"

	"etcdmod/internal/finding"
)

// sameKey reports that the watch behind k may be for something else than the lock of s.
// The published fix watches the name that the mutex was made with:
//
//	mu := concurrency.NewMutex(session, name)
//	events := client.Watch(ctx, name, clientv3.WithPrefix())
func (p *program) sameKey(s *site, k *clock) *finding.Reason {
	unproved := func(detail string) *finding.Reason {
		return &finding.Reason{Code: finding.WatchKeyUnknown, Detail: detail, Pos: p.position(k.wait.Pos())}
	}
	if k.problem != nil {
		return k.problem
	}
	fn, ok := s.file.callee(k.made).(*types.Func)
	if !ok || fn.Name() != "Watch" || fn.Pkg() == nil || !p.isClientPath(fn.Pkg().Path()) || len(k.made.Args) < 2 {
		return unproved(p.text(k.made))
	}
	if !p.withPrefix(s.file, k.made) {
		return unproved("no WithPrefix")
	}
	n := p.nodeOf(hop{file: s.file, node: s.tries[0]})
	if n == nil || len(n.made) != 1 || len(n.made[0].Args) != 2 {
		return unproved("the mutex is not made in one place")
	}
	if a, b := s.trace.variable(k.made.Args[0]), s.trace.variable(s.tries[0].Args[0]); a == nil || a != b {
		return &finding.Reason{Code: finding.ContextMismatch, Detail: p.text(k.made.Args[0]), Pos: p.position(k.made.Pos())}
	}
	made := n.made[0]
	if !p.sameString(s.file, k.made.Args[1], p.fileAt(made.Pos()), made.Args[1]) {
		return unproved(p.text(k.made.Args[1]) + " and " + p.text(made.Args[1]))
	}
	return nil
}

// withPrefix reports whether a call of Watch is for a prefix.
func (p *program) withPrefix(f *file, watch *ast.CallExpr) bool {
	for _, a := range watch.Args[2:] {
		if call, ok := ast.Unparen(a).(*ast.CallExpr); ok {
			if fn := f.callee(call); fn != nil && fn.Name() == "WithPrefix" && fn.Pkg() != nil && p.isClientPath(fn.Pkg().Path()) {
				return true
			}
		}
	}
	return false
}

// sameString reports whether two expressions are the same prefix: equal constants, up to
// the slash that NewMutex appends, or one package-level name.
func (p *program) sameString(f *file, a ast.Expr, g *file, b ast.Expr) bool {
	va, vb := f.pkg.TypesInfo.Types[a].Value, g.pkg.TypesInfo.Types[b].Value
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
	v, ok := f.objectOf(ia).(*types.Var)
	return ok && f.objectOf(ib) == types.Object(v) && !p.assignedIn(f, v, f.ast)
}

func packageVar(f *file, e ast.Expr) types.Object {
	id := nameIn(e)
	if id == nil {
		return nil
	}
	obj, ok := f.objectOf(id).(*types.Var)
	if !ok || !isPackageLevel(obj) {
		return nil
	}
	return obj
}
