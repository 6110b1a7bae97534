package judge

import (
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// metering reports whether a log package is one of metrics, which no handler of lines hears of.
func metering(path string) bool { return path == metrics || strings.HasPrefix(path, metrics+"/") }

const metrics = "github.com/prometheus/client_golang"

// writing are the functions of such a package that a round may call once more.
var writing = []string{
	"Inc", "Dec", "Add", "Sub", "Set", "SetToCurrentTime", "Observe", "ObserveDuration", "AddWithExemplar", "ObserveWithExemplar",
	"With", "WithLabelValues", "CurryWith", "MustCurryWith", "GetMetricWith", "GetMetricWithLabelValues", "NewTimer", "Desc",
}

// reading are those by which a program reads back what it has written.
var reading = []string{
	"Write", "Gather", "ToFloat64", "CollectAndCount", "CollectAndCompare", "GatherAndCount", "GatherAndCompare",
}

func readsMetrics(in ssa.Instruction) bool {
	c, ok := in.(ssa.CallInstruction)
	if !ok {
		return false
	}
	path, name, _ := callee(c.Common())
	return metering(path) && slices.Contains(reading, name)
}

// isLogging reports whether a package writes lines or metrics.
func isLogging(path string) bool {
	return slices.ContainsFunc(logging, func(l string) bool { return path == l || strings.HasPrefix(path, l+"/") })
}

// A hearing is what code of the program hears of metrics or of lines, where tests may listen or not.
type hearing struct {
	j              *Judge
	metrics, tests bool
	known, reads   bool
	interfaces     []*types.TypeName // of log packages
}

// heard reports whether a call that logs runs code of the program whose writes are read.
func (j *Judge) heard(c ssa.CallInstruction, path string) bool {
	metrics, tests := metering(path), j.inTest(c.Parent())
	h := &j.hearings[btoi(metrics)+2*btoi(tests)]
	if !h.known {
		*h = hearing{j: j, metrics: metrics, tests: tests, known: true}
		h.interfaces = h.declared()
		h.reads = slices.ContainsFunc(j.program, func(f *ssa.Function) bool { return (tests || !j.inTest(f)) && h.in(f) })
	}
	return h.reads
}

// declared returns the interfaces of log packages that the program knows.
func (h *hearing) declared() (out []*types.TypeName) {
	asked := map[*types.Package]bool{}
	for _, f := range h.j.program {
		if f.Pkg == nil || asked[f.Pkg.Pkg] {
			continue
		}
		asked[f.Pkg.Pkg] = true
		for _, p := range f.Pkg.Pkg.Imports() {
			for _, name := range p.Scope().Names() {
				if t, ok := p.Scope().Lookup(name).(*types.TypeName); ok && h.of(p) && types.IsInterface(t.Type()) && !slices.Contains(out, t) {
					out = append(out, t)
				}
			}
		}
	}
	return out
}

// of reports whether a package is one of those that are heard.
func (h *hearing) of(p *types.Package) bool {
	return p != nil && isLogging(p.Path()) && metering(p.Path()) == h.metrics
}

func (j *Judge) inTest(f *ssa.Function) bool {
	return strings.HasSuffix(j.fset.PositionFor(outermost(f).Pos(), false).Filename, "_test.go")
}

// in reports whether a function is a method by which lines, or metrics, are handed on, or gives a
// logger a function or a writer that does more than to write.
func (h *hearing) in(f *ssa.Function) bool {
	if !h.metrics && h.turnsAway(f) {
		return true
	}
	if f.Pkg != nil && isLogging(f.Pkg.Pkg.Path()) {
		return false
	}
	if f.Signature.Recv() != nil && h.handsOn(f) && h.j.wrote(f).isRead() {
		return true
	}
	for _, b := range f.Blocks {
		for _, in := range b.Instrs {
			if h.unnamed(in) || h.metrics && readsMetrics(in) {
				return true
			}
			switch x := in.(type) {
			case *ssa.ChangeType:
				if n, ok := types.Unalias(x.Type()).(*types.Named); ok && h.of(n.Obj().Pkg()) && h.gives(x.Type(), x.X) {
					return true
				}
			case *ssa.Store:
				if a, ok := x.Addr.(*ssa.FieldAddr); ok && h.of(field(a).Pkg()) && h.gives(field(a).Type(), x.Val) {
					return true
				}
			case ssa.CallInstruction:
				path, _, _ := callee(x.Common())
				if isLogging(path) && metering(path) == h.metrics && h.givesAny(x.Common()) {
					return true
				}
			}
		}
	}
	return false
}

// handsOn reports whether an interface of a log package has a method of that name, and the type of
// the receiver has all others too.
func (h *hearing) handsOn(f *ssa.Function) bool {
	if slices.Contains(texts, f.Name()) || slices.Contains([]string{"Collect", "Describe", "Gather"}, f.Name()) {
		return false
	}
	return slices.ContainsFunc(h.interfaces, func(t *types.TypeName) bool {
		obj, _, _ := types.LookupFieldOrMethod(t.Type(), false, nil, f.Name())
		_, is := obj.(*types.Func)
		return is && hasMethods(f.Signature.Recv().Type(), t.Type())
	})
}

// givesAny looks at all that a call is given.
func (h *hearing) givesAny(cc *ssa.CallCommon) bool {
	args := cc.Args
	if !cc.IsInvoke() && cc.Signature().Recv() != nil {
		args = args[1:]
	}
	params := cc.Signature().Params()
	for i := range min(len(args), params.Len()) {
		to := params.At(i).Type()
		several, ok := args[i].(*ssa.Slice)
		if s, isSlice := to.(*types.Slice); ok && isSlice {
			if al, ok := several.X.(*ssa.Alloc); ok && al.Comment == "varargs" {
				if slices.ContainsFunc(storesBelow(al), func(st *ssa.Store) bool { return h.gives(s.Elem(), st.Val) }) {
					return true
				}
				continue
			}
		}
		if h.gives(to, args[i]) {
			return true
		}
	}
	return false
}

// gives reports whether a value that a logger is given as one of type to runs code whose writes are
// read.
func (h *hearing) gives(to types.Type, v ssa.Value) bool {
	_, function := to.Underlying().(*types.Signature)
	if !function {
		obj, _, _ := types.LookupFieldOrMethod(to, false, nil, "Write")
		if _, writer := obj.(*types.Func); !writer || !types.IsInterface(to) {
			return false
		}
	}
	switch x := v.(type) {
	case *ssa.Const:
		return false
	case *ssa.ChangeType:
		return h.gives(to, x.X)
	case *ssa.ChangeInterface:
		return h.gives(to, x.X)
	case *ssa.Function:
		return len(x.Blocks) > 0 && h.j.wrote(x).isRead()
	case *ssa.MakeClosure:
		return h.j.wrote(x.Fn.(*ssa.Function)).isRead()
	case *ssa.MakeInterface:
		if c, ok := x.X.(*ssa.Call); ok && c.Call.StaticCallee() != nil && len(c.Call.StaticCallee().Blocks) == 0 && h.givesAny(&c.Call) {
			return true // it may write to another
		}
		return h.keepsLines(x.X) || h.mayWrite(x.X.Type(), false)
	case *ssa.Call:
		if f := x.Call.StaticCallee(); f != nil && len(f.Blocks) == 0 {
			return h.givesAny(&x.Call)
		}
	}
	return function || h.pipes() || h.mayWrite(to, true)
}

// mayWrite reports whether Write of a type, or of one that goes into it, writes what is read.
func (h *hearing) mayWrite(t types.Type, any bool) bool {
	obj, _, _ := types.LookupFieldOrMethod(t, true, nil, "Write")
	m, _ := obj.(*types.Func)
	for _, f := range h.j.program {
		if f.Name() != "Write" || f.Signature.Recv() == nil {
			continue
		}
		g, ok := f.Object().(*types.Func)
		is := ok && m != nil && g.FullName() == m.Origin().FullName()
		if (is || any && !h.j.inTest(f) && hasMethods(f.Signature.Recv().Type(), t)) && h.j.wrote(f).isRead() {
			return true
		}
	}
	return false
}
