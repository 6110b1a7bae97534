package source

import (
	"go/types"
	"iter"
)

// Components are the types that t is written with, one step down: elements, fields, parameters, methods, type
// arguments, and what an alias stands for. What a named type is declared as is none.
func Components(t types.Type) iter.Seq[types.Type] {
	return func(yield func(types.Type) bool) {
		switch t := t.(type) {
		case *types.Alias:
			yield(types.Unalias(t))
		case *types.Named:
			for arg := range t.TypeArgs().Types() {
				if !yield(arg) {
					return
				}
			}
		case *types.Map:
			_ = yield(t.Key()) && yield(t.Elem())
		case interface{ Elem() types.Type }:
			yield(t.Elem())
		case *types.Signature:
			_ = yield(t.Params()) && yield(t.Results())
		case *types.Tuple:
			for v := range t.Variables() {
				if !yield(v.Type()) {
					return
				}
			}
		case *types.Struct:
			for v := range t.Fields() {
				if !yield(v.Type()) {
					return
				}
			}
		case *types.Interface:
			for m := range t.Methods() {
				if !yield(m.Type()) {
					return
				}
			}
		}
	}
}

// Spelling is t and all that it is written with, each once, from the outside to the inside.
func Spelling(t types.Type) iter.Seq[types.Type] {
	return func(yield func(types.Type) bool) {
		seen := map[types.Type]bool{}
		var visit func(types.Type) bool
		visit = func(t types.Type) bool {
			if t == nil || seen[t] {
				return true
			}
			seen[t] = true
			if !yield(t) {
				return false
			}
			for c := range Components(t) {
				if !visit(c) {
					return false
				}
			}
			return true
		}
		visit(t)
	}
}
