package callgraph

import (
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/ssa"
	"golang.org/x/tools/go/types/typeutil"
)

// Code without a body.
//
// What becomes of a function value that is given to it, is stored in one of its types, or
// is sent to whoever receives, is no call that can be seen. Such places are edges of their
// own. And what comes back from there may be any of what went there: a call of a function
// that comes out of a package without bodies may be one of any of them that was given to that
// package and has its type, whatever package has spelled that out.

// mayHold reports whether a value of type t is, or holds, a function or an interface.
func (g *Graph) mayHold(t types.Type) bool {
	v, known := g.holds[t]
	if !known {
		v = mayHold(t, 0)
		g.holds[t] = v
	}
	return v
}

// barren reports whether t is an interface that no function is in, nor what holds some: errors
// come from everywhere, and there is hardly a function in any.
func (g *Graph) barren(t types.Type) bool {
	v, known := g.empty[t]
	if !known {
		iface, ok := t.Underlying().(*types.Interface)
		_, isParam := types.Unalias(t).(*types.TypeParam)
		v = ok && !isParam && !slices.ContainsFunc(g.bearers, func(b types.Type) bool { return isGeneric(b) || types.Implements(b, iface) })
		g.empty[t] = v
	}
	return v
}

func mayHold(t types.Type, depth int) bool {
	if depth > 4 {
		return false
	}
	switch t := types.Unalias(t).Underlying().(type) {
	case *types.Signature, *types.Interface:
		return true
	case *types.Map:
		return mayHold(t.Elem(), depth+1)
	case interface{ Elem() types.Type }:
		return mayHold(t.Elem(), depth+1)
	case *types.Struct:
		for f := range t.Fields() {
			if mayHold(f.Type(), depth+1) {
				return true
			}
		}
	}
	return false
}

// holdsFunc reports whether t is a function, or holds some: what is stored, not called.
func holdsFunc(t types.Type, depth int) bool {
	if depth > 4 {
		return false
	}
	switch t := types.Unalias(t).Underlying().(type) {
	case *types.Signature:
		return true
	case *types.Map:
		return holdsFunc(t.Elem(), depth+1)
	case interface{ Elem() types.Type }:
		return holdsFunc(t.Elem(), depth+1)
	case *types.Struct:
		for f := range t.Fields() {
			if holdsFunc(f.Type(), depth+1) {
				return true
			}
		}
	}
	return false
}

// opaque adds the edges that go through code without a body, and through channels: first those of
// what goes there, and then, when all of that is known, those of what comes back.
func (g *Graph) opaque() {
	o := outside{g: g, seen: map[gone[*ssa.Function]]bool{}, again: map[gone[*ssa.Function]]bool{}, seenType: map[gone[types.Type]]bool{}}
	for in := range g.instructions {
		o.leave(in)
	}
	o.onward()
	for in := range g.instructions {
		if c, ok := in.(ssa.CallInstruction); ok && c.Common().StaticCallee() == nil && len(g.site[in]) == 0 {
			o.back(c)
		}
	}
}

// instructions are those of all functions with bodies.
func (g *Graph) instructions(yield func(ssa.Instruction) bool) {
	for _, f := range g.list {
		for _, b := range f.Blocks {
			for _, in := range b.Instrs {
				if !yield(in) {
					return
				}
			}
		}
	}
}

// A gone is what went to a package without bodies.
type gone[T comparable] struct {
	what T
	to   *types.Package
}

// An outside has what went to code without bodies.
type outside struct {
	g        *Graph
	gone     []gone[*ssa.Function]
	escaped  typeutil.Map // the same: signature -> []gone[*ssa.Function]
	seen     map[gone[*ssa.Function]]bool
	again    map[gone[*ssa.Function]]bool // not only to functions that see to it that they run once
	boxed    []gone[types.Type]           // of values that went there in an interface
	seenType map[gone[types.Type]]bool
}

