package judge

import (
	"go/token"

	"golang.org/x/tools/go/ssa"
)

// looked returns the loads on the way to a mutex, the last one first, and where that way
// begins: a.b.c is a load of c from a load of b from a.
func looked(v ssa.Value) (loads []*ssa.UnOp, start ssa.Value) {
	for {
		switch x := v.(type) {
		case *ssa.UnOp:
			if x.Op != token.MUL {
				return loads, v
			}
			loads = append(loads, x)
			v = x.X
		case *ssa.FieldAddr:
			v = x.X
		default:
			return loads, v
		}
	}
}

// sameWay reports whether two mutexes are looked up in the same way from the same place.
func sameWay(a, b ssa.Value) bool {
	switch x := a.(type) {
	case *ssa.UnOp:
		y, ok := b.(*ssa.UnOp)
		if ok && x.Op == token.MUL && y.Op == token.MUL {
			return sameWay(x.X, y.X)
		}
	case *ssa.FieldAddr:
		y, ok := b.(*ssa.FieldAddr)
		if ok && field(x) == field(y) {
			return sameWay(x.X, y.X)
		}
	}
	return a == b
}

// moved judges that the mutex is looked up for a clock: it is the one that is tried, and
// nothing panics that did not before. at is where that stands in the old code.
func (l *loop) moved(c ssa.CallInstruction, at token.Pos) *Objection {
	mu, tried := c.Common().Args[0], l.try.Call.Args[0]
	if !sameWay(mu, tried) {
		return objection(at, "the clock is for another mutex than the one that is tried, or for what that was at another time")
	}
	loads, start := looked(mu)
	if in, ok := start.(ssa.Instruction); ok && l.blocks[in.Block()] && !l.blocks[c.Block()] {
		return objection(at, "the mutex is another one in every round")
	}
	after := l.alwaysTried(c)
	if after && mu == tried {
		return nil // it is not looked up again
	}
	if after && !l.disturbed(c) {
		return nil // it has just been looked up there, and the clock is asked before anything may change
	}
	for _, u := range loads {
		if _, isVar := start.(*ssa.Alloc); isVar && u.X == start && !start.(*ssa.Alloc).Heap {
			continue
		}
		if ok, by := l.j.mem().fixed(u.X); !ok {
			if by.IsValid() {
				return objection(at, "the mutex may be replaced while the loop waits: %s writes what it is looked up in", l.j.fset.PositionFor(by, false))
			}
			return objection(at, "the mutex may be replaced while the loop waits")
		}
	}
	if after {
		return nil
	}
	return l.early(c, at)
}

// alwaysTried reports whether every way to the clock passes a try.
func (l *loop) alwaysTried(c ssa.Instruction) bool {
	if c.Block() == l.try.Block() {
		return index(l.try) < index(c)
	}
	return l.try.Block().Dominates(c.Block())
}

// disturbed reports whether anything between a try and the clock may change what memory
// holds.
func (l *loop) disturbed(c ssa.Instruction) bool {
	return meets(l.try, func(in ssa.Instruction) (found, over bool) {
		over = in == c || in == ssa.Instruction(l.try)
		b := in.Block()
		return !over && (b == c.Block() || reaches(b, c.Block())) && l.disturbs(in), over
	})
}

func (l *loop) disturbs(in ssa.Instruction) bool {
	switch in := in.(type) {
	case *ssa.Store:
		_, local := root(in.Addr).(*ssa.Alloc)
		return !local || mayAliasAny(in.Addr, l.try.Call.Args[0])
	case *ssa.Send, *ssa.Select, *ssa.Go, *ssa.Defer, *ssa.MapUpdate:
		return true
	case *ssa.UnOp:
		return in.Op == token.ARROW
	case *ssa.Call:
		switch l.j.effectOf(in) {
		case none, logs, context, ends:
			return false
		case timing:
			_, name, _ := callee(&in.Call)
			return name == "Sleep"
		}
		return true
	}
	return false
}

// mayAliasAny reports whether a store may change what is loaded on the way to mu.
func mayAliasAny(addr, mu ssa.Value) bool {
	loads, _ := looked(mu)
	for _, u := range loads {
		if sameAddress(addr, u.X) || mayAlias(addr, u.X) {
			return true
		}
	}
	return false
}

// early judges that the mutex is looked up before the try: what might have kept the try from
// being reached must not lie between, where a pointer on the way may be nil.
func (l *loop) early(c ssa.CallInstruction, at token.Pos) *Objection {
	risky := mayBeNil(c.Common().Args[0], c)
	if len(risky) == 0 {
		return nil
	}
	seen := map[*ssa.BasicBlock]bool{}
	var run func(b *ssa.BasicBlock, i int) *Objection
	run = func(b *ssa.BasicBlock, i int) *Objection {
		for _, in := range b.Instrs[i:] {
			if in == ssa.Instruction(l.try) {
				return nil
			}
			if f, ok := in.(*ssa.FieldAddr); ok && len(risky) == 1 && sameWay(f.X, risky[0]) && used(f) {
				return nil // where it is nil, this panics as well
			}
			if why := l.keeps(in); why != "" {
				return objection(at, "the mutex is looked up before the try, where a pointer on the way to it may be nil, and %s lies between", why)
			}
		}
		for i, s := range b.Succs {
			if i == 1 && l.j.ticks(b) {
				continue // nobody closes the channel of a clock
			}
			if !seen[s] {
				seen[s] = true
				if o := run(s, 0); o != nil {
					return o
				}
			}
		}
		return nil
	}
	return run(c.Block(), index(c)+1)
}

