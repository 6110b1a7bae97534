package judge

import (
	"go/constant"
	"go/token"
	"slices"

	"golang.org/x/tools/go/ssa"
)

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
	case *ssa.Extract:
		if _, asks := x.Tuple.(*ssa.Select); asks && x.Index > 0 {
			return nil, ""
		}
		return p.flows(x)
	case *ssa.If:
		if p.decides(x) {
			return x, "a condition compares times before and behind a wait, which may end early"
		}
		return p.chosen(x)
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
	case *ssa.IndexAddr:
		if x.Index != v { // of varargs
			return nil, ""
		}
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

// chosen follows the values that a condition chooses, where nothing else depends on it.
func (p *lapse) chosen(branch *ssa.If) (ssa.Instruction, string) {
	b := branch.Block()
	end := p.meetAgain(b, func(*ssa.BasicBlock) bool { return true })
	if end == nil {
		return nil, ""
	}
	for _, in := range end.Instrs {
		phi, ok := in.(*ssa.Phi)
		if !ok {
			break
		}
		var from []ssa.Value
		for i, pred := range end.Preds {
			if (pred == b || slices.Contains(b.Succs, pred)) && !slices.Contains(from, phi.Edges[i]) {
				from = append(from, phi.Edges[i])
			}
		}
		if len(from) > 1 {
			if at, why := p.flows(phi); why != "" {
				return at, why
			}
		}
	}
	return nil, ""
}

// late says whether a value grows with the time that has passed, or a condition holds when more has,
// 1, or the other way round, -1. It is 0 where that is not known.
func (p *lapse) late(v ssa.Value) int {
	switch x := v.(type) {
	case *ssa.Call:
		path, name, _ := callee(&x.Call)
		a, _ := moments(x)
		if v := p.turned(x); a == nil && v != 0 {
			return v
		}
		if a == nil {
			if path == "time" && len(x.Call.Args) == 1 {
				return p.late(x.Call.Args[0]) // its seconds
			}
			return 0
		}
		if spans, _ := p.spans(x); !spans {
			return 0
		}
		taken := p.origins(a)
		inRound := func(in ssa.Instruction) bool { return p.blocks[in.Block()] }
		now := !slices.ContainsFunc(taken, func(in ssa.Instruction) bool { return !inRound(in) })
		old := !slices.ContainsFunc(taken, inRound)
		switch {
		case now == old: // it may be either
			return 0
		case name == "Since", name == "Sub" && !old, name == "Before" && old, name == "After" && !old:
			return 1
		case name == "Until", name == "Sub", name == "Before", name == "After":
			return -1
		}
	case *ssa.UnOp:
		if x.Op == token.NOT || x.Op == token.SUB {
			return -p.late(x.X)
		}
		return p.turned(x)
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
		case token.EQL, token.NEQ: // of a length with zero
			if c, ok := x.Y.(*ssa.Const); ok && p.inRound && c.Value != nil && c.Value.Kind() == constant.Int && constant.Sign(c.Value) == 0 {
				if x.Op == token.EQL {
					return -a
				}
				return a
			}
		}
	}
	return 0
}

// turned says what a clock beside the loop makes of what an instruction asks: 1 that it holds, or is more, -1 the other way
// round. It is 0 where that is not known.
func (p *lapse) turned(in ssa.Instruction) int {
	if !p.inRound {
		return 0
	}
	if p.clockAsked(in) {
		return 1
	}
	if !p.beside.reads(in) {
		return 0
	}
	var of ssa.Value
	switch x := in.(type) {
	case *ssa.UnOp:
		of = x.X
	case *ssa.Call:
		of = x.Call.Args[0]
	}
	way := 0
	for _, v := range p.beside.sets[p.beside.place(of)] {
		c, ok := v.(*ssa.Const)
		if !ok || c.Value == nil || c.Value.Kind() != constant.Bool {
			return 0
		}
		this := map[bool]int{true: 1, false: -1}[constant.BoolVal(c.Value)]
		if way != 0 && way != this {
			return 0
		}
		way = this
	}
	return way
}

// clockAsked reports whether an instruction asks for the length of the channel of a clock.
func (p *lapse) clockAsked(in ssa.Instruction) bool { return p.beside.asks(in) && p.blocks[in.Block()] }

func sum(a, b int) int {
	if a+b > 1 || a+b < -1 {
		return (a + b) / 2
	}
	return a + b
}
