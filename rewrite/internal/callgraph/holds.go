package callgraph

import (
	"go/types"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// A Held is what a value may be, or hold.
type Held struct {
	Funcs []*ssa.Function
	Made  []*ssa.MakeClosure // where they are made, if they are closures or method values
	Boxed []ssa.Value        // values other than functions that were converted to an interface
	From  []*types.Package   // packages without bodies that it may come from
}

// maxHeld bounds the search for one value.
const maxHeld = 2000

// Holds returns the functions that a value may be or hold, and the values in interfaces:
// in itself, in its fields or elements, or in what its address is stored to. It follows
// values back through variables, fields, parameters and results.
func (g *Graph) Holds(v ssa.Value) Held { return g.held(v, false) }

// functions are those of [Graph.Holds] alone.
func (g *Graph) functions(v ssa.Value) []*ssa.Function { return g.held(v, true).Funcs }

func (g *Graph) held(v ssa.Value, funcs bool) Held {
	if v == nil || !g.mayHold(v.Type()) {
		return Held{}
	}
	h := &g.holder
	h.g, h.funcs, h.held = g, funcs, Held{}
	h.walk(v)
	clear(h.seen)
	clear(h.fns)
	return h.held
}

// MayBe reports whether a function value may be the closure that is made there: not where
// all ways that it comes from are known, and others of the same function are on them.
func (g *Graph) MayBe(v ssa.Value, c *ssa.MakeClosure) bool {
	others := false
	for _, m := range g.Holds(v).Made {
		if m == c {
			return true
		}
		others = others || m.Fn == c.Fn
	}
	return !others
}

// A holder is a search. There are so many that its maps are made once.
type holder struct {
	g     *Graph
	funcs bool // nothing but functions is looked for
	seen  map[ssa.Value]bool
	fns   map[*ssa.Function]bool
	held  Held
}

func (h *holder) fn(f *ssa.Function) {
	if !h.fns[f] {
		h.fns[f] = true
		h.held.Funcs = append(h.held.Funcs, f)
	}
}

// from notes that the value comes out of a package, if that has no body.
func (h *holder) from(obj types.Object) {
	if obj != nil && obj.Pkg() != nil && !h.g.hasBody(obj.Pkg()) && !slices.Contains(h.held.From, obj.Pkg()) {
		h.held.From = append(h.held.From, obj.Pkg())
	}
}

func (h *holder) all(vs []ssa.Value) {
	for _, v := range vs {
		h.walk(v)
	}
}

func (h *holder) walk(v ssa.Value) {
	if v == nil || h.seen[v] || len(h.seen) > maxHeld || !h.g.mayHold(v.Type()) || h.funcs && h.g.barren(v.Type()) {
		return
	}
	h.seen[v] = true
	switch v := v.(type) {
	case *ssa.Function:
		h.fn(v)
	case *ssa.MakeClosure:
		h.held.Made = append(h.held.Made, v)
		h.fn(v.Fn.(*ssa.Function))
	case *ssa.MakeInterface:
		if _, ok := v.X.Type().Underlying().(*types.Signature); ok {
			h.walk(v.X)
			return
		}
		h.held.Boxed = append(h.held.Boxed, v.X)
		if holdsFunc(v.X.Type(), 0) {
			h.walk(v.X)
		}
	case *ssa.Phi:
		h.all(v.Edges)
	case *ssa.ChangeType:
		h.walk(v.X)
	case *ssa.ChangeInterface:
		h.walk(v.X)
	case *ssa.Convert:
		h.walk(v.X)
	case *ssa.TypeAssert:
		h.walk(v.X)
	case *ssa.Slice:
		h.walk(v.X)
	case *ssa.UnOp:
		h.walk(v.X)
		h.load(v)
	case *ssa.Field:
		h.from(FieldOf(v.X.Type(), v.Field))
		h.walk(v.X)
	case *ssa.Extract:
		h.extract(v)
	case *ssa.Call:
		h.call(v, 0)
	case *ssa.Parameter:
		h.parameter(v)
	case *ssa.FreeVar:
		for i, fv := range v.Parent().FreeVars {
			if fv == v {
				for _, c := range h.g.made[v.Parent()] {
					h.walk(c.Bindings[i])
				}
			}
		}
	case *ssa.Global:
		h.all(h.g.global[v])
	case *ssa.Alloc, *ssa.MakeMap, *ssa.MakeSlice, *ssa.MakeChan:
		h.content(v)
	case *ssa.FieldAddr:
		h.from(FieldOf(v.X.Type(), v.Field))
		h.all(h.g.stores[FieldOf(v.X.Type(), v.Field).Pos()])
	case *ssa.IndexAddr:
		h.elements(v.Type().Underlying().(*types.Pointer).Elem())
	case *ssa.Index, *ssa.Lookup:
		h.elements(v.Type())
	}
}

// load follows a receive; what an address points to was followed with the address.
func (h *holder) load(v *ssa.UnOp) {
	if ch, ok := v.X.Type().Underlying().(*types.Chan); ok {
		h.received(ch.Elem())
	}
}

func (h *holder) elements(t types.Type) {
	vs, _ := h.g.elems.At(t).([]ssa.Value)
	h.all(vs)
}

func (h *holder) received(t types.Type) {
	vs, _ := h.g.sent.At(t).([]ssa.Value)
	h.all(vs)
}

// content follows what is stored in a variable or container where it is made.
func (h *holder) content(v ssa.Value) {
	refs := v.Referrers()
	if refs == nil {
		return
	}
	for _, r := range *refs {
		switch r := r.(type) {
		case *ssa.Store:
			if r.Addr == v {
				h.walk(r.Val)
			}
		case *ssa.MapUpdate:
			if r.Map == v {
				h.walk(r.Value)
			}
		case *ssa.Send:
			if r.Chan == v {
				h.walk(r.X)
			}
		case *ssa.FieldAddr:
			h.content(r)
		case *ssa.IndexAddr:
			h.content(r)
		case *ssa.MakeClosure: // it may assign what it has captured
			for i, b := range r.Bindings {
				if b == v {
					h.content(r.Fn.(*ssa.Function).FreeVars[i])
				}
			}
		}
	}
}

func (h *holder) extract(v *ssa.Extract) {
	switch t := v.Tuple.(type) {
	case *ssa.Call:
		h.call(t, v.Index)
	case *ssa.TypeAssert:
		h.walk(t.X)
	case *ssa.UnOp, *ssa.Select:
		h.received(v.Type())
	case *ssa.Lookup, *ssa.Next:
		h.elements(v.Type())
	}
}

func (h *holder) call(c *ssa.Call, i int) {
	if b, ok := c.Call.Value.(*ssa.Builtin); ok {
		if b.Name() == "append" {
			h.all(c.Call.Args)
		}
		return
	}
	h.from(h.g.foreign(&c.Call))
	for _, e := range h.g.site[c] {
		if e.Kind != Call && e.Kind != Escaped {
			continue
		}
		for _, ret := range h.g.returns[e.Callee] {
			if i < len(ret.Results) {
				h.walk(ret.Results[i])
			}
		}
	}
}

func (h *holder) parameter(v *ssa.Parameter) {
	i := paramIndex(v)
	for _, e := range h.g.in[v.Parent()] {
		if a := e.Arg(i); a != nil {
			h.walk(a)
		}
	}
}

func paramIndex(v *ssa.Parameter) int {
	for i, p := range v.Parent().Params {
		if p == v {
			return i
		}
	}
	return -1
}

// Arg returns what the caller gives as the i-th parameter of the callee, counted with the
// receiver, or nil if that is not known.
func (e *Edge) Arg(i int) ssa.Value {
	c, ok := e.Site.(ssa.CallInstruction)
	if !ok || e.Kind == Handed || e.Kind == Sent {
		if e.Method != "" && i == 0 {
			return e.Value
		}
		return nil
	}
	cc := c.Common()
	if cc.IsInvoke() {
		if i == 0 {
			return cc.Value
		}
		i--
	}
	if i < 0 || i >= len(cc.Args) {
		return nil
	}
	return cc.Args[i]
}
