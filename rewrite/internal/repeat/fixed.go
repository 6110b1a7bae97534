package repeat

import (
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"

	"etcdmod/rewrite/internal/callgraph"
)

// Fixed.
//
// A cycle retries a lock only if all rounds ask for the same one. What a value is in one
// round, compared with the other rounds, is one of three things: the same, a step further
// (the next number, the next element), or whatever the round was given (received, read,
// drawn). Numbers that come back, since they are taken modulo something or set to their
// first value again, are the same: then the locks are, sooner or later.

type change int

const (
	same change = iota
	step
	other
)

func join(cs ...change) (worst change) {
	for _, c := range cs {
		worst = max(worst, c)
	}
	return worst
}

// maxDepth bounds how deep results of functions are looked into.
const maxDepth = 3

// An evaluator says how values of one function change from round to round.
type evaluator struct {
	w      *Walk
	fn     *ssa.Function
	in     func(*ssa.BasicBlock) bool // what a round executes
	head   *ssa.BasicBlock            // of the cycle; nil if the whole function is the round
	fields map[token.Pos]bool         // fields that the lock is read from
	params func(*ssa.Parameter) change
	depth  int
	known  map[ssa.Value]change
	busy   []ssa.Value // being evaluated, outermost first
}

// overLoop evaluates the values of a function over one of its loops.
func (w *Walk) overLoop(fn *ssa.Function, l *callgraph.Loop, fields map[token.Pos]bool) *evaluator {
	return &evaluator{w: w, fn: fn, in: func(b *ssa.BasicBlock) bool { return l.Blocks[b] }, head: l.Head, fields: fields,
		known: map[ssa.Value]change{}}
}

// overCalls evaluates the values of a function over its calls.
func (w *Walk) overCalls(fn *ssa.Function, fields map[token.Pos]bool, params func(*ssa.Parameter) change) *evaluator {
	return &evaluator{w: w, fn: fn, in: func(*ssa.BasicBlock) bool { return true }, fields: fields, params: params,
		known: map[ssa.Value]change{}}
}

func (e *evaluator) eval(v ssa.Value) change {
	if c, ok := e.known[v]; ok {
		return c
	}
	if i := slices.Index(e.busy, v); i >= 0 {
		for _, b := range e.busy[i:] { // it depends on itself, as the round before has left it
			if phi, ok := b.(*ssa.Phi); ok && phi.Block() == e.head {
				return step
			}
		}
		return same
	}
	e.busy = append(e.busy, v)
	c := e.value(v)
	e.busy = e.busy[:len(e.busy)-1]
	e.known[v] = c
	return c
}

func (e *evaluator) all(vs ...ssa.Value) (c change) {
	for _, v := range vs {
		if v != nil {
			c = join(c, e.eval(v))
		}
	}
	return c
}

func (e *evaluator) value(v ssa.Value) change {
	if p, ok := v.(*ssa.Parameter); ok {
		if e.params != nil {
			return e.params(p)
		}
		return same
	}
	if a, ok := v.(*ssa.Alloc); ok {
		return e.content(a, 0)
	}
	in, ok := v.(ssa.Instruction)
	if !ok || in.Parent() != e.fn || !e.in(in.Block()) {
		return same // made before the first round
	}
	switch v := v.(type) {
	case *ssa.Phi:
		return e.phi(v)
	case *ssa.BinOp:
		x, y := e.eval(v.X), e.eval(v.Y)
		if (v.Op == token.REM || v.Op == token.AND) && y == same && x == step {
			return same
		}
		return join(x, y)
	case *ssa.UnOp:
		switch v.Op {
		case token.ARROW:
			return e.received(v, v.X)
		case token.MUL:
			return e.load(v.X)
		}
		return e.eval(v.X)
	case *ssa.Extract:
		return e.extract(v)
	case *ssa.Call:
		return e.call(v)
	case *ssa.Select:
		return other
	case *ssa.Lookup:
		return e.all(v.X, v.Index)
	case *ssa.Index:
		return e.all(v.X, v.Index)
	case *ssa.IndexAddr:
		return e.all(v.X, v.Index)
	case *ssa.MakeClosure:
		return e.all(v.Bindings...)
	case *ssa.MakeChan, *ssa.MakeMap, *ssa.MakeSlice:
		return same
	case *ssa.Next:
		return e.next(v)
	}
	var space [8]*ssa.Value
	c := same
	for _, op := range in.Operands(space[:0]) {
		if *op != nil {
			c = join(c, e.eval(*op))
		}
	}
	return c
}

