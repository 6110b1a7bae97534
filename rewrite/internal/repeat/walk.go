package repeat

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"

	"etcdmod/rewrite/internal/callgraph"
)

// Options say what a walk has to know of other modules.
type Options struct {
	// Key returns which argument of fn is the name of the lock that it returns, or -1 if fn
	// returns no lock.
	Key func(fn *ssa.Function) int
}

// A Walk holds all ways to the tries that it was made for.
type Walk struct {
	g       *callgraph.Graph
	opts    Options
	states  map[token.Pos][]*State // by site
	tries   map[token.Pos][]*State // by try
	seen    map[string]*State
	circles []*Circle
	storing map[*ssa.Function]map[token.Pos]bool
	cut     bool
}

// A State is a place from which a try is reached.
type State struct {
	Func *ssa.Function
	Site ssa.Instruction // in Func, by which the try is reached
	// Down is the place that Edge leads to, nil at the try itself.
	Down *State
	Edge *callgraph.Edge
	// Up are the places that lead here.
	Up []*State

	deps   []ssa.Value // parameters and captured variables of Func that the lock depends on
	direct []ssa.Value // the values at the site that it depends on
	fields map[token.Pos]bool
	below  bool // it is another lock each time that the site is executed
	varies bool // it is another lock at each call of Func, whatever that is given
	depth  int
	// closure is a method value that is the try.
	closure *ssa.MakeClosure
}

// A Circle is a function that is called again on the way from itself to a try.
type Circle struct {
	At    *State // the call that closes it
	First *State // in the same function, next to the try
	Fixed bool   // it is the same lock each time round
	Wraps bool   // its method calls that of what its receiver wraps
}

// maxStates bounds a walk. No repository that was looked at comes near.
const maxStates = 200_000

// New walks from tries, which are positions as [callgraph.Graph.At] knows them.
func New(g *callgraph.Graph, opts Options, tries []token.Pos) *Walk {
	w := &Walk{g: g, opts: opts, states: map[token.Pos][]*State{}, tries: map[token.Pos][]*State{}, seen: map[string]*State{},
		storing: map[*ssa.Function]map[token.Pos]bool{}}
	var queue []*State
	push := func(s *State) {
		if s != nil {
			queue = append(queue, s)
		}
	}
	for _, at := range tries {
		for _, in := range g.At(at) {
			s := w.first(in)
			w.tries[at] = append(w.tries[at], s)
			push(s)
		}
	}
	for len(queue) > 0 && !w.cut {
		s := queue[0]
		queue = queue[1:]
		if callgraph.IsYield(s.Func) {
			for _, c := range g.Closures(s.Func) {
				push(w.around(s, c))
			}
			continue
		}
		for _, e := range g.In(s.Func) {
			if e.Once || s.closure != nil && e.Value != nil && !g.MayBe(e.Value, s.closure) {
				continue
			}
			push(w.caller(s, e))
		}
	}
	return w
}

// Cut reports whether there were too many ways to walk them all.
func (w *Walk) Cut() bool { return w.cut }

// first is the place of a try.
func (w *Walk) first(in ssa.Instruction) *State {
	s := &State{Func: in.Parent(), Site: in}
	switch in := in.(type) {
	case ssa.CallInstruction:
		cc := in.Common()
		if cc.IsInvoke() {
			s.direct = []ssa.Value{cc.Value}
		} else if len(cc.Args) > 0 {
			s.direct = []ssa.Value{cc.Args[0]}
		}
		if mc, ok := cc.Value.(*ssa.MakeClosure); ok {
			s.direct = mc.Bindings
		}
	case *ssa.MakeClosure: // it is tried where the method value is called
		s.Func = in.Fn.(*ssa.Function)
		s.closure = in
		for _, fv := range s.Func.FreeVars {
			s.direct = append(s.direct, fv)
		}
	}
	s.fields = map[token.Pos]bool{}
	return w.note(s)
}

