package judge

import (
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// begin stands for the moments that others have taken: those of parameters, of fields, of the
// deadline of a context. They may be as old as the function is.
func (l *loop) begin() ssa.Instruction { return l.fn().Blocks[0].Instrs[0] }

// origins returns where the moment was taken that a value is, or is made of.
func (l *loop) origins(v ssa.Value) []ssa.Instruction {
	o := &origins{loop: l, seen: map[ssa.Value]bool{}}
	o.look(v)
	for i, in := range o.taken {
		if in = seenFrom(l, in); in != o.taken[i] {
			o.taken[i] = in
			continue
		}
		if in.Parent() != l.fn() && within(l.fn(), in.Parent()) {
			o.taken[i] = l.begin() // by a function around
		}
	}
	return o.taken
}

// kept reports whether a moment may be that of an earlier round.
func (l *loop) kept(v ssa.Value) bool {
	o := &origins{loop: l, seen: map[ssa.Value]bool{}}
	o.look(v)
	for v := range o.seen {
		if u, loads := v.(*ssa.UnOp); loads && u.Op == token.MUL {
			return true
		}
		if _, phi := v.(*ssa.Phi); phi {
			return true
		}
	}
	return false
}

type origins struct {
	*loop
	seen  map[ssa.Value]bool
	taken []ssa.Instruction
}

func (o *origins) look(v ssa.Value) {
	if v == nil || o.seen[v] {
		return
	}
	o.seen[v] = true
	switch x := v.(type) {
	case *ssa.Call:
		o.called(x)
		return
	case *ssa.UnOp:
		switch {
		case x.Op == token.ARROW:
			if isNamed(x.Type(), "time", "Time") {
				o.received(x, x.X)
			}
			return
		case x.Op == token.MUL:
			stores := o.writes(x.X)
			for _, s := range stores {
				o.look(s.Val)
			}
			if o.own(x.X) || o.always(stores, x) {
				return
			}
		case x.Op == token.SUB:
			o.look(x.X)
			return
		}
	case *ssa.Extract:
		switch t := x.Tuple.(type) {
		case *ssa.Select:
			if isNamed(x.Type(), "time", "Time") {
				for _, s := range t.States {
					o.received(t, s.Chan)
				}
			}
			return
		case *ssa.UnOp:
			if x.Index == 0 {
				o.received(t, t.X)
			}
			return
		case *ssa.Call:
			if isNamed(x.Type(), "time", "Time") {
				o.called(t)
			}
			return
		}
	case *ssa.Phi:
		for _, e := range x.Edges {
			o.look(e)
		}
		return
	case *ssa.Convert:
		o.look(x.X)
		return
	case *ssa.ChangeType:
		o.look(x.X)
		return
	case *ssa.BinOp:
		o.look(x.X)
		o.look(x.Y)
		return
	case *ssa.Const:
		return
	}
	if isNamed(v.Type(), "time", "Time") {
		o.taken = append(o.taken, o.begin())
	}
}

// received notes the moment that is received from a channel: that of a clock is now, others may be old.
func (o *origins) received(in ssa.Instruction, ch ssa.Value) {
	o.taken = append(o.taken, in)
	if ticks(ch.Type()) && !o.j.isClockChannel(ch) && !o.clockOf(ch) {
		o.taken = append(o.taken, o.begin())
	}
}

// clockOf reports whether a channel is loaded from a variable that holds one of a clock alone.
func (o *origins) clockOf(ch ssa.Value) bool {
	u, ok := ch.(*ssa.UnOp)
	if !ok || u.Op != token.MUL {
		return false
	}
	stores := o.writes(u.X)
	return len(stores) > 0 && !slices.ContainsFunc(stores, func(s *ssa.Store) bool { return !o.j.isClockChannel(s.Val) })
}

// called notes the moment that a call gives. What is no function of package time may give the time of
// its call, or an older one.
func (o *origins) called(c *ssa.Call) {
	path, name, recv := callee(&c.Call)
	switch {
	case path == "time" && name == "Now":
		o.taken = append(o.taken, c)
	case path == "time" && recv:
		if isNamed(c.Call.Args[0].Type(), "time", "Time") && name != "Sub" {
			o.look(c.Call.Args[0])
		}
	case path == "time":
		if strings.HasPrefix(name, "Unix") {
			for _, a := range c.Call.Args {
				o.look(a)
				o.taken = o.orBegin(a, o.taken, nil)
			}
		}
	case isNamed(c.Type(), "time", "Time"), len(*c.Referrers()) > 0 && !isNamed(c.Type(), "time", "Duration") && slices.ContainsFunc(*c.Referrers(), isTimeExtracted):
		o.taken = append(o.taken, c, o.begin())
	}
}

func isTimeExtracted(in ssa.Instruction) bool {
	x, ok := in.(*ssa.Extract)
	return ok && isNamed(x.Type(), "time", "Time")
}

// own reports whether an address is that of a variable of the function and its literals, or a part of
// one.
func (o *origins) own(addr ssa.Value) bool {
	if f, ok := addr.(*ssa.FreeVar); ok {
		addr = boundTo(f)
	}
	if _, variable := addr.(*ssa.Alloc); variable {
		return true
	}
	al, ok := root(addr).(*ssa.Alloc)
	return ok && !al.Heap
}

// always reports whether a store to where a value is loaded from comes before that, whatever the way.
func (o *origins) always(stores []*ssa.Store, load *ssa.UnOp) bool {
	if load.Parent() != o.fn() {
		return false
	}
	return !meets(o.begin(), func(in ssa.Instruction) (found, over bool) {
		s, ok := in.(*ssa.Store)
		return in == ssa.Instruction(load), ok && slices.Contains(stores, s) && sameAddress(s.Addr, load.X)
	})
}

// orBegin returns taken, or where that is nothing and v no constant, the begin: a number that is
// compared with one since 1970 may be such a one.
func (l *loop) orBegin(v ssa.Value, taken []ssa.Instruction, with ssa.Value) []ssa.Instruction {
	if _, constant := v.(*ssa.Const); constant || len(taken) > 0 || with != nil && !sinceEpoch(with) {
		return taken
	}
	return []ssa.Instruction{l.begin()}
}

// sinceEpoch reports whether a number is one since 1970.
func sinceEpoch(v ssa.Value) bool {
	switch x := v.(type) {
	case *ssa.Call:
		path, name, recv := callee(&x.Call)
		return path == "time" && recv && strings.HasPrefix(name, "Unix")
	case *ssa.Convert:
		return sinceEpoch(x.X)
	case *ssa.BinOp:
		return sinceEpoch(x.X) || sinceEpoch(x.Y)
	}
	return false
}

// handsOver returns a call that is given a moment of this function from before a wait, and that may
// compare it with now.
func (l *loop) handsOver() ssa.CallInstruction {
	for in := range instructions(l.fn()) {
		c, ok := in.(ssa.CallInstruction)
		if !ok || inside(l, in.Parent()) || slices.Contains(l.at, in) {
			continue
		}
		_, deferred := in.(*ssa.Defer)
		if _, goes := in.(*ssa.Go); goes || l.j.effectOf(c) != unknown {
			continue
		}
		for _, a := range append(slices.Clone(c.Common().Args), c.Common().Value) {
			for _, from := range l.held(a, 0) {
				if (from != l.begin() || isNow(from)) && (l.waitBetween(from, in) || deferred && l.waitsAfter(from)) {
					return c
				}
			}
		}
	}
	return nil
}

// held returns where the moments were taken that a value is, or that it was made of: a clock of the
// program's own, or a function that measures.
func (l *loop) held(v ssa.Value, depth int) (out []ssa.Instruction) {
	if isNamed(v.Type(), "time", "Time") {
		return l.origins(v)
	}
	if depth > 5 {
		return nil
	}
	switch x := v.(type) {
	case *ssa.UnOp:
		if x.Op == token.MUL {
			return l.held(x.X, depth+1)
		}
	case *ssa.MakeInterface:
		return l.held(x.X, depth+1)
	case *ssa.Extract:
		return l.held(x.Tuple, depth+1)
	case *ssa.Alloc:
		for in := range instructions(outermost(l.fn())) {
			if s, ok := in.(*ssa.Store); ok && root(s.Addr) == ssa.Value(x) && x.Comment != "varargs" {
				out = append(out, l.held(s.Val, depth+1)...)
			}
		}
	case *ssa.Call:
		path, _, _ := callee(&x.Call)
		if _, basic := x.Type().Underlying().(*types.Basic); basic || path == "time" || l.j.effectOf(x) != unknown {
			return nil
		}
		for _, a := range x.Call.Args {
			if isNamed(a.Type(), "time", "Time") {
				out = append(out, l.origins(a)...)
			}
		}
	}
	return out
}

func isNow(in ssa.Instruction) bool {
	c, ok := in.(*ssa.Call)
	if !ok {
		return false
	}
	path, name, _ := callee(&c.Call)
	return path == "time" && name == "Now"
}

// waitsAfter reports whether a wait of the loop may come after an instruction.
func (l *loop) waitsAfter(from ssa.Instruction) bool {
	for w := range pauses(l) {
		if from.Parent() == w.Parent() && leads(from, w, from) {
			return true
		}
	}
	return false
}