// phi joins the ways into a block. At the head of the cycle the ways from within matter:
// one that sets the first value again makes the rounds the same.
func (e *evaluator) phi(v *ssa.Phi) change {
	if v.Block() == e.head && e.appended(v) {
		return same
	}
	if v.Block() == e.head && slices.ContainsFunc(v.Edges, func(edge ssa.Value) bool { return e.handsBack(edge, v) }) {
		return same
	}
	inner := v.Block() != e.head && isHead(e.w.g, e.fn, v.Block())
	steps, resets, worst := false, false, same
	for i, edge := range v.Edges {
		if v.Block() == e.head && !e.in(v.Block().Preds[i]) || edge == ssa.Value(v) {
			continue
		}
		c := e.eval(edge)
		worst = join(worst, c)
		if c == step {
			steps = true
		} else if c == same {
			resets = true
		}
	}
	if worst == step && steps && resets && !inner {
		return same
	}
	return worst
}

// handsBack reports whether a call may return a value that it was given, or a new struct that
// holds it, such as the state that comes back to the present one.
func (e *evaluator) handsBack(v, was ssa.Value) bool {
	call, ok := v.(*ssa.Call)
	if !ok || !e.in(call.Block()) {
		return false
	}
	for _, edge := range e.w.g.Out(call) {
		if edge.Kind != callgraph.Call {
			continue
		}
		isIt := func(v ssa.Value) bool {
			for i, p := range edge.Callee.Params {
				if root(e.w.g, v) == ssa.Value(p) {
					return edge.Arg(i) == was
				}
			}
			return false
		}
		for _, b := range edge.Callee.Blocks {
			ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return)
			if ok && slices.ContainsFunc(ret.Results, func(r ssa.Value) bool { return isIt(r) || holdsIt(root(e.w.g, r), isIt) }) {
				return true
			}
		}
	}
	return false
}

// holdsIt reports whether a value for which f holds is stored in a field of a new struct.
func holdsIt(v ssa.Value, f func(ssa.Value) bool) bool {
	if u, ok := v.(*ssa.UnOp); ok {
		v = u.X
	}
	made, ok := v.(*ssa.Alloc)
	return ok && slices.ContainsFunc(*made.Referrers(), func(r ssa.Instruction) bool {
		field, ok := r.(*ssa.FieldAddr)
		return ok && storesInto(field, f)
	})
}

func isHead(g *callgraph.Graph, fn *ssa.Function, b *ssa.BasicBlock) bool {
	for _, l := range g.Loops(fn, b) {
		if l.Head == b {
			return true
		}
	}
	return false
}

// next is the element of a map or string that a loop has come to. Where the loop over it
// begins anew in each round, the rounds have the same ones.
func (e *evaluator) next(v *ssa.Next) change {
	r, ok := v.Iter.(*ssa.Range)
	if !ok {
		return other
	}
	if e.in(r.Block()) && e.head != nil {
		return e.eval(r.X)
	}
	return join(step, e.eval(r.X))
}

func (e *evaluator) extract(v *ssa.Extract) change {
	switch t := v.Tuple.(type) {
	case *ssa.UnOp: // v, ok := <-c
		return e.received(v, t.X)
	case *ssa.Select:
		if v.Index == 0 {
			return same // which case was taken
		}
		for i, n := 0, 2; i < len(t.States); i++ {
			if t.States[i].Dir != types.RecvOnly {
				continue
			}
			if n == v.Index {
				return e.received(v, t.States[i].Chan)
			}
			n++
		}
		return other
	case ssa.Value:
		return e.eval(t)
	}
	return other
}

// received is what comes out of a channel.
func (e *evaluator) received(item, ch ssa.Value) change {
	if e.sentBack(item, ch) {
		return same
	}
	return other
}

// load is what an address holds.
func (e *evaluator) load(addr ssa.Value) change {
	c := e.eval(addr)
	switch a := addr.(type) {
	case *ssa.FieldAddr:
		return join(c, e.stored(callgraph.FieldOf(a.X.Type(), a.Field).Pos()))
	case *ssa.Global, *ssa.FreeVar:
		return join(c, e.assigned(addr))
	}
	return c
}

// stored joins what a round stores in a field, itself or in functions that it calls.
func (e *evaluator) stored(field token.Pos) (c change) {
	return e.storedBy(e.fn, e.in, field)
}