// note completes a state and keeps it, unless there is one like it.
func (w *Walk) note(s *State) *State {
	leaves := &leaves{w: w, fields: s.fields, seen: map[ssa.Value]bool{}}
	for _, v := range s.direct {
		leaves.walk(v, 0)
	}
	s.deps = leaves.deps
	s.varies = s.below
	over := w.overCalls(s.Func, s.fields, func(*ssa.Parameter) change { return same })
	for _, v := range s.direct {
		s.varies = s.varies || over.eval(v) == other
	}
	key := s.key()
	if old := w.seen[key]; old != nil {
		if s.Down != nil {
			s.Down.Up = append(s.Down.Up, old)
		}
		return nil
	}
	if len(w.seen) > maxStates {
		w.cut = true
		return nil
	}
	w.seen[key] = s
	if s.Down != nil {
		s.Down.Up = append(s.Down.Up, s)
	}
	at := callgraph.Pos(s.Site)
	w.states[at] = append(w.states[at], s)
	return s
}

func (s *State) key() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%p", s.Site)
	if s.Down == nil {
		b.WriteString(" try")
	} else {
		fmt.Fprintf(&b, " %p", s.Edge.Callee)
	}
	for _, v := range s.direct {
		fmt.Fprintf(&b, " %p", v)
	}
	fmt.Fprint(&b, s.below)
	return b.String()
}

// caller is the place from which an edge leads to s, or nil if that is known.
func (w *Walk) caller(s *State, e *callgraph.Edge) *State {
	up := &State{Func: e.Caller, Site: e.Site, Down: s, Edge: e, depth: s.depth + 1, below: s.varies, fields: map[token.Pos]bool{}}
	for f := range s.fields {
		up.fields[f] = true
	}
	for _, d := range s.deps {
		v := given(e, d)
		if _, isParam := d.(*ssa.Parameter); isParam && v == nil && e.Kind == callgraph.Handed {
			up.below = true // whoever calls it gives it another one each time, for all that is known
		}
		if v != nil && !slices.Contains(up.direct, v) {
			up.direct = append(up.direct, v)
		}
	}
	if c := w.circle(up); c != nil {
		w.circles = append(w.circles, c)
		return nil
	}
	return w.note(up)
}

// around is the place of a loop over a function whose body s is in.
func (w *Walk) around(s *State, c *ssa.MakeClosure) *State {
	up := &State{Func: c.Parent(), Site: c, Down: s, Edge: &callgraph.Edge{Caller: c.Parent(), Callee: s.Func, Site: c}, depth: s.depth, below: s.varies, fields: map[token.Pos]bool{}}
	for f := range s.fields {
		up.fields[f] = true
	}
	for _, r := range *c.Referrers() {
		if call, ok := r.(ssa.CallInstruction); ok {
			up.Site = call
		}
	}
	for _, d := range s.deps {
		if fv, ok := d.(*ssa.FreeVar); ok {
			for i, f := range s.Func.FreeVars {
				if f == fv {
					up.direct = append(up.direct, c.Bindings[i])
				}
			}
		}
	}
	return w.note(up)
}

// given returns what the caller of an edge gives for a parameter or captured variable of
// the callee, or nil where that says nothing.
func given(e *callgraph.Edge, d ssa.Value) ssa.Value {
	switch d := d.(type) {
	case *ssa.Parameter:
		for i, p := range e.Callee.Params {
			if p == d {
				return e.Arg(i)
			}
		}
	case *ssa.FreeVar:
		if mc, ok := e.Value.(*ssa.MakeClosure); ok && mc.Fn == ssa.Value(e.Callee) {
			for i, fv := range e.Callee.FreeVars {
				if fv == d {
					return mc.Bindings[i]
				}
			}
		}
		return e.Value
	}
	return nil
}

// circle returns the circle that a place closes, or nil.
func (w *Walk) circle(s *State) *Circle {
	if !callgraph.HasSource(s.Func) {
		return nil
	}
	for d := s.Down; d != nil; d = d.Down {
		if d.Func == s.Func {
			wraps := w.delegates(s, d)
			return &Circle{At: s, First: d, Fixed: !d.varies && !wraps && w.comesBack(s, d), Wraps: wraps}
		}
	}
	return nil
}

