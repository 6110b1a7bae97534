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
	called  map[*ssa.Function]bool
	bodies  map[*ssa.Function]bool
	changed map[any][]ssa.Instruction // places, and what started the functions that change them
	counted map[any]bool              // of these: what is counted, and channels to which that is sent
	sets    map[any][]ssa.Value       // what places are set to, nil where that is not known
}

// runsBeside looks for functions that run beside the loop: its function starts them, or one around it. What changes is told
// by a channel to more of them.
func (l *loop) runsBeside() *beside {
	b := newBeside(l)
	for known := -1; known != len(b.changed); {
		known = len(b.changed)
		clear(b.called)
		for f := l.fn(); f != nil; f = f.Parent() {
			for in := range instructions(f) {
				if c, ok := in.(ssa.CallInstruction); ok && in.Parent() == f && !l.blocks[in.Block()] {
					b.startedBy(here(l, in), c, 0)
				}
			}
		}
	}
	return b
}

// here is an instruction as the function of the loop sees it: one of a function around it comes before.
func here(l *loop, in ssa.Instruction) ssa.Instruction {
	if in.Parent() != l.fn() && within(l.fn(), in.Parent()) {
		return l.begin()
	}
	return in
}

func newBeside(l *loop) *beside {
	return &beside{clocks{l, map[*ssa.Parameter][]ssa.Value{}}, map[*ssa.Function]bool{}, map[*ssa.Function]bool{}, map[any][]ssa.Instruction{}, map[any]bool{}, map[any][]ssa.Value{}}
}

// maxStarters is how deep calls are followed to what starts a function beside the loop.
const maxStarters = 3

// startedBy looks for functions that a call starts beside the loop. It comes from an instruction before that. Of functions
// that are called, timers count alone: a service that runs since then has its own business.
func (b *beside) startedBy(start ssa.Instruction, c ssa.CallInstruction, depth int) {
	path, name, recv := callee(c.Common())
	args := c.Common().Args
	switch _, goes := c.(*ssa.Go); {
	case path == "time" && name == "AfterFunc" && !recv:
		b.add(start, args[1], nil, true)
	case path == "context" && name == "AfterFunc":
		b.add(start, args[1], nil, len(b.startOf(args[0], map[ssa.Value]bool{})) > 0)
	case goes && depth == 0 && !c.Common().IsInvoke():
		b.add(start, c.Common().Value, args, false)
	case depth == 0 && recv && name == "Go" && len(args) == 2: // of a group
		b.add(start, args[1], nil, false)
	case depth < maxStarters && c.Common().StaticCallee() != nil:
		f := c.Common().StaticCallee()
		b.given(f, args)
		if b.called[f] {
			return
		}
		b.called[f] = true
		for in := range instructions(f) {
			if c, ok := in.(ssa.CallInstruction); ok {
				b.startedBy(start, c, depth+1)
			}
		}
	}
}

// given notes what the parameters of a function stand for. That of a method value has its receiver already.
func (b *beside) given(f *ssa.Function, args []ssa.Value) {
	params := f.Params
	if more := len(params) - len(args); more > 0 {
		params = params[more:]
	}
	for i, p := range params {
		if i < len(args) && b.place(args[i]) != any(p) && !slices.Contains(b.stands[p], args[i]) {
			b.stands[p] = append(b.stands[p], args[i])
		}
	}
}

// add notes what a function changes that runs beside the loop, if it has a clock.
func (b *beside) add(start ssa.Instruction, f ssa.Value, args []ssa.Value, timed bool) {
	bodies := b.functions(f)
	if !slices.ContainsFunc(bodies, hasBody) { // of others, who call what they are given
		for _, a := range args {
			if _, function := a.Type().Underlying().(*types.Signature); function {
				b.add(start, a, nil, timed || takesTime(f.Type()))
			}
		}
	}
	for _, body := range bodies {
		b.given(body, args)
		reached := b.reached(body)
		runsLoop := slices.ContainsFunc(reached, func(f *ssa.Function) bool { return within(b.fn(), f) })
		clock := func(f *ssa.Function) bool { return b.timed(start, f) }
		if inside(b.loop, body) || runsLoop || !timed && !slices.ContainsFunc(reached, clock) {
			continue
		}
		for _, body := range reached {
			b.bodies[body] = true
			for in := range instructions(body) {
				b.writesBeside(start, in)
			}
			for in := range instructions(body) {
				if s, ok := in.(*ssa.Send); ok && b.counts(s.X, map[ssa.Value]bool{}) {
					for _, p := range b.places(s.Chan) {
						b.counted[p] = true
					}
				}
			}
		}
	}
}

