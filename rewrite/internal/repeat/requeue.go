package repeat

import (
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/ssa"

	"etcdmod/rewrite/internal/callgraph"
)

// Queues.
//
// What a round takes from a queue is another item than that of the round before, unless
// somebody puts it back: then the rounds have the same items, sooner or later.

// sentBack reports whether an item that was received from a channel is sent to that channel
// again, by the round itself, or by whatever has captured the item.
func (e *evaluator) sentBack(item, ch ssa.Value) bool {
	roots := map[any]bool{}
	e.w.channel(ch, roots, map[ssa.Value]bool{})
	if len(roots) == 0 {
		return false
	}
	back := func(sent, to ssa.Value) bool {
		return e.isOf(sent, func(v ssa.Value) bool { return v == root(e.w.g, item) }) && e.w.meet(to, roots)
	}
	for _, f := range e.w.g.All() {
		for _, b := range f.Blocks {
			for _, in := range b.Instrs {
				switch in := in.(type) {
				case *ssa.Send:
					if back(in.X, in.Chan) {
						return true
					}
				case *ssa.Select:
					for _, st := range in.States {
						if st.Dir == types.SendOnly && back(st.Send, st.Chan) {
							return true
						}
					}
				}
			}
		}
	}
	return false
}

// appended reports whether the round appends to a queue, which it begins with, an item that
// it has taken from there.
func (e *evaluator) appended(queue *ssa.Phi) bool {
	values := map[ssa.Value]bool{}
	var search func(v ssa.Value) bool
	search = func(v ssa.Value) bool {
		if values[v] {
			return false
		}
		values[v] = true
		switch v := v.(type) {
		case *ssa.Phi:
			return slices.ContainsFunc(v.Edges, search)
		case *ssa.Slice:
			return search(v.X)
		case *ssa.Call:
			if b, ok := v.Call.Value.(*ssa.Builtin); ok && b.Name() == "append" && e.in(v.Block()) {
				isElement := func(item ssa.Value) bool { return isElement(item, values) }
				return e.isPutTogether(v.Call.Args[1], isElement) || search(v.Call.Args[0])
			}
		}
		return false
	}
	values[queue] = true
	return slices.ContainsFunc(queue.Edges, search)
}

// isElement reports whether an item, or its address, is in one of the values of a queue.
func isElement(item ssa.Value, queue map[ssa.Value]bool) bool {
	if u, ok := item.(*ssa.UnOp); ok {
		item = u.X
	}
	ia, ok := item.(*ssa.IndexAddr)
	if !ok {
		return false
	}
	v := ia.X
	for !queue[v] {
		s, ok := v.(*ssa.Slice)
		if !ok {
			return false
		}
		v = s.X
	}
	return true
}

// isOf reports whether a value is an item, or a struct that is put together of one.
func (e *evaluator) isOf(v ssa.Value, isItem func(ssa.Value) bool) bool {
	v = root(e.w.g, v)
	if isItem(v) {
		return true
	}
	if u, ok := v.(*ssa.UnOp); ok {
		v = u.X
	}
	return e.isPutTogether(v, isItem)
}

// isPutTogether reports whether an item is stored in the elements of a new array, such as
// that of a variadic parameter, or whether what the lock is read from in a new struct comes
// from the same fields of an item.
func (e *evaluator) isPutTogether(v ssa.Value, isItem func(ssa.Value) bool) bool {
	if s, ok := v.(*ssa.Slice); ok {
		v = s.X
	}
	switch v.(type) {
	case *ssa.Alloc, *ssa.IndexAddr:
	default:
		return false
	}
	return slices.ContainsFunc(*v.Referrers(), func(r ssa.Instruction) bool {
		switch r := r.(type) {
		case *ssa.FieldAddr:
			field := callgraph.FieldOf(r.X.Type(), r.Field).Pos()
			return e.fields[field] && storesInto(r, func(v ssa.Value) bool {
				of, at := fieldRead(root(e.w.g, v))
				return of != nil && at == field && isItem(root(e.w.g, of))
			})
		case *ssa.IndexAddr:
			return e.isPutTogether(r, isItem) || storesInto(r, func(v ssa.Value) bool { return e.isOf(v, isItem) })
		}
		return false
	})
}

// storesInto reports whether a value for which f holds is stored at an address.
func storesInto(addr ssa.Value, f func(ssa.Value) bool) bool {
	return slices.ContainsFunc(*addr.Referrers(), func(r ssa.Instruction) bool {
		s, ok := r.(*ssa.Store)
		return ok && s.Addr == addr && f(s.Val)
	})
}

// fieldRead returns the struct, or its address, that a value is read from, and the field.
func fieldRead(v ssa.Value) (ssa.Value, token.Pos) {
	switch x := v.(type) {
	case *ssa.Field:
		return x.X, callgraph.FieldOf(x.X.Type(), x.Field).Pos()
	case *ssa.UnOp:
		if a, ok := x.X.(*ssa.FieldAddr); ok && x.Op == token.MUL {
			return a.X, callgraph.FieldOf(a.X.Type(), a.Field).Pos()
		}
	}
	return nil, token.NoPos
}
