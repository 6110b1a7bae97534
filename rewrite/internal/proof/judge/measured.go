package judge

import (
	"go/token"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// A lapse is a call, or a subtraction, that says how much time there was between two moments, and a
// wait lies between them.
type lapse struct {
	*loop
	inLoop bool // the time began in the loop
	told   bool // it is logged, or told by an error
	seen   map[ssa.Value]bool
}

// lapses judges that the length of a wait, which may end early, is only told. What happens when a time
// has passed that began before the loop may be as before: that is asked of the clock on the wall.
func (l *loop) lapses() (told bool, bad ssa.Instruction, why string) {
	for in := range instructions(l.try.Parent()) {
		v, ok := in.(ssa.Value)
		if !ok {
			continue
		}
		spans, inLoop := l.spans(in)
		if !spans {
			continue
		}
		p := &lapse{loop: l, inLoop: inLoop, seen: map[ssa.Value]bool{}}
		if at, why := p.flows(v); why != "" {
			return false, at, why
		}
		told = told || p.told
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
	if b != nil {
		later = l.origins(b)
	}
	for _, x := range l.origins(a) {
		for _, y := range later {
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
	for b := range l.blocks {
		for _, w := range b.Instrs {
			if !l.waits(w) || from.Parent() != w.Parent() || !leads(from, w, from) {
				continue
			}
			if w == to || to.Parent() != w.Parent() || leads(w, to, from) {
				return true
			}
		}
	}
	return false
}

// leads reports whether there is a way from one instruction to another that does not pass a third.
func leads(from, to, not ssa.Instruction) bool {
	return meets(from, func(in ssa.Instruction) (found, over bool) { return in == to, in == not })
}

// origins returns where the moment was taken that a value is, or is made of.
func (l *loop) origins(v ssa.Value) (out []ssa.Instruction) {
	seen := map[ssa.Value]bool{}
	var look func(v ssa.Value)
	look = func(v ssa.Value) {
		if v == nil || seen[v] {
			return
		}
		seen[v] = true
		switch x := v.(type) {
		case *ssa.Call:
			path, name, recv := callee(&x.Call)
			switch {
			case path == "time" && name == "Now":
				out = append(out, x)
			case path == "time" && recv && isNamed(x.Call.Args[0].Type(), "time", "Time") && name != "Sub":
				look(x.Call.Args[0])
			}
		case *ssa.UnOp:
			switch {
			case x.Op == token.ARROW && isNamed(x.Type(), "time", "Time"):
				out = append(out, x)
			case x.Op == token.MUL:
				for _, s := range l.writes(x.X) {
					look(s.Val)
				}
			case x.Op == token.SUB:
				look(x.X)
			}
		case *ssa.Extract:
			switch t := x.Tuple.(type) {
			case *ssa.Select:
				if isNamed(x.Type(), "time", "Time") {
					out = append(out, t)
				}
			case *ssa.UnOp:
				if x.Index == 0 {
					out = append(out, t)
				}
			}
		case *ssa.Phi:
			for _, e := range x.Edges {
				look(e)
			}
		case *ssa.Convert:
			look(x.X)
		case *ssa.ChangeType:
			look(x.X)
		case *ssa.BinOp:
			look(x.X)
			look(x.Y)
		}
	}
	look(v)
	return out
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
	for in := range instructions(outermost(l.try.Parent())) {
		if s, ok := in.(*ssa.Store); ok && (sameAddress(s.Addr, addr) || home(s.Addr) == home(addr) || mayAlias(s.Addr, addr)) {
			out = append(out, s)
		}
	}
	return out
}

// flows follows a length of time to where it is used, and says what depends on it that may not.
func (p *lapse) flows(v ssa.Value) (at ssa.Instruction, why string) {
	if p.seen[v] {
		return nil, ""
	}
	p.seen[v] = true
	for _, r := range *v.Referrers() {
		if at, why = p.use(v, r); why != "" {
			return at, why
		}
	}
	return nil, ""
}

func (p *lapse) use(v ssa.Value, r ssa.Instruction) (ssa.Instruction, string) {
	switch x := r.(type) {
	case *ssa.DebugRef:
		return nil, ""
	case *ssa.BinOp, *ssa.Convert, *ssa.ChangeType, *ssa.MakeInterface, *ssa.Phi, *ssa.Slice, *ssa.UnOp:
		return p.flows(x.(ssa.Value))
	case *ssa.If:
		if p.decides(x) {
			return x, "a condition compares times before and behind a wait, which may end early"
		}
		return nil, ""
	case *ssa.Store:
		if i, ok := x.Addr.(*ssa.IndexAddr); ok {
			if al, ok := i.X.(*ssa.Alloc); ok && al.Comment == "varargs" {
				return p.flows(al)
			}
		}
		if isResult(x.Addr) {
			break
		}
		switch a := x.Addr.(type) {
		case *ssa.Alloc:
			return p.variable(a)
		case *ssa.FreeVar:
			if b, ok := boundTo(a).(*ssa.Alloc); ok && !isResult(b) {
				return p.variable(b)
			}
		}
	case *ssa.IndexAddr: // of varargs
		return nil, ""
	case ssa.CallInstruction:
		return p.given(x)
	}
	return r, "the length of a wait, which may end early, is used"
}

// isResult reports whether an address is that of a result which has a name.
func isResult(addr ssa.Value) bool {
	al, ok := addr.(*ssa.Alloc)
	if !ok {
		return false
	}
	res := al.Parent().Signature.Results()
	for i := range res.Len() {
		if res.At(i).Name() != "" && res.At(i).Name() == al.Comment && res.At(i).Pos() == al.Pos() {
			return true
		}
	}
	return false
}

// variable follows what is loaded from one that holds a length, in literals too.
func (p *lapse) variable(addr ssa.Value) (ssa.Instruction, string) {
	if p.seen[addr] {
		return nil, ""
	}
	p.seen[addr] = true
	for _, r := range *addr.Referrers() {
		switch x := r.(type) {
		case *ssa.DebugRef, *ssa.Store:
		case *ssa.UnOp:
			if at, why := p.flows(x); why != "" {
				return at, why
			}
		case *ssa.MakeClosure:
			for i, b := range x.Bindings {
				if b != addr {
					continue
				}
				if at, why := p.variable(x.Fn.(*ssa.Function).FreeVars[i]); why != "" {
					return at, why
				}
			}
		default:
			return r, "the length of a wait, which may end early, is used"
		}
	}
	return nil, ""
}

// given follows a length that a call is given.
func (p *lapse) given(c ssa.CallInstruction) (ssa.Instruction, string) {
	path, name, _ := callee(c.Common())
	v, isValue := c.(*ssa.Call)
	switch p.j.effectOf(c) {
	case logs:
		p.told = true
		return nil, ""
	case context:
		return nil, ""
	case none:
		if path == "fmt" && name == "Errorf" {
			p.told = true
			return nil, ""
		}
		if isValue {
			return p.flows(v)
		}
	case timing:
		if !p.inLoop {
			return nil, ""
		}
	}
	return c, "the length of a wait, which may end early, is an argument of " + shortName(c.Common())
}

// decides reports whether more depends on a condition than a line of the log, or whether the loop
// ends when a time has passed that began before it.
func (p *lapse) decides(branch *ssa.If) bool {
	b := branch.Block()
	if p.meetAgain(b, func(*ssa.BasicBlock) bool { return true }) != nil {
		p.told = true
		return false
	}
	if p.inLoop || !p.blocks[b] {
		return true
	}
	stays := [2]bool{p.blocks[b.Succs[0]], p.blocks[b.Succs[1]]}
	switch stays {
	case [2]bool{true, true}:
		return false
	case [2]bool{false, true}:
		return p.late(branch.Cond) != 1
	case [2]bool{true, false}:
		return p.late(branch.Cond) != -1
	}
	return true
}

// late says whether a value grows with the time that has passed, or a condition holds when more has,
// 1, or the other way round, -1. It is 0 where that is not known.
func (p *lapse) late(v ssa.Value) int {
	switch x := v.(type) {
	case *ssa.Call:
		path, name, _ := callee(&x.Call)
		a, _ := moments(x)
		if a == nil {
			if path == "time" && len(x.Call.Args) == 1 {
				return p.late(x.Call.Args[0]) // its seconds
			}
			return 0
		}
		if spans, _ := p.spans(x); !spans {
			return 0
		}
		old := slices.ContainsFunc(p.origins(a), func(in ssa.Instruction) bool { return !p.blocks[in.Block()] })
		switch {
		case name == "Since", name == "Sub" && !old, name == "Before" && old, name == "After" && !old:
			return 1
		case name == "Until", name == "Sub", name == "Before", name == "After":
			return -1
		}
	case *ssa.UnOp:
		if x.Op == token.NOT || x.Op == token.SUB {
			return -p.late(x.X)
		}
	case *ssa.Convert:
		return p.late(x.X)
	case *ssa.ChangeType:
		return p.late(x.X)
	case *ssa.BinOp:
		a, b := p.late(x.X), p.late(x.Y)
		switch x.Op {
		case token.ADD:
			return sum(a, b)
		case token.SUB, token.GTR, token.GEQ:
			return sum(a, -b)
		case token.LSS, token.LEQ:
			return sum(-a, b)
		}
	}
	return 0
}

func sum(a, b int) int {
	if a+b > 1 || a+b < -1 {
		return (a + b) / 2
	}
	return a + b
}
