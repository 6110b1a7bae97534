package judge

import (
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// starters are functions that start a clock: a timer, or a context that ends.
var starters = map[string][]string{
	"time":    {"After", "AfterFunc", "NewTicker", "NewTimer", "Tick"},
	"context": {"WithDeadline", "WithDeadlineCause", "WithTimeout", "WithTimeoutCause"},
}

// clocks are those that a function starts before a loop.
type clocks struct {
	*loop
	stands map[*ssa.Parameter][]ssa.Value // what parameters of functions beside the loop stand for
}

// asks reports whether an instruction asks a clock that was started before the loop whether it has run out, when
// a wait may have come in between: that says how long it took, as two moments do.
func (l clocks) asks(in ssa.Instruction) bool {
	if l.blocks[in.Block()] {
		c, ok := in.(*ssa.Call)
		if !ok {
			return false
		}
		b, ok := c.Call.Value.(*ssa.Builtin)
		return ok && b.Name() == "len" && ticks(c.Call.Args[0].Type()) && l.runs(c.Call.Args[0], in)
	}
	var of ssa.Value
	switch x := in.(type) {
	case *ssa.Call:
		path, name, recv := callee(&x.Call)
		b, isBuiltin := x.Call.Value.(*ssa.Builtin)
		switch {
		case isBuiltin && b.Name() == "len", path == "time" && recv && (name == "Stop" || name == "Reset"), path == "context" && name == "Cause":
			of = x.Call.Args[0]
		case path == "context" && name == "Err" && x.Call.IsInvoke():
			of = x.Call.Value
		case mayStop(x.Call.Value.Type()) && x.Call.StaticCallee() == nil && !x.Call.IsInvoke():
			of = x.Call.Value
		}
		if of != nil && l.empties(x) {
			return false
		}
	case *ssa.Select:
		for _, s := range x.States {
			if !x.Blocking && s.Dir == types.RecvOnly && l.runs(s.Chan, in) {
				return !drops(x)
			}
		}
	}
	return of != nil && l.runs(of, in)
}

// mayStop reports whether t may be that of what context.AfterFunc returns.
func mayStop(t types.Type) bool {
	sig, ok := t.Underlying().(*types.Signature)
	return ok && sig.Params().Len() == 0 && sig.Results().Len() == 1 && types.Identical(sig.Results().At(0).Type(), types.Typ[types.Bool])
}

// runs reports whether a clock was started before the loop, and a wait may come before an instruction.
func (l clocks) runs(clock ssa.Value, asked ssa.Instruction) bool {
	for _, from := range l.startOf(clock, map[ssa.Value]bool{}) {
		if !l.blocks[from.Block()] && l.waitBetween(here(l.loop, from), asked) && !l.bounds(from) {
			return true
		}
	}
	return false
}

// startOf returns what started a clock.
func (l clocks) startOf(v ssa.Value, seen map[ssa.Value]bool) (out []ssa.Instruction) {
	if v == nil || seen[v] {
		return nil
	}
	seen[v] = true
	all := func(from ...ssa.Value) (out []ssa.Instruction) {
		for _, f := range from {
			out = append(out, l.startOf(f, seen)...)
		}
		return out
	}
	switch x := v.(type) {
	case *ssa.Call:
		path, name, recv := callee(&x.Call)
		switch {
		case path == "time" && !recv && slices.Contains(starters[path], name), ticks(x.Type()):
			return []ssa.Instruction{x}
		case x.Call.IsInvoke() && path == "context" && name == "Done":
			return all(x.Call.Value)
		case path != "context" || name != "WithoutCancel":
			for _, arg := range x.Call.Args { // a context that is derived ends with the other one
				if isNamed(arg.Type(), "context", "Context") {
					out = append(out, all(arg)...)
				}
			}
			if !recv && slices.Contains(starters[path], name) {
				out = append(out, x)
			}
			return out
		}
	case *ssa.Parameter, *ssa.FreeVar:
		if ticks(v.Type()) {
			return []ssa.Instruction{l.begin()} // others have
		}
		if p, ok := v.(*ssa.Parameter); ok {
			return all(l.stands[p]...)
		}
	case *ssa.Extract:
		if x.Index == 0 || isNamed(x.Type(), "context", "Context") {
			return append(all(x.Tuple), l.enders(x)...)
		}
	case *ssa.ChangeType:
		return all(x.X)
	case *ssa.ChangeInterface:
		return all(x.X)
	case *ssa.Phi:
		return all(x.Edges...)
	case *ssa.FieldAddr:
		return all(x.X)
	case *ssa.UnOp:
		if x.Op != token.MUL {
			return nil
		}
		if a, ok := x.X.(*ssa.FieldAddr); ok && field(a).Pkg() != nil && field(a).Pkg().Path() == "time" {
			return all(a.X) // its channel
		}
		for _, s := range l.writes(x.X) {
			out = append(out, all(s.Val)...)
		}
		if _, own := root(x.X).(*ssa.Alloc); !own && ticks(x.Type()) {
			out = append(out, l.begin())
		}
	}
	return out
}

// enders returns the calls of time.AfterFunc that end a context.
func (l clocks) enders(ctx *ssa.Extract) (out []ssa.Instruction) {
	if !isNamed(ctx.Type(), "context", "Context") {
		return nil
	}
	for in := range instructions(outermost(l.fn())) {
		c, ok := in.(*ssa.Call)
		if !ok {
			continue
		}
		if path, name, recv := callee(&c.Call); path == "time" && name == "AfterFunc" && !recv && l.cancels(c.Call.Args[1], ctx.Tuple, 0) {
			out = append(out, in)
		}
	}
	return out
}

// cancels reports whether a function is, or holds, the one that came with a context.
func (l clocks) cancels(f, tuple ssa.Value, depth int) bool {
	if depth > 4 {
		return false
	}
	stored := func(addr ssa.Value) bool {
		return slices.ContainsFunc(l.writes(addr), func(s *ssa.Store) bool { return l.cancels(s.Val, tuple, depth+1) })
	}
	switch x := f.(type) {
	case *ssa.ChangeType:
		return l.cancels(x.X, tuple, depth)
	case *ssa.Extract:
		return x.Tuple == tuple && x.Index == 1
	case *ssa.UnOp:
		return x.Op == token.MUL && stored(x.X)
	case *ssa.MakeClosure:
		return slices.ContainsFunc(x.Bindings, func(b ssa.Value) bool { return stored(b) || l.cancels(b, tuple, depth+1) })
	}
	return false
}

// bounds reports whether a clock is a context that the rounds know.
func (l clocks) bounds(start ssa.Instruction) bool {
	call, ok := start.(*ssa.Call)
	if !ok {
		return false
	}
	if path, name, _ := callee(call.Common()); path != "context" && name != "AfterFunc" {
		return false
	}
	for b := range rounded(l.loop).blocks {
		for _, in := range b.Instrs {
			for _, op := range in.Operands(nil) {
				if *op != nil && isNamed((*op).Type(), "context", "Context") && slices.Contains(l.startOf(*op, map[ssa.Value]bool{}), start) {
					return true
				}
			}
		}
	}
	return false
}

// empties reports whether what Stop returns only says whether a tick has to be received, and dropped.
func (l clocks) empties(c *ssa.Call) bool {
	refs := usersOf(c)
	for len(refs) == 1 {
		switch x := refs[0].(type) {
		case *ssa.UnOp:
			refs = usersOf(x)
			continue
		case *ssa.If:
			return slices.ContainsFunc(x.Block().Succs, dropsTick)
		}
		return false
	}
	return len(refs) == 0
}

// usersOf returns the instructions that use a value.
func usersOf(v ssa.Value) []ssa.Instruction {
	return slices.DeleteFunc(slices.Clone(*v.Referrers()), func(in ssa.Instruction) bool { _, debug := in.(*ssa.DebugRef); return debug })
}

// drops reports whether all ways out of a select lead to one place, and nothing is done on them.
func drops(s *ssa.Select) bool {
	b := s.Block()
	branch, ok := b.Instrs[len(b.Instrs)-1].(*ssa.If)
	if !ok {
		return len(b.Succs) == 1 && len(usersOf(s)) == 0
	}
	through := func(b *ssa.BasicBlock) *ssa.BasicBlock {
		if _, jumps := b.Instrs[0].(*ssa.Jump); jumps {
			return b.Succs[0]
		}
		return b
	}
	succs := branch.Block().Succs
	end := through(succs[0])
	_, chosen := end.Instrs[0].(*ssa.Phi) // by the way
	return end == through(succs[1]) && !chosen
}

// dropsTick reports whether all that a block does is to receive a tick.
func dropsTick(b *ssa.BasicBlock) bool {
	found := false
	for _, in := range b.Instrs {
		switch x := in.(type) {
		case *ssa.DebugRef, *ssa.FieldAddr, *ssa.Jump:
		case *ssa.UnOp:
			found = found || x.Op == token.ARROW && isNamed(x.Type(), "time", "Time")
		case *ssa.Select:
			found = !x.Blocking
		case *ssa.Extract, *ssa.BinOp, *ssa.If:
			// of the select
		default:
			return false
		}
	}
	return found
}
