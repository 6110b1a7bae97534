package judge

import (
	"go/token"

	"golang.org/x/tools/go/ssa"
)

// A lapse is a call, or a subtraction, that says how much time there was between two moments, and a
// wait lies between them.
type lapse struct {
	*loop
	inLoop bool // the time began in the loop
	told   bool // it is logged, or told by an error
	beside *beside
	// inRound says that it is no length of time, but what a clock beside the loop has done when a round asks.
	inRound bool
	seen    map[ssa.Value]bool
}

// lapses judges that the length of a wait, which may end early, is only told. What happens when a time
// has passed that began before the loop may be as before: that is asked of the clock on the wall.
func (l *loop) lapses() (told bool, bad ssa.Instruction, why string) {
	for _, f := range append([]*loop{l}, framesOf(l)...) {
		says, bad, why := lapsesHere(f)
		if bad != nil {
			return false, bad, why
		}
		told = told || says
	}
	return told, nil, ""
}

func lapsesHere(l *loop) (told bool, bad ssa.Instruction, why string) {
	beside := l.runsBeside()
	for in := range instructions(l.fn()) {
		v, ok := in.(ssa.Value)
		if !ok {
			continue
		}
		if inside(l, in.Parent()) { // it is looked at as the loop itself is
			continue
		}
		spans, inLoop := l.spans(in)
		if !spans && !beside.asks(in) && !beside.reads(in) {
			continue
		}
		p := &lapse{loop: l, beside: beside, inLoop: inLoop, inRound: !spans && l.blocks[in.Block()], seen: map[ssa.Value]bool{}}
		if at, why := p.flows(v); why != "" {
			return false, at, why
		}
		told = told || p.told && !p.inRound
	}
	if c := l.handsOver(); c != nil {
		return false, c, "a time from before a wait, which may end early, is an argument of " + shortName(c.Common())
	}
	return told, nil, ""
}

// moments returns the two values that an instruction compares as moments; the second one is nil if
// that is now.
func moments(in ssa.Instruction) (a, b ssa.Value) {
	switch x := in.(type) {
	case *ssa.Call:
		path, name, recv := callee(&x.Call)
		if path != "time" {
			return nil, nil
		}
		switch name {
		case "Since", "Until":
			return x.Call.Args[0], nil
		case "Sub", "Before", "After", "Equal", "Compare":
			if recv {
				return x.Call.Args[0], x.Call.Args[1]
			}
		}
	case *ssa.BinOp: // of the nanoseconds since 1970
		switch x.Op {
		case token.SUB, token.LSS, token.LEQ, token.GTR, token.GEQ, token.EQL, token.NEQ:
			return x.X, x.Y
		}
	}
	return nil, nil
}

// spans reports whether an instruction compares moments between which a wait may lie.
func (l *loop) spans(in ssa.Instruction) (spans, inLoop bool) {
	a, b := moments(in)
	if a == nil {
		return false, false
	}
	later := []ssa.Instruction{in}
	earlier := l.origins(a)
	if b != nil {
		later = l.origins(b)
		if _, numbers := in.(*ssa.BinOp); numbers {
			earlier, later = l.orBegin(a, earlier, b), l.orBegin(b, later, a)
		}
	}
	for _, x := range earlier {
		for _, y := range later {
			if x == y && (l.kept(a) || b != nil && l.kept(b)) && l.blocks[x.Block()] && l.waitsAfter(x) { // of two rounds
				spans, inLoop = true, true
			}
			for _, pair := range [][2]ssa.Instruction{{x, y}, {y, x}} {
				if pair[0] != in && (pair[1] == in || pair[1].Parent() != in.Parent() || leads(pair[1], in, pair[0])) && l.waitBetween(pair[0], pair[1]) {
					spans, inLoop = true, inLoop || l.blocks[pair[0].Block()]
				}
			}
		}
	}
	return spans, inLoop
}

// waitBetween reports whether the loop may wait after a moment was taken, and before another one. What
// a literal does may come at any time.
func (l *loop) waitBetween(from, to ssa.Instruction) bool {
	if from == to {
		return false
	}
	for w := range pauses(l) {
		if from.Parent() != w.Parent() || !leads(from, w, from) {
			continue
		}
		if w == to || to.Parent() != w.Parent() || leads(w, to, from) {
			return true
		}
	}
	return false
}

// leads reports whether there is a way from one instruction to another that does not pass a third.
func leads(from, to, not ssa.Instruction) bool {
	return meets(from, func(in ssa.Instruction) (found, over bool) { return in == to, in == not })
}

// writes returns what the function and its literals store where a value is loaded from.
func (l *loop) writes(addr ssa.Value) (out []*ssa.Store) {
	home := func(a ssa.Value) ssa.Value {
		if v, ok := a.(*ssa.FreeVar); ok {
			if b := boundTo(v); b != nil {
				return b
			}
		}
		return a
	}
	for in := range instructions(outermost(l.fn())) {
		if s, ok := in.(*ssa.Store); ok && (sameAddress(s.Addr, addr) || home(s.Addr) == home(addr) || mayAlias(s.Addr, addr)) {
			out = append(out, s)
		}
	}
	return out
}
