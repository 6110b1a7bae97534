package judge

import (
	"fmt"
	"go/types"
	"maps"
	"strings"

	"golang.org/x/tools/go/ssa"
)

func (r *runner) args(s *state, c *ssa.CallCommon) (out []string) {
	if c.IsInvoke() {
		out = append(out, r.term(s, c.Value))
	}
	for _, a := range c.Args {
		out = append(out, r.term(s, a))
	}
	return out
}

func (r *runner) name(s *state, c *ssa.CallCommon) string {
	if c.IsInvoke() {
		return "method " + c.Method.Name()
	}
	if f := c.StaticCallee(); f != nil && f.Parent() == nil {
		return r.j.normal(f.String())
	}
	return r.term(s, c.Value)
}

// call does a call; k goes on with its result.
func (r *runner) call(fr *frame, s *state, c ssa.CallInstruction, args []string, k func(*state, string)) {
	cc := c.Common()
	in := ssa.Instruction(c)
	switch {
	case in == r.try:
		r.tries(s, in, args, k)
		return
	case in == r.wait:
		r.waits(s, args, k)
		return
	}
	if r.j.ofClient(cc.Signature().Results(), "WatchChan") { // it only reads, and its events are like ticks
		k(s, "clock "+event)
		return
	}
	path, name, recv := callee(cc)
	if f := body(cc); f != nil {
		r.follow(fr, s, cc, f, args, k)
		return
	}
	switch eff := r.j.effectOf(c); eff {
	case ends:
		s.event("%s(%s)", r.name(s, cc), strings.Join(args, ", "))
		r.finish(s, "ends", nil)
		return
	case logs:
		s.event("log %s(%s)", r.name(s, cc), strings.Join(args, ", "))
		k(s, s.next("result of "+r.name(s, cc)))
		return
	case timing:
		r.clocked(s, c, name, args, k)
		return
	case context:
		switch {
		case recv && name == "Err" && args[0] == r.ctx:
			switch {
			case s.ended:
				k(s, errContext)
			case s.done && r.sc.last == errNone: // it may end just then
				k(s, s.next("context.Err("+r.ctx+")"))
			default:
				k(s, "nil")
			}
		case recv && (name == "Done" || name == "Err" || name == "Value" || name == "Deadline") || name == "Background" || name == "TODO":
			k(s, fmt.Sprintf("context.%s(%s)", name, strings.Join(args, ", ")))
		default:
			if strings.HasPrefix(name, "With") {
				k(s, s.next("context."+name+"("+strings.Join(args, ", ")+")"))
				return
			}
			s.event("context %s(%s)", r.name(s, cc), strings.Join(args, ", "))
			s.shaken()
			k(s, s.next("result of "+r.name(s, cc)))
		}
		return
	case none:
		if path == "errors" && name == "Is" {
			if v := is(args[0], args[1]); v != "" {
				k(s, v)
				return
			}
		}
		t := fmt.Sprintf("%s(%s)", r.name(s, cc), strings.Join(args, ", "))
		switch {
		case path == "fmt" && name == "Errorf", path == "errors" && name == "New":
			t = "made error " + t
		case path == "time" && (name == "Now" || name == "Since" || name == "Until"), strings.HasPrefix(path, "math/rand"):
			t = s.next(t)
		}
		k(s, t)
		return
	}
	s.event("%s(%s)", r.name(s, cc), strings.Join(args, ", "))
	s.shaken()
	k(s, s.next("result of "+r.name(s, cc)))
}

// is is errors.Is, as far as that is known.
func is(err, target string) string {
	switch {
	case err == "nil":
		return map[bool]string{true: "true", false: "false"}[target == "nil"]
	case err == target && err != errOther:
		return "true"
	case strings.HasPrefix(err, "error(") && target == errLocked, err == errSession && endsContext(target):
		return "false"
	}
	return ""
}

// body returns the literal that is called, if it is one of the function's own.
func body(c *ssa.CallCommon) *ssa.Function {
	if m, ok := c.Value.(*ssa.MakeClosure); ok {
		if f := m.Fn.(*ssa.Function); f.Parent() != nil {
			return f
		}
		return nil
	}
	if f := c.StaticCallee(); f != nil && f.Parent() != nil {
		return f
	}
	return nil
}

