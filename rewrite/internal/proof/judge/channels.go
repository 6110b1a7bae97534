package judge

import (
	"go/token"
	"go/types"

	"golang.org/x/tools/go/ssa"
)

// isClockChannel reports whether v is the channel of a clock, of package time or of the
// helper.
func (j *Judge) isClockChannel(v ssa.Value) bool {
	seen := map[ssa.Value]bool{}
	var is func(v ssa.Value) bool
	is = func(v ssa.Value) bool {
		if seen[v] {
			return true
		}
		seen[v] = true
		switch x := v.(type) {
		case *ssa.Call:
			if j.clock(x) != nil {
				return true
			}
			path, name, _ := callee(&x.Call)
			return path == "time" && (name == "After" || name == "Tick")
		case *ssa.UnOp:
			f, ok := x.X.(*ssa.FieldAddr)
			return ok && field(f).Name() == "C" && (j.isClock(f.X.Type()))
		case *ssa.Phi:
			for _, e := range x.Edges {
				if !is(e) {
					return false
				}
			}
			return true
		}
		return false
	}
	return is(v)
}

// isClock reports whether t is a ticker or a timer, of package time or of the helper.
func (j *Judge) isClock(t types.Type) bool {
	for _, name := range []string{"Ticker", "Timer"} {
		if j.isHelper(t, name) || isNamed(t, "time", name) {
			return true
		}
	}
	return false
}

// ticks reports whether t is that of a timer, or of the channel of one.
func ticks(t types.Type) bool {
	if ch, ok := t.Underlying().(*types.Chan); ok {
		return isNamed(ch.Elem(), "time", "Time")
	}
	return isNamed(t, "time", "Timer") || isNamed(t, "time", "Ticker")
}

// pausesFor reports whether an instruction waits for nothing but a clock of package time.
func pausesFor(in ssa.Instruction) bool {
	switch x := in.(type) {
	case *ssa.Call:
		path, name, _ := callee(&x.Call)
		return path == "time" && name == "Sleep"
	case *ssa.UnOp:
		return x.Op == token.ARROW && ticks(x.X.Type())
	}
	return false
}
