package flow

import "go/types"

// inName returns the methods with the mutex in their signatures that stand in the name of type t: those of
// interfaces that have no name of their own. carries reports whether a type has the mutex in it.
func inName(carries func(types.Type) bool, t types.Type) (out []types.Object) {
	seen := map[types.Type]bool{}
	var visit func(t types.Type)
	visit = func(t types.Type) {
		if t == nil || seen[t] {
			return
		}
		seen[t] = true
		switch t := t.(type) {
		case *types.Alias:
			visit(types.Unalias(t))
		case *types.Interface:
			for m := range t.Methods() {
				if carries(m.Type()) {
					out = append(out, m)
				}
				visit(m.Type())
			}
		case *types.Map:
			visit(t.Key())
			visit(t.Elem())
		case interface{ Elem() types.Type }:
			visit(t.Elem())
		case *types.Signature:
			visit(t.Params())
			visit(t.Results())
		case *types.Tuple:
			for v := range t.Variables() {
				visit(v.Type())
			}
		case *types.Struct:
			for v := range t.Fields() {
				visit(v.Type())
			}
		case *types.Named:
			for arg := range t.TypeArgs().Types() {
				visit(arg)
			}
		}
	}
	visit(t)
	return out
}