// follow runs a literal.
func (r *runner) follow(fr *frame, s *state, c *ssa.CallCommon, f *ssa.Function, args []string, k func(*state, string)) {
	if fr.depth > 3 || len(f.Blocks) == 0 {
		r.stop(nil, "literals call each other too deeply")
		return
	}
	if m, ok := c.Value.(*ssa.MakeClosure); ok {
		for i, v := range f.FreeVars {
			s.env[v] = r.term(s, m.Bindings[i])
		}
	}
	for i, p := range f.Params {
		s.env[p] = args[i]
	}
	s.visits = maps.Clone(s.visits)
	for _, b := range f.Blocks {
		delete(s.visits, b)
	}
	r.run(&frame{depth: fr.depth + 1, ret: func(s *state, res []string) {
		if len(res) == 1 {
			k(s, res[0])
		} else {
			k(s, "tuple "+strings.Join(res, "|"))
		}
	}}, s, f.Blocks[0], nil, 0)
}

// tries is a try of the loop, before the edit.
func (r *runner) tries(s *state, in ssa.Instruction, args []string, k func(*state, string)) {
	if s.done {
		r.finish(s, "goes on", nil)
		return
	}
	try := "wait for " + args[0] + " with " + args[1]
	switch {
	case !s.tried:
		s.tried, s.base, s.start = true, s.epoch, maps.Clone(s.count)
		r.early[s.early] = true
		s.event("%s", try)
	case len(s.events) != s.before || s.events[len(s.events)-1] != try:
		what := "the mutex or the context may be another one in a later round"
		if len(s.events) > s.before {
			what = "a round that met a holder does more than wait: " + s.events[s.before]
		}
		r.stop(in, what)
		return
	}
	r.ctx = args[1]
	s.before, s.waiting = len(s.events), true
	s.count = maps.Clone(s.start)
	s.shaken()
	s.epoch = s.base + 1
	s.tries++
	switch {
	case s.ended:
		s.done, s.waited = true, len(s.events)
		k(s, errContext)
	case s.tries <= r.sc.refused:
		k(s, errLocked)
	case r.sc.last == inWait: // it has come too late
		r.stop(in, "the end of the context during a wait does not end the wait")
	default:
		s.done, s.waited = true, len(s.events)
		s.ended = r.sc.last == errContext
		k(s, r.sc.last)
	}
}

// waits is the helper's wait, after the edit.
func (r *runner) waits(s *state, args []string, k func(*state, string)) {
	if s.done {
		r.finish(s, "goes on", nil)
		return
	}
	s.event("wait for %s with %s", args[0], args[1])
	if len(args) > 2 {
		r.paces[args[2]] = true
	}
	r.ctx = args[1]
	s.done, s.tried, s.waited = true, true, len(s.events)
	s.shaken()
	if s.ended = s.ended || r.sc.last == errContext; s.ended {
		k(s, errContext)
		return
	}
	k(s, r.sc.last)
}

// over reports whether the context ends in the wait that comes now.
func (r *runner) over(s *state) bool {
	return r.sc.last == inWait && s.tries >= r.sc.refused && s.tried && !s.done
}

// paused is a wait of a clock; hears says that it ends with the context.
func (r *runner) paused(s *state, clock string, at ssa.Instruction, hears bool) {
	if !s.done && (s.tried || r.inner[at.Block()]) {
		r.paces[clock] = true
		if !s.tried {
			s.early = true
			return // it waits before it tries for the first time, where the helper tries at once
		}
		s.shaken()
		s.epoch = s.base + 1
		if r.over(s) {
			s.ended, r.deaf = true, r.deaf || !hears
		}
		return
	}
	s.event("wait for the clock %s", clock)
	s.shaken()
}

