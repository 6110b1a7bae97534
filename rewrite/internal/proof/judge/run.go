package judge

import (
	"fmt"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// Running a function in a scenario.
//
// Values are terms: two that have the same text are the same. What others can see is written
// down as it happens: calls that are not known to compute only, stores to what outlives the
// function, channel operations, and which way a condition went that is not known. Deferred calls
// and the literals of the function are followed.

// A scenario says what comes of the tries of one loop: so many are refused, and then one ends
// as last says.
type scenario struct {
	refused int
	last    string // one of the errors below, inWait or atOnce
}

// Errors, as terms.
const (
	errNone    = "nil"
	errLocked  = "error(locked)"
	errOther   = "error(other)"
	errContext = "error(context)"
	errSession = "error(session)"
	// inWait says that the context ends while the loop waits.
	inWait = "in wait"
	// atOnce says that it has ended before the loop begins.
	atOnce = "at once"
)

// Limits of one run.
const (
	maxSteps = 60000
	maxWays  = 2000
)

// A runner runs one function in one scenario.
type runner struct {
	j     *Judge
	try   ssa.Instruction // of the loop, before the edit; nil after it
	wait  ssa.Instruction // the helper's wait, after the edit; nil before it
	inner map[*ssa.BasicBlock]bool
	ctx   string // the term of the context that is tried with; "" until it is known
	sc    scenario

	steps, ways int
	traces      map[string]*outcomeOf
	paces       map[string]bool // what the loop waits for, or the helper's wait is given
	early       map[bool]bool   // whether first tries came after a wait
	deaf        bool            // a wait did not end with the context
	why         string          // why the run means nothing
	at          ssa.Instruction // where that is
}

// An outcomeOf is how one way ends.
type outcomeOf struct {
	events  []string
	waited  int // how many events there were when the wait was over
	defers  int // and when deferred calls began, or -1 if there are none
	results []string
	ended   string // "returns", "panics", "ends", "goes on"
}

// deferred is how many events there were when deferred calls began.
func (o *outcomeOf) deferred() int {
	if o.defers < 0 {
		return len(o.events)
	}
	return o.defers
}

func (o *outcomeOf) String() string {
	return strings.Join(o.events, "; ") + " => " + o.ended + " " + strings.Join(o.results, ", ")
}

// A state is what is known on one way.
type state struct {
	env     map[ssa.Value]string
	mem     map[string]string
	known   map[string]bool // conditions
	visits  map[*ssa.BasicBlock]int
	events  []string
	tries   int
	before  int // events before the first try, or before the last one
	done    bool
	ended   bool // the context has
	epoch   int
	base    int // the epoch before the first try
	count   map[string]int
	start   map[string]int // count when the first try came
	waited  int
	defers  int
	tried   bool
	waiting bool
	early   bool // it waited before the first try
}

func (s *state) clone() *state {
	n := *s
	n.env, n.mem, n.known, n.visits, n.count = maps.Clone(s.env), maps.Clone(s.mem), maps.Clone(s.known), maps.Clone(s.visits), maps.Clone(s.count)
	n.events = slices.Clone(s.events)
	return &n
}

// A frame is a call that is followed.
type frame struct {
	depth  int
	defers []func(*state, func(*state))
	ret    func(*state, []string)
}

func (r *runner) stop(in ssa.Instruction, why string) {
	if r.why == "" {
		r.why, r.at = why, in
	}
}

func (r *runner) start(f *ssa.Function) {
	r.traces, r.paces, r.early = map[string]*outcomeOf{}, map[string]bool{}, map[bool]bool{}
	s := &state{env: map[ssa.Value]string{}, mem: map[string]string{}, known: map[string]bool{}, visits: map[*ssa.BasicBlock]int{}, count: map[string]int{}, defers: -1, waited: -1}
	s.ended = r.sc.last == atOnce
	for i, p := range f.Params {
		s.env[p] = fmt.Sprintf("param%d", i)
	}
	for _, v := range f.FreeVars {
		s.env[v] = "&captured " + v.Name()
	}
	r.run(&frame{ret: func(s *state, res []string) { r.finish(s, "returns", res) }}, s, f.Blocks[0], nil, 0)
}

func (r *runner) finish(s *state, how string, res []string) {
	if r.ways++; r.ways > maxWays {
		r.stop(nil, "there are too many ways through the function")
		return
	}
	o := &outcomeOf{s.events, s.waited, s.defers, res, how}
	r.traces[o.String()] = o
}

func (s *state) event(format string, args ...any) {
	s.events = append(s.events, fmt.Sprintf(format, args...))
}

// next numbers things of one name. Those of earlier rounds do not count.
func (s *state) next(name string) string {
	s.count[name]++
	return fmt.Sprintf("%s#%d", name, s.count[name])
}

// shaken lets others write memory.
func (s *state) shaken() {
	s.epoch++
	for a := range s.mem {
		if !strings.HasPrefix(a, "own ") {
			delete(s.mem, a)
		}
	}
}

func (r *runner) term(s *state, v ssa.Value) string {
	switch v := v.(type) {
	case *ssa.Const:
		if v.Value == nil {
			if v.IsNil() {
				return "nil"
			}
			return "zero " + r.j.text(v.Type())
		}
		return v.Value.ExactString()
	case *ssa.Global:
		return "&" + r.j.normal(v.String())
	case *ssa.Function:
		if v.Parent() != nil {
			return "func " + literal(v)
		}
		return "func " + r.j.normal(v.String())
	case *ssa.Builtin:
		return "builtin " + v.Name()
	}
	if t, ok := s.env[v]; ok {
		return t
	}
	r.stop(nil, "a value comes from nowhere")
	return "?"
}

// literal names a function literal by its text, as far as that goes.
func literal(f *ssa.Function) string {
	n := 0
	for range instructions(f) {
		n++
	}
	return fmt.Sprintf("literal %d %s", n, f.Signature)
}

func (r *runner) load(s *state, u *ssa.UnOp, addr string) string {
	if v, ok := s.mem[addr]; ok {
		return v
	}
	if g, ok := u.X.(*ssa.Global); ok {
		if g.Name() == "ErrLocked" && (g.Pkg.Pkg.Path() == r.j.client || g.Pkg.Pkg.Path() == r.j.helper) {
			return errLocked
		}
	}
	switch u.X.(type) {
	case *ssa.FieldAddr, *ssa.Global, *ssa.FreeVar:
		if ok, _ := r.j.mem().fixed(u.X); ok {
			return "*" + addr
		}
	}
	if strings.HasPrefix(addr, "own ") {
		return "zero of " + addr
	}
	return fmt.Sprintf("*%d%s", s.epoch, addr)
}

// run goes on at the i-th instruction of a block.
func (r *runner) run(fr *frame, s *state, b, prev *ssa.BasicBlock, i int) {
	if r.why != "" {
		return
	}
	if i == 0 {
		s.visits[b]++
		limit := 2
		if r.inner[b] {
			limit = r.sc.refused + 3
		}
		if s.visits[b] > limit {
			if r.inner[b] {
				r.stop(b.Instrs[0], "the loop goes round more often than it tries")
				return
			}
			r.finish(s, "goes on", nil)
			return
		}
		vals := map[ssa.Value]string{}
		for _, p := range phis(b) {
			vals[p] = r.term(s, p.Edges[slices.Index(b.Preds, prev)])
		}
		maps.Copy(s.env, vals)
	}
	for ; i < len(b.Instrs); i++ {
		if r.steps++; r.steps > maxSteps {
			r.stop(nil, "there are too many ways through the function")
			return
		}
		in := b.Instrs[i]
		goOn := func(s *state) { r.run(fr, s, b, prev, i+1) }
		switch x := in.(type) {
		case *ssa.Phi, *ssa.DebugRef:
		case *ssa.Jump:
			r.run(fr, s, b.Succs[0], b, 0)
			return
		case *ssa.If:
			r.branch(fr, s, b, r.term(s, x.Cond))
			return
		case *ssa.Return:
			var res []string
			for _, v := range x.Results {
				res = append(res, r.term(s, v))
			}
			fr.ret(s, res)
			return
		case *ssa.Panic:
			s.event("panic %s", r.term(s, x.X))
			r.finish(s, "panics", nil)
			return
		case *ssa.RunDefers:
			list := fr.defers
			if fr.depth == 0 {
				s.defers = len(s.events)
			}
			var next func(n int, s *state)
			next = func(n int, s *state) {
				if n < 0 {
					goOn(s)
					return
				}
				list[n](s, func(s *state) { next(n-1, s) })
			}
			next(len(list)-1, s)
			return
		case *ssa.Defer:
			if r.inner[b] {
				r.stop(in, "a call is deferred in the loop")
				return
			}
			args := r.args(s, x.Common())
			f := *fr
			f.defers = append(slices.Clone(fr.defers), func(s *state, k func(*state)) {
				r.call(&f, s, x, args, func(s *state, _ string) { k(s) })
			})
			fr = &f
		case *ssa.Call:
			r.call(fr, s, x, r.args(s, x.Common()), func(s *state, res string) {
				s.env[x] = res
				goOn(s)
			})
			return
		case *ssa.Select:
			r.choose(fr, s, x, func(s *state, i int) {
				t := fmt.Sprintf("tuple %d|true", i)
				for _, st := range x.States {
					if st.Dir == types.RecvOnly {
						t += "|received"
					}
				}
				s.env[x] = t
				goOn(s)
			})
			return
		case *ssa.UnOp:
			if x.Op == token.ARROW {
				r.receive(s, x, goOn)
				return
			}
			r.compute(s, in)
		default:
			r.compute(s, in)
		}
		if r.why != "" {
			return
		}
	}
}

// branch goes both ways, unless it is known which.
func (r *runner) branch(fr *frame, s *state, b *ssa.BasicBlock, cond string) {
	want := true
	for strings.HasPrefix(cond, "not(") {
		cond, want = cond[4:len(cond)-1], !want
	}
	v, ok := s.known[cond]
	switch cond {
	case "true":
		v, ok = true, true
	case "false":
		v, ok = false, true
	}
	way := func(s *state, v bool) {
		if v == want {
			r.run(fr, s, b.Succs[0], b, 0)
		} else {
			r.run(fr, s, b.Succs[1], b, 0)
		}
	}
	if ok {
		way(s, v)
		return
	}
	for _, v := range []bool{true, false} {
		n := s.clone()
		n.known[cond] = v
		n.event("%s is %v", cond, v)
		way(n, v)
	}
}

// compute gives an instruction without branches its term.
func (r *runner) compute(s *state, in ssa.Instruction) {
	set := func(format string, args ...any) { s.env[in.(ssa.Value)] = fmt.Sprintf(format, args...) }
	switch x := in.(type) {
	case *ssa.Alloc:
		name := "shared "
		if isOwn(x) {
			name = "own "
		}
		a := s.next(name + x.Comment + " " + r.j.text(x.Type()))
		s.env[x] = a
		for k := range s.mem {
			if strings.HasPrefix(k, a) {
				delete(s.mem, k)
			}
		}
		s.mem[a] = zero(x.Type().Underlying().(*types.Pointer).Elem())
	case *ssa.Store:
		a, v := r.term(s, x.Addr), r.term(s, x.Val)
		for k := range s.mem { // what is below it is written as well
			if strings.HasPrefix(k, a+".") || strings.HasPrefix(k, a+"[") {
				delete(s.mem, k)
			}
		}
		s.mem[a] = v
		if !strings.HasPrefix(a, "own ") {
			s.event("%s = %s", a, v)
		}
	case *ssa.FieldAddr:
		set("%s.%s", r.term(s, x.X), field(x).Name())
	case *ssa.Field:
		set("(%s).%d", r.term(s, x.X), x.Field)
	case *ssa.IndexAddr:
		set("%s[%s]", r.term(s, x.X), r.term(s, x.Index))
	case *ssa.Index:
		set("(%s)[%s]", r.term(s, x.X), r.term(s, x.Index))
	case *ssa.Lookup:
		set("%s[%s]@%d", r.term(s, x.X), r.term(s, x.Index), s.epoch)
	case *ssa.UnOp:
		v := r.term(s, x.X)
		switch x.Op {
		case token.MUL:
			set("%s", r.load(s, x, v))
		case token.NOT:
			set("%s", not(v))
		default:
			set("%s(%s)", x.Op, v)
		}
	case *ssa.BinOp:
		set("%s", binary(x.Op, r.term(s, x.X), r.term(s, x.Y)))
	case *ssa.Extract:
		t := r.term(s, x.Tuple)
		if rest, ok := strings.CutPrefix(t, "tuple "); ok {
			set("%s", strings.Split(rest, "|")[x.Index])
		} else {
			set("%s@%d", t, x.Index)
		}
	case *ssa.MakeInterface:
		set("%s", r.term(s, x.X))
	case *ssa.ChangeInterface:
		set("%s", r.term(s, x.X))
	case *ssa.ChangeType:
		set("%s", r.term(s, x.X))
	case *ssa.Convert:
		set("%s(%s)", r.j.text(x.Type()), r.term(s, x.X))
	case *ssa.TypeAssert:
		set("%s.(%s)", r.term(s, x.X), r.j.text(x.AssertedType))
	case *ssa.Slice:
		p := r.term(s, x.X)
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(s.mem)) {
			if strings.HasPrefix(k, p+"[") {
				parts = append(parts, k[len(p):]+":"+s.mem[k])
			}
		}
		if len(parts) > 0 && strings.HasPrefix(p, "own varargs") {
			set("{%s}", strings.Join(parts, " "))
			return
		}
		bound := func(v ssa.Value) string {
			if v == nil {
				return ""
			}
			return r.term(s, v)
		}
		set("%s[%s:%s:%s]", p, bound(x.Low), bound(x.High), bound(x.Max))
	case *ssa.MakeClosure:
		var vars []string
		for i, v := range x.Bindings {
			vars = append(vars, x.Fn.(*ssa.Function).FreeVars[i].Name()+"="+r.term(s, v))
		}
		slices.Sort(vars)
		set("%s{%s}", literal(x.Fn.(*ssa.Function)), strings.Join(vars, " "))
	case *ssa.MakeMap, *ssa.MakeChan, *ssa.MakeSlice:
		set("%s", s.next("made "+r.j.text(in.(ssa.Value).Type())))
	case *ssa.Range:
		set("range(%s)", r.term(s, x.X))
	case *ssa.Next:
		set("%s", s.next("next of "+r.term(s, x.Iter)))
	case *ssa.MapUpdate:
		s.event("%s[%s] = %s", r.term(s, x.Map), r.term(s, x.Key), r.term(s, x.Value))
	case *ssa.Send:
		s.event("send %s to %s", r.term(s, x.X), r.term(s, x.Chan))
		s.shaken()
	case *ssa.Go:
		s.event("go %s(%s)", r.name(s, x.Common()), strings.Join(r.args(s, x.Common()), ", "))
	default:
		r.stop(in, fmt.Sprintf("the judge does not follow a %s", strings.TrimPrefix(fmt.Sprintf("%T", in), "*ssa.")))
	}
}