// ticks reports whether a block ends with the question whether the channel of a clock is open.
func (j *Judge) ticks(b *ssa.BasicBlock) bool {
	branch, ok := last(b).(*ssa.If)
	if !ok {
		return false
	}
	e, ok := branch.Cond.(*ssa.Extract)
	if !ok || e.Index != 1 {
		return false
	}
	u, ok := e.Tuple.(*ssa.UnOp)
	return ok && u.Op == token.ARROW && j.isClockChannel(u.X)
}

// mayBeNil returns the pointers that are followed to look v up for c, and may be nil.
func mayBeNil(v ssa.Value, c ssa.Instruction) (risky []ssa.Value) {
	loads, _ := looked(v)
	for _, u := range loads {
		if f, ok := u.X.(*ssa.FieldAddr); ok {
			if p := followed(f); p != nil && !followedBefore(p, c, v) {
				risky = append(risky, p)
			}
		} else if !isVariable(u.X) && !followedBefore(u.X, c, v) {
			risky = append(risky, u.X)
		}
	}
	return risky
}

// followed returns the pointer that a field is looked up through, or nil where that is known
// not to be nil.
func followed(f *ssa.FieldAddr) ssa.Value {
	p := f.X
	for {
		g, ok := p.(*ssa.FieldAddr)
		if !ok {
			break
		}
		p = g.X
	}
	if isVariable(p) {
		return nil
	}
	return p
}

// followedBefore reports whether every way to c has followed the same pointer, but for what
// only serves to look way up.
func followedBefore(p ssa.Value, c ssa.Instruction, way ssa.Value) bool {
	for _, b := range c.Parent().Blocks {
		if b != c.Block() && !b.Dominates(c.Block()) {
			continue
		}
		for i, in := range b.Instrs {
			if b == c.Block() && i >= index(c) {
				break
			}
			if onWay(in, way) {
				continue
			}
			if f, ok := in.(*ssa.FieldAddr); ok && sameWay(f.X, p) && used(f) {
				return true
			}
		}
	}
	return false
}

// onWay reports whether in serves to look v up.
func onWay(in ssa.Instruction, v ssa.Value) bool {
	for {
		x, ok := v.(ssa.Instruction)
		if !ok {
			return false
		}
		if x == in {
			return true
		}
		switch x := x.(type) {
		case *ssa.UnOp:
			v = x.X
		case *ssa.FieldAddr:
			v = x.X
		default:
			return false
		}
	}
}

// used reports whether the address of a field is loaded from, or stored to, where it is made.
func used(f *ssa.FieldAddr) bool {
	for _, r := range *f.Referrers() {
		if r.Block() == f.Block() {
			switch r.(type) {
			case *ssa.UnOp, *ssa.Store:
				return true
			}
		}
	}
	return false
}

// keeps says what an instruction is that may keep the try from being reached, or make the
// pointer another one, or "".
func (l *loop) keeps(in ssa.Instruction) string {
	switch in := in.(type) {
	case *ssa.If:
		if l.j.aboutWait(in.Cond) {
			return ""
		}
		return "a condition"
	case *ssa.Send, *ssa.Go, *ssa.MapUpdate:
		return "something that others can see"
	case *ssa.UnOp:
		if in.Op == token.ARROW && !isDone(in.X) && !l.j.isClockChannel(in.X) {
			return "a channel operation"
		}
	case *ssa.Select:
		for _, s := range in.States {
			if !isDone(s.Chan) && !l.j.isClockChannel(s.Chan) {
				return "a channel operation"
			}
		}
	case *ssa.Call:
		switch l.j.effectOf(in) {
		case unknown:
			return "a call of " + shortName(&in.Call)
		case ends:
			return "the end of the program"
		}
	}
	return ""
}

// aboutWait reports whether a condition asks only how a wait ended or whether a context has.
func (j *Judge) aboutWait(v ssa.Value) bool {
	switch v := v.(type) {
	case *ssa.Const:
		return true
	case *ssa.BinOp:
		return j.aboutWait(v.X) && j.aboutWait(v.Y)
	case *ssa.UnOp:
		switch v.Op {
		case token.NOT:
			return j.aboutWait(v.X)
		case token.ARROW:
			return j.isClockChannel(v.X)
		}
	case *ssa.Extract:
		return j.aboutWait(v.Tuple)
	case *ssa.Select:
		return true
	case *ssa.Call:
		path, _, _ := callee(&v.Call)
		return j.isTry(v) || path == "context" || path == "time"
	case *ssa.Phi:
		for _, e := range v.Edges {
			if _, ok := e.(*ssa.Const); !ok {
				return false
			}
		}
		return true
	}
	return false
}
