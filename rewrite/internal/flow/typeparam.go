package flow

import (
	"go/types"

	"etcdmod/rewrite/internal/source"
)

func isTypeParam(t types.Type) bool {
	_, ok := types.Unalias(t).(*types.TypeParam)
	return ok
}

func typeParams(obj types.Object) *types.TypeParamList {
	switch obj := obj.(type) {
	case *types.Func:
		return obj.Origin().Signature().TypeParams()
	case *types.TypeName:
		switch t := obj.Type().(type) {
		case *types.Named:
			return t.Origin().TypeParams()
		case *types.Alias:
			return t.Origin().TypeParams()
		}
	}
	return nil
}

// typeParamsIn returns the type parameters that a type is made of.
func typeParamsIn(t types.Type) (out []*types.TypeParam) {
	for part := range source.Spelling(t) {
		switch part := part.(type) {
		case *types.TypeParam:
			out = append(out, part)
		case *types.Named:
			out = append(out, aroundType(part.Obj())...)
		}
	}
	return out
}

// aroundType returns the type parameters of the function that a type is declared in: there is one such type for each
// instance of the function, and its name has the arguments.
func aroundType(t *types.TypeName) (out []*types.TypeParam) {
	if t.Pkg() == nil {
		return nil
	}
	for s := t.Parent(); s != nil && s != t.Pkg().Scope(); s = s.Parent() {
		for _, name := range s.Names() {
			if p, ok := s.Lookup(name).(*types.TypeName); ok && isTypeParam(p.Type()) {
				out = append(out, types.Unalias(p.Type()).(*types.TypeParam))
			}
		}
	}
	return out
}

// has reports whether values of type t may have all methods that an interface has. What stands
// for a type parameter in their signatures is not known.
func has(t types.Type, iface *types.Interface) bool {
	for m := range iface.Methods() {
		obj, _, _ := types.LookupFieldOrMethod(t, true, m.Pkg(), m.Name())
		fn, ok := obj.(*types.Func)
		if !ok || len(typeParamsIn(m.Type())) == 0 && len(typeParamsIn(fn.Type())) == 0 && source.MethodKey(fn) != source.MethodKey(m) {
			return false
		}
	}
	return true
}
