package flow

import "go/types"

// handsBoxes reports whether generic code of another module may give what it is given to code of this one in an
// interface without methods: as a result, or to a function that it is given. A type does by its methods as well.
func handsBoxes(obj types.Object) bool {
	b := boxFinder{newVisited(), newVisited(), func(i *types.Interface) bool { return i.NumMethods() == 0 && i.NumEmbeddeds() == 0 }, false}
	if _, ok := obj.(*types.TypeName); ok {
		return b.gives(obj.Type())
	}
	sig, ok := obj.Type().(*types.Signature)
	return ok && b.gives(sig)
}

// A boxFinder looks for interfaces of some kind in types.
type boxFinder struct {
	given, taken *visited
	is           func(*types.Interface) bool
	apart        bool // what the types of this module have in them is looked at by its own names
}

// gives reports whether a value of type t that other code gives may bring one in.
func (b boxFinder) gives(t types.Type) bool {
	if !b.given.first(t) {
		return false
	}
	switch t := t.(type) {
	case *types.Alias:
		return b.gives(types.Unalias(t))
	case *types.Named:
		if _, ok := t.Underlying().(*types.Struct); ok && b.apart {
			return false
		}
		for m := range t.Origin().Methods() {
			if m.Exported() && b.gives(m.Signature()) {
				return true
			}
		}
		return b.gives(t.Underlying())
	case *types.Interface:
		for m := range t.Methods() {
			if b.gives(m.Signature()) {
				return true
			}
		}
		return b.is(t)
	case *types.Map:
		return b.gives(t.Key()) || b.gives(t.Elem())
	case *types.Struct:
		for v := range t.Fields() {
			if (v.Exported() || v.Embedded()) && b.gives(v.Type()) {
				return true
			}
		}
	case *types.Signature:
		for v := range t.Results().Variables() {
			if b.gives(v.Type()) {
				return true
			}
		}
		for v := range t.Params().Variables() {
			if b.takes(v.Type()) {
				return true
			}
		}
	case interface{ Elem() types.Type }:
		return b.gives(t.Elem())
	}
	return false
}

// takes reports whether other code that has a value of type t may put one into it, or call it with one.
func (b boxFinder) takes(t types.Type) bool {
	if !b.taken.first(t) {
		return false
	}
	switch u := t.Underlying().(type) {
	case *types.Signature:
		for v := range u.Params().Variables() {
			if b.gives(v.Type()) {
				return true
			}
		}
	case *types.Map:
		return b.gives(u.Key()) || b.gives(u.Elem())
	case *types.Interface:
		for m := range u.Methods() {
			for v := range m.Signature().Params().Variables() {
				if b.apart && b.gives(v.Type()) {
					return true
				}
			}
		}
	case *types.Struct:
	case interface{ Elem() types.Type }: // a pointer, a slice, a channel
		return b.gives(u.Elem())
	}
	return false
}

// askedInside returns the interfaces with methods that values of a type of another module have in them: it may keep
// there what it was given as one.
func askedInside(t types.Type) (out []*types.Interface) {
	seen := newVisited()
	var visit func(types.Type)
	visit = func(t types.Type) {
		if !seen.first(t) {
			return
		}
		switch u := t.Underlying().(type) {
		case *types.Interface:
			if u.NumMethods() > 0 && !isContext(t) {
				out = append(out, u)
			}
		case *types.Struct:
			for v := range u.Fields() {
				visit(v.Type())
			}
		case *types.Map:
			visit(u.Key())
			visit(u.Elem())
		case interface{ Elem() types.Type }:
			visit(u.Elem())
		}
	}
	visit(t)
	return out
}