// leave adds the edges of what an instruction gives away.
func (o *outside) leave(in ssa.Instruction) {
	for _, e := range o.g.handed(in) {
		switch {
		case e.Kind != Handed || e.To.Pkg() == nil:
		case e.Method == "":
			o.escape(e.Callee, e.To.Pkg(), makesOnce(e.To))
		default:
			if it := (gone[types.Type]{e.Value.Type(), e.To.Pkg()}); !o.seenType[it] {
				o.seenType[it] = true
				o.boxed = append(o.boxed, it)
			}
		}
		o.g.add(e)
	}
}

func (o *outside) escape(fn *ssa.Function, to *types.Package, once bool) {
	it := gone[*ssa.Function]{fn, to}
	o.again[it] = o.again[it] || !once
	if o.seen[it] {
		return
	}
	o.seen[it] = true
	sig := plain(fn.Signature)
	old, _ := o.escaped.At(sig).([]gone[*ssa.Function])
	o.escaped.Set(sig, append(old, it))
	o.gone = append(o.gone, it)
}

// onward lets what functions return go where they have gone.
func (o *outside) onward() {
	returned := map[*ssa.Function][]*ssa.Function{}
	for i := 0; i < len(o.gone); i++ { // it grows
		it := o.gone[i]
		fns, known := returned[it.what]
		if !known {
			for _, r := range o.g.results(it.what) {
				fns = append(fns, o.g.functions(r)...)
			}
			returned[it.what] = fns
		}
		for _, fn := range fns {
			o.escape(fn, it.to, false)
		}
	}
}

// back adds the edges of a call of which nothing is known yet.
func (o *outside) back(in ssa.CallInstruction) {
	cc := in.Common()
	if _, ok := cc.Value.(*ssa.Builtin); ok {
		return
	}
	if cc.IsInvoke() {
		o.methods(in)
		return
	}
	sig, ok := cc.Value.Type().Underlying().(*types.Signature)
	if !ok {
		return
	}
	// The analysis of types loses functions that come out of a channel with a flag.
	held := false
	holds := o.g.Holds(cc.Value)
	for _, fn := range holds.Funcs {
		if types.Identical(plain(fn.Signature), plain(sig)) {
			held = true
			o.g.add(&Edge{Caller: in.Parent(), Callee: fn, Site: in, Value: cc.Value})
		}
	}
	if held {
		return
	}
	if named, ok := types.Unalias(cc.Value.Type()).(*types.Named); ok && named.Obj().Pkg() != nil && !o.g.hasBody(named.Obj().Pkg()) {
		return // a type of theirs, such as context.CancelFunc
	}
	its, _ := o.escaped.At(plain(sig)).([]gone[*ssa.Function])
	for _, it := range its {
		if slices.Contains(holds.From, it.to) {
			o.g.add(&Edge{Caller: in.Parent(), Callee: it.what, Site: in, Kind: Escaped, Value: cc.Value, Once: !o.again[it]})
		}
	}
}

// methods adds the edges of a call through an interface.
func (o *outside) methods(in ssa.CallInstruction) {
	cc := in.Common()
	iface, ok := cc.Value.Type().Underlying().(*types.Interface)
	if !ok {
		return
	}
	from := o.g.Holds(cc.Value).From
	for _, it := range o.boxed {
		t := it.what
		if !slices.Contains(from, it.to) || isGeneric(t) || !types.Implements(t, iface) {
			continue
		}
		if fn := o.g.prog.LookupMethod(t, cc.Method.Pkg(), cc.Method.Name()); fn != nil && o.g.funcs[fn] {
			o.g.add(&Edge{Caller: in.Parent(), Callee: fn, Site: in, Kind: Escaped, Value: cc.Value})
		}
	}
}

// makesOnce reports whether a function makes one that runs once what it is given: it is called
// for the first time where it is made, for all that matters.
func makesOnce(to types.Object) bool {
	return to.Pkg().Path() == "sync" && (to.Name() == "OnceFunc" || to.Name() == "OnceValue" || to.Name() == "OnceValues")
}

