package judge

import (
	"go/token"

	"golang.org/x/tools/go/ssa"
)

// A loop is what one try goes round in.
type loop struct {
	j      *Judge
	try    *ssa.Call
	blocks map[*ssa.BasicBlock]bool
	stores []*ssa.Store     // in it
	maps   []*ssa.MapUpdate // in it
	// split are the blocks where ways meet again that differ by a line of the log, and by which
	// of them was taken depends on earlier rounds.
	split map[*ssa.BasicBlock]bool
	*around
}

// An around is a function around a loop, which waits for it: it runs the literal that the loop is in.
type around struct {
	in    *ssa.Function     // nil where the loop is its own
	at    []ssa.Instruction // where it waits
	inner *loop             // as the literal sees it
}

func (j *Judge) loopOf(try *ssa.Call) *loop {
	l := &loop{j: j, try: try, blocks: cycle(try.Block()), split: map[*ssa.BasicBlock]bool{}, around: &around{}}
	for b := range l.blocks {
		for _, in := range b.Instrs {
			switch in := in.(type) {
			case *ssa.Store:
				l.stores = append(l.stores, in)
			case *ssa.MapUpdate:
				l.maps = append(l.maps, in)
			}
		}
	}
	for again := true; again; { // what is carried may be more then
		again = false
		for b := range l.blocks {
			branch, ok := last(b).(*ssa.If)
			if join := l.saysOnly(b); ok && join != nil && !l.split[join] && l.carried(branch.Cond, branch) != nil {
				l.split[join], again = true, true
			}
		}
	}
	return l
}

// saysOnly returns where the ways from a condition meet again, if all that they do until then is
// to log. Otherwise it returns nil.
func (l *loop) saysOnly(b *ssa.BasicBlock) *ssa.BasicBlock {
	return l.meetAgain(b, func(s *ssa.BasicBlock) bool { return l.blocks[s] })
}

// meetAgain is saysOnly for the ways through some blocks.
func (l *loop) meetAgain(b *ssa.BasicBlock, through func(*ssa.BasicBlock) bool) *ssa.BasicBlock {
	if len(b.Succs) != 2 || b.Succs[0] == b.Succs[1] {
		return nil
	}
	ends := func(s *ssa.BasicBlock) *ssa.BasicBlock { // where a block that only logs leads to
		if len(s.Preds) != 1 || len(s.Succs) != 1 || !through(s) {
			return nil
		}
		for _, in := range s.Instrs {
			switch x := in.(type) {
			case *ssa.Call:
				if e := l.j.effectOf(x); e != logs && e != none {
					return nil
				}
			case *ssa.Store:
				if al, ok := root(x.Addr).(*ssa.Alloc); !ok || al.Comment != "varargs" {
					return nil
				}
			case *ssa.UnOp:
				if x.Op == token.ARROW {
					return nil
				}
			case *ssa.Send, *ssa.Go, *ssa.Defer, *ssa.MapUpdate, *ssa.Select:
				return nil
			}
		}
		return s.Succs[0]
	}
	x, y := b.Succs[0], b.Succs[1]
	switch {
	case ends(x) == y && through(y):
		return y
	case ends(y) == x && through(x):
		return x
	case ends(x) != nil && ends(x) == ends(y):
		return ends(x)
	}
	return nil
}

// A trace says how a value got from one round to a later one.
type trace struct {
	from ssa.Value
	// first is, where the value tells only the first round from the others, what it is in
	// the others.
	first *ssa.Const
}

// carried returns how a value that is used by an instruction depends on earlier rounds, or nil. A
// round lasts from one try to the next.
func (l *loop) carried(v ssa.Value, use ssa.Instruction) *trace {
	type visit struct {
		v   ssa.Value
		use ssa.Instruction
	}
	seen := map[visit]bool{}
	var look func(v ssa.Value, use ssa.Instruction) *trace
	first := func(in ssa.Instruction) *trace {
		for _, op := range in.Operands(nil) {
			if *op == nil {
				continue
			}
			if t := look(*op, in); t != nil {
				return t
			}
		}
		return nil
	}
	look = func(v ssa.Value, use ssa.Instruction) *trace {
		if seen[visit{v, use}] || v == ssa.Value(l.try) {
			return nil
		}
		seen[visit{v, use}] = true
		in, ok := v.(ssa.Instruction)
		if !ok || in.Parent() != l.try.Parent() {
			return nil
		}
		switch x := v.(type) {
		case *ssa.Phi:
			if !l.blocks[x.Block()] {
				// behind the loop, or before it: what it joins may come from there
				for i, e := range x.Edges {
					if t := look(e, last(x.Block().Preds[i])); t != nil {
						return t
					}
				}
				return nil
			}
			if l.split[x.Block()] {
				return &trace{from: x}
			}
			if l.entered(x.Block()) && l.passesTry(x.Block(), use) {
				if c := l.constant(x); c != nil {
					return &trace{x, c}
				}
				return &trace{from: x}
			}
			if c := l.constant(x); c != nil && l.entered(x.Block()) {
				return &trace{x, c}
			}
			for i, e := range x.Edges {
				if p := x.Block().Preds[i]; l.blocks[p] {
					if l.entered(x.Block()) && l.handedOn(e) {
						return &trace{from: x}
					}
					if t := look(e, last(p)); t != nil {
						return t
					}
				}
			}
			return nil
		case *ssa.Alloc:
			if !l.blocks[x.Block()] {
				for _, s := range l.stores {
					if root(s.Addr) == ssa.Value(x) {
						return &trace{from: x}
					}
				}
				for _, s := range storesBelow(x) { // what it is filled with behind the loop
					if t := look(s.Val, s); t != nil {
						return t
					}
				}
				return nil
			}
			for _, s := range l.stores { // what it is filled with in this round
				if root(s.Addr) == ssa.Value(x) {
					if t := look(s.Val, s); t != nil {
						return t
					}
				}
			}
			return nil
		case *ssa.Call:
			switch l.j.effectOf(x) {
			case none, context:
				return first(x)
			}
			return nil // its result is of this round; what it is given is looked at where it is called
		case *ssa.Next:
			if !l.blocks[x.Block()] {
				return nil
			}
			return &trace{from: x}
		case *ssa.UnOp:
			switch x.Op {
			case token.ARROW:
				return nil
			case token.MUL:
				return l.loaded(x, look)
			}
		case *ssa.Lookup:
			for _, u := range l.maps {
				if u.Map.Type() == x.X.Type() {
					return &trace{from: x}
				}
			}
		case *ssa.Select, *ssa.MakeClosure:
			return nil
		}
		return first(in)
	}
	return look(v, use)
}

