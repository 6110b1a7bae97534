package judge

import (
	"go/token"
	"go/types"
	"iter"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// fn is the function that the loop, or what waits for it, is in.
func (l *loop) fn() *ssa.Function {
	if l.in != nil {
		return l.in
	}
	return l.try.Parent()
}

// rounded is the loop itself.
func rounded(l *loop) *loop {
	for l.inner != nil {
		l = l.inner
	}
	return l
}

// inside reports whether a function is run where a frame waits.
func inside(l *loop, f *ssa.Function) bool {
	for g := l.inner; g != nil; g = g.inner {
		if within(f, g.fn()) {
			return true
		}
	}
	return false
}

// pauses yields where the loop, or what runs it, waits.
func pauses(l *loop) iter.Seq[ssa.Instruction] {
	return func(yield func(ssa.Instruction) bool) {
		for _, in := range l.at {
			if !yield(in) {
				return
			}
		}
		for b := range l.blocks {
			for _, in := range b.Instrs {
				if l.waits(in) && !yield(in) {
					return
				}
			}
		}
	}
}

// seenFrom returns where an instruction of what a frame runs is, as the frame sees it: before the wait, or at its end.
func seenFrom(l *loop, in ssa.Instruction) ssa.Instruction {
	if l.inner == nil || !inside(l, in.Parent()) {
		return in
	}
	in = seenFrom(l.inner, in)
	if in.Parent() == l.inner.fn() && l.inner.waitsAfter(in) {
		return l.begin()
	}
	return l.at[0]
}

// framesOf returns the loop as the functions around it see it that run it.
func framesOf(l *loop) (out []*loop) {
	top := outermost(l.try.Parent())
	known := map[*ssa.Function]bool{top: true}
	todo := []*loop{l}
	for len(todo) > 0 {
		inner := todo[0]
		todo = todo[1:]
		if known[inner.fn()] {
			continue
		}
		known[inner.fn()] = true
		at := map[*ssa.Function][]ssa.Instruction{}
		b := newBeside(inner)
		for in := range instructions(top) {
			if c, ok := in.(ssa.CallInstruction); ok && !within(in.Parent(), inner.fn()) {
				at[in.Parent()] = append(at[in.Parent()], b.waitsFor(c)...)
			}
		}
		for f := range tree(top) {
			if len(at[f]) > 0 {
				fr := &loop{j: l.j, try: l.try, split: map[*ssa.BasicBlock]bool{}, around: &around{f, at[f], inner}}
				out, todo = append(out, fr), append(todo, fr)
			}
		}
	}
	return out
}

// waitsFor returns where the function that a call stands in waits for the one that the loop is in, if the call runs that.
func (b *beside) waitsFor(c ssa.CallInstruction) (out []ssa.Instruction) {
	is := func(v ssa.Value) bool { return slices.Contains(b.functions(v), b.fn()) }
	_, goes := c.(*ssa.Go)
	cc := c.Common()
	given := slices.IndexFunc(cc.Args, func(v ssa.Value) bool {
		_, function := v.Type().Underlying().(*types.Signature)
		return function && is(v)
	})
	_, name, recv := callee(cc)
	switch {
	case given >= 0 && recv && name == "Go": // of a group
		goes = true
	case given >= 0:
		if !comesBack(cc, given) {
			return nil
		}
	case cc.IsInvoke() || !is(cc.Value):
		return nil
	}
	if _, deferred := c.(*ssa.Defer); deferred {
		for in := range instructions(c.Parent()) {
			if _, ok := in.(*ssa.RunDefers); ok && in.Parent() == c.Parent() {
				out = append(out, in)
			}
		}
		return out
	}
	if !goes {
		return []ssa.Instruction{c}
	}
	known := map[any]bool{}
	for in := range instructions(b.fn()) {
		for _, op := range in.Operands(nil) {
			if v, ok := (*op).(*ssa.FreeVar); ok {
				known[b.place(v)] = true
			}
		}
	}
	if given > 0 {
		known[b.place(cc.Args[0])] = true
	}
	for in := range instructions(c.Parent()) {
		if in.Parent() == c.Parent() && b.awaits(in, known) && leads(c, in, c) {
			out = append(out, in)
		}
	}
	return out
}

// awaits reports whether an instruction waits for something that a goroutine may end with.
func (b *beside) awaits(in ssa.Instruction, known map[any]bool) bool {
	switch x := in.(type) {
	case *ssa.UnOp:
		return x.Op == token.ARROW && known[b.place(x.X)]
	case *ssa.Select:
		return slices.ContainsFunc(x.States, func(s *ssa.SelectState) bool { return s.Dir == types.RecvOnly && known[b.place(s.Chan)] })
	case *ssa.Call:
		_, name, recv := callee(&x.Call)
		return recv && name == "Wait" && len(x.Call.Args) > 0 && known[b.place(x.Call.Args[0])]
	}
	return false
}

// registering are packages whose functions keep what they are given, for later.
var registering = []string{"time", "context", "net/http", "os/signal"}

// comesBack reports whether a function runs what it is given before it returns.
func comesBack(c *ssa.CallCommon, i int) bool {
	f := c.StaticCallee()
	if f == nil || len(f.Blocks) == 0 {
		path, _, _ := callee(c)
		return !slices.Contains(registering, path)
	}
	var runs func(v ssa.Value, depth int) bool
	runs = func(v ssa.Value, depth int) bool {
		return depth < 4 && slices.ContainsFunc(*v.Referrers(), func(r ssa.Instruction) bool {
			switch x := r.(type) {
			case *ssa.Call:
				return true
			case *ssa.Defer:
				return true
			case *ssa.ChangeType:
				return runs(x, depth+1)
			case *ssa.Phi:
				return runs(x, depth+1)
			case *ssa.Store:
				al, ok := x.Addr.(*ssa.Alloc)
				return ok && x.Val == v && slices.ContainsFunc(*al.Referrers(), func(r ssa.Instruction) bool {
					switch y := r.(type) {
					case *ssa.UnOp:
						return runs(y, depth+1)
					case *ssa.MakeClosure: // which may run it
						return true
					}
					return false
				})
			}
			return false
		})
	}
	return i < len(f.Params) && runs(f.Params[i], 0)
}
