package judge

import (
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// operands are what an instruction needs to be a certain way, if it is not to panic.
func operands(in ssa.Instruction) []ssa.Value {
	switch in := in.(type) {
	case *ssa.IndexAddr:
		if _, isSlice := in.X.Type().Underlying().(*types.Slice); isSlice {
			return []ssa.Value{in.X, in.Index}
		}
		return []ssa.Value{in.Index}
	case *ssa.Index:
		return []ssa.Value{in.X, in.Index}
	case *ssa.Slice:
		if al, ok := in.X.(*ssa.Alloc); ok && al.Comment == "varargs" {
			return nil
		}
		return []ssa.Value{in.X, in.Low, in.High, in.Max}
	case *ssa.FieldAddr:
		return []ssa.Value{in.X}
	case *ssa.TypeAssert:
		if !in.CommaOk {
			return []ssa.Value{in.X}
		}
	case *ssa.BinOp:
		b, ok := in.X.Type().Underlying().(*types.Basic)
		if (in.Op == token.QUO || in.Op == token.REM) && ok && b.Info()&types.IsInteger != 0 {
			return []ssa.Value{in.Y}
		}
	case *ssa.UnOp:
		if in.Op == token.MUL && !isAddress(in.X) {
			return []ssa.Value{in.X}
		}
	}
	return nil
}

// isAddress reports whether a value is an address for sure.
func isAddress(v ssa.Value) bool {
	switch v.(type) {
	case *ssa.FieldAddr, *ssa.IndexAddr:
		return true
	}
	return isVariable(v)
}

// visible reports whether anything but the function itself may decide something by what an
// address holds.
func (j *Judge) visible(addr ssa.Value) bool {
	switch v := root(addr).(type) {
	case *ssa.Alloc:
		return v.Comment != "varargs" && !j.onlySaid(v, false)
	case *ssa.FreeVar:
		al, ok := boundTo(v).(*ssa.Alloc)
		return !ok || !j.onlySaid(al, true)
	}
	return true
}

// onlySaid reports whether literals do no more with a variable than to count and to log what it
// holds, and nobody else has its address. all says that the function which declares it does not
// either.
func (j *Judge) onlySaid(v ssa.Value, all bool) bool {
	for _, r := range *v.Referrers() {
		switch x := r.(type) {
		case *ssa.DebugRef:
		case *ssa.UnOp:
			if all && !j.said(x) {
				return false
			}
		case *ssa.FieldAddr:
			if !j.onlySaid(x, all) {
				return false
			}
		case *ssa.IndexAddr:
			if !j.onlySaid(x, all) {
				return false
			}
		case *ssa.Store:
			if x.Addr != v {
				return false
			}
		case *ssa.MakeClosure:
			for i, b := range x.Bindings {
				if b == v && !j.onlySaid(x.Fn.(*ssa.Function).FreeVars[i], true) {
					return false
				}
			}
		default:
			return false
		}
	}
	return true
}

// said reports whether a value goes to logs, and back to where it came from, and nowhere else.
func (j *Judge) said(v ssa.Value) bool {
	for _, r := range *v.Referrers() {
		switch x := r.(type) {
		case *ssa.DebugRef:
		case *ssa.BinOp:
			if b, ok := x.Type().Underlying().(*types.Basic); !ok || b.Kind() == types.Bool || !j.said(x) {
				return false
			}
		case *ssa.Store:
			i, ok := x.Addr.(*ssa.IndexAddr)
			if !ok {
				load, isLoad := v.(*ssa.BinOp)
				if isLoad && loads(load.X, x.Addr) {
					continue // n++
				}
				return false
			}
			al, ok := i.X.(*ssa.Alloc)
			if !ok || al.Comment != "varargs" || !j.said(al) {
				return false
			}
		case *ssa.MakeInterface, *ssa.Convert, *ssa.ChangeType, *ssa.Slice:
			if !j.said(x.(ssa.Value)) {
				return false
			}
		case *ssa.IndexAddr: // of varargs
		case *ssa.Call:
			switch j.effectOf(x) {
			case logs:
			case none:
				if !j.said(x) {
					return false
				}
			default:
				return false
			}
		default:
			return false
		}
	}
	return true
}

func loads(v, addr ssa.Value) bool {
	u, ok := v.(*ssa.UnOp)
	return ok && u.Op == token.MUL && u.X == addr
}

// within yields what a value is computed from in the loop, itself too.
func (l *loop) within(v ssa.Value) (out []ssa.Instruction) {
	return l.withinUpTo(v, func(ssa.Instruction) bool { return false })
}

// withinUpTo is like within, but does not look beyond some instructions.
func (l *loop) withinUpTo(v ssa.Value, stop func(ssa.Instruction) bool) (out []ssa.Instruction) {
	seen := map[ssa.Value]bool{}
	var walk func(v ssa.Value)
	walk = func(v ssa.Value) {
		in, ok := v.(ssa.Instruction)
		if !ok || seen[v] || !l.blocks[in.Block()] || stop(in) {
			return
		}
		seen[v] = true
		out = append(out, in)
		for _, op := range in.Operands(nil) {
			if *op != nil {
				walk(*op)
			}
		}
	}
	walk(v)
	return out
}

// waits reports whether an instruction waits for a clock.
func (l *loop) waits(in ssa.Instruction) bool {
	switch in := in.(type) {
	case *ssa.Call:
		if path, name, _ := callee(&in.Call); path == "time" && name == "Sleep" {
			return true
		}
		a := l.j.clock(in)
		return a != nil && a.kind == asleep
	case *ssa.UnOp:
		return in.Op == token.ARROW
	case *ssa.Select:
		return in.Blocking
	}
	return false
}

// drawn reports whether chance decides about a value in each round anew. How long the loop waits is no such value.
func (l *loop) drawn(v ssa.Value) bool {
	waits := func(in ssa.Instruction) bool {
		c, ok := in.(ssa.CallInstruction)
		return ok && l.j.clock(c) != nil
	}
	return slices.ContainsFunc(l.withinUpTo(v, waits), func(in ssa.Instruction) bool {
		c, ok := in.(*ssa.Call)
		if !ok {
			return false
		}
		path, _, _ := callee(&c.Call)
		return strings.HasPrefix(path, "math/rand")
	})
}

// leaves reports whether the loop may end at a condition.
func (l *loop) leaves(branch *ssa.If) bool {
	return !l.blocks[branch.Block().Succs[0]] || !l.blocks[branch.Block().Succs[1]]
}
