package flow

import (
	"cmp"
	"fmt"
	"go/types"
	"slices"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/source"
)

// Interfaces abroad.
//
// An interface with methods asks nobody for types as long as nobody asserts. Code without types that is given one,
// in another module of the repository or in a file that this build leaves out, may do that, print it, or hand it to
// those who do, wherever they are: all it may do is to call its methods.

// A lender is a declaration by which other code may be given such an interface.
type lender struct {
	name     string
	declared declared
}

// abroad refuses what is in interfaces with methods where such code does more with one than to call its methods.
func (f unread) abroad() {
	if len(f.besides)+len(f.ignored) == 0 || f.mutex == nil || len(f.boxes.from) == 0 {
		return
	}
	exported, all := newDeclared(), newDeclared()
	var lenders []lender
	names := map[string]map[string]bool{}
	for _, file := range f.p.Files {
		open := f.p.Importable(file) || f.p.MaybePlugin(file)
		clause, owners := clause(file.Name, file.Syntax), owners(file.Syntax)
		for id, obj := range file.Pkg.TypesInfo.Defs {
			if obj == nil || f.p.FileAt(id.Pos()) != file || isLocal(obj) {
				continue
			}
			one := newDeclared()
			if !f.lends(one, file, obj) {
				continue
			}
			if names[clause] == nil {
				names[clause] = map[string]bool{}
			}
			names[clause][obj.Name()] = true
			f.lends(all, file, obj)
			if open && obj.Exported() {
				f.lends(exported, file, obj)
				lenders = append(lenders, lender{owners[id] + obj.Name() + " of package " + file.Pkg.PkgPath, one})
			}
		}
	}
	const what, looking = "what is in such an interface", ", which may look at its type"
	for _, u := range f.ignored {
		if u.takes(names[u.clause]) || u.uses(f.p.In.ModulePath) && all.hands([]unreadUser{u}, unbuilt) != "" {
			f.lent(what + " goes to code of " + f.p.Rel(u.name) + ", which this build leaves out" + looking)
		}
	}
	in, who := f.handed(exported, f.besides)
	if who == "" {
		return
	}
	by := what
	lenders = slices.DeleteFunc(lenders, func(l lender) bool {
		_, found := f.handed(l.declared, in)
		return found == ""
	})
	if len(lenders) > 0 {
		first := slices.MinFunc(lenders, func(a, b lender) int { return cmp.Compare(a.name, b.name) })
		by = fmt.Sprintf("%s, as %s has,", what, first.name)
	}
	f.lent(by + " goes to " + who + looking)
}

func (f unread) lent(why string) {
	for _, c := range f.boxes.from {
		f.refuse(c.n, finding.EscapesInterface, c.at, "%s", why)
	}
}

// lends takes a declaration by which other code may be given such an interface, and reports whether it is one. Who
// gives a function, or what has methods, may be called with one.
func (f unread) lends(d declared, file *source.File, obj types.Object) bool {
	finder := func() boxFinder {
		return boxFinder{newVisited(), newVisited(), func(i *types.Interface) bool { return i.NumMethods() > 0 && has(f.mutex, i) }, true}
	}
	gives := func(t types.Type) bool { return finder().gives(t) }
	takes := func(t types.Type) bool { return finder().takes(t) }
	switch obj := obj.(type) {
	case *types.Var:
		if !gives(obj.Type()) && !takes(obj.Type()) {
			return false
		}
		d.put(file, obj, named1, 0)
	case *types.Func:
		m := marks(obj.Signature().Results(), gives)
		if marks(obj.Signature().Params(), takes) != 0 {
			m |= always
		}
		if m == 0 {
			return false
		}
		d.put(file, obj, m, 0)
	default:
		return false
	}
	return true
}
