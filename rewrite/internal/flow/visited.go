package flow

import (
	"go/types"

	"golang.org/x/tools/go/types/typeutil"

	"etcdmod/rewrite/internal/source"
)

// A visited is a set of types that a walk has been at. What is instantiated has a value of go/types
// for each way that leads to it, so instances are one if they are identical. A walk that goes by the
// values does not come to an end where generic types name each other.
type visited struct {
	types     map[types.Type]bool
	instances typeutil.Map
}

func newVisited() *visited { return &visited{types: map[types.Type]bool{}} }

// first reports whether t is not in the set yet, and puts it there.
func (v *visited) first(t types.Type) bool {
	if t == nil || v.types[t] {
		return false
	}
	v.types[t] = true
	named, ok := t.(*types.Named)
	if !ok || named.TypeArgs().Len() == 0 {
		return true
	}
	return nested(t) <= deepest && v.instances.Set(t, true) == nil
}

// deepest is how deep the arguments of an instance may be where a walk still follows. A type that has itself
// in it with ever deeper arguments is an error ("instantiation cycle"), and go/types gives it nevertheless.
const deepest = 100

// nested tells how deep a type is, as it would be written.
func nested(t types.Type) (depth int) {
	for part := range source.Components(t) {
		depth = max(depth, 1+nested(part))
	}
	return depth
}
