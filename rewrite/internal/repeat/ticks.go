package repeat

import (
	"go/token"
	"go/types"
	"maps"
	"strings"

	"golang.org/x/tools/go/ssa"

	"etcdmod/rewrite/internal/callgraph"
)

// Ticked reports whether the loop that begins there, around a call, receives from a channel
// to which the program sends at the pace of a clock: ticks of its own.
func (w *Walk) Ticked(call, begin token.Pos) bool {
	return w.receives(call, begin, func(_ *State, _ *callgraph.Loop, ch ssa.Value) bool {
		return w.sentBy(ch, func(in ssa.Instruction) bool { return w.clocked(in, map[*ssa.Function]bool{}) })
	})
}

// Fed reports whether such a loop receives from a channel to which it sends itself, or makes
// others send, where a try has failed.
func (w *Walk) Fed(call, begin token.Pos) bool {
	after := map[*State]map[ssa.Instruction]bool{}
	return w.receives(call, begin, func(s *State, l *callgraph.Loop, ch ssa.Value) bool {
		if after[s] == nil {
			after[s] = w.after(s, l)
		}
		return w.sentBy(ch, func(in ssa.Instruction) bool { return after[s][in] })
	})
}

// receives reports whether f holds for a channel that the rounds of a loop around a call receive from.
func (w *Walk) receives(call, begin token.Pos, f func(*State, *callgraph.Loop, ssa.Value) bool) bool {
	for _, s := range w.states[call] {
		l := w.loopAt(s, begin)
		if l == nil {
			continue
		}
		for b := range w.rounds(s, l) {
			for _, in := range b.Instrs {
				switch in := in.(type) {
				case *ssa.UnOp:
					if in.Op == token.ARROW && f(s, l, in.X) {
						return true
					}
				case *ssa.Select:
					for _, st := range in.States {
						if st.Dir == types.RecvOnly && f(s, l, st.Chan) {
							return true
						}
					}
				}
			}
		}
	}
	return false
}

// rounds are the blocks of a loop, and of the functions on the way from it to the try.
func (w *Walk) rounds(s *State, l *callgraph.Loop) map[*ssa.BasicBlock]bool {
	blocks := maps.Clone(l.Blocks)
	for d := s.Down; d != nil; d = d.Down {
		for _, b := range d.Func.Blocks {
			blocks[b] = true
		}
	}
	return blocks
}

// after returns what may be executed after a try that has failed, until the loop comes to its
// next round: in the functions on the way to it, and in what these call, start, or give to timers.
func (w *Walk) after(s *State, l *callgraph.Loop) map[ssa.Instruction]bool {
	out := map[ssa.Instruction]bool{}
	called := map[*ssa.Function]bool{}
	var all func(in ssa.Instruction)
	all = func(in ssa.Instruction) {
		out[in] = true
		for _, e := range w.g.Out(in) {
			if e.Callee == nil || called[e.Callee] {
				continue
			}
			called[e.Callee] = true
			for _, b := range e.Callee.Blocks {
				for _, next := range b.Instrs {
					all(next)
				}
			}
		}
	}
	for d := s; d != nil; d = d.Down {
		in := func(b *ssa.BasicBlock) bool { return d != s || l.Blocks[b] && b != l.Head }
		won := wonAt(d.Site)
		seen := map[*ssa.BasicBlock]bool{}
		var walk func(b *ssa.BasicBlock)
		walk = func(b *ssa.BasicBlock) {
			if seen[b] || !in(b) || won != nil && won.Dominates(b) {
				return
			}
			seen[b] = true
			for _, next := range b.Instrs {
				all(next)
			}
			for _, next := range b.Succs {
				walk(next)
			}
		}
		behind := false
		for _, next := range d.Site.Block().Instrs {
			if behind {
				all(next)
			}
			behind = behind || next == d.Site
		}
		for _, next := range d.Site.Block().Succs {
			walk(next)
		}
		for _, b := range d.Func.Blocks { // what is deferred runs behind it
			for _, in := range b.Instrs {
				if _, ok := in.(*ssa.Defer); ok && d != s {
					all(in)
				}
			}
		}
	}
	return out
}

// wonAt returns the block that is executed if a call has returned no error, and only then, or nil.
func wonAt(site ssa.Instruction) *ssa.BasicBlock {
	call, ok := site.(*ssa.Call)
	if !ok || !isError(call.Type()) {
		return nil
	}
	for _, r := range *call.Referrers() {
		cond, ok := r.(*ssa.BinOp)
		if !ok || cond.Op != token.EQL && cond.Op != token.NEQ {
			continue
		}
		if c, ok := cond.Y.(*ssa.Const); !ok || !c.IsNil() {
			continue
		}
		for _, u := range *cond.Referrers() {
			if branch, ok := u.(*ssa.If); ok {
				won := branch.Block().Succs[0]
				if cond.Op == token.NEQ {
					won = branch.Block().Succs[1]
				}
				if len(won.Preds) == 1 {
					return won
				}
			}
		}
	}
	return nil
}

// sentBy reports whether an instruction for which by holds sends to a channel.
func (w *Walk) sentBy(ch ssa.Value, by func(ssa.Instruction) bool) bool {
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
					if w.meet(v, roots) && by(in) {
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

// clocked reports whether an instruction is executed at the pace of a clock: a loop around it, or
// around a call of its function, waits for one, or a timer runs the function and is set by it again.
func (w *Walk) clocked(in ssa.Instruction, seen map[*ssa.Function]bool) bool {
	if w.waitsAround(in) {
		return true
	}
	fn := in.Parent()
	if seen[fn] || len(seen) > 50 {
		return false
	}
	seen[fn] = true
	for _, e := range w.g.In(fn) {
		switch {
		case e.Kind == callgraph.Call && w.clocked(e.Site, seen):
			return true
		case e.Kind == callgraph.Handed && isAfterFunc(e.To) && (seen[e.Caller] || w.clocked(e.Site, seen)):
			return true
		}
	}
	return false
}

// SetAgain reports whether a loop sets a timer again that a call of time.AfterFunc has made.
func (w *Walk) SetAgain(made ssa.Instruction) bool {
	timer, ok := made.(ssa.Value)
	if !ok || timer.Referrers() == nil {
		return false
	}
	roots := map[any]bool{}
	for _, r := range *timer.Referrers() {
		if s, ok := r.(*ssa.Store); ok && s.Val == timer {
			w.channel(s.Addr, roots, map[ssa.Value]bool{})
		}
	}
	for _, f := range w.g.All() {
		for _, b := range f.Blocks {
			for _, in := range b.Instrs {
				call, ok := in.(ssa.CallInstruction)
				if !ok || !isReset(call.Common()) {
					continue
				}
				if recv := call.Common().Args[0]; recv == timer || w.meet(recv, roots) {
					if len(w.g.Loops(f, b)) > 0 || w.clocked(in, map[*ssa.Function]bool{}) {
						return true
					}
				}
			}
		}
	}
	return false
}

// isReset reports whether a call sets a timer of package time again.
func isReset(c *ssa.CallCommon) bool {
	fn := c.StaticCallee()
	return fn != nil && fn.Name() == "Reset" && fn.Pkg != nil && fn.Pkg.Pkg.Path() == "time" && strings.HasSuffix(fn.Signature.Recv().Type().String(), ".Timer")
}

// isAfterFunc reports whether an object is time.AfterFunc.
func isAfterFunc(o types.Object) bool {
	return o != nil && o.Name() == "AfterFunc" && o.Pkg() != nil && o.Pkg().Path() == "time"
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