// clocked is a call of package time's, or of the helper's, clocks.
func (r *runner) clocked(s *state, c ssa.CallInstruction, name string, args []string, k func(*state, string)) {
	switch name {
	case "Sleep":
		r.paused(s, args[len(args)-1], c, false)
		k(s, "")
	case "Tick":
		if d, ok := c.Common().Args[len(c.Common().Args)-1].(*ssa.Const); !ok || d.Value == nil || d.Int64() <= 0 {
			r.stop(c, "the clock never fires where its interval is zero")
			return
		}
		k(s, "clock "+args[len(args)-1])
	case "Reset": // the wait is the same one, and its interval another
		r.paces[args[len(args)-1]] = true
		k(s, "stopped")
	case "Stop":
		if now, ok := c.(*ssa.Call); ok && !s.tried && !s.done && !r.inner[c.Block()] && r.try != nil && now.Parent() == r.try.Parent() && reaches(now.Block(), r.try.Block()) {
			r.stop(c, "the clock is stopped before the loop waits for it")
			return
		}
		k(s, "stopped") // nobody but the loop looks at it
	default:
		if d, ok := c.Common().Args[len(c.Common().Args)-1].(*ssa.Const); ok && name == "NewTicker" && d.Value != nil && d.Int64() <= 0 {
			r.stop(c, "the clock panics, since its interval is not positive")
			return
		}
		if (name == "NewTimer" || name == "After") && !s.tried && !s.done && !r.inner[c.Block()] && !r.startsAgain() {
			r.stop(c, "the clock fires once, and is made before the loop")
			return
		}
		k(s, "clock "+args[len(args)-1])
	}
}

// startsAgain reports whether the loop resets a clock.
func (r *runner) startsAgain() bool {
	for b := range r.inner {
		for _, in := range b.Instrs {
			if c, ok := in.(ssa.CallInstruction); ok {
				if path, name, recv := callee(c.Common()); recv && name == "Reset" && (path == "time" || path == r.j.helper) {
					return true
				}
			}
		}
	}
	return false
}

// event is the interval of a watch: the time until the next event.
const event = "an event"

// clockOf returns the interval of the clock whose channel a term is.
func clockOf(ch string) (string, bool) {
	every, ok := strings.CutPrefix(strings.TrimLeft(ch, "*0123456789"), "clock ")
	return strings.TrimSuffix(every, ".C"), ok
}

// receive is a receive operation that stands alone.
func (r *runner) receive(s *state, x *ssa.UnOp, k func(*state)) {
	ch := r.term(s, x.X)
	got := "received"
	if x.CommaOk {
		got = "tuple received|true"
	}
	s.env[x] = got
	if every, ok := clockOf(ch); ok {
		r.paused(s, every, x, false)
		k(s)
		return
	}
	if r.inLoop(s) {
		r.stop(x, "the loop waits for something else than its clock")
		return
	}
	s.event("receive from %s", ch)
	s.shaken()
	s.env[x] = s.next("received from " + ch)
	if x.CommaOk {
		s.env[x] = "tuple " + s.env[x] + "|" + s.next("open "+ch)
	}
	k(s)
}

func (r *runner) inLoop(s *state) bool { return s.tried && !s.done }

// choose is a select statement.
func (r *runner) choose(fr *frame, s *state, x *ssa.Select, k func(*state, int)) {
	done, clock := -1, -1
	every := ""
	for i, st := range x.States {
		ch := r.term(s, st.Chan)
		if e, ok := clockOf(ch); ok && st.Dir == types.RecvOnly {
			clock, every = i, e
		} else if r.ctx != "" && ch == "context.Done("+r.ctx+")" {
			done = i
		} else if r.inLoop(s) || r.inner[x.Block()] {
			r.stop(x, "the loop waits for something else than its clock and its context")
			return
		}
	}
	known := len(x.States) == btoi(done >= 0)+btoi(clock >= 0)
	switch {
	case known && !x.Blocking && done >= 0 && clock < 0:
		if s.ended {
			k(s, done)
		} else {
			k(s, -1)
		}
	case known && x.Blocking && clock >= 0 && (r.inLoop(s) || r.inner[x.Block()]):
		r.paused(s, every, x, done >= 0)
		if s.ended && done >= 0 {
			k(s, done)
			return
		}
		k(s, clock)
	case known && !x.Blocking && r.inLoop(s):
		r.stop(x, "the loop looks at a clock without waiting for it")
	case r.inLoop(s):
		r.stop(x, "the loop waits for something else than its clock")
	default:
		for i, st := range x.States {
			n := s.clone()
			if st.Dir == types.RecvOnly {
				n.event("receive from %s", r.term(n, st.Chan))
			} else {
				n.event("send %s to %s", r.term(n, st.Send), r.term(n, st.Chan))
			}
			n.shaken()
			k(n, i)
		}
		if !x.Blocking {
			s.event("no channel is ready")
			k(s, -1)
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
