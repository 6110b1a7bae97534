package judge

import (
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// A beside is what functions change that were started before the loop, and run beside it at times of their own: what
// time.AfterFunc calls, and goroutines with a clock. What is read of that later says how long the wait took.
type beside struct {
	clocks
	bodies  map[*ssa.Function]bool
	changed map[any][]ssa.Instruction // places, and what started the functions that change them
	counted map[any]bool              // of these: what is counted, and channels to which that is sent
}

// runsBeside looks for functions that run beside the loop.
func (l *loop) runsBeside() *beside {
	b := &beside{clocks{l}, map[*ssa.Function]bool{}, map[any][]ssa.Instruction{}, map[any]bool{}}
	for in := range instructions(l.try.Parent()) {
		c, ok := in.(ssa.CallInstruction)
		if !ok || in.Parent() != l.try.Parent() || l.blocks[in.Block()] {
			continue
		}
		path, name, recv := callee(c.Common())
		args := c.Common().Args
		switch _, goes := in.(*ssa.Go); {
		case path == "time" && name == "AfterFunc" && !recv:
			b.add(in, args[1], true)
		case path == "context" && name == "AfterFunc":
			b.add(in, args[1], len(b.startOf(args[0], map[ssa.Value]bool{})) > 0)
		case goes && !c.Common().IsInvoke():
			b.add(in, c.Common().Value, false)
		case recv && name == "Go" && len(args) == 2: // of a group
			b.add(in, args[1], false)
		}
	}
	return b
}

// add notes what a function changes that runs beside the loop, if it has a clock.
func (b *beside) add(start ssa.Instruction, f ssa.Value, timed bool) {
	for _, body := range b.functions(f) {
		for in := range instructions(body) {
			if c, ok := in.(ssa.CallInstruction); ok {
				path, name, _ := callee(c.Common())
				timed = timed || path == "time" || path == "context" && slices.Contains(starters[path], name)
			}
		}
		if !timed {
			continue
		}
		b.bodies[body] = true
		for in := range instructions(body) {
			b.writesBeside(start, in)
		}
		for in := range instructions(body) {
			if s, ok := in.(*ssa.Send); ok && b.counts(s.X, map[ssa.Value]bool{}) {
				b.counted[b.place(s.Chan)] = true
			}
		}
	}
}

// functions returns the functions that a value is, or may be.
func (b *beside) functions(v ssa.Value) (out []*ssa.Function) {
	switch x := v.(type) {
	case *ssa.Function:
		return []*ssa.Function{x}
	case *ssa.MakeClosure:
		f := x.Fn.(*ssa.Function)
		if m, ok := f.Object().(*types.Func); ok && f.Synthetic != "" { // a method value
			if g := f.Prog.FuncValue(m); g != nil {
				return []*ssa.Function{g}
			}
		}
		return []*ssa.Function{f}
	case *ssa.ChangeType:
		return b.functions(x.X)
	case *ssa.UnOp:
		for _, s := range b.writes(x.X) {
			if _, loads := s.Val.(*ssa.UnOp); !loads {
				out = append(out, b.functions(s.Val)...)
			}
		}
	}
	return out
}

// place stands for what is loaded or called: a field, a variable, or what a channel is held by.
func (b *beside) place(v ssa.Value) any {
	for {
		switch x := v.(type) {
		case *ssa.FieldAddr:
			return field(x).Origin()
		case *ssa.IndexAddr:
			v = x.X
		case *ssa.ChangeType:
			v = x.X
		case *ssa.UnOp:
			v = x.X
		case *ssa.FreeVar:
			bound := boundTo(x)
			if bound == nil {
				return v
			}
			v = bound
		default:
			return v
		}
	}
}

// writesBeside notes what an instruction changes.
func (b *beside) writesBeside(start, in ssa.Instruction) {
	set := func(v ssa.Value) { b.changed[b.place(v)] = append(b.changed[b.place(v)], start) }
	switch x := in.(type) {
	case *ssa.Store:
		set(x.Addr)
		if b.takesFrom(x.Val, b.place(x.Addr), map[ssa.Value]bool{}) {
			b.counted[b.place(x.Addr)] = true
		}
	case *ssa.Send:
		set(x.Chan)
	case ssa.CallInstruction:
		if f, ok := x.Common().Value.(*ssa.Builtin); ok && f.Name() == "close" {
			set(x.Common().Args[0])
		}
		if path, name, _ := callee(x.Common()); path == "sync/atomic" && !strings.HasPrefix(name, "Load") {
			set(x.Common().Args[0])
			if strings.HasPrefix(name, "Add") {
				b.counted[b.place(x.Common().Args[0])] = true
			}
		}
	}
}

// takesFrom reports whether a value is made of what a place holds.
func (b *beside) takesFrom(v ssa.Value, place any, seen map[ssa.Value]bool) bool {
	if seen[v] {
		return false
	}
	seen[v] = true
	switch x := v.(type) {
	case *ssa.UnOp:
		return x.Op == token.MUL && b.place(x.X) == place || b.takesFrom(x.X, place, seen)
	case *ssa.BinOp:
		return b.takesFrom(x.X, place, seen) || b.takesFrom(x.Y, place, seen)
	case *ssa.Convert:
		return b.takesFrom(x.X, place, seen)
	}
	return false
}

// counts reports whether a value is made of what is counted.
func (b *beside) counts(v ssa.Value, seen map[ssa.Value]bool) bool {
	if seen[v] {
		return false
	}
	seen[v] = true
	switch x := v.(type) {
	case *ssa.UnOp:
		return b.counted[b.place(x.X)] || b.counts(x.X, seen)
	case *ssa.Phi: // of rounds of its own
		for _, e := range x.Edges {
			if op, ok := e.(*ssa.BinOp); ok && (op.X == v || op.Y == v) || b.counts(e, seen) {
				return true
			}
		}
	case *ssa.BinOp:
		return b.counts(x.X, seen) || b.counts(x.Y, seen)
	case *ssa.Convert:
		return b.counts(x.X, seen)
	case *ssa.MakeInterface:
		return b.counts(x.X, seen)
	case *ssa.Call:
		if path, _, _ := callee(&x.Call); path == "sync/atomic" {
			return b.counted[b.place(x.Call.Args[0])]
		}
	}
	return false
}

// reads reports whether an instruction reads what has been changed beside the loop by then.
func (b *beside) reads(in ssa.Instruction) bool {
	if len(b.changed) == 0 || b.blocks[in.Block()] {
		return false
	}
	for f := in.Parent(); f != nil; f = f.Parent() {
		if b.bodies[f] {
			return false
		}
	}
	late := func(v ssa.Value) bool {
		return slices.ContainsFunc(b.changed[b.place(v)], func(start ssa.Instruction) bool { return b.waitBetween(start, in) })
	}
	switch x := in.(type) {
	case *ssa.UnOp:
		if x.Op == token.ARROW {
			return b.counted[b.place(x.X)] && late(x.X)
		}
		_, channel := x.Type().Underlying().(*types.Chan)
		return x.Op == token.MUL && !channel && late(x.X)
	case *ssa.Call:
		path, _, _ := callee(&x.Call)
		f, ok := x.Call.Value.(*ssa.Builtin)
		return (path == "sync/atomic" || ok && f.Name() == "len") && late(x.Call.Args[0])
	case *ssa.Select:
		for _, s := range x.States {
			if !x.Blocking && s.Dir == types.RecvOnly && late(s.Chan) {
				return !drops(x)
			}
		}
	}
	return false
}
