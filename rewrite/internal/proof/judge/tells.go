package judge

import (
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// asked are the methods that package fmt and loggers call of what they are given.
var asked = map[string]bool{"String": true, "GoString": true, "Error": true, "Format": true, "LogValue": true, "MarshalText": true, "MarshalJSON": true}

// changing returns the methods in asked that some type of the program has, and that write what
// others may read: one that counts how often it is asked, say. They are there by their full name
// and by their name.
func (j *Judge) changing() map[string]bool {
	if j.changes != nil {
		return j.changes
	}
	j.changes = map[string]bool{}
	for _, f := range j.program {
		if f.Signature.Recv() != nil && asked[f.Name()] && writes(f, map[*ssa.Function]bool{}) {
			j.changes[f.Name()] = true
			if m, ok := f.Object().(*types.Func); ok {
				j.changes[m.FullName()] = true
			}
		}
	}
	return j.changes
}

// writes reports whether a function, or one of the program that it calls, writes to what it has
// not made.
func writes(f *ssa.Function, seen map[*ssa.Function]bool) bool {
	if seen[f] {
		return false
	}
	seen[f] = true
	for in := range instructions(f) {
		switch in := in.(type) {
		case *ssa.Store:
			if _, own := root(in.Addr).(*ssa.Alloc); !own {
				return true
			}
		case *ssa.MapUpdate, *ssa.Send:
			return true
		case ssa.CallInstruction:
			path, name, _ := callee(in.Common())
			if path == "sync/atomic" && !strings.HasPrefix(name, "Load") {
				return true
			}
			if g := in.Common().StaticCallee(); g != nil && writes(g, seen) {
				return true
			}
		}
	}
	return false
}

// asks reports whether a call that prints or logs may call such a method.
func (j *Judge) asks(c *ssa.CallCommon) bool {
	return len(j.changing()) > 0 && slices.ContainsFunc(c.Args, j.mayTell)
}

// mayTell reports whether an argument, or one of several, may have such a method.
func (j *Judge) mayTell(v ssa.Value) bool {
	switch x := v.(type) {
	case *ssa.MakeInterface:
		for name := range asked {
			obj, _, _ := types.LookupFieldOrMethod(x.X.Type(), true, nil, name)
			if m, ok := obj.(*types.Func); ok && j.changing()[m.FullName()] {
				return true
			}
		}
		return false
	case *ssa.ChangeInterface:
		return j.mayTell(x.X)
	case *ssa.Slice:
		if al, ok := x.X.(*ssa.Alloc); ok && al.Comment == "varargs" {
			return slices.ContainsFunc(storesBelow(al), func(s *ssa.Store) bool { return j.mayTell(s.Val) })
		}
	case *ssa.Const:
		return false
	}
	switch u := v.Type().Underlying().(type) {
	case *types.Interface:
		return u.NumMethods() == 0 || slices.ContainsFunc(slices.Collect(u.Methods()), func(m *types.Func) bool { return j.changing()[m.Name()] })
	case *types.Slice:
		_, any := u.Elem().Underlying().(*types.Interface)
		return any
	}
	return false
}
