package source

import (
	"fmt"
	"go/ast"
	"go/types"
	"strings"
)

// Under returns the type below t, or nil for a nil t.
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

// IsObject reports whether obj is what the package with that path declares by that name.
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

// IsPackageLevel reports whether a package declares obj outside of all functions.
func IsPackageLevel(obj types.Object) bool {
	return obj.Pkg() != nil && obj.Parent() == obj.Pkg().Scope()
}

// IsError reports whether t is the type error.
func IsError(t types.Type) bool { return types.Identical(t, types.Universe.Lookup("error").Type()) }

// MethodKey is the name and the signature of a method, without the names of parameters. Two
// signatures that are identical have the same key, however they are spelled: an alias stands
// for what it names.
func MethodKey(fn *types.Func) string { return fn.Name() + signatureKey(fn.Signature()) }

func signatureKey(sig *types.Signature) string {
	var b strings.Builder
	for _, tuple := range []*types.Tuple{sig.Params(), sig.Results()} {
		b.WriteString(" (")
		for v := range tuple.Variables() {
			b.WriteString(typeKey(v.Type()) + ",")
		}
		b.WriteString(")")
	}
	if sig.Variadic() {
		b.WriteString("...")
	}
	return b.String()
}

// typeKey is a type as [types.TypeString] prints it, without aliases.
func typeKey(t types.Type) string {
	switch t := types.Unalias(t).(type) {
	case *types.Pointer:
		return "*" + typeKey(t.Elem())
	case *types.Slice:
		return "[]" + typeKey(t.Elem())
	case *types.Array:
		return fmt.Sprintf("[%d]%s", t.Len(), typeKey(t.Elem()))
	case *types.Map:
		return "map[" + typeKey(t.Key()) + "]" + typeKey(t.Elem())
	case *types.Chan:
		return fmt.Sprintf("chan%d ", t.Dir()) + typeKey(t.Elem())
	case *types.Signature:
		return "func" + signatureKey(t)
	case *types.Struct:
		key := "struct{"
		for i := range t.NumFields() {
			f := t.Field(i)
			key += fmt.Sprintf("%s %t %s %q;", f.Id(), f.Embedded(), typeKey(f.Type()), t.Tag(i))
		}
		return key + "}"
	case *types.Interface:
		if t.IsMethodSet() {
			key := "interface{"
			for m := range t.Methods() { // in the order of their names
				key += MethodKey(m) + ";"
			}
			return key + "}"
		}
	case *types.Named:
		if t.TypeArgs().Len() > 0 {
			key := types.TypeString(t.Origin(), nil) + "["
			for a := range t.TypeArgs().Types() {
				key += typeKey(a) + ","
			}
			return key + "]"
		}
	}
	return types.TypeString(types.Unalias(t), nil)
}

// IsBool reports whether t is a boolean type.
func IsBool(t types.Type) bool {
	b, ok := Under(t).(*types.Basic)
	return ok && b.Info()&types.IsBoolean != 0
}

// IsNilExpr reports whether e is nil.
func IsNilExpr(f *File, e ast.Expr) bool {
	tv, ok := f.Pkg.TypesInfo.Types[e]
	return ok && tv.IsNil()
}
