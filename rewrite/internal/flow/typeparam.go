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
	seen := map[types.Type]bool{}
	var visit func(t types.Type)
	visit = func(t types.Type) {
		if t == nil || seen[t] {
			return
		}
		seen[t] = true
		switch t := t.(type) {
		case *types.TypeParam:
			out = append(out, t)
		case *types.Alias:
			visit(types.Unalias(t))
		case *types.Map:
			visit(t.Key())
			visit(t.Elem())
		case interface{ Elem() types.Type }:
			visit(t.Elem())
		case *types.Signature:
			visit(t.Params())
			visit(t.Results())
		case *types.Tuple:
			for i := 0; i < t.Len(); i++ {
				visit(t.At(i).Type())
			}
		case *types.Struct:
			for i := 0; i < t.NumFields(); i++ {
				visit(t.Field(i).Type())
			}
		case *types.Interface:
			for m := range t.Methods() {
				visit(m.Type())
			}
		case *types.Named:
			args := t.TypeArgs()
			for i := 0; args != nil && i < args.Len(); i++ {
				visit(args.At(i))
			}
			out = append(out, aroundType(t.Obj())...)
		}
	}
	visit(t)
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