// isOwn reports whether nobody but the function and what it calls or defers itself can see a
// variable.
func isOwn(al *ssa.Alloc) bool {
	var own func(v ssa.Value) bool
	own = func(v ssa.Value) bool {
		for _, r := range *v.Referrers() {
			switch x := r.(type) {
			case *ssa.UnOp, *ssa.DebugRef:
			case *ssa.Store:
				if x.Addr != v {
					return false
				}
			case *ssa.FieldAddr:
				if !own(x) {
					return false
				}
			case *ssa.IndexAddr:
				if !own(x) {
					return false
				}
			case *ssa.Slice:
				if al.Comment != "varargs" {
					return false
				}
			case *ssa.MakeClosure:
				for _, q := range *x.Referrers() {
					switch c := q.(type) {
					case *ssa.DebugRef:
					case *ssa.Defer, *ssa.Call:
						if c.(ssa.CallInstruction).Common().Value != ssa.Value(x) {
							return false
						}
					default:
						return false
					}
				}
			default:
				return false
			}
		}
		return true
	}
	return own(al)
}

func zero(t types.Type) string {
	switch u := t.Underlying().(type) {
	case *types.Basic:
		switch {
		case u.Info()&types.IsBoolean != 0:
			return "false"
		case u.Info()&types.IsString != 0:
			return `""`
		case u.Info()&types.IsNumeric != 0:
			return "0"
		}
	case *types.Pointer, *types.Interface, *types.Slice, *types.Map, *types.Chan, *types.Signature:
		return "nil"
	}
	return "zero"
}