func (e *evaluator) storedBy(fn *ssa.Function, in func(*ssa.BasicBlock) bool, field token.Pos) (c change) {
	for _, b := range fn.Blocks {
		if !in(b) {
			continue
		}
		for _, instr := range b.Instrs {
			switch instr := instr.(type) {
			case *ssa.Store:
				if a, ok := instr.Addr.(*ssa.FieldAddr); ok && callgraph.FieldOf(a.X.Type(), a.Field).Pos() == field {
					c = join(c, e.eval(instr.Val))
				}
			case ssa.CallInstruction:
				callee := instr.Common().StaticCallee()
				if callee == nil || e.depth >= maxDepth || len(callee.Blocks) == 0 || !e.w.storesTo(callee, field) {
					continue
				}
				args := instr.Common().Args
				sub := e.w.overCalls(callee, e.fields, e.argument(callee, args))
				sub.depth = e.depth + 1
				c = join(c, sub.storedBy(callee, sub.in, field))
			}
		}
	}
	return c
}

func (e *evaluator) argument(callee *ssa.Function, args []ssa.Value) func(*ssa.Parameter) change {
	return func(p *ssa.Parameter) change {
		for i, q := range callee.Params {
			if q == p && i < len(args) {
				return e.eval(args[i])
			}
		}
		return same
	}
}

// storesTo reports whether a function stores in that field itself.
func (w *Walk) storesTo(fn *ssa.Function, field token.Pos) bool {
	set, ok := w.storing[fn]
	if !ok {
		set = map[token.Pos]bool{}
		for _, b := range fn.Blocks {
			for _, in := range b.Instrs {
				if s, ok := in.(*ssa.Store); ok {
					if a, ok := s.Addr.(*ssa.FieldAddr); ok {
						set[callgraph.FieldOf(a.X.Type(), a.Field).Pos()] = true
					}
				}
			}
		}
		w.storing[fn] = set
	}
	return set[field]
}

// assigned joins what a round stores at an address.
func (e *evaluator) assigned(addr ssa.Value) (c change) {
	for _, b := range e.fn.Blocks {
		if !e.in(b) {
			continue
		}
		for _, in := range b.Instrs {
			if s, ok := in.(*ssa.Store); ok && s.Addr == addr {
				c = join(c, e.eval(s.Val))
			}
		}
	}
	return c
}

// content joins what a round stores in a variable: itself, or through its address in code
// that is not known.
func (e *evaluator) content(v ssa.Value, depth int) (c change) {
	refs := v.Referrers()
	if refs == nil || depth > 3 {
		return same
	}
	stepped, set := false, false
	note := func(d change) {
		c = join(c, d)
		stepped, set = stepped || d == step, set || d == same
	}
	for _, r := range *refs {
		if r.Parent() != e.fn || !e.in(r.Block()) {
			continue
		}
		switch r := r.(type) {
		case *ssa.Store:
			if r.Addr == v {
				note(e.eval(r.Val))
			}
		case *ssa.FieldAddr:
			if f := callgraph.FieldOf(r.X.Type(), r.Field); e.fields[f.Pos()] || isFunc(f.Type()) {
				c = join(c, e.content(r, depth+1))
			}
		case *ssa.IndexAddr:
			c = join(c, e.content(r, depth+1))
		case *ssa.MakeInterface:
			if _, ptr := v.Type().Underlying().(*types.Pointer); ptr && e.inVariadic(r) {
				return other // scanned, unmarshalled
			}
		case ssa.CallInstruction:
			cc := r.Common()
			fn := cc.StaticCallee()
			if (fn == nil || len(fn.Blocks) == 0) && !cc.IsInvoke() && cc.Signature().Recv() == nil {
				if _, isStruct := v.Type().Underlying().(*types.Pointer).Elem().Underlying().(*types.Struct); !isStruct {
					return other // filled by what it is given to
				}
			}
		}
	}
	if c == step && stepped && set && e.head != nil && e.outside(v) {
		return same
	}
	return c
}

// outside reports whether a variable is made before the first round.
func (e *evaluator) outside(v ssa.Value) bool {
	in, ok := v.(ssa.Instruction)
	return !ok || !e.in(in.Block())
}

// inVariadic reports whether an interface is given to code without a body, which may write
// through the address in it.
func (e *evaluator) inVariadic(mi *ssa.MakeInterface) bool {
	for _, r := range *mi.Referrers() {
		switch r := r.(type) {
		case ssa.CallInstruction:
			if writes(r.Common()) {
				return true
			}
		case *ssa.Store: // in the array of a variadic parameter
			if ia, ok := r.Addr.(*ssa.IndexAddr); ok {
				for _, s := range *ia.X.Referrers() {
					if sl, ok := s.(*ssa.Slice); ok {
						for _, u := range *sl.Referrers() {
							if call, ok := u.(ssa.CallInstruction); ok && writes(call.Common()) {
								return true
							}
						}
					}
				}
			}
		}
	}
	return false
}

