package judge

import (
	"go/token"
	"go/types"

	"golang.org/x/tools/go/ssa"
)

// isAppend reports whether an instruction appends to a slice.
func isAppend(in ssa.Instruction) (*ssa.Call, bool) {
	c, ok := in.(*ssa.Call)
	if !ok {
		return nil, false
	}
	b, ok := c.Call.Value.(*ssa.Builtin)
	return c, ok && b.Name() == "append"
}

// A sliced follows a slice to all that may have it by another name.
type sliced struct {
	j    *Judge
	seen map[ssa.Value]bool
}

// ownSlice reports whether nothing has a slice, and those that it was before, but to append to it, to
// read it and to log it: what is written behind its end is seen by nobody else then.
func (j *Judge) ownSlice(v ssa.Value) bool {
	s := &sliced{j, map[ssa.Value]bool{}}
	return s.made(v)
}

// made reports whether a slice was made here.
func (s *sliced) made(v ssa.Value) bool {
	if s.seen[v] {
		return true
	}
	s.seen[v] = true
	switch x := v.(type) {
	case *ssa.Const:
		return true
	case *ssa.MakeSlice:
		return s.kept(x)
	case *ssa.Slice:
		if _, ok := x.X.(*ssa.Alloc); ok { // of a literal
			return s.kept(x)
		}
		return s.made(x.X) && s.kept(x)
	case *ssa.Phi:
		for _, e := range x.Edges {
			if !s.made(e) {
				return false
			}
		}
		return s.kept(x)
	case *ssa.Call:
		if c, ok := isAppend(x); ok {
			return s.made(c.Call.Args[0]) && s.kept(x)
		}
	case *ssa.UnOp:
		if x.Op != token.MUL {
			return false
		}
		return s.variable(x.X) && s.kept(x)
	}
	return false
}

// variable reports whether a local variable holds nothing but such slices.
func (s *sliced) variable(addr ssa.Value) bool {
	if f, ok := addr.(*ssa.FreeVar); ok {
		addr = boundTo(f)
	}
	if _, ok := addr.(*ssa.Alloc); !ok {
		return false
	}
	var uses func(v ssa.Value) bool
	uses = func(v ssa.Value) bool {
		if s.seen[v] {
			return true
		}
		s.seen[v] = true
		for _, r := range *v.Referrers() {
			switch x := r.(type) {
			case *ssa.DebugRef:
			case *ssa.Store:
				if x.Addr != v || !s.made(x.Val) {
					return false
				}
			case *ssa.UnOp:
				if !s.kept(x) {
					return false
				}
			case *ssa.MakeClosure:
				for i, b := range x.Bindings {
					if b == v && !uses(x.Fn.(*ssa.Function).FreeVars[i]) {
						return false
					}
				}
			default:
				return false
			}
		}
		return true
	}
	return uses(addr)
}

// kept reports whether nobody gets to write, or to read behind its end, what a slice holds.
func (s *sliced) kept(v ssa.Value) bool {
	for _, r := range *v.Referrers() {
		ok := false
		switch x := r.(type) {
		case *ssa.DebugRef, *ssa.BinOp, *ssa.Range, *ssa.Index:
			ok = true
		case *ssa.Phi:
			ok = s.made(x)
		case *ssa.IndexAddr:
			ok = onlyLoaded(x)
		case *ssa.Slice:
			ok = s.made(x)
		case *ssa.MakeInterface:
			ok = s.j.said(x)
		case *ssa.Store:
			ok = x.Val == v && s.variable(x.Addr)
		case *ssa.Call:
			if c, appends := isAppend(x); appends {
				ok = c.Call.Args[0] != v || s.made(c)
				break
			}
			_, slice := x.Type().Underlying().(*types.Slice)
			e := s.j.effectOf(x)
			ok = (e == none || e == logs) && !slice
		}
		if !ok {
			return false
		}
	}
	return true
}

func onlyLoaded(a *ssa.IndexAddr) bool {
	for _, r := range *a.Referrers() {
		switch x := r.(type) {
		case *ssa.DebugRef:
		case *ssa.UnOp:
		case *ssa.Store:
			if x.Addr != ssa.Value(a) {
				return false
			}
		default:
			return false
		}
	}
	return true
}