func not(v string) string {
	switch {
	case v == "true":
		return "false"
	case v == "false":
		return "true"
	case strings.HasPrefix(v, "not("):
		return v[4 : len(v)-1]
	}
	return "not(" + v + ")"
}

// isErr reports whether a term is an error for sure.
func isErr(v string) bool {
	return strings.HasPrefix(v, "error(") || strings.HasPrefix(v, "made error ")
}

func binary(op token.Token, a, b string) string {
	if op != token.EQL && op != token.NEQ {
		return "(" + a + " " + op.String() + " " + b + ")"
	}
	equal := ""
	switch {
	case a == b && a != errOther:
		equal = "true"
	case (a == "nil" && isErr(b)) || (b == "nil" && isErr(a)), a == "nil" && strings.HasPrefix(b, "own "), b == "nil" && strings.HasPrefix(a, "own "):
		equal = "false"
	case strings.HasPrefix(a, "error(") && strings.HasPrefix(b, "error(") && a != b:
		equal = "false"
	case a == errSession && endsContext(b), b == errSession && endsContext(a):
		equal = "false"
	case isLiteral(a) && isLiteral(b):
		equal = "false"
	case b < a:
		a, b = b, a
		fallthrough
	default:
		switch {
		case a == "true":
			equal = b
		case b == "true":
			equal = a
		case a == "false":
			equal = not(b)
		case b == "false":
			equal = not(a)
		default:
			equal = "equal(" + a + ", " + b + ")"
		}
	}
	if op == token.NEQ {
		return not(equal)
	}
	return equal
}

// endsContext reports whether a term is one of the errors of a context.
func endsContext(v string) bool {
	return strings.HasSuffix(v, "&context.Canceled") || strings.HasSuffix(v, "&context.DeadlineExceeded")
}

// isLiteral reports whether a term is a constant; two that differ are not equal.
func isLiteral(v string) bool {
	return v != "" && (v[0] >= '0' && v[0] <= '9' || v[0] == '-' || v[0] == '"' || v == "true" || v == "false")
}