// maxReached is how many functions are looked at which one calls that runs beside the loop.
const maxReached = 20

// reached returns a function, and those that it calls.
func (b *beside) reached(f *ssa.Function) []*ssa.Function {
	out := []*ssa.Function{f}
	for i := 0; i < len(out) && len(out) < maxReached; i++ {
		for in := range instructions(out[i]) {
			c, ok := in.(ssa.CallInstruction)
			if !ok {
				continue
			}
			called := b.mayCall(c.Common())
			if !slices.ContainsFunc(called, hasBody) { // of others, who call what they are given
				for _, a := range c.Common().Args {
					if _, function := a.Type().Underlying().(*types.Signature); function {
						called = append(called, b.functions(a)...)
					}
				}
			}
			for _, g := range called {
				b.given(g, c.Common().Args)
				if hasBody(g) && !slices.Contains(out, g) {
					out = append(out, g)
				}
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
			if x.Parent().Parent() == nil { // of a method value
				return v
			}
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

// places returns the place of a value, and those of what it stands for if that is a parameter.
func (b *beside) places(v ssa.Value) []any {
	var out []any
	todo := []any{b.place(v)}
	for len(todo) > 0 {
		p := todo[0]
		todo = todo[1:]
		if slices.Contains(out, p) {
			continue
		}
		out = append(out, p)
		if a, ok := p.(*ssa.Alloc); ok { // what a parameter is kept in
			for _, r := range *a.Referrers() {
				if s, ok := r.(*ssa.Store); ok && s.Addr == ssa.Value(a) {
					switch p := s.Val.(type) {
					case *ssa.Parameter:
						todo = append(todo, p)
					case *ssa.Alloc, *ssa.FieldAddr, *ssa.IndexAddr, *ssa.Global: // what it points to
						todo = append(todo, b.place(p))
					}
				}
			}
		}
		if a, ok := p.(*ssa.Parameter); ok {
			for _, arg := range b.stands[a] {
				todo = append(todo, b.place(arg))
			}
		}
	}
	return out
}

// writesBeside notes what an instruction changes.
func (b *beside) writesBeside(start, in ssa.Instruction) {
	set := func(v, to ssa.Value) {
		for _, p := range b.places(v) {
			b.changed[p] = append(b.changed[p], start)
			b.sets[p] = append(b.sets[p], to)
		}
	}
	switch x := in.(type) {
	case *ssa.Store:
		set(x.Addr, x.Val)
		if b.takesFrom(x.Val, b.place(x.Addr), map[ssa.Value]bool{}) {
			for _, p := range b.places(x.Addr) {
				b.counted[p] = true
			}
		}
	case *ssa.Send:
		set(x.Chan, nil)
	case *ssa.MapUpdate:
		set(x.Map, nil)
	case ssa.CallInstruction:
		if f, ok := x.Common().Value.(*ssa.Builtin); ok && f.Name() == "close" {
			set(x.Common().Args[0], nil)
		}
		if path, name, _ := callee(x.Common()); (path == "sync/atomic" || isSyncMap(x.Common())) && !strings.HasPrefix(name, "Load") {
			args := x.Common().Args
			var to ssa.Value
			if strings.HasPrefix(name, "Store") {
				to = args[len(args)-1]
			}
			set(args[0], to)
			if strings.HasPrefix(name, "Add") {
				for _, p := range b.places(x.Common().Args[0]) {
					b.counted[p] = true
				}
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
	if len(b.changed) == 0 {
		return false
	}
	if v, ok := in.(ssa.Value); ok && b.blocks[in.Block()] { // what a round asks
		if _, basic := v.Type().Underlying().(*types.Basic); !basic {
			return false
		}
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
		return (path == "sync/atomic" || isSyncMap(&x.Call) || ok && f.Name() == "len") && late(x.Call.Args[0])
	case *ssa.Select:
		for _, s := range x.States {
			if !x.Blocking && s.Dir == types.RecvOnly && late(s.Chan) {
				return !drops(x)
			}
		}
	}
	return false
}
