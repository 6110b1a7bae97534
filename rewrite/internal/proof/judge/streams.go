package judge

import (
	"go/types"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// turned reports whether the program gives the standard streams other ends, which it may read.
func (j *Judge) turned(tests bool) bool {
	t := &j.streams[btoi(tests)]
	if !t.known {
		h := &hearing{j: j, tests: tests}
		t.known = true
		t.turned = slices.ContainsFunc(j.program, func(f *ssa.Function) bool { return (tests || !j.inTest(f)) && h.turnsAway(f) })
	}
	return t.turned
}

// turnsAway reports whether a function sets os.Stdout or os.Stderr to anything but a file that it opens
// by its name, or may let others do so.
func (h *hearing) turnsAway(f *ssa.Function) bool {
	for _, b := range f.Blocks {
		for _, in := range b.Instrs {
			for _, op := range in.Operands(nil) {
				if !isStream(*op) {
					continue
				}
				switch x := in.(type) {
				case *ssa.UnOp, *ssa.DebugRef:
				case *ssa.Store:
					if x.Val == *op || !opened(x.Val, 0) {
						return true
					}
				default:
					return true
				}
			}
		}
	}
	return false
}

func isStream(v ssa.Value) bool {
	g, ok := v.(*ssa.Global)
	return ok && g.Pkg.Pkg.Path() == "os" && (g.Name() == "Stdout" || g.Name() == "Stderr")
}

// opened reports whether a value is a file that was opened by its name, or a stream of the process.
func opened(v ssa.Value, depth int) bool {
	if depth > 5 {
		return false
	}
	switch x := v.(type) {
	case *ssa.Extract:
		return opened(x.Tuple, depth+1)
	case *ssa.Call:
		path, name, recv := callee(&x.Call)
		return path == "os" && !recv && slices.Contains([]string{"Open", "OpenFile", "Create", "CreateTemp"}, name)
	case *ssa.Phi:
		return !slices.ContainsFunc(x.Edges, func(e ssa.Value) bool { return !opened(e, depth+1) })
	case *ssa.UnOp:
		if al, ok := x.X.(*ssa.Alloc); ok {
			stores := storesBelow(al)
			return len(stores) > 0 && !slices.ContainsFunc(stores, func(s *ssa.Store) bool { return !opened(s.Val, depth+1) })
		}
		if v, ok := x.X.(*ssa.FreeVar); ok {
			if al, ok := boundTo(v).(*ssa.Alloc); ok {
				stores := storesBelow(al)
				return len(stores) > 0 && !slices.ContainsFunc(stores, func(s *ssa.Store) bool { return !opened(s.Val, depth+1) })
			}
		}
		return isStream(x.X)
	}
	return false
}

// keepsLines reports whether a writer is a pipe or a buffer.
func (h *hearing) keepsLines(v ssa.Value) bool {
	t := v.Type()
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	switch {
	case isNamed(t, "io", "PipeWriter"), isNamed(t, "bytes", "Buffer"), isNamed(t, "strings", "Builder"):
		return true
	}
	return isNamed(t, "os", "File") && h.pipes() && !opened(v, 0)
}

// pipes reports whether the program makes pipes.
func (h *hearing) pipes() bool {
	return slices.ContainsFunc(h.j.program, func(f *ssa.Function) bool {
		if !h.tests && h.j.inTest(f) {
			return false
		}
		for _, b := range f.Blocks {
			for _, in := range b.Instrs {
				for _, op := range in.Operands(nil) {
					if g, ok := (*op).(*ssa.Function); ok && g.Name() == "Pipe" && g.Pkg != nil && slices.Contains([]string{"os", "io", "net"}, g.Pkg.Pkg.Path()) {
						return true
					}
				}
			}
		}
		return false
	})
}

// unnamed reports whether an instruction takes a function of a logger as a value, by which that may be
// given what its lines are read with.
func (h *hearing) unnamed(in ssa.Instruction) bool {
	c, isCall := in.(ssa.CallInstruction)
	for _, op := range in.Operands(nil) {
		fn, ok := (*op).(*ssa.Function)
		if !ok || fn.Object() == nil || !h.of(fn.Object().Pkg()) || isCall && c.Common().Value == ssa.Value(fn) {
			continue
		}
		sig := fn.Object().(*types.Func).Signature()
		for v := range sig.Params().Variables() {
			if _, function := v.Type().Underlying().(*types.Signature); function {
				return true
			}
			if m, _, _ := types.LookupFieldOrMethod(v.Type(), false, nil, "Write"); m != nil && types.IsInterface(v.Type()) && (h.pipes() || h.mayWrite(v.Type(), true)) {
				return true
			}
		}
	}
	return false
}