// delegates reports whether a method on a circle calls the method of the same name of what its
// receiver wraps: that it comes to itself again says no more than that wrappers wrap wrappers.
func (w *Walk) delegates(last, first *State) bool {
	for s := last; s != first; s = s.Down {
		call, ok := s.Site.(ssa.CallInstruction)
		if !ok || !call.Common().IsInvoke() || call.Common().Method.Name() != s.Func.Name() || s.Func.Signature.Recv() == nil {
			continue
		}
		of, _ := fieldRead(root(w.g, call.Common().Value))
		if of != nil && root(w.g, of) == ssa.Value(s.Func.Params[0]) {
			return true
		}
	}
	return false
}

// comesBack reports whether everything that the lock depends on at the beginning of a
// circle is handed on as it is, so that it is the same at the end.
func (w *Walk) comesBack(last, first *State) bool {
	// The frames between, from the first one upwards.
	var chain []*State
	for s := last; s != first; s = s.Down {
		chain = append(chain, s)
	}
	slices.Reverse(chain)
	within := func(fn *ssa.Function) bool {
		return slices.ContainsFunc(chain, func(s *State) bool { return s.Func == fn })
	}
	for _, d := range first.deps {
		v := d
		for _, s := range chain {
			if v.Parent() != nil && v.Parent() != s.Edge.Callee {
				continue // of a function around the callee
			}
			if fv, ok := v.(*ssa.FreeVar); ok && w.madeBefore(s.Edge, chain) {
				v = fv
				break // what it has captured is captured once
			}
			if v = root(w.g, given(s.Edge, v)); v == nil {
				return false
			}
			if fn := v.Parent(); fn == nil || !within(fn) {
				break // it is made before the circle begins
			}
			switch v.(type) {
			case *ssa.Parameter, *ssa.FreeVar:
				continue
			}
			return false
		}
		if p, ok := v.(*ssa.Parameter); ok && p != d && p != w.captured(d) && within(p.Parent()) {
			return false
		}
	}
	return true
}

// captured returns what a closure that is made in one place has captured, or nil.
func (w *Walk) captured(d ssa.Value) ssa.Value {
	fv, ok := d.(*ssa.FreeVar)
	if !ok {
		return nil
	}
	made := w.g.Closures(fv.Parent())
	if len(made) != 1 {
		return nil
	}
	for i, f := range fv.Parent().FreeVars {
		if f == fv {
			return root(w.g, made[0].Bindings[i])
		}
	}
	return nil
}

// madeBefore reports whether the closure that an edge leads to is made by none of the
// functions of a circle, so that all rounds run the same one.
func (w *Walk) madeBefore(e *callgraph.Edge, circle []*State) bool {
	made := w.g.Closures(e.Callee)
	for _, c := range made {
		if slices.ContainsFunc(circle, func(s *State) bool { return s.Func == c.Parent() }) {
			return false
		}
	}
	return len(made) == 1
}

// storedOnce returns what is stored into a variable, nil unless one instruction does that.
func storedOnce(a *ssa.Alloc) (only ssa.Value) {
	for _, r := range *a.Referrers() {
		if s, ok := r.(*ssa.Store); ok && s.Addr == ssa.Value(a) {
			if only != nil {
				return nil
			}
			only = s.Val
		}
	}
	return only
}

// root strips from a value what does not change it: conversions, and variables that are
// assigned once.
func root(g *callgraph.Graph, v ssa.Value) ssa.Value {
	for range 20 {
		switch x := v.(type) {
		case *ssa.ChangeType:
			v = x.X
		case *ssa.ChangeInterface:
			v = x.X
		case *ssa.MakeInterface:
			v = x.X
		case *ssa.TypeAssert:
			v = x.X
		case *ssa.Extract:
			assert, ok := x.Tuple.(*ssa.TypeAssert)
			if !ok {
				return v
			}
			v = assert.X
		case *ssa.UnOp:
			if x.Op != token.MUL {
				return v
			}
			cell := x.X
			if fv, ok := cell.(*ssa.FreeVar); ok {
				made := g.Closures(fv.Parent())
				if len(made) != 1 {
					return v
				}
				for i, f := range fv.Parent().FreeVars {
					if f == fv {
						cell = made[0].Bindings[i]
					}
				}
			}
			a, ok := cell.(*ssa.Alloc)
			if !ok {
				return v
			}
			only := storedOnce(a)
			if only == nil {
				return v
			}
			v = only
		case *ssa.MakeClosure:
			if len(x.Bindings) != 1 {
				return v
			}
			v = x.Bindings[0]
		case *ssa.Alloc: // captured
			only := storedOnce(x)
			if only == nil {
				return v
			}
			v = only
		default:
			return v
		}
	}
	return v
}

