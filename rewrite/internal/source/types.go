package source

import (
	"go/ast"
	"go/types"
)

func Under(t types.Type) types.Type {
	if t == nil {
		return nil
	}
	return t.Underlying()
}

// Promoted returns the last embedded field on the way of a selection, or nil.
func Promoted(sel *types.Selection) *types.Var {
	fields := Embedded(sel)
	if len(fields) == 0 {
		return nil
	}
	return fields[len(fields)-1]
}

// Embedded returns the embedded fields that a selection goes through without naming them.
func Embedded(sel *types.Selection) (out []*types.Var) {
	if sel == nil {
		return nil
	}
	t := sel.Recv()
	for _, i := range sel.Index()[:len(sel.Index())-1] {
		if p, ok := t.Underlying().(*types.Pointer); ok {
			t = p.Elem()
		}
		st, ok := t.Underlying().(*types.Struct)
		if !ok {
			return nil
		}
		out = append(out, st.Field(i))
		t = st.Field(i).Type()
	}
	return out
}

// isPkgFunc reports whether obj is the function or variable name of the package path.
func IsObject(obj types.Object, path, name string) bool {
	return obj != nil && obj.Pkg() != nil && obj.Pkg().Path() == path && obj.Name() == name
}

// IsNamed reports whether t is the named type path.name, or a pointer to it.
func IsNamed(t types.Type, path, name string) bool {
	t = types.Unalias(t)
	if p, ok := t.(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	n, ok := t.(*types.Named)
	return ok && IsObject(n.Obj(), path, name)
}

// Same compares objects that may come from two variants of one package.
func Same(a, b types.Object) bool {
	return a != nil && b != nil && (a == b || a.Pos() == b.Pos() && a.Pos().IsValid())
}

func IsPackageLevel(obj types.Object) bool {
	return obj.Pkg() != nil && obj.Parent() == obj.Pkg().Scope()
}

func IsError(t types.Type) bool { return types.Identical(t, types.Universe.Lookup("error").Type()) }

// MethodKey is the name and the signature of a method, without the names of parameters.
func MethodKey(fn *types.Func) string {
	sig := fn.Signature()
	key := fn.Name()
	for _, tuple := range []*types.Tuple{sig.Params(), sig.Results()} {
		key += " ("
		for i := 0; i < tuple.Len(); i++ {
			key += types.TypeString(tuple.At(i).Type(), nil) + ","
		}
		key += ")"
	}
	if sig.Variadic() {
		key += "..."
	}
	return key
}

func IsBool(t types.Type) bool {
	b, ok := Under(t).(*types.Basic)
	return ok && b.Info()&types.IsBoolean != 0
}

func IsNilExpr(f *File, e ast.Expr) bool {
	tv, ok := f.Pkg.TypesInfo.Types[e]
	return ok && tv.IsNil()
}