// handedOn reports whether a value is made of one that the round was entered with.
func (l *loop) handedOn(v ssa.Value) bool {
	seen := map[ssa.Value]bool{}
	var look func(v ssa.Value) bool
	look = func(v ssa.Value) bool {
		in, ok := v.(ssa.Instruction)
		if !ok || seen[v] || !l.blocks[in.Block()] {
			return false
		}
		seen[v] = true
		switch x := v.(type) {
		case *ssa.Phi:
			if l.entered(x.Block()) {
				return true
			}
		case *ssa.Call:
			switch l.j.effectOf(x) {
			case none, context:
			default:
				return false
			}
		}
		for _, op := range in.Operands(nil) {
			if *op != nil && look(*op) {
				return true
			}
		}
		return false
	}
	return look(v)
}

// entered reports whether a block of the loop is one where the loop is entered.
func (l *loop) entered(b *ssa.BasicBlock) bool {
	for _, p := range b.Preds {
		if !l.blocks[p] {
			return true
		}
	}
	return false
}

// constant returns the value that x has in all rounds but the first, if that is a constant.
func (l *loop) constant(x *ssa.Phi) (c *ssa.Const) {
	for i, e := range x.Edges {
		if !l.blocks[x.Block().Preds[i]] {
			continue
		}
		k, ok := e.(*ssa.Const)
		if !ok || c != nil && (c.Value != k.Value && c.String() != k.String()) {
			return nil
		}
		c = k
	}
	return c
}

// passesTry reports whether a try may lie between the head of a block and an instruction.
func (l *loop) passesTry(head *ssa.BasicBlock, use ssa.Instruction) bool {
	tb, ub := l.try.Block(), use.Block()
	if ub == tb && index(use) > index(l.try) && use != ssa.Instruction(l.try) {
		return true
	}
	// from behind the try to the use, not through the head
	seen := map[*ssa.BasicBlock]bool{head: true}
	todo := []*ssa.BasicBlock{tb}
	for len(todo) > 0 {
		b := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, s := range b.Succs {
			if seen[s] {
				continue
			}
			if s == ub && !(s == tb && index(use) > index(l.try)) {
				return true
			}
			seen[s] = true
			if s != tb {
				todo = append(todo, s)
			}
		}
	}
	return false
}

// loaded is carried for what memory holds.
func (l *loop) loaded(u *ssa.UnOp, look func(ssa.Value, ssa.Instruction) *trace) *trace {
	var here []*ssa.Store
	exact := true
	for _, s := range l.stores {
		switch {
		case sameAddress(s.Addr, u.X):
			here = append(here, s)
		case mayAlias(s.Addr, u.X):
			here, exact = append(here, s), false
		}
	}
	if len(here) == 0 {
		if a, ok := u.X.(ssa.Instruction); ok && l.blocks[a.Block()] { // a field of something that this round has found
			for _, op := range a.Operands(nil) {
				if *op != nil {
					if _, isAlloc := (*op).(*ssa.Alloc); isAlloc {
						continue
					}
					if t := look(*op, a); t != nil {
						return t
					}
				}
			}
		}
		return nil
	}
	if a, ok := root(u.X).(*ssa.Alloc); ok && l.blocks[a.Block()] {
		// it is made in this round
	} else if !exact || l.unwritten(u, here) {
		return &trace{from: u}
	}
	for _, s := range here {
		if t := look(s.Val, s); t != nil {
			return t
		}
	}
	return nil
}

// unwritten reports whether a load may come after a try without one of the stores between.
func (l *loop) unwritten(u *ssa.UnOp, stores []*ssa.Store) bool {
	writes := map[ssa.Instruction]bool{}
	for _, s := range stores {
		writes[s] = true
	}
	return meets(l.try, func(in ssa.Instruction) (found, over bool) {
		return in == ssa.Instruction(u), writes[in] || in == ssa.Instruction(l.try)
	})
}