// leaves finds the parameters and captured variables that a value depends on, and the
// fields that it is read from.
type leaves struct {
	w      *Walk
	fields map[token.Pos]bool
	seen   map[ssa.Value]bool
	deps   []ssa.Value
}

func (l *leaves) walk(v ssa.Value, depth int) {
	if v == nil || l.seen[v] || len(l.seen) > 5000 {
		return
	}
	l.seen[v] = true
	switch x := v.(type) {
	case *ssa.Parameter, *ssa.FreeVar:
		l.deps = append(l.deps, v)
		return
	case *ssa.Const, *ssa.Global, *ssa.Function, *ssa.Builtin:
		return
	case *ssa.FieldAddr:
		l.fields[callgraph.FieldOf(x.X.Type(), x.Field).Pos()] = true
	case *ssa.Field:
		l.fields[callgraph.FieldOf(x.X.Type(), x.Field).Pos()] = true
	case *ssa.Alloc:
		l.cell(x)
		return
	case *ssa.Call:
		if fn := x.Call.StaticCallee(); fn != nil {
			if i := l.w.opts.Key(fn); i >= 0 && i < len(x.Call.Args) {
				l.walk(x.Call.Args[i], depth)
				return
			}
		}
	}
	in, ok := v.(ssa.Instruction)
	if !ok {
		return
	}
	var space [8]*ssa.Value
	for _, op := range in.Operands(space[:0]) {
		l.walk(*op, depth)
	}
}

func (l *leaves) cell(v ssa.Value) {
	for _, r := range *v.Referrers() {
		switch r := r.(type) {
		case *ssa.Store:
			if r.Addr == v {
				l.walk(r.Val, 0)
			}
		case *ssa.FieldAddr:
			if r.X == v {
				l.cell(r)
			}
		case *ssa.IndexAddr:
			if r.X == v {
				l.cell(r)
			}
		}
	}
}

// At returns the places with that position: of a call, or of a method value.
func (w *Walk) At(pos token.Pos) []*State { return w.states[pos] }

// Circles returns the circles of calls on the ways.
func (w *Walk) Circles() []*Circle { return w.circles }

// Try returns the place of the try that a circle leads to.
func (c *Circle) Try() *State {
	s := c.First
	for s.Down != nil {
		s = s.Down
	}
	return s
}

// Fixed reports whether one of the ways that lead from a call to a try asks for the same
// lock in every round of the loop that stands from begin to end. ok is false where the
// call is in no code that can be followed.
func (w *Walk) Fixed(call, begin, end token.Pos) (fixed, ok bool) {
	for _, s := range w.states[call] {
		f, known := w.fixed(s, begin, end)
		fixed, ok = fixed || f, ok || known
	}
	return fixed, ok
}

func (w *Walk) fixed(s *State, begin, end token.Pos) (fixed, ok bool) {
	if s.below {
		return false, true
	}
	if callgraph.IsYield(s.Func) {
		if at := s.Func.Syntax().Pos(); begin <= at && at < end {
			if at == begin {
				return w.overBody(s), true
			}
			for _, up := range s.Up {
				f, known := w.fixed(up, begin, end)
				fixed, ok = fixed || f, ok || known
			}
			return fixed, ok
		}
	}
	loop := w.loopAt(s, begin)
	if loop == nil {
		return true, true // the call is not repeated there; who walks its paths will see
	}
	return w.same(s, w.overLoop(s.Func, loop, s.fields)), true
}

