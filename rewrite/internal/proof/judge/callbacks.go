package judge

import (
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// functions returns the functions that a value is, or may be: also by what holds it, and as what a call returns.
func (b *beside) functions(v ssa.Value) []*ssa.Function {
	c := &callbacks{b, map[ssa.Value]bool{}, nil}
	c.mayBe(v)
	return c.found
}

// mayCall returns the functions that a call may be of.
func (b *beside) mayCall(cc *ssa.CallCommon) []*ssa.Function {
	if !cc.IsInvoke() {
		return b.functions(cc.Value)
	}
	c := &callbacks{b, map[ssa.Value]bool{}, nil}
	c.method(cc.Value, cc.Method)
	return c.found
}

func hasBody(f *ssa.Function) bool { return len(f.Blocks) > 0 }

// takesTime reports whether a function is told how long something lasts: one that nobody can look into may wait for that.
func takesTime(t types.Type) bool {
	sig, ok := t.Underlying().(*types.Signature)
	if !ok {
		return false
	}
	for p := range sig.Params().Variables() {
		if isNamed(p.Type(), "time", "Duration") {
			return true
		}
	}
	return false
}

// callbacks are the functions that a value may be.
type callbacks struct {
	*beside
	seen  map[ssa.Value]bool
	found []*ssa.Function
}

func (c *callbacks) add(f *ssa.Function) {
	if !slices.Contains(c.found, f) {
		c.found = append(c.found, f)
	}
}

func (c *callbacks) mayBe(v ssa.Value) {
	if v == nil || c.seen[v] {
		return
	}
	c.seen[v] = true
	switch x := v.(type) {
	case *ssa.Function:
		c.add(bare(x))
	case *ssa.MakeClosure:
		f := x.Fn.(*ssa.Function)
		if m, ok := f.Object().(*types.Func); ok && f.Synthetic != "" && types.IsInterface(m.Signature().Recv().Type()) {
			c.method(x.Bindings[0], m)
			return
		}
		c.add(bare(f))
	case *ssa.ChangeType:
		c.mayBe(x.X)
	case *ssa.MakeInterface:
		c.mayBe(x.X)
	case *ssa.Phi:
		for _, e := range x.Edges {
			c.mayBe(e)
		}
	case *ssa.Parameter:
		for _, a := range c.stands[x] {
			c.mayBe(a)
		}
	case *ssa.Extract:
		c.mayBe(x.Tuple)
	case *ssa.Next:
		if r, ok := x.Iter.(*ssa.Range); ok {
			c.elements(r.X)
		}
	case *ssa.Lookup:
		c.elements(x.X)
	case *ssa.Index:
		c.mayBe(x.X)
	case *ssa.Call:
		f := x.Call.StaticCallee()
		if f == nil {
			return
		}
		if path, name, _ := callee(&x.Call); path == "sync" && name == "OnceFunc" {
			c.mayBe(x.Call.Args[0])
		}
		for _, b := range f.Blocks {
			if ret, ok := last(b).(*ssa.Return); ok {
				for _, r := range ret.Results {
					c.mayBe(r)
				}
			}
		}
	case *ssa.UnOp:
		if x.Op == token.MUL {
			c.loaded(x.X)
		}
	}
}

// bare returns the method that a method value or a method expression stands for.
func bare(f *ssa.Function) *ssa.Function {
	if m, ok := f.Object().(*types.Func); ok && f.Synthetic != "" && len(f.TypeArgs()) == 0 {
		if g := f.Prog.FuncValue(m); g != nil {
			return g
		}
	}
	return f
}

// method adds the methods that one of an interface may be.
func (c *callbacks) method(of ssa.Value, m *types.Func) {
	if made, ok := of.(*ssa.MakeInterface); ok {
		prog := made.Parent().Prog
		if sel := prog.MethodSets.MethodSet(made.X.Type()).Lookup(m.Pkg(), m.Name()); sel != nil {
			if f := prog.MethodValue(sel); f != nil {
				c.add(bare(f))
			}
		}
		return
	}
	iface := m.Signature().Recv().Type().Underlying().(*types.Interface)
	for _, f := range c.j.program {
		if recv := f.Signature.Recv(); recv != nil && f.Name() == m.Name() && f.Synthetic == "" && implements(recv.Type(), iface) {
			c.add(f)
		}
	}
}

// implements reports whether a type has methods of the names that an interface demands: the types of the code before
// the edit are others than those of the code after it.
func implements(t types.Type, iface *types.Interface) bool {
	for m := range iface.Methods() {
		if obj, _, _ := types.LookupFieldOrMethod(t, true, m.Pkg(), m.Name()); obj == nil {
			if obj, _, _ = types.LookupFieldOrMethod(t, true, pkgOf(t), m.Name()); obj == nil {
				return false
			}
		}
	}
	return true
}

func pkgOf(t types.Type) *types.Package {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	if n, ok := types.Unalias(t).(*types.Named); ok {
		return n.Obj().Pkg()
	}
	return nil
}

// loaded adds what an address may hold.
func (c *callbacks) loaded(addr ssa.Value) {
	for _, s := range c.writes(addr) {
		c.mayBe(s.Val)
	}
	m := c.j.mem()
	switch a := addr.(type) {
	case *ssa.FieldAddr: // set by other functions
		for _, s := range m.stores[c.j.fieldKey(a)] {
			c.mayBe(s.Val)
		}
	case *ssa.Global:
		for _, s := range m.stores[a.String()] {
			c.mayBe(s.Val)
		}
	case *ssa.IndexAddr:
		c.elements(a.X)
	}
}

// elements adds what a slice, an array or a map may hold, as far as its function fills it.
func (c *callbacks) elements(v ssa.Value) {
	if c.seen[v] {
		return
	}
	c.seen[v] = true
	switch x := v.(type) {
	case *ssa.Slice:
		c.elements(x.X)
	case *ssa.Phi:
		for _, e := range x.Edges {
			c.elements(e)
		}
	case *ssa.UnOp:
		for _, s := range c.writes(x.X) {
			c.elements(s.Val)
		}
	case *ssa.Alloc:
		for _, s := range storesBelow(x) {
			c.mayBe(s.Val)
		}
	case *ssa.MakeMap:
		for _, r := range *x.Referrers() {
			if u, ok := r.(*ssa.MapUpdate); ok {
				c.mayBe(u.Value)
			}
		}
	case *ssa.Call: // append
		for _, a := range x.Call.Args {
			c.elements(a)
		}
	}
}

func isSyncMap(c *ssa.CallCommon) bool {
	f := c.StaticCallee()
	return f != nil && f.Signature.Recv() != nil && isNamed(f.Signature.Recv().Type(), "sync", "Map")
}

// timed reports whether a function that runs beside the loop does so at times of a clock.
func (b *beside) timed(start ssa.Instruction, f *ssa.Function) bool {
	for in := range instructions(f) {
		var chans []ssa.Value
		switch x := in.(type) {
		case ssa.CallInstruction:
			path, name, _ := callee(x.Common())
			if path == "time" || path == "context" && slices.Contains(starters[path], name) {
				return true
			}
			if takesTime(x.Common().Signature()) && !slices.ContainsFunc(b.mayCall(x.Common()), hasBody) {
				return true
			}
		case *ssa.UnOp:
			if x.Op == token.ARROW {
				chans = append(chans, x.X)
			}
		case *ssa.Select:
			for _, s := range x.States {
				if s.Dir == types.RecvOnly {
					chans = append(chans, s.Chan)
				}
			}
		}
		for _, ch := range chans {
			if ticks(ch.Type()) || len(b.changed[b.place(ch)]) > 0 { // a clock that others have made, or others with one
				return true
			}
			for _, from := range b.startOf(ch, map[ssa.Value]bool{}) {
				if from != start && !b.bounds(from) {
					return true
				}
			}
		}
	}
	return false
}
