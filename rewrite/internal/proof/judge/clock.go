package judge

import (
	"go/constant"
	"go/token"
	"slices"
	"time"

	"golang.org/x/tools/go/ssa"
)

// A clockUse is what becomes of one clock.
type clockUse struct {
	j     *Judge
	waits []ssa.Instruction // that receive from it, or sleep
	// resets start it again.
	resets []ssa.Instruction
	seen   map[ssa.Value]bool
	other  ssa.Instruction // a use that is none of a clock
}

// uses follows a clock of the helper through the variables of its function.
func (j *Judge) uses(c ssa.CallInstruction) *clockUse {
	u := &clockUse{j: j, seen: map[ssa.Value]bool{}}
	v, ok := c.(*ssa.Call)
	switch {
	case !ok:
		u.other = c
	case j.clock(c).kind == asleep:
		u.waits = append(u.waits, c)
	default:
		u.follow(v)
	}
	return u
}

func (u *clockUse) follow(v ssa.Value) {
	if u.seen[v] {
		return
	}
	u.seen[v] = true
	for _, r := range *v.Referrers() {
		u.use(v, r)
	}
}

func (u *clockUse) use(v ssa.Value, r ssa.Instruction) {
	switch x := r.(type) {
	case *ssa.DebugRef:
		return
	case *ssa.Phi:
		u.follow(x)
		return
	case *ssa.Store:
		if al, ok := x.Addr.(*ssa.Alloc); ok && x.Val == v {
			u.variable(al)
			return
		}
	case *ssa.FieldAddr:
		if name := field(x).Name(); name == "C" || name == "Timer" {
			for _, l := range *x.Referrers() {
				if load, ok := l.(*ssa.UnOp); ok {
					u.follow(load)
				} else {
					u.other = l
				}
			}
			return
		}
	case *ssa.UnOp:
		if x.Op == token.ARROW {
			u.waits = append(u.waits, x)
			return
		}
	case *ssa.Select:
		u.waits = append(u.waits, x)
		return
	case ssa.CallInstruction:
		if _, name, recv := callee(x.Common()); recv && (name == "Stop" || name == "Reset") && len(x.Common().Args) > 0 && x.Common().Args[0] == v && !tells(x) {
			if name == "Reset" {
				u.resets = append(u.resets, x)
			}
			return
		}
	}
	u.other = r
}

// emptied reports whether a wait may come again before what starts its clock.
func (l *loop) emptied(wait ssa.Instruction, starts []ssa.Instruction) bool {
	return meets(wait, func(in ssa.Instruction) (found, over bool) { return in == wait, slices.Contains(starts, in) })
}

// waitsAgain reports whether another wait may come after one before the next try.
func (l *loop) waitsAgain(wait ssa.Instruction, waits []ssa.Instruction) bool {
	return meets(wait, func(in ssa.Instruction) (found, over bool) {
		s, isSelect := in.(*ssa.Select)
		call, isCall := in.(ssa.CallInstruction)
		return slices.Contains(waits, in) && (!isSelect || s.Blocking) || pausesFor(in), in == ssa.Instruction(l.try) || isCall && l.j.effectOf(call) == ends
	})
}

// tells reports whether somebody looks at the result of a call: that of Stop and of Reset says
// whether a timer has fired.
func tells(c ssa.CallInstruction) bool {
	v := c.Value()
	return v != nil && slices.ContainsFunc(*v.Referrers(), func(r ssa.Instruction) bool {
		_, debug := r.(*ssa.DebugRef)
		return !debug
	})
}

// variable follows what is loaded from a variable, in literals too.
func (u *clockUse) variable(addr ssa.Value) {
	if u.seen[addr] {
		return
	}
	u.seen[addr] = true
	for _, r := range *addr.Referrers() {
		switch x := r.(type) {
		case *ssa.DebugRef:
		case *ssa.Store:
			if x.Addr != addr {
				u.other = r
			}
		case *ssa.UnOp:
			u.follow(x)
		case *ssa.MakeClosure:
			for i, b := range x.Bindings {
				if b == addr {
					u.variable(x.Fn.(*ssa.Function).FreeVars[i])
				}
			}
		default:
			u.other = r
		}
	}
}

