package judge

import (
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// callers are those of functions whose wait may end with an error.
type callers struct{ *Judge }

// unheard returns a call of a function, or of one that calls it and may fail too, after which nothing
// but a line of the log depends on whether it has failed: it would go on without the lock when
// the session ends, where a loop that retried every error went on trying.
func (j callers) unheard(f *ssa.Function) ssa.CallInstruction {
	seen := map[*ssa.Function]bool{}
	var look func(f *ssa.Function) ssa.CallInstruction
	look = func(f *ssa.Function) ssa.CallInstruction {
		at := failure(f.Signature.Results())
		if seen[f] || at < 0 {
			return nil
		}
		seen[f] = true
		for _, g := range j.program {
			if j.inTest(g) && !j.inTest(f) {
				continue
			}
			for _, b := range g.Blocks {
				for _, in := range b.Instrs {
					call, ok := in.(*ssa.Call)
					if !ok || !mayCall(&call.Call, f) {
						continue
					}
					if !j.hears(call, at) || j.spins(call, at) {
						return call
					}
					if c := look(g); c != nil {
						return c
					}
				}
			}
		}
		return nil
	}
	return look(f)
}

// failure returns which result says that a function has failed, or -1.
func failure(results *types.Tuple) int {
	for i := results.Len() - 1; i >= 0; i-- {
		t := results.At(i).Type()
		if b, ok := t.Underlying().(*types.Basic); ok && b.Kind() == types.Bool || types.Identical(t, types.Universe.Lookup("error").Type()) {
			return i
		}
	}
	return -1
}

// mayCall reports whether a call is, or may be, one of a function.
func mayCall(c *ssa.CallCommon, f *ssa.Function) bool {
	if c.IsInvoke() {
		return f.Signature.Recv() != nil && c.Method.Name() == f.Name() && hasMethods(f.Signature.Recv().Type(), c.Value.Type())
	}
	if g := c.StaticCallee(); g != nil {
		return g == f || g.Origin() != nil && g.Origin() == f
	}
	u, ok := c.Value.(*ssa.UnOp) // a variable that holds a literal
	if !ok || u.Op != token.MUL {
		return false
	}
	addr := u.X
	if v, ok := addr.(*ssa.FreeVar); ok {
		addr = boundTo(v)
	}
	al, ok := addr.(*ssa.Alloc)
	if !ok {
		return false
	}
	for _, s := range storesBelow(al) {
		if m, ok := s.Val.(*ssa.MakeClosure); ok && m.Fn == ssa.Value(f) || s.Val == ssa.Value(f) {
			return true
		}
	}
	return false
}

// hears reports whether more than a line of the log depends on a result of a call.
func (j callers) hears(call *ssa.Call, at int) bool {
	v := result(call, at)
	return v != nil && j.depends(v, map[ssa.Value]bool{})
}

// result returns a result of a call, or nil where nobody looks at it.
func result(call *ssa.Call, at int) ssa.Value {
	if _, several := call.Type().(*types.Tuple); !several {
		return call
	}
	for _, r := range *call.Referrers() {
		if x, ok := r.(*ssa.Extract); ok && x.Index == at {
			return x
		}
	}
	return nil
}

// spins reports whether a call that has failed is made again after nothing but lines of the log.
func (j callers) spins(call *ssa.Call, at int) bool {
	v := result(call, at)
	if v == nil {
		return false
	}
	for _, r := range *v.Referrers() {
		cond, ok := r.(*ssa.BinOp)
		if !ok || !isNil(cond.X) && !isNil(cond.Y) {
			continue
		}
		for _, u := range *cond.Referrers() {
			branch, ok := u.(*ssa.If)
			if !ok {
				continue
			}
			failed := branch.Block().Succs[btoi(cond.Op == token.EQL)]
			if meets(branch, func(in ssa.Instruction) (found, over bool) {
				if in == ssa.Instruction(call) {
					return true, true
				}
				if in.Block() == branch.Block().Succs[btoi(cond.Op != token.EQL)] && in.Block() != failed && !slices.Contains(failed.Succs, in.Block()) {
					return false, true // it has not failed
				}
				return false, j.mayPause(in)
			}) {
				return true
			}
		}
	}
	return false
}

// mayPause reports whether more than computing and logging may come with an instruction.
func (j callers) mayPause(in ssa.Instruction) bool {
	switch x := in.(type) {
	case ssa.CallInstruction:
		e := j.effectOf(x)
		return e != logs && e != none && e != context
	case *ssa.UnOp:
		return x.Op == token.ARROW
	case *ssa.Select, *ssa.Send, *ssa.Return, *ssa.Panic:
		return true
	}
	return false
}

// depends reports whether more than a line of the log depends on a value: not what asks for another
// error than that of the session.
func (j callers) depends(v ssa.Value, seen map[ssa.Value]bool) bool {
	if seen[v] {
		return false
	}
	seen[v] = true
	for _, r := range *v.Referrers() {
		heard := true
		switch x := r.(type) {
		case *ssa.DebugRef:
			heard = false
		case *ssa.Phi, *ssa.MakeInterface, *ssa.ChangeInterface, *ssa.Slice:
			heard = j.depends(x.(ssa.Value), seen)
		case *ssa.UnOp:
			heard = j.depends(x, seen)
		case *ssa.IndexAddr:
			heard = false // of varargs, which the call has
		case *ssa.BinOp:
			if isNil(x.X) || isNil(x.Y) {
				heard = j.depends(x, seen)
			} else {
				heard = false
			}
		case *ssa.If:
			heard = (&loop{j: j.Judge}).meetAgain(x.Block(), func(*ssa.BasicBlock) bool { return true }) == nil
		case *ssa.Store:
			if i, ok := x.Addr.(*ssa.IndexAddr); ok && x.Val == v {
				if al, ok := i.X.(*ssa.Alloc); ok && al.Comment == "varargs" {
					heard = j.depends(al, seen)
				}
			}
		case *ssa.Call:
			path, name, _ := callee(&x.Call)
			switch e := j.effectOf(x); {
			case e == logs, path == "errors" && (name == "Is" || name == "As"):
				heard = false
			case e == none:
				heard = j.depends(x, seen)
			}
		}
		if heard {
			return true
		}
	}
	return false
}

func isNil(v ssa.Value) bool {
	c, ok := v.(*ssa.Const)
	return ok && c.Value == nil
}