// plain is a signature without its receiver.
func plain(s *types.Signature) *types.Signature {
	return types.NewSignatureType(nil, nil, nil, s.Params(), s.Results(), s.Variadic())
}

// handed returns the edges of function values that an instruction gives away.
func (g *Graph) handed(in ssa.Instruction) (out []*Edge) {
	f := in.Parent()
	edge := func(kind Kind, v ssa.Value, to types.Object) {
		for _, fn := range g.functions(v) {
			out = append(out, &Edge{Caller: f, Callee: fn, Site: in, Kind: kind, Value: v, To: to})
		}
	}
	switch in := in.(type) {
	case *ssa.Send:
		if holdsFunc(in.X.Type(), 0) {
			edge(Sent, in.X, nil)
		}
		if to := g.theirs(in.Chan); to != nil {
			out = append(out, g.given(in, in.X, in.Chan.Type().Underlying().(*types.Chan).Elem(), to)...)
		}
	case *ssa.MapUpdate:
		if to := g.theirs(in.Map); to != nil && g.mayHold(in.Value.Type()) {
			out = append(out, g.given(in, in.Value, in.Map.Type().Underlying().(*types.Map).Elem(), to)...)
		}
	case *ssa.Select:
		for _, s := range in.States {
			if s.Send != nil && holdsFunc(s.Send.Type(), 0) {
				edge(Sent, s.Send, nil)
			}
		}
	case *ssa.Store:
		if to := g.theirs(in.Addr); to != nil && g.mayHold(in.Val.Type()) {
			out = append(out, g.given(in, in.Val, in.Val.Type(), to)...)
		}
	case ssa.CallInstruction:
		for _, to := range g.foreigners(in) {
			out = append(out, g.givenTo(in, to)...)
		}
	}
	return out
}

// foreigners returns what a call may run whose bodies are not loaded: what it names, or what the
// variable holds that it calls.
func (g *Graph) foreigners(in ssa.CallInstruction) (out []types.Object) {
	cc := in.Common()
	if to := g.foreign(cc); to != nil {
		return []types.Object{to}
	}
	if cc.IsInvoke() || cc.StaticCallee() != nil {
		return nil
	}
	for _, e := range g.site[in] {
		if len(e.Callee.Blocks) == 0 && e.Callee.Object() != nil && e.Callee.Signature.Recv() == nil {
			out = append(out, e.Callee.Object())
		}
	}
	return out
}

// givenTo returns the edges of the arguments of a call of code without a body.
func (g *Graph) givenTo(in ssa.CallInstruction, to types.Object) (out []*Edge) {
	cc := in.Common()
	sig := cc.Signature()
	args := cc.Args
	runsOnce := to.Pkg() != nil && to.Pkg().Path() == "sync" && to.Name() == "Do" && len(args) > 0 && g.keptOnce(args[0])
	if !cc.IsInvoke() && sig.Recv() != nil && len(args) > 0 {
		args = args[1:] // the receiver is theirs
	}
	for i, a := range args {
		if !g.mayHold(a.Type()) {
			continue
		}
		t := a.Type()
		if fn, ok := to.(*types.Func); ok { // as it is declared: T is no interface
			if ps := fn.Origin().Signature().Params(); i < ps.Len() {
				t = ps.At(i).Type()
			}
		}
		for _, e := range g.given(in, a, t, to) {
			e.Once = runsOnce
			out = append(out, e)
		}
	}
	return out
}

