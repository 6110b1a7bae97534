package flow

import (
	"go/ast"
	"go/types"
	"slices"

	"etcdmod/rewrite/internal/source"
)

// Comparisons.
//
// To compare two interfaces is to compare types first. Two mutexes are different whatever their types are, but for
// those that are nil: so what may be compared changes together, or not at all. A struct or an array that has
// interfaces in it is compared by these, and it may be in an interface itself.

// equal is what a program compares.
type equal struct {
	equated []*types.Interface // whose values are compared with one another
	inside  []composite        // what is in interfaces, and has some
	given   []types.Type       // what is no interface, and is given to a function that compares
}

// A composite is a type whose values are compared by the interfaces in them.
type composite struct {
	t     types.Type
	parts []*types.Interface
}

// comparing are functions of other modules that compare what they are given in interfaces, or look whether it has
// the type of what came before: how many of their arguments, from which one on.
var comparing = map[string]map[string][2]int{
	"context": {"WithValue": {1, 1}, "Value": {0, 1}},
	"errors":  {"Is": {0, 2}},
	"sync": {
		"Store": {0, 1}, "LoadOrStore": {0, 1}, "Swap": {0, 1}, "Load": {0, 1}, "LoadAndDelete": {0, 1}, "Delete": {0, 1},
		"CompareAndSwap": {0, 2}, "CompareAndDelete": {0, 2},
	},
	"sync/atomic":                         {"Store": {0, 1}, "Swap": {0, 1}, "CompareAndSwap": {0, 2}},
	"github.com/stretchr/testify/assert":  {"Same": {1, 2}, "NotSame": {1, 2}, "Samef": {1, 2}, "NotSamef": {1, 2}},
	"github.com/stretchr/testify/require": {"Same": {1, 2}, "NotSame": {1, 2}, "Samef": {1, 2}, "NotSamef": {1, 2}},
}

// equates notes that values of type t are compared with one another.
func (e *equal) equates(t types.Type) {
	if isTypeParam(t) {
		return
	}
	e.equated = append(e.equated, interfacesOf(t)...)
}

// called notes a call of a function that compares what it is given.
func (e *equal) called(f *source.File, n *ast.CallExpr) {
	fn, ok := f.Callee(n).(*types.Func)
	if !ok || fn.Pkg() == nil {
		return
	}
	args, ok := comparing[fn.Pkg().Path()][fn.Name()]
	for i := args[0]; ok && i < args[0]+args[1] && i < len(n.Args); i++ {
		if t := f.TypeOf(n.Args[i]); t != nil && isTypeParam(t) {
			e.equates(anything)
		} else if t != nil {
			e.equates(t)
			e.given = append(e.given, t)
		}
	}
}

// composed notes a value that is in an interface.
func (e *equal) composed(t types.Type) {
	if types.IsInterface(t) {
		return
	}
	if parts := interfacesOf(t); len(parts) > 0 && types.Comparable(t) {
		e.inside = append(e.inside, composite{t, parts})
	}
}

// interfacesOf returns the interfaces by which values of type t are compared.
func interfacesOf(t types.Type) (out []*types.Interface) {
	switch u := source.Under(t).(type) {
	case *types.Interface:
		if !isTypeParam(t) {
			out = append(out, u)
		}
	case *types.Array:
		out = interfacesOf(u.Elem())
	case *types.Struct:
		for v := range u.Fields() {
			out = append(out, interfacesOf(v.Type())...)
		}
	}
	return out
}

// compares reports whether two interfaces with mutexes in them may be compared. raised are those that have methods
// and come into one that has none.
func (e *equal) compares(mutex types.Type, raised []*types.Interface) bool {
	if mutex == nil {
		return false
	}
	kept := slices.ContainsFunc(raised, func(i *types.Interface) bool { return has(mutex, i) })
	holds := func(i *types.Interface) bool { return has(mutex, i) && (kept || i.NumMethods() > 0) }
	if slices.ContainsFunc(e.equated, holds) {
		return true
	}
	return slices.ContainsFunc(e.inside, func(c composite) bool {
		return slices.ContainsFunc(c.parts, holds) && slices.ContainsFunc(e.equated, func(i *types.Interface) bool { return has(c.t, i) })
	})
}

// panics reports whether a value of type t may be compared, which panics, as it cannot be. The mutexes that its type
// parameters stand for can.
func (e *equal) panics(t types.Type) bool {
	if !uncomparable(t) {
		return false
	}
	return slices.ContainsFunc(e.equated, func(i *types.Interface) bool { return has(t, i) }) ||
		slices.ContainsFunc(e.given, func(g types.Type) bool { return types.Identical(g, t) })
}

func uncomparable(t types.Type) bool {
	switch u := source.Under(t).(type) {
	case *types.Slice, *types.Map, *types.Signature:
		return true
	case *types.Array:
		return uncomparable(u.Elem())
	case *types.Struct:
		for v := range u.Fields() {
			if uncomparable(v.Type()) {
				return true
			}
		}
	}
	return false
}
