package judge

import (
	"go/types"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// These are the methods that package fmt and loggers call of what they are given, those that package
// errors does, and those of a context.
var (
	printed = []string{"String", "GoString", "Error", "Format"}
	texts   = []string{
		"String", "GoString", "Error", "Format", "LogValue", "MarshalText", "MarshalJSON", "MarshalLog",
		"MarshalLogObject", "MarshalLogArray", "MarshalZerologObject", "MarshalZerologArray",
	}
	ofErrors   = []string{"Is", "As", "Unwrap"}
	ofContexts = []string{"Err", "Done", "Deadline", "Value"}
)

// changing returns such methods of types of the program that write what they have not made: one
// that counts how often it is asked, say.
func (j *Judge) changing() []*ssa.Function {
	if j.changes == nil {
		j.changes = []*ssa.Function{}
		for _, f := range j.program {
			if f.Signature.Recv() != nil && slices.Contains(slices.Concat(texts, ofErrors, ofContexts), f.Name()) && j.wrote(f).anything() {
				j.changes = append(j.changes, f)
			}
		}
	}
	return j.changes
}

// asks reports whether a call may call such a method of what it is given.
func (j *Judge) asks(args []ssa.Value, names []string) bool {
	return len(j.changing()) > 0 && slices.ContainsFunc(args, func(v ssa.Value) bool { return j.mayTell(v, names) })
}

// mayTell reports whether an argument, or one of several, may have such a method.
func (j *Judge) mayTell(v ssa.Value, names []string) bool {
	switch x := v.(type) {
	case *ssa.MakeInterface:
		return j.has(x.X.Type(), names, nil)
	case *ssa.ChangeInterface:
		return j.mayTell(x.X, names)
	case *ssa.Slice:
		if al, ok := x.X.(*ssa.Alloc); ok && al.Comment == "varargs" {
			return slices.ContainsFunc(storesBelow(al), func(s *ssa.Store) bool { return j.mayTell(s.Val, names) })
		}
	case *ssa.Const:
		return false
	}
	return j.has(v.Type(), names, nil)
}

// has reports whether a value of a type may have such a method, or hold one that has.
func (j *Judge) has(t types.Type, names []string, around []types.Type) bool {
	if slices.Contains(around, t) {
		return false
	}
	around = append(around, t)
	if types.IsInterface(t) {
		return slices.ContainsFunc(j.changing(), func(f *ssa.Function) bool {
			return slices.Contains(names, f.Name()) && hasMethods(f.Signature.Recv().Type(), t)
		})
	}
	for _, name := range names {
		obj, _, _ := types.LookupFieldOrMethod(t, true, nil, name)
		m, ok := obj.(*types.Func)
		if ok && slices.ContainsFunc(j.changing(), func(f *ssa.Function) bool {
			g, ok := f.Object().(*types.Func)
			return ok && g.FullName() == m.Origin().FullName()
		}) {
			return true
		}
	}
	if n, ok := types.Unalias(t).(*types.Named); ok && (n.Obj().Pkg() == nil || !j.ofProgram(n.Obj().Pkg().Path())) {
		return false
	}
	switch u := t.Underlying().(type) {
	case *types.Pointer:
		return j.has(u.Elem(), names, around)
	case *types.Slice:
		return j.has(u.Elem(), names, around)
	case *types.Array:
		return j.has(u.Elem(), names, around)
	case *types.Map:
		return j.has(u.Key(), names, around) || j.has(u.Elem(), names, around)
	case *types.Struct:
		for v := range u.Fields() {
			if v.Exported() && j.has(v.Type(), names, around) {
				return true
			}
		}
	}
	return false
}

// ofProgram reports whether the program has functions of the package of that path.
func (j *Judge) ofProgram(path string) bool {
	return slices.ContainsFunc(j.program, func(f *ssa.Function) bool { return f.Pkg != nil && f.Pkg.Pkg.Path() == path })
}

// counts reports whether a context may be one of the program's own that writes something when it is
// asked.
func (j *Judge) counts(ctx ssa.Value, depth int) bool {
	if len(j.changing()) == 0 || depth > 5 {
		return len(j.changing()) > 0
	}
	switch x := ctx.(type) {
	case *ssa.Extract:
		return j.counts(x.Tuple, depth)
	case *ssa.Call:
		path, _, _ := callee(&x.Call)
		if path == "context" && !x.Call.IsInvoke() {
			return len(x.Call.Args) > 0 && j.counts(x.Call.Args[0], depth+1)
		}
	case *ssa.Phi:
		return slices.ContainsFunc(x.Edges, func(e ssa.Value) bool { return j.counts(e, depth+1) })
	}
	return j.mayTell(ctx, ofContexts)
}
