package judge

import (
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// A memory says which fields and variables never change once others can see them. Another
// goroutine may write all else at every wait and in every call that is not known.
type memory struct {
	j *Judge
	// stores of each field and package variable, by key.
	stores map[string][]*ssa.Store
	// exposed are those whose address goes somewhere.
	exposed map[string]bool
	// whole are stores of whole structs and arrays, and what overwrites elements in place, with
	// the type that is written.
	whole []wholeStore
	// converted are the structs that pointers of other types may point to.
	converted map[string]bool
}

type wholeStore struct {
	at ssa.Instruction
	to ssa.Value
	t  types.Type
}

// fieldKey names a field by its struct, whatever program it is in.
func (j *Judge) fieldKey(a *ssa.FieldAddr) string {
	return j.structKey(a.X.Type().Underlying().(*types.Pointer).Elem()) + "." + field(a).Name()
}

func (j *Judge) structKey(t types.Type) string {
	if n, ok := types.Unalias(t).(*types.Named); ok {
		t = n.Origin() // all instances are one
		if n.Obj().Pkg() != nil {
			return n.Obj().Pkg().Path() + "." + n.Obj().Name()
		}
	}
	return j.text(t)
}

func (j *Judge) mem() *memory {
	if j.memory != nil {
		return j.memory
	}
	m := &memory{j: j, stores: map[string][]*ssa.Store{}, exposed: map[string]bool{}, converted: map[string]bool{}}
	for _, f := range j.program {
		for _, b := range f.Blocks {
			for _, in := range b.Instrs {
				m.note(in)
			}
		}
	}
	j.memory = m
	return m
}

func (m *memory) note(in ssa.Instruction) {
	switch in := in.(type) {
	case *ssa.FieldAddr:
		for _, r := range *in.Referrers() {
			switch r := r.(type) {
			case *ssa.UnOp, *ssa.FieldAddr, *ssa.IndexAddr, *ssa.DebugRef:
			case *ssa.Store:
				if r.Addr != ssa.Value(in) {
					m.exposed[m.j.fieldKey(in)] = true
				}
			default:
				m.exposed[m.j.fieldKey(in)] = true
			}
		}
	case *ssa.Store:
		switch a := in.Addr.(type) {
		case *ssa.FieldAddr:
			k := m.j.fieldKey(a)
			m.stores[k] = append(m.stores[k], in)
		case *ssa.Global:
			m.stores[a.String()] = append(m.stores[a.String()], in)
		}
		switch in.Val.Type().Underlying().(type) {
		case *types.Struct, *types.Array:
			m.whole = append(m.whole, wholeStore{in, in.Addr, in.Val.Type()})
		}
	case *ssa.ChangeType:
		if p, ok := in.Type().Underlying().(*types.Pointer); ok {
			m.converted[m.j.structKey(p.Elem())] = true
			m.converted[m.j.structKey(in.X.Type().Underlying().(*types.Pointer).Elem())] = true
		}
	case ssa.CallInstruction:
		b, ok := in.Common().Value.(*ssa.Builtin)
		if !ok {
			m.given(in)
			break
		}
		if len(in.Common().Args) == 0 {
			break
		}
		switch b.Name() {
		case "copy", "clear", "append":
			if s, ok := in.Common().Args[0].Type().Underlying().(*types.Slice); ok {
				m.whole = append(m.whole, wholeStore{in, nil, s.Elem()})
			}
		}
	}
	var space [10]*ssa.Value
	for _, op := range in.Operands(space[:0]) {
		g, ok := (*op).(*ssa.Global)
		if !ok {
			continue
		}
		switch r := in.(type) {
		case *ssa.UnOp, *ssa.FieldAddr, *ssa.IndexAddr, *ssa.DebugRef:
			continue
		case *ssa.Store:
			if r.Addr == ssa.Value(g) {
				continue
			}
		}
		m.exposed[g.String()] = true
	}
}

// given notes the slices that code outside the program may write to: sort.Slice moves what they hold.
func (m *memory) given(in ssa.CallInstruction) {
	if f := in.Common().StaticCallee(); f != nil && len(f.Blocks) > 0 {
		return
	}
	for _, a := range in.Common().Args {
		if b, ok := a.(*ssa.MakeInterface); ok {
			a = b.X
		}
		s, ok := a.Type().Underlying().(*types.Slice)
		if !ok {
			continue
		}
		switch s.Elem().Underlying().(type) {
		case *types.Struct, *types.Array:
			if m.j.effectOf(in) == unknown {
				m.whole = append(m.whole, wholeStore{in, nil, s.Elem()})
			}
		}
	}
}

// fixed reports whether what an address holds stays as it is as soon as more than the
// function that makes it can see it. The address may be one of the code after the edit.
func (m *memory) fixed(addr ssa.Value) (bool, token.Pos) {
	switch a := addr.(type) {
	case *ssa.FieldAddr:
		return m.fixedField(a)
	case *ssa.Global:
		k := a.String()
		if m.exposed[k] || m.j.partial && token.IsExported(a.Name()) {
			return false, token.NoPos
		}
		for _, s := range m.stores[k] {
			f := s.Parent()
			if f.Pkg == nil || f != f.Pkg.Func("init") && !strings.HasPrefix(f.Name(), "init#") || reaches(s.Block(), s.Block()) {
				return false, s.Pos()
			}
		}
		for _, w := range m.whole {
			if w.to != ssa.Value(nil) && root(w.to).String() == k && w.at.Parent().Name() != "init" {
				return false, w.at.Pos()
			}
		}
		return true, token.NoPos
	case *ssa.Alloc:
		return fixedVariable(a)
	case *ssa.FreeVar:
		v := boundTo(a)
		if v == nil {
			return false, token.NoPos
		}
		return m.fixed(v)
	case *ssa.IndexAddr:
		return false, token.NoPos
	}
	return false, token.NoPos
}

func (m *memory) fixedField(a *ssa.FieldAddr) (bool, token.Pos) {
	k, of := m.j.fieldKey(a), a.X.Type().Underlying().(*types.Pointer).Elem()
	if m.exposed[k] || m.converted[m.j.structKey(of)] || m.j.partial && token.IsExported(field(a).Name()) {
		return false, token.NoPos
	}
	for _, s := range m.stores[k] {
		if !isFresh(s, s.Addr) {
			return false, s.Pos()
		}
	}
	for _, w := range m.whole {
		if m.holds(w.t, m.j.structKey(of), nil) && (w.to == nil || !isFresh(w.at, w.to)) {
			return false, where(w.at)
		}
	}
	return true, token.NoPos
}

// holds reports whether a value of type t has a struct in it.
func (m *memory) holds(t types.Type, key string, seen []types.Type) bool {
	if slices.Contains(seen, t) {
		return false
	}
	if m.j.structKey(t) == key {
		return true
	}
	switch u := t.Underlying().(type) {
	case *types.Struct:
		for f := range u.Fields() {
			if m.holds(f.Type(), key, append(seen, t)) {
				return true
			}
		}
	case *types.Array:
		return m.holds(u.Elem(), key, append(seen, t))
	}
	return false
}

// isFresh reports whether a store writes to something that its function has made, and that
// nobody else can have seen by then.
func isFresh(at ssa.Instruction, addr ssa.Value) bool {
	al, ok := root(addr).(*ssa.Alloc)
	return ok && !seenBefore(al, at)
}

// seenBefore reports whether what is made by al may have been given away before at runs.
func seenBefore(al *ssa.Alloc, at ssa.Instruction) bool {
	gone := false
	var uses func(v ssa.Value)
	uses = func(v ssa.Value) {
		for _, r := range *v.Referrers() {
			switch x := r.(type) {
			case *ssa.DebugRef:
				continue
			case *ssa.FieldAddr:
				uses(x)
				continue
			case *ssa.IndexAddr:
				if x.X == v {
					uses(x)
					continue
				}
			case *ssa.UnOp:
				continue
			case *ssa.Store:
				if x.Addr == v {
					continue
				}
			}
			gone = gone || runsBefore(al, r, at)
		}
	}
	uses(al)
	return gone
}

// runsBefore reports whether in may run before at, on the same thing that is made by al: in a
// later round of a loop that makes it anew it is another one.
func runsBefore(al *ssa.Alloc, in, at ssa.Instruction) bool {
	if in.Block() == at.Block() && index(in) < index(at) {
		return true
	}
	seen := map[*ssa.BasicBlock]bool{al.Block(): true}
	if in.Block() == al.Block() && index(in) < index(al) {
		return false
	}
	todo := []*ssa.BasicBlock{in.Block()}
	for len(todo) > 0 {
		b := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, s := range b.Succs {
			if s == al.Block() && s == at.Block() && index(at) < index(al) {
				return true
			}
			if seen[s] {
				continue
			}
			if s == at.Block() {
				return true
			}
			seen[s] = true
			todo = append(todo, s)
		}
	}
	return false
}

// boundTo returns the variable that a literal has captured, if it is made in one place.
func boundTo(v *ssa.FreeVar) ssa.Value {
	f := v.Parent()
	i := slices.Index(f.FreeVars, v)
	var bound ssa.Value
	for in := range instructions(f.Parent()) {
		if mc, ok := in.(*ssa.MakeClosure); ok && mc.Fn == ssa.Value(f) {
			if bound != nil {
				return nil
			}
			bound = mc.Bindings[i]
		}
	}
	return bound
}

// fixedVariable reports whether a local variable keeps its value once a literal has captured
// it, or its address has gone anywhere.
func fixedVariable(al *ssa.Alloc) (bool, token.Pos) {
	for _, r := range *al.Referrers() {
		switch x := r.(type) {
		case *ssa.Store:
			if x.Addr != ssa.Value(al) || seenBefore(al, x) {
				return false, x.Pos()
			}
		case *ssa.UnOp, *ssa.DebugRef:
		case *ssa.MakeClosure:
			if at := writtenIn(x, al); at.IsValid() {
				return false, at
			}
		default:
			return false, r.Pos()
		}
	}
	return true, token.NoPos
}

// writtenIn returns where a literal, or one in it, does more than read a variable that it has
// captured.
func writtenIn(mc *ssa.MakeClosure, v ssa.Value) token.Pos {
	f := mc.Fn.(*ssa.Function)
	for i, b := range mc.Bindings {
		if b != v {
			continue
		}
		for _, r := range *f.FreeVars[i].Referrers() {
			switch x := r.(type) {
			case *ssa.UnOp, *ssa.DebugRef:
			case *ssa.MakeClosure:
				if at := writtenIn(x, f.FreeVars[i]); at.IsValid() {
					return at
				}
			default:
				return where(r)
			}
		}
	}
	return token.NoPos
}