// writes reports whether a call may write through what it is given: printing does not.
func writes(cc *ssa.CallCommon) bool {
	if cc.IsInvoke() {
		return strings.HasPrefix(cc.Method.Name(), "Scan") || strings.HasPrefix(cc.Method.Name(), "Decode") || strings.Contains(cc.Method.Name(), "nmarshal")
	}
	fn := cc.StaticCallee()
	if fn == nil || len(fn.Blocks) > 0 {
		return false
	}
	if fn.Pkg != nil && (fn.Pkg.Pkg.Path() == "log" || fn.Pkg.Pkg.Path() == "fmt" && strings.Contains(fn.Name(), "rint")) {
		return false
	}
	return true
}

func isFunc(t types.Type) bool {
	_, ok := t.Underlying().(*types.Signature)
	return ok
}

// call is the result of a call.
func (e *evaluator) call(v *ssa.Call) change {
	cc := v.Call
	if _, ok := cc.Value.(*ssa.Builtin); ok {
		return e.all(cc.Args...)
	}
	if cc.IsInvoke() {
		return e.all(append([]ssa.Value{cc.Value}, cc.Args...)...)
	}
	fn := cc.StaticCallee()
	if fn == nil {
		if c, ok := e.constants(v); ok {
			return c
		}
		return e.all(append([]ssa.Value{cc.Value}, cc.Args...)...)
	}
	if i := e.w.opts.Key(fn); i >= 0 && i < len(cc.Args) {
		return e.eval(cc.Args[i])
	}
	if len(fn.Blocks) > 0 {
		if e.depth >= maxDepth {
			return e.all(cc.Args...)
		}
		sub := e.w.overCalls(fn, e.fields, e.argument(fn, cc.Args))
		sub.depth = e.depth + 1
		c := same
		if mc, ok := cc.Value.(*ssa.MakeClosure); ok {
			c = e.all(mc.Bindings...)
		}
		for _, b := range fn.Blocks {
			if ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return); ok {
				for _, r := range ret.Results {
					if !isError(r.Type()) {
						c = join(c, sub.eval(r))
					}
				}
			}
		}
		return c
	}
	c := e.all(cc.Args...)
	if c == same && e.draws(v, fn) {
		return other
	}
	return c
}

// constants is the result of a call of a function value, where all functions that it may be
// return constants: which one of a few, and not how far the rounds have come.
func (e *evaluator) constants(v *ssa.Call) (change, bool) {
	edges := e.w.g.Out(v)
	for _, edge := range edges {
		if edge.Kind != callgraph.Call || len(edge.Callee.Blocks) == 0 {
			return same, false
		}
		for _, b := range edge.Callee.Blocks {
			ret, ok := b.Instrs[len(b.Instrs)-1].(*ssa.Return)
			if !ok {
				continue
			}
			for _, r := range ret.Results {
				if _, isConst := r.(*ssa.Const); !isConst && !isError(r.Type()) {
					return same, false
				}
			}
		}
	}
	return same, len(edges) > 0
}

func isError(t types.Type) bool { return types.Identical(t, types.Universe.Lookup("error").Type()) }

// draws reports whether a function without a body gives another result each time although
// it is given the same: a number that is drawn, the time, or what a reader has come to.
func (e *evaluator) draws(v *ssa.Call, fn *ssa.Function) bool {
	if fn.Pkg != nil {
		switch path := fn.Pkg.Pkg.Path(); {
		case path == "time":
			return fn.Name() == "Now"
		case path == "math/rand" || path == "math/rand/v2" || path == "crypto/rand":
			return true
		case !strings.Contains(strings.SplitN(path, "/", 2)[0], "."): // of the standard library
			if fn.Signature.Recv() == nil {
				return false
			}
		}
	}
	if fn.Signature.Recv() == nil {
		return len(v.Call.Args) == 0 // an id that is made
	}
	if len(v.Call.Args) != 1 {
		return false
	}
	// A method without arguments: something else in the round moves its receiver on.
	for _, b := range e.fn.Blocks {
		if !e.in(b) {
			continue
		}
		for _, in := range b.Instrs {
			c, ok := in.(*ssa.Call)
			if !ok || c == v || c.Call.IsInvoke() || len(c.Call.Args) == 0 || c.Call.Args[0] != v.Call.Args[0] {
				continue
			}
			if m := c.Call.StaticCallee(); m != nil && m.Signature.Recv() != nil && moves(m) {
				return true
			}
		}
	}
	return false
}

// moves reports whether a method moves its receiver on: the caller asks whether there is
// more.
func moves(fn *ssa.Function) bool {
	res := fn.Signature.Results()
	if res.Len() == 0 {
		return false
	}
	b, ok := res.At(0).Type().Underlying().(*types.Basic)
	return ok && b.Kind() == types.Bool
}