// own judges that a clock of the helper waits in the loop of the try, and does nothing else: it
// ends early at a release, which no deadline may.
func (l *loop) own(c ssa.CallInstruction, u *clockUse, at token.Pos) *Objection {
	if u.other != nil {
		return objection(at, "the clock is used for something else than to wait in this loop")
	}
	for _, w := range u.waits {
		if !l.blocks[w.Block()] {
			return objection(at, "the clock is waited for outside the loop that tries")
		}
		s, ok := w.(*ssa.Select)
		if !ok && l.over(w) {
			return objection(at, "the loop ends behind its wait, which it would do early")
		}
		if ok {
			for i, st := range s.States {
				if u.seen[st.Chan] && l.ends(s, i) {
					return objection(at, "the loop ends when the clock fires, which it would do early")
				}
			}
		}
	}
	for _, w := range u.waits {
		if l.waitsAgain(w, u.waits) {
			return objection(at, "the loop may wait for the clock twice between two tries, of which the first one ends early")
		}
		if l.j.clock(c).once && l.emptied(w, append(u.resets, c)) {
			return objection(at, "the clock fires once, and the loop may wait for it again")
		}
	}
	return nil
}

// chosen returns the condition that leads to the i-th case of a select if it holds, or nil.
func chosen(s *ssa.Select, i int) *ssa.If {
	for _, r := range *s.Referrers() {
		e, ok := r.(*ssa.Extract)
		if !ok || e.Index != 0 {
			continue
		}
		for _, q := range *e.Referrers() {
			cmp, ok := q.(*ssa.BinOp)
			if !ok || cmp.Op != token.EQL {
				continue
			}
			k, ok := cmp.Y.(*ssa.Const)
			if !ok || k.Value == nil || !constant.Compare(k.Value, token.EQL, constant.MakeInt64(int64(i))) {
				continue
			}
			for _, q := range *cmp.Referrers() {
				if branch, ok := q.(*ssa.If); ok {
					return branch
				}
			}
		}
	}
	return nil
}

// pauses judges that a wait which was put in comes only after a try that failed, and once.
func (g *gate) pauses(c ssa.CallInstruction) *Objection {
	d, ok := c.Common().Args[1].(*ssa.Const)
	if !ok || d.Value == nil || d.Int64() > int64(longestPause) {
		return objection(g.at, "a wait that is put in may be long")
	}
	r := g.after(won)
	if r == nil {
		return objection(g.at, "a round has too many ways")
	}
	if ran, _ := r.reached(c); ran {
		return objection(g.at, "a wait is put in where the lock is held")
	}
	if !g.alwaysTried(c) || g.withoutTry(c) {
		return objection(g.at, "a wait is put in where a round may not have tried")
	}
	return nil
}

// longestPause is how much later than before a loop may see what it looks at in each round.
const longestPause = 100 * time.Millisecond

// withoutTry reports whether c, or another wait that was put in, may come after c without a try
// between.
func (g *gate) withoutTry(c ssa.Instruction) bool {
	return meets(c, func(in ssa.Instruction) (found, over bool) {
		tried := in == ssa.Instruction(g.try)
		return !tried && g.inserted[in], tried
	})
}

// leastWatched is the shortest wait of a clock that gets a watch; before a shorter one is over, it
// fires at no release.
const leastWatched = 100 * time.Millisecond

// short reports whether clocks are never started for as long as it takes to get a watch.
func short(starts []ssa.Instruction) bool {
	for _, in := range starts {
		args := in.(ssa.CallInstruction).Common().Args
		d, ok := args[len(args)-1].(*ssa.Const)
		if !ok || d.Value == nil || d.Int64() >= int64(leastWatched) {
			return false
		}
	}
	return len(starts) > 0
}

// runsEarly reports whether a wait may come behind a try although its clock was made before that.
func (l *loop) runsEarly(u *clockUse, made ssa.Instruction) bool {
	return slices.ContainsFunc(u.waits, func(w ssa.Instruction) bool {
		return w != made && leads(l.try, w, made)
	})
}
