package flow

import (
	"go/types"

	"etcdmod/rewrite/internal/source"
)

// inName returns the methods with the mutex in their signatures that stand in the name of type t: those of
// interfaces that have no name of their own. carries reports whether a type has the mutex in it.
func inName(carries func(types.Type) bool, t types.Type) (out []types.Object) {
	for part := range source.Spelling(t) {
		if iface, ok := part.(*types.Interface); ok {
			for m := range iface.Methods() {
				if carries(m.Type()) {
					out = append(out, m)
				}
			}
		}
	}
	return out
}
