package judge

import (
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// Gates judges the gates of one function: that of each of the tries, which are calls of
// TryLock in the old function or in literals in it.
func (j *Judge) Gates(old, new *ssa.Function, tries []*ssa.Call) map[*ssa.Call]Verdict {
	out := map[*ssa.Call]Verdict{}
	m, inserted, bad := j.isomorphic(old, new)
	if m == nil {
		for _, t := range tries {
			out[t] = Verdict{Against: objection(where(bad), "the function differs by more than its clocks")}
		}
		return out
	}
	was := func(in ssa.Instruction) ssa.Instruction { return m.instrs[in] }
	now := map[*ssa.Call]*ssa.Call{}
	for in, o := range m.instrs {
		if c, ok := o.(*ssa.Call); ok {
			if d, ok := in.(*ssa.Call); ok {
				now[c] = d
			}
		}
	}
	claimed := map[ssa.Instruction]bool{}
	for _, t := range tries {
		g := &gate{loop: j.loopOf(now[t]), was: was, inserted: inserted, at: t.Pos()}
		out[t] = Verdict{g.judge(claimed), g.facts}
	}
	for in := range instructions(new) {
		c, ok := in.(ssa.CallInstruction)
		if !ok || j.clock(c) == nil || claimed[in] {
			continue
		}
		for _, t := range tries {
			if v := out[t]; v.Against == nil {
				v.Against = objection(where(was(in)), "a clock is swapped that does not wait in a loop which tries")
				out[t] = v
			}
		}
	}
	return out
}

// A gate is one loop after the edit.
type gate struct {
	*loop
	was      func(ssa.Instruction) ssa.Instruction // in the code before
	inserted map[ssa.Instruction]bool              // waits
	at       token.Pos                             // of the try, before the edit
	facts    Facts
}

// pos returns where an instruction stood before the edit.
func (g *gate) pos(in ssa.Instruction) token.Pos {
	if o := g.was(in); o != nil {
		return where(o)
	}
	return g.at
}

func (g *gate) judge(claimed map[ssa.Instruction]bool) *Objection {
	if len(g.blocks) == 0 {
		return objection(g.at, "the try is in no loop of its function")
	}
	if g.j.counts(g.try.Call.Args[1], 0) {
		return objection(g.at, "the context of the try may be one that writes something when it is asked")
	}
	rounds := map[outcome]*round{}
	for _, o := range []outcome{won, locked, failed} {
		if rounds[o] = g.after(o); rounds[o] == nil {
			return objection(g.at, "a round has too many ways")
		}
	}
	waits, spins := g.putIn()
	if waits && !spins {
		return objection(g.at, "a wait is put in beside one that was there")
	}
	var kept *round
	if spins { // rounds that get the lock are as they were, but others are fewer
		kept = rounds[won]
		delete(rounds, won)
	} else if len(rounds[won].again) > 0 {
		return objection(g.at, "the loop may go on when the lock is held")
	}
	if len(rounds[locked].again) == 0 {
		return objection(g.at, "the loop does not try again")
	}
	var starts, waited []ssa.Instruction // of its clocks
	for in := range instructions(g.try.Parent()) {
		c, ok := in.(ssa.CallInstruction)
		if !ok || in.Parent() != g.try.Parent() || g.j.clock(c) == nil {
			continue
		}
		u := g.j.uses(c)
		if !g.waitsHere(u) {
			continue
		}
		claimed[in], waited = true, append(waited, u.waits...)
		g.facts.Restarts = g.facts.Restarts || g.j.clock(c).anew || slices.ContainsFunc(u.resets, g.inRound)
		g.facts.PutIn = g.facts.PutIn || g.inserted[in]
		starts = append(append(starts, u.resets...), in)
		g.facts.Early = g.facts.Early || len(rounds[failed].again) > 0 && !g.inserted[in] && g.runsEarly(u, in)
		if o := g.own(c, u, g.pos(in)); o != nil {
			return o
		}
		if g.inserted[in] {
			if o := g.pauses(c); o != nil {
				return o
			}
		}
		if o := g.moved(c, g.pos(in)); o != nil {
			return o
		}
	}
	for _, w := range waited {
		if g.waitsAgain(w, waited) {
			return objection(g.pos(w), "the loop may wait for one clock after the other between two tries, of which the first one ends early")
		}
	}
	g.facts.Short = short(starts)
	if o := g.unnoticed(rounds, kept); o != nil || spins {
		return o
	}
	told, bad, why := g.lapses()
	if g.facts.TellsLess = told; bad != nil {
		return objection(g.pos(bad), "%s", why)
	}
	return nil
}

// inRound reports whether an instruction is in the loop.
func (g *gate) inRound(in ssa.Instruction) bool { return g.blocks[in.Block()] }

// putIn reports whether waits were put into the loop, and whether it had none before.
func (g *gate) putIn() (waits, spins bool) {
	spins = true
	for in := range instructions(g.try.Parent()) {
		if g.blocks[in.Block()] && g.waits(in) && !g.inserted[in] {
			spins = false
		}
		c, ok := in.(ssa.CallInstruction)
		if !ok || g.j.clock(c) == nil || !g.waitsHere(g.j.uses(c)) {
			continue
		}
		waits = waits || g.inserted[in]
		spins = spins && g.inserted[in]
	}
	return waits, waits && spins
}

func (g *gate) waitsHere(u *clockUse) bool {
	for _, w := range u.waits {
		if g.blocks[w.Block()] {
			return true
		}
	}
	return false
}

// unnoticed judges that one round more, or an earlier one, is noticed by nobody. What rounds in
// kept do is done as often as before.
func (g *gate) unnoticed(rounds map[outcome]*round, kept *round) *Objection {
	for _, b := range g.try.Parent().Blocks {
		for _, in := range b.Instrs {
			ran, goes := false, false
			for _, r := range rounds {
				x, y := r.reached(in)
				ran, goes = ran || x, goes || y
			}
			if kept != nil && !ran {
				ran, _ = kept.reached(in)
			}
			if !ran {
				continue
			}
			if o := g.depends(in); o != nil {
				return o
			}
			if goes {
				if c, ok := in.(ssa.CallInstruction); ok && g.j.effectOf(c) == logs {
					g.facts.Logs = true
				}
				if redraws(g.loop, in) {
					return objection(g.pos(in), "%s", redrawn)
				}
				if what := g.acts(in); what != "" {
					return objection(g.pos(in), "a round more does once more: %s", what)
				}
			}
		}
	}
	return nil
}

// depends judges that what an instruction does is not decided by an earlier round.
func (g *gate) depends(in ssa.Instruction) *Objection {
	values, what := operands(in), "whether it panics"
	switch in := in.(type) {
	case *ssa.If:
		values, what = []ssa.Value{in.Cond}, "a condition"
		if g.saysOnly(in.Block()) == nil && g.leaves(in) && g.drawn(in.Cond) {
			return objection(g.pos(in), "chance may end the loop in each round, so that a round more would be noticed")
		}
	case *ssa.Store:
		if g.j.visible(in.Addr) {
			values, what = []ssa.Value{in.Val}, "what others may read"
		}
	case *ssa.Return:
		values, what = in.Results, "the result"
	case *ssa.Panic:
		values, what = []ssa.Value{in.X}, "a panic"
	case *ssa.Send:
		values, what = []ssa.Value{in.X}, "what is sent"
	case *ssa.MapUpdate:
		values, what = []ssa.Value{in.Key, in.Value}, "what is put into a map"
	case ssa.CallInstruction:
		values, what = in.Common().Args, "an argument of "+shortName(in.Common())
		if c, ok := isAppend(in); ok && !g.j.ownSlice(c.Call.Args[0]) {
			break // it may write where others read
		}
		switch g.j.effectOf(in) {
		case logs, none, context:
			return nil // a line more, or another result, which is looked at where it is used
		case ends:
			if path, _, _ := callee(in.Common()); path != "os" {
				return nil // it says something, and the process ends
			}
		case timing:
			what = "how long to wait"
		}
		if g.j.clock(in) != nil {
			values = values[1:]
		} else if _, name, recv := callee(in.Common()); recv && (name == "Stop" || name == "Reset") {
			values = values[1:]
		}
	}
	if c, ok := in.(*ssa.Call); ok && g.j.isTry(c) {
		what = "what the try is given"
	}
	for _, v := range values {
		if v == nil {
			continue
		}
		t := g.carried(v, in)
		if t == nil {
			continue
		}
		branch, ok := in.(*ssa.If)
		if ok && (g.split[g.saysOnly(branch.Block())] || t.first != nil && g.goesOn(branch, t)) {
			continue
		}
		if ok && !g.blocks[branch.Block()] && g.tellsFirst(branch, t) {
			continue // a round more makes no first one of another
		}
		if !g.blocks[in.Block()] && t.first != nil && g.sameInOthers(v, t) {
			continue // the same
		}
		return objection(g.pos(in), "%s depends on what earlier rounds have left, so that a round more would be noticed", what)
	}
	return nil
}

// goesOn reports whether a condition that tells the first round from the others stays in the
// loop in the others.
func (g *gate) goesOn(branch *ssa.If, t *trace) bool {
	switch g.inOthers(branch, t) {
	case "true":
		return g.blocks[branch.Block().Succs[0]]
	case "false":
		return g.blocks[branch.Block().Succs[1]]
	}
	return false
}

// tellsFirst reports whether a condition asks no more than whether there was more than one round.
func (g *gate) tellsFirst(branch *ssa.If, t *trace) bool {
	return t.first != nil && (g.inOthers(branch, t) != "" || g.sameInOthers(branch.Cond, t))
}

// sameInOthers reports whether a value is one and the same in all rounds but the first.
func (g *gate) sameInOthers(v ssa.Value, t *trace) bool {
	r := &round{loop: g.loop}
	known := r.eval(nil, t.first)
	return known != "" && (r.eval(facts{t.from: known}, v) != "" || g.madeOf(v, t.from))
}

// madeOf reports whether a value is computed from another one and constants alone.
func (g *gate) madeOf(v, from ssa.Value) bool {
	switch x := v.(type) {
	case *ssa.Const:
		return true
	case *ssa.BinOp:
		return g.madeOf(x.X, from) && g.madeOf(x.Y, from)
	case *ssa.Convert:
		return g.madeOf(x.X, from)
	case *ssa.MakeInterface:
		return g.madeOf(x.X, from)
	case *ssa.Extract:
		return g.madeOf(x.Tuple, from)
	case *ssa.Lookup: // of a map that the rounds do not write
		_, own := x.X.(*ssa.MakeMap)
		_, given := x.X.(*ssa.Parameter)
		return (own || given) && len(g.maps) == 0 && g.madeOf(x.Index, from)
	case *ssa.UnOp:
		return x.Op != token.MUL && x.Op != token.ARROW && g.madeOf(x.X, from)
	}
	return v == from
}

// inOthers is what a condition is in all rounds but the first, if that is known.
func (g *gate) inOthers(branch *ssa.If, t *trace) string {
	r := &round{loop: g.loop}
	known := r.eval(nil, t.first)
	if known == "" {
		return ""
	}
	return r.eval(facts{t.from: known}, branch.Cond)
}

// acts says what an instruction does that somebody may see, or "".
func (g *gate) acts(in ssa.Instruction) string {
	switch in := in.(type) {
	case *ssa.Go:
		return "a goroutine is started"
	case *ssa.Defer:
		return "a call is deferred"
	case *ssa.Send:
		return "a value is sent"
	case *ssa.MapUpdate:
		return "a map is written"
	case *ssa.UnOp:
		if in.Op == token.ARROW && !isDone(in.X) && !g.j.isClockChannel(in.X) && !g.fromClock(in.X) {
			return "a channel is received from"
		}
	case *ssa.Select:
		for i, s := range in.States {
			if isDone(s.Chan) || g.j.isClockChannel(s.Chan) || g.fromClock(s.Chan) {
				continue
			}
			if to := chosen(in, i); to == nil || g.blocks[to.Block().Succs[0]] {
				if s.Dir == types.SendOnly {
					return "a value is sent"
				}
				return "a channel is received from"
			}
		}
	case *ssa.Call:
		switch g.j.effectOf(in) {
		case unknown:
			if in != g.try {
				return shortName(&in.Call) + " is called"
			}
		case context:
			if cancels(in.Call.Value) && !g.madeInRound(in.Call.Value) {
				return "a context is cancelled that the round has not made"
			}
		}
	}
	return ""
}

// madeInRound reports whether the loop makes what cancels a context.
func (g *gate) madeInRound(v ssa.Value) bool {
	if u, ok := v.(*ssa.UnOp); ok { // a variable that literals have captured
		al, ok := u.X.(*ssa.Alloc)
		return ok && g.blocks[al.Block()]
	}
	in, ok := v.(ssa.Instruction)
	_, joined := v.(*ssa.Phi)
	return ok && !joined && g.blocks[in.Block()]
}

// fromClock reports whether a channel is loaded from a variable that holds one of a clock.
func (g *gate) fromClock(v ssa.Value) bool {
	for in := range instructions(outermost(g.try.Parent())) {
		if c, ok := in.(ssa.CallInstruction); ok && g.j.clock(c) != nil && g.j.uses(c).seen[v] {
			return true
		}
	}
	return false
}