// loopAt returns the loop of blocks that a statement around the site of a state is, or nil.
// Blocks have no positions. Where there are as many loops of blocks as there are statements,
// they are the same in order; else a loop is the innermost statement with all its calls.
func (w *Walk) loopAt(s *State, begin token.Pos) *callgraph.Loop {
	loops := w.g.Loops(s.Func, s.Site.Block())
	stmts := around(s.Func.Syntax(), callgraph.Pos(s.Site))
	if len(loops) == len(stmts) {
		for i, stmt := range stmts {
			if stmt.Pos() == begin {
				return loops[i]
			}
		}
		return nil
	}
	next := 0
	for _, l := range loops {
		calls := l.Calls()
		for next < len(stmts) && len(calls) > 0 && (calls[0] < stmts[next].Pos() || stmts[next].End() <= calls[len(calls)-1]) {
			next++
		}
		if next == len(stmts) {
			return nil
		}
		if stmts[next].Pos() == begin {
			return l
		}
		next++
	}
	return nil
}

// around returns the loops of a function around a position, the innermost one first.
func around(fn ast.Node, at token.Pos) (out []ast.Node) {
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case nil:
			return false
		case *ast.FuncLit:
			return n == fn
		case *ast.ForStmt, *ast.RangeStmt:
			if n != fn && n.Pos() <= at && at < n.End() {
				out = append(out, n)
			}
		}
		return n == fn || n.Pos() <= at && at < n.End()
	})
	slices.Reverse(out)
	return out
}

// overBody reports whether the lock is the same in all rounds of a loop over a function.
func (w *Walk) overBody(s *State) bool {
	return w.same(s, w.overCalls(s.Func, s.fields, func(*ssa.Parameter) change { return step }))
}

func (w *Walk) same(s *State, e *evaluator) bool {
	for _, v := range s.direct {
		if e.eval(v) != same {
			return false
		}
	}
	for f := range s.fields {
		if e.stored(f) != same {
			return false
		}
	}
	return true
}

// Try returns the places of a try: one for each variant and instance of the code.
func (w *Walk) Try(at token.Pos) (out []*State) {
	for _, s := range w.tries[at] {
		if s != nil {
			out = append(out, s)
		}
	}
	return out
}

// Closure reports whether a place is a method value: it is tried where that is called.
func (s *State) Closure() bool { return s.closure != nil }

// A Round is a loop around a place.
type Round struct {
	At    token.Pos // of the statement, or of the first call where that is not known
	Fixed bool      // all rounds ask for the same lock
	Waits bool      // it receives from a channel that is no clock
}

// Rounds returns the loops around a place, within its function, the innermost one first.
// A loop that never comes to a second round is none.
func (w *Walk) Rounds(s *State) (out []Round) {
	if callgraph.IsYield(s.Func) {
		defer func() {
			out = append(out, Round{At: s.Func.Syntax().Pos(), Fixed: !s.below && w.overBody(s)})
		}()
	}
	stmts := around(s.Func.Syntax(), callgraph.Pos(s.Site))
	for _, l := range w.g.Loops(s.Func, s.Site.Block()) {
		r := Round{Fixed: !s.below && w.same(s, w.overLoop(s.Func, l, s.fields)), Waits: receives(l)}
		if calls := l.Calls(); len(calls) > 0 {
			r.At = calls[0]
		}
		for _, stmt := range stmts {
			if w.loopAt(s, stmt.Pos()) == l {
				r.At = stmt.Pos()
			}
		}
		out = append(out, r)
	}
	return out
}

// receives reports whether a loop receives from a channel that is no clock.
func receives(l *callgraph.Loop) bool {
	for b := range l.Blocks {
		for _, in := range b.Instrs {
			switch in := in.(type) {
			case *ssa.UnOp:
				if in.Op == token.ARROW && !isTimes(in.X.Type()) {
					return true
				}
			case *ssa.Select:
				if slices.ContainsFunc(in.States, func(st *ssa.SelectState) bool { return !isTimes(st.Chan.Type()) }) {
					return true
				}
			}
		}
	}
	return false
}
