package judge

import (
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// A wrote is what a function, with those of the program that it calls, writes to what it has not
// made.
type wrote struct {
	j      *Judge
	seen   map[*ssa.Function]bool
	vars   map[token.Pos]bool  // fields and package variables, by where they are declared
	locals map[*ssa.Alloc]bool // of functions around
	more   bool                // what has no name, or something else that others may see
}

func (j *Judge) wrote(f *ssa.Function) *wrote {
	w := &wrote{j: j, seen: map[*ssa.Function]bool{}, vars: map[token.Pos]bool{}, locals: map[*ssa.Alloc]bool{}}
	w.walk(f)
	return w
}

func (w *wrote) anything() bool { return w.more || len(w.vars)+len(w.locals) > 0 }

// isRead reports whether others than the functions that write may read what they have written.
func (w *wrote) isRead() bool {
	if w.more {
		return true
	}
	for al := range w.locals {
		for _, r := range *al.Referrers() {
			switch x := r.(type) {
			case *ssa.DebugRef:
			case *ssa.Store:
				if x.Addr != ssa.Value(al) {
					return true
				}
			case *ssa.MakeClosure:
				if !w.seen[x.Fn.(*ssa.Function)] {
					return true
				}
			default:
				return true
			}
		}
	}
	if len(w.vars) == 0 {
		return false
	}
	for _, f := range w.j.program {
		if w.seen[f] {
			continue
		}
		for _, b := range f.Blocks {
			for _, in := range b.Instrs {
				if w.reads(in) {
					return true
				}
			}
		}
	}
	return false
}

func (w *wrote) reads(in ssa.Instruction) bool {
	switch x := in.(type) {
	case *ssa.FieldAddr:
		return w.vars[field(x).Origin().Pos()] && slices.ContainsFunc(*x.Referrers(), func(r ssa.Instruction) bool { return !storesTo(r, x) })
	case *ssa.Field:
		s, ok := x.X.Type().Underlying().(*types.Struct)
		return ok && w.vars[s.Field(x.Field).Origin().Pos()]
	}
	return slices.ContainsFunc(in.Operands(nil), func(op *ssa.Value) bool {
		g, ok := (*op).(*ssa.Global)
		return ok && w.vars[g.Pos()] && !storesTo(in, g)
	})
}

func storesTo(in ssa.Instruction, addr ssa.Value) bool {
	s, ok := in.(*ssa.Store)
	_, debug := in.(*ssa.DebugRef)
	return debug || ok && s.Addr == addr && s.Val != addr
}

func (w *wrote) walk(f *ssa.Function) {
	if w.seen[f] {
		return
	}
	for g := range tree(f) {
		w.seen[g] = true
	}
	for in := range instructions(f) {
		switch in := in.(type) {
		case *ssa.Store:
			w.to(in.Addr, f)
		case *ssa.MapUpdate:
			if _, made := in.Map.(*ssa.MakeMap); !made {
				w.more = true
			}
		case *ssa.Send, *ssa.Go:
			w.more = true
		case ssa.CallInstruction:
			w.call(in, f)
		}
	}
}

// to notes that what an address, or a pointer, leads to is written.
func (w *wrote) to(addr ssa.Value, f *ssa.Function) {
	switch from := root(addr).(type) {
	case *ssa.Alloc, *ssa.MakeSlice, *ssa.MakeMap, *ssa.Convert:
		return
	case *ssa.FreeVar:
		al, ok := boundTo(from).(*ssa.Alloc)
		switch {
		case ok && within(al.Parent(), f):
		case ok:
			w.locals[al] = true
		default:
			w.more = true
		}
		return
	}
	for {
		switch x := addr.(type) {
		case *ssa.FieldAddr:
			w.vars[field(x).Origin().Pos()] = true
			return
		case *ssa.Global:
			w.vars[x.Pos()] = true
			return
		case *ssa.IndexAddr:
			if _, array := x.X.Type().Underlying().(*types.Pointer); array {
				addr = x.X
				continue
			}
		}
		w.more = true
		return
	}
}

// within reports whether f is outer or a literal in it.
func within(f, outer *ssa.Function) bool {
	for ; f != nil; f = f.Parent() {
		if f == outer {
			return true
		}
	}
	return false
}

// keepers are packages whose values keep what they are given, by methods and functions that begin
// with those words.
var (
	keepers = []string{"sync/atomic", "sync", "bytes", "strings", "container/list", "container/ring", "expvar", "math/big"}
	words   = []string{"Add", "Store", "Swap", "CompareAnd", "Set", "Write", "Read", "Reset", "Push", "Insert", "Remove", "Delete", "LoadOr", "LoadAnd", "And", "Or", "Done"}
)

func (w *wrote) call(c ssa.CallInstruction, f *ssa.Function) {
	cc := c.Common()
	if b, ok := cc.Value.(*ssa.Builtin); ok {
		switch b.Name() {
		case "close":
			w.more = true
		case "delete", "clear", "copy":
			w.held(cc.Args[0], f)
		}
		return
	}
	if cc.IsInvoke() {
		for _, g := range w.j.program {
			if g.Name() == cc.Method.Name() && g.Signature.Recv() != nil && hasMethods(g.Signature.Recv().Type(), cc.Value.Type()) {
				w.walk(g)
			}
		}
		return
	}
	g := cc.StaticCallee()
	if g == nil {
		w.more = true
		return
	}
	if len(g.Blocks) > 0 {
		if !within(g, f) { // else it is looked at with f
			w.walk(g)
		}
		return
	}
	path, name, _ := callee(cc)
	if len(cc.Args) == 0 || !slices.Contains(keepers, path) || !slices.ContainsFunc(words, func(p string) bool { return strings.HasPrefix(name, p) }) {
		return
	}
	if _, pointer := cc.Args[0].Type().Underlying().(*types.Pointer); pointer {
		w.held(cc.Args[0], f)
	}
}

// held notes that what a value refers to is written: it is known by the field or the variable that the
// value was loaded from.
func (w *wrote) held(v ssa.Value, f *ssa.Function) {
	if u, ok := v.(*ssa.UnOp); ok && u.Op == token.MUL {
		v = u.X
	}
	w.to(v, f)
}

// hasMethods reports whether a value of a type, or a pointer to one, has the methods of an interface.
func hasMethods(typ, iface types.Type) bool {
	i, ok := iface.Underlying().(*types.Interface)
	if !ok {
		return false
	}
	if p, ok := types.Unalias(typ).(*types.Pointer); ok {
		typ = p.Elem()
	}
	for m := range i.Methods() {
		obj, _, _ := types.LookupFieldOrMethod(types.NewPointer(typ), true, m.Pkg(), m.Name())
		if has, is := obj.(*types.Func); !is || !alike(has.Signature().Params(), m.Signature().Params()) || !alike(has.Signature().Results(), m.Signature().Results()) {
			return false
		}
	}
	return true
}

// alike reports whether parameters are of the same types by name: packages that were edited have types
// of their own.
func alike(a, b *types.Tuple) bool {
	if a.Len() != b.Len() {
		return false
	}
	for i := range a.Len() {
		if types.TypeString(a.At(i).Type(), nil) != types.TypeString(b.At(i).Type(), nil) {
			return false
		}
	}
	return true
}
