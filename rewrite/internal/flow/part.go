package flow

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"etcdmod/rewrite/internal/source"
)

// Addresses of parts.
//
// From a part of a value the rest is a sum away, also where the address was taken earlier than it is converted.
// Which address comes to which conversion is not followed: one of the same type may.

// parts are the addresses of parts of values, and the conversions to unsafe.Pointer of addresses taken elsewhere.
type parts struct {
	taken     []part
	converted []part
}

// A part is an address: of what, and of which value that is a part, if that is known.
type part struct {
	of    types.Type
	whole types.Type
	at    token.Pos
}

// read notes them in a file.
func (p *parts) read(file *source.File) {
	inside := map[*ast.CallExpr]bool{}
	for n := range ast.Preorder(file.Syntax) {
		switch n := n.(type) {
		case *ast.StarExpr:
			if call := readsInside(file, n); call != nil {
				inside[call] = true
			}
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				p.take(file, n.X, file.TypeOf(n.X))
			}
		case *ast.SliceExpr:
			if array, ok := source.Under(file.TypeOf(n.X)).(*types.Array); ok {
				p.take(file, n.X, array.Elem())
			}
		case *ast.SelectorExpr:
			s := file.Pkg.TypesInfo.Selections[n]
			if s == nil || s.Kind() != types.MethodVal || target(s.Recv()) != s.Recv() {
				continue
			}
			if recv := s.Obj().(*types.Func).Signature().Recv(); recv != nil && target(recv.Type()) != recv.Type() {
				p.take(file, n.X, target(recv.Type()))
			}
		case *ast.CallExpr:
			if len(n.Args) != 1 || inside[n] || !file.Pkg.TypesInfo.Types[n.Fun].IsType() || !isBasic(file.TypeOf(n.Fun), types.UnsafePointer) {
				continue
			}
			if addr, ok := ast.Unparen(n.Args[0]).(*ast.UnaryExpr); ok && addr.Op == token.AND {
				if t := pointedInto(file, addr.X); t != nil { // of what is before that, unsafeView knows
					p.converted = append(p.converted, part{of: t, at: n.Pos()})
				}
				continue
			}
			if t := file.TypeOf(n.Args[0]); t != nil && !isBasic(t, types.UnsafePointer) && !isBasic(t, types.Uintptr) {
				p.converted = append(p.converted, part{of: target(t), at: n.Pos()})
			}
		}
	}
}

// take notes the values that e, whose address is taken, is a part of: up to where a pointer or a slice leads
// to other memory.
func (p *parts) take(file *source.File, e ast.Expr, of types.Type) {
	for {
		switch x := ast.Unparen(e).(type) {
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		default:
			return
		}
		t := file.TypeOf(e)
		if t == nil || of == nil {
			return
		}
		p.taken = append(p.taken, part{of, target(t), e.Pos()})
		switch source.Under(t).(type) {
		case *types.Pointer, *types.Slice:
			return
		}
	}
}

// pointedInto returns the type of the memory that e lies in, if a pointer or a slice leads there.
func pointedInto(file *source.File, e ast.Expr) types.Type {
	for {
		switch x := ast.Unparen(e).(type) {
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.StarExpr:
			return file.TypeOf(x)
		default:
			return nil
		}
		switch t := source.Under(file.TypeOf(e)).(type) {
		case *types.Pointer:
			return t.Elem()
		case *types.Slice:
			return t.Elem()
		}
	}
}

// lies reports whether a value of type of has one of type t in its own memory.
func lies(t, of types.Type) bool {
	if types.Identical(source.Under(t), source.Under(of)) {
		return true
	}
	switch u := source.Under(of).(type) {
	case *types.Array:
		return lies(t, u.Elem())
	case *types.Struct:
		for v := range u.Fields() {
			if lies(t, v.Type()) {
				return true
			}
		}
	}
	return false
}

// readsInside returns the conversion in *(*U)(unsafe.Pointer(p)) where a U is no larger than what p points to:
// nothing beside that is read or written.
func readsInside(file *source.File, n *ast.StarExpr) *ast.CallExpr {
	outer, ok := ast.Unparen(n.X).(*ast.CallExpr)
	if !ok || len(outer.Args) != 1 || !file.Pkg.TypesInfo.Types[outer.Fun].IsType() {
		return nil
	}
	inner, ok := ast.Unparen(outer.Args[0]).(*ast.CallExpr)
	if !ok || len(inner.Args) != 1 || !isBasic(file.TypeOf(inner), types.UnsafePointer) {
		return nil
	}
	to, ok := source.Under(target(file.TypeOf(outer))).(*types.Basic)
	from, is := source.Under(target(file.TypeOf(inner.Args[0]))).(*types.Basic)
	if !ok || !is {
		return nil
	}
	for _, arch := range []string{"386", "amd64"} {
		if sizes := types.SizesFor("gc", arch); sizes.Sizeof(to) > sizes.Sizeof(from) {
			return nil
		}
	}
	return inner
}

// meet calls met for each value that counts of which a part's address may come to a conversion. generic says of
// which types it is not known what they are.
func (p *parts) meet(counts, generic func(types.Type) bool, met func(whole types.Type, at, converted token.Pos)) {
	counts = memoized(counts)
	for _, t := range p.taken {
		if len(p.converted) == 0 || !counts(t.whole) {
			continue
		}
		i := slices.IndexFunc(p.converted, func(c part) bool { return generic(c.of) || generic(t.of) || lies(c.of, t.of) })
		if i >= 0 {
			met(t.whole, t.at, p.converted[i].at)
		}
	}
}

// target returns what a pointer of type t points to, or t.
func target(t types.Type) types.Type {
	if p, ok := source.Under(t).(*types.Pointer); ok {
		return p.Elem()
	}
	return t
}

func isBasic(t types.Type, kind types.BasicKind) bool {
	b, ok := source.Under(t).(*types.Basic)
	return ok && b.Kind() == kind
}