// keptOnce reports whether an address is that of one sync.Once for as long as the program runs, for
// all that can be seen: neither it nor what it is a field of is made in a loop, and it is never set back.
func (g *Graph) keptOnce(addr ssa.Value) bool {
	var of types.Type // what it is a field of
	var field token.Pos
	switch x := addr.(type) {
	case *ssa.Global:
		return len(g.global[x]) == 0
	case *ssa.FieldAddr:
		of, field = x.X.Type().Underlying().(*types.Pointer).Elem(), FieldOf(x.X.Type(), x.Field).Pos()
	case *ssa.Alloc:
		return len(g.Loops(x.Parent(), x.Block())) == 0
	case *ssa.FreeVar:
		made := g.made[x.Parent()]
		for i, fv := range x.Parent().FreeVars {
			if fv == x && len(made) == 1 {
				return g.keptOnce(made[0].Bindings[i])
			}
		}
		return false
	default:
		return false
	}
	if len(g.stores[field]) > 0 {
		return false
	}
	if v, known := g.renewed.At(of).(bool); known {
		return !v
	}
	for in := range g.instructions {
		if a, ok := in.(*ssa.Alloc); ok && types.Identical(a.Type().Underlying().(*types.Pointer).Elem(), of) && len(g.Loops(a.Parent(), a.Block())) > 0 {
			g.renewed.Set(of, true)
			return false
		}
	}
	g.renewed.Set(of, false)
	return true
}

// theirs returns the variable or field of a package without bodies that a place is, or that a
// container or pointer comes out of; nil if it is none.
func (g *Graph) theirs(v ssa.Value) types.Object {
	for range 10 {
		switch x := v.(type) {
		case *ssa.Global:
			if o := x.Object(); o != nil && o.Pkg() != nil && !g.hasBody(o.Pkg()) {
				return o
			}
			return nil
		case *ssa.FieldAddr:
			if field := FieldOf(x.X.Type(), x.Field); field.Pkg() != nil && !g.hasBody(field.Pkg()) {
				return field
			}
			return nil
		case *ssa.IndexAddr:
			v = x.X
		case *ssa.UnOp:
			v = x.X
		default:
			return nil
		}
	}
	return nil
}

// given returns the edges of a value that goes where code without a body has it, as a
// value of type t.
func (g *Graph) given(in ssa.Instruction, v ssa.Value, t types.Type, to types.Object) (out []*Edge) {
	iface, ok := t.Underlying().(*types.Interface)
	h := g.held(v, !ok)
	for _, fn := range h.Funcs {
		out = append(out, &Edge{Caller: in.Parent(), Callee: fn, Site: in, Kind: Handed, Value: v, To: to})
	}
	if !ok {
		return out
	}
	for _, box := range h.Boxed {
		if old := g.Given(box.Type()); !slices.Contains(old, to) {
			g.boxes.Set(box.Type(), append(old, to))
		}
		for m := range iface.Methods() {
			if isGeneric(box.Type()) {
				continue
			}
			sel := g.prog.MethodSets.MethodSet(box.Type()).Lookup(m.Pkg(), m.Name())
			if sel == nil {
				continue
			}
			if fn := g.prog.MethodValue(sel); fn != nil && g.funcs[fn] {
				out = append(out, &Edge{Caller: in.Parent(), Callee: fn, Site: in, Kind: Handed, Value: box, To: to, Method: m.Name()})
			}
		}
	}
	return out
}

// hasBody reports whether the bodies of a package are loaded.
func (g *Graph) hasBody(p *types.Package) bool { return g.source[g.prog.Package(p)] != nil }

// foreign returns what is called, if its body is not loaded.
func (g *Graph) foreign(cc *ssa.CallCommon) types.Object {
	if _, ok := cc.Value.(*ssa.Builtin); ok {
		return nil
	}
	if cc.IsInvoke() {
		if pkg := cc.Method.Pkg(); pkg != nil && !g.hasBody(pkg) {
			return cc.Method
		}
		return nil
	}
	fn := cc.StaticCallee()
	if fn == nil || len(fn.Blocks) > 0 {
		return nil
	}
	if o := fn.Origin(); o != nil {
		fn = o
	}
	if fn.Object() == nil {
		return nil
	}
	return fn.Object()
}

// results returns the values that a function returns.
func (g *Graph) results(fn *ssa.Function) (out []ssa.Value) {
	for _, ret := range g.returns[fn] {
		for _, r := range ret.Results {
			if g.mayHold(r.Type()) {
				out = append(out, r)
			}
		}
	}
	return out
}
