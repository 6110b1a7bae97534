package judge

import "golang.org/x/tools/go/ssa"

// storesBelow returns the stores to a variable, or to its parts, by the function that makes it.
func storesBelow(v ssa.Value) (out []*ssa.Store) {
	for _, r := range *v.Referrers() {
		switch x := r.(type) {
		case *ssa.Store:
			if x.Addr == v {
				out = append(out, x)
			}
		case *ssa.FieldAddr:
			out = append(out, storesBelow(x)...)
		case *ssa.IndexAddr:
			out = append(out, storesBelow(x)...)
		}
	}
	return out
}

// root is what an address is below.
func root(v ssa.Value) ssa.Value {
	for {
		switch x := v.(type) {
		case *ssa.FieldAddr:
			v = x.X
		case *ssa.IndexAddr:
			v = x.X
		case *ssa.Slice:
			v = x.X
		default:
			return v
		}
	}
}

// sameAddress reports whether two addresses are the same in one round.
func sameAddress(a, b ssa.Value) bool {
	if a == b {
		return true
	}
	fa, ok := a.(*ssa.FieldAddr)
	fb, ok2 := b.(*ssa.FieldAddr)
	return ok && ok2 && fa.Field == fb.Field && fa.X == fb.X
}

// mayAlias reports whether two addresses may be the same.
func mayAlias(a, b ssa.Value) bool {
	switch x := a.(type) {
	case *ssa.FieldAddr:
		y, ok := b.(*ssa.FieldAddr)
		if ok {
			return field(x) == field(y)
		}
	case *ssa.IndexAddr:
		_, ok := b.(*ssa.IndexAddr)
		return ok && a.Type().String() == b.Type().String()
	}
	if _, ok := a.(*ssa.Alloc); ok {
		return a == b
	}
	switch b.(type) {
	case *ssa.Alloc, *ssa.FieldAddr, *ssa.IndexAddr:
		return false
	}
	_, globalA := a.(*ssa.Global)
	_, globalB := b.(*ssa.Global)
	if globalA || globalB {
		return a == b
	}
	return a.Type().String() == b.Type().String()
}
