package repeat

import (
	"go/token"
	"go/types"

	"golang.org/x/tools/go/ssa"

	"etcdmod/rewrite/internal/callgraph"
)

// Ticked reports whether the loop that begins there, around a call, receives from a channel
// to which the program sends at the pace of a clock: ticks of its own.
func (w *Walk) Ticked(call, begin token.Pos) bool {
	for _, s := range w.states[call] {
		l := w.loopAt(s, begin)
		if l == nil {
			continue
		}
		for b := range l.Blocks {
			for _, in := range b.Instrs {
				switch in := in.(type) {
				case *ssa.UnOp:
					if in.Op == token.ARROW && w.paced(in.X) {
						return true
					}
				case *ssa.Select:
					for _, st := range in.States {
						if st.Dir == types.RecvOnly && w.paced(st.Chan) {
							return true
						}
					}
				}
			}
		}
	}
	return false
}

// paced reports whether a value is sent to a channel by a loop that waits for a clock.
func (w *Walk) paced(ch ssa.Value) bool {
	roots := map[any]bool{}
	w.channel(ch, roots, map[ssa.Value]bool{})
	if len(roots) == 0 {
		return false
	}
	for _, f := range w.g.All() {
		for _, b := range f.Blocks {
			for _, in := range b.Instrs {
				var to []ssa.Value
				switch in := in.(type) {
				case *ssa.Send:
					to = []ssa.Value{in.Chan}
				case *ssa.Select:
					for _, st := range in.States {
						if st.Dir == types.SendOnly {
							to = append(to, st.Chan)
						}
					}
				}
				for _, v := range to {
					if w.waitsAround(in) && w.meet(v, roots) {
						return true
					}
				}
			}
		}
	}
	return false
}

func (w *Walk) meet(v ssa.Value, roots map[any]bool) bool {
	own := map[any]bool{}
	w.channel(v, own, map[ssa.Value]bool{})
	for r := range own {
		if roots[r] {
			return true
		}
	}
	return false
}

// channel finds where a channel is made or kept.
func (w *Walk) channel(v ssa.Value, roots map[any]bool, seen map[ssa.Value]bool) {
	if v == nil || seen[v] || len(seen) > 500 {
		return
	}
	seen[v] = true
	switch v := v.(type) {
	case *ssa.MakeChan, *ssa.Global, *ssa.Alloc:
		roots[v] = true
		if a, ok := v.(*ssa.Alloc); ok {
			for _, r := range *a.Referrers() {
				if s, ok := r.(*ssa.Store); ok && s.Addr == ssa.Value(a) {
					w.channel(s.Val, roots, seen)
				}
			}
		}
	case *ssa.FieldAddr:
		roots[callgraph.FieldOf(v.X.Type(), v.Field).Pos()] = true
	case *ssa.Field:
		roots[callgraph.FieldOf(v.X.Type(), v.Field).Pos()] = true
	case *ssa.UnOp:
		w.channel(v.X, roots, seen)
	case *ssa.ChangeType:
		w.channel(v.X, roots, seen)
	case *ssa.Phi:
		for _, e := range v.Edges {
			w.channel(e, roots, seen)
		}
	case *ssa.FreeVar:
		for _, c := range w.g.Closures(v.Parent()) {
			for i, fv := range v.Parent().FreeVars {
				if fv == v {
					w.channel(c.Bindings[i], roots, seen)
				}
			}
		}
	case *ssa.Parameter:
		roots[v] = true
		for i, p := range v.Parent().Params {
			if p != v {
				continue
			}
			for _, e := range w.g.In(v.Parent()) {
				w.channel(e.Arg(i), roots, seen)
			}
		}
	case *ssa.Call:
		for _, e := range w.g.Out(v) {
			for _, b := range e.Callee.Blocks {
				if ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return); ok {
					for _, r := range ret.Results {
						w.channel(r, roots, seen)
					}
				}
			}
		}
	}
}

// waitsAround reports whether a loop around an instruction waits for a clock.
func (w *Walk) waitsAround(in ssa.Instruction) bool {
	for _, l := range w.g.Loops(in.Parent(), in.Block()) {
		for b := range l.Blocks {
			for _, other := range b.Instrs {
				switch other := other.(type) {
				case *ssa.UnOp:
					if other.Op == token.ARROW && isTimes(other.X.Type()) {
						return true
					}
				case *ssa.Select:
					for _, st := range other.States {
						if st.Dir == types.RecvOnly && isTimes(st.Chan.Type()) {
							return true
						}
					}
				case ssa.CallInstruction:
					if fn := other.Common().StaticCallee(); fn != nil && fn.Name() == "Sleep" && fn.Pkg != nil && fn.Pkg.Pkg.Path() == "time" {
						return true
					}
				}
			}
		}
	}
	return false
}

// isTimes reports whether t is a channel of times.
func isTimes(t types.Type) bool {
	ch, ok := t.Underlying().(*types.Chan)
	if !ok {
		return false
	}
	named, ok := types.Unalias(ch.Elem()).(*types.Named)
	return ok && named.Obj().Name() == "Time" && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == "time"
}
