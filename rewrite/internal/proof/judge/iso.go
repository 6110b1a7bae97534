package judge

import (
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// A version is one function, before or after the edit, without what belongs to the helper's
// clocks.
type version struct {
	j    *Judge
	drop map[ssa.Instruction]bool
	// alias maps what is left out to what it stands for.
	alias map[ssa.Value]ssa.Value
	empty map[*ssa.BasicBlock]bool
}

// newVersion leaves the receivers of the helper's clocks out, and the waits in inserted.
func (j *Judge) newVersion(f *ssa.Function, inserted map[ssa.Instruction]bool) *version {
	v := &version{j: j, drop: map[ssa.Instruction]bool{}, alias: map[ssa.Value]ssa.Value{}, empty: map[*ssa.BasicBlock]bool{}}
	for in := range instructions(f) {
		switch in := in.(type) {
		case *ssa.DebugRef:
			v.drop[in] = true
		case ssa.CallInstruction:
			if j.clock(in) != nil {
				if inserted[in] {
					v.drop[in] = true
				}
				v.leave(in, in.Common().Args[0])
			}
		case *ssa.UnOp: // the time.Timer, or the client's mutex, in the helper's
			a, ok := in.X.(*ssa.FieldAddr)
			if !ok || in.Op != token.MUL {
				continue
			}
			for _, name := range []string{"Timer", "Mutex"} {
				if field(a).Name() == name && j.isHelper(a.X.Type(), name) {
					v.drop[in], v.drop[a], v.alias[in] = true, true, a.X
				}
			}
		}
	}
	for b := range blocks(f) {
		v.empty[b] = v.passes(b)
	}
	return v
}

// leave leaves out what serves nothing but by, or other things that are left out.
func (v *version) leave(by ssa.Instruction, val ssa.Value) {
	in, ok := val.(ssa.Instruction)
	if !ok {
		return
	}
	for _, r := range *val.Referrers() {
		if r != by && !v.drop[r] {
			return
		}
	}
	switch x := in.(type) {
	case *ssa.UnOp:
		if x.Op == token.MUL {
			v.drop[in] = true
			v.leave(in, x.X)
		}
	case *ssa.FieldAddr:
		v.drop[in] = true
		v.leave(in, x.X)
	case *ssa.Field:
		v.drop[in] = true
		v.leave(in, x.X)
	}
}

// passes reports whether a block does nothing: it has only a jump, and values that are joined
// again where that leads.
func (v *version) passes(b *ssa.BasicBlock) bool {
	if b == b.Parent().Blocks[0] || b == b.Parent().Recover {
		return false
	}
	for _, in := range b.Instrs {
		switch in := in.(type) {
		case *ssa.Jump:
		case *ssa.Phi:
			for _, r := range *in.Referrers() {
				if _, ok := r.(*ssa.Phi); !ok && !v.drop[r] {
					return false
				}
			}
		default:
			if !v.drop[in] {
				return false
			}
		}
	}
	return true
}

// kept returns what a block does, without the values that are joined at its head.
func (v *version) kept(b *ssa.BasicBlock) (out []ssa.Instruction) {
	for _, in := range b.Instrs {
		if _, isPhi := in.(*ssa.Phi); !isPhi && !v.drop[in] {
			out = append(out, in)
		}
	}
	return out
}

func phis(b *ssa.BasicBlock) (out []*ssa.Phi) {
	for _, in := range b.Instrs {
		if p, ok := in.(*ssa.Phi); ok {
			out = append(out, p)
		}
	}
	return out
}

// follow goes along an edge to the next block that does something. joined is what the values
// of that block are on this way.
func (v *version) follow(b *ssa.BasicBlock, succ int) (to *ssa.BasicBlock, joined []ssa.Value) {
	vals := map[ssa.Value]ssa.Value{}
	at := func(p *ssa.Phi, pred int) ssa.Value {
		e := p.Edges[pred]
		if w, ok := vals[e]; ok {
			return w
		}
		return e
	}
	seen := map[*ssa.BasicBlock]bool{}
	for {
		to = b.Succs[succ]
		nth := 0
		for _, s := range b.Succs[:succ] {
			if s == to {
				nth++
			}
		}
		pred := -1
		for i, p := range to.Preds {
			if p == b {
				if nth == 0 {
					pred = i
					break
				}
				nth--
			}
		}
		next := map[ssa.Value]ssa.Value{}
		for _, p := range phis(to) {
			e := at(p, pred)
			joined = append(joined, e)
			next[p] = e
		}
		if !v.empty[to] || seen[to] {
			return to, joined
		}
		seen[to] = true
		joined = nil
		for p, e := range next {
			vals[p] = e
		}
		b, succ = to, 0
	}
}

// A match pairs two versions of a function.
type match struct {
	old, new *version
	blocks   map[*ssa.BasicBlock]*ssa.BasicBlock
	rev      map[*ssa.BasicBlock]*ssa.BasicBlock
	values   map[ssa.Value]ssa.Value // of the old one
	revs     map[ssa.Value]ssa.Value
	instrs   map[ssa.Instruction]ssa.Instruction // of the new one, to the old one
	pending  [][2]ssa.Value
	skip     *ssa.Function   // a literal of the old one that is judged otherwise
	bad      ssa.Instruction // the first old instruction that has no equal
}

// pair compares two functions with the literals in them.
func (m *match) pair(old, new *ssa.Function) bool {
	if len(old.Params) != len(new.Params) || len(old.AnonFuncs) != len(new.AnonFuncs) || len(old.Blocks) == 0 || len(new.Blocks) == 0 ||
		m.old.j.text(old.Signature) != m.old.j.text(new.Signature) || (old.Recover == nil) != (new.Recover == nil) {
		return false
	}
	for i, p := range old.Params {
		if !m.same(p, new.Params[i]) {
			return false
		}
	}
	if m.skip == old {
		return true
	}
	if !m.captured(old, new) || !m.block(old.Blocks[0], new.Blocks[0]) {
		return false
	}
	if old.Recover != nil && !m.block(old.Recover, new.Recover) {
		return false
	}
	for i, a := range old.AnonFuncs {
		if a != m.skip && !m.pair(a, new.AnonFuncs[i]) {
			return false
		}
	}
	return true
}

// captured pairs the variables that two literals capture: in the order of their names, since
// a clock may mention its mutex before anything else is.
func (m *match) captured(old, new *ssa.Function) bool {
	if len(old.FreeVars) != len(new.FreeVars) {
		return false
	}
	byName := func(f *ssa.Function) []*ssa.FreeVar {
		return slices.SortedStableFunc(slices.Values(f.FreeVars), func(a, b *ssa.FreeVar) int { return strings.Compare(a.Name(), b.Name()) })
	}
	a, b := byName(old), byName(new)
	for i := range a {
		if a[i].Name() != b[i].Name() || !m.same(a[i], b[i]) {
			return false
		}
	}
	return true
}

// same notes that two values are equal, if they may be.
func (m *match) same(old, new ssa.Value) bool {
	if a, ok := m.values[old]; ok {
		return a == new
	}
	if b, ok := m.revs[new]; ok {
		return b == old
	}
	if m.old.j.text(old.Type()) != m.old.j.text(new.Type()) {
		return false
	}
	m.values[old], m.revs[new] = new, old
	return true
}

func (m *match) block(old, new *ssa.BasicBlock) bool {
	if b, ok := m.blocks[old]; ok {
		return b == new
	}
	if _, ok := m.rev[new]; ok {
		return false
	}
	m.blocks[old], m.rev[new] = new, old
	a, b := m.old.kept(old), m.new.kept(new)
	pa, pb := phis(old), phis(new)
	for i, in := range a {
		if i >= len(b) || len(pa) != len(pb) || !m.instruction(in, b[i]) {
			m.bad = in
			return false
		}
	}
	if len(a) != len(b) {
		m.bad = old.Instrs[0]
		return false
	}
	for i := range pa {
		if !m.same(pa[i], pb[i]) {
			m.bad = pa[i]
			return false
		}
	}
	for i := range old.Succs {
		to, vo := m.old.follow(old, i)
		tn, vn := m.new.follow(new, i)
		if len(vo) != len(vn) || !m.block(to, tn) {
			return false
		}
		for k := range vo {
			m.pending = append(m.pending, [2]ssa.Value{vo[k], vn[k]})
		}
	}
	return true
}

func (m *match) instruction(old, new ssa.Instruction) bool {
	m.instrs[new] = old
	a, b := old.Operands(nil), new.Operands(nil)
	if c, ok := new.(ssa.CallInstruction); ok && m.new.j.clock(c) != nil {
		// the callee is the function of package time, and there is no receiver
		o, ok := old.(ssa.CallInstruction)
		if !ok || o.Common().StaticCallee() == nil || o.Common().StaticCallee().String() != "time."+m.new.j.clock(c).method {
			return false
		}
		a, b = a[1:], b[2:]
	}
	if !m.alike(old, new) || len(a) != len(b) {
		return false
	}
	if mo, ok := old.(*ssa.MakeClosure); ok {
		return m.closure(mo, new.(*ssa.MakeClosure))
	}
	for i := range a {
		switch {
		case *a[i] == nil || *b[i] == nil:
			if *a[i] != *b[i] {
				return false
			}
		default:
			m.pending = append(m.pending, [2]ssa.Value{*a[i], *b[i]})
		}
	}
	vo, ok := old.(ssa.Value)
	return !ok || m.same(vo, new.(ssa.Value))
}

// closure compares the bindings of two literals by the names of the variables.
func (m *match) closure(old, new *ssa.MakeClosure) bool {
	fo, fn := old.Fn.(*ssa.Function), new.Fn.(*ssa.Function)
	if !m.function(fo, fn) || len(fo.FreeVars) != len(fn.FreeVars) {
		return false
	}
	used := map[int]bool{}
	for i, v := range fo.FreeVars {
		k := slices.IndexFunc(fn.FreeVars, func(w *ssa.FreeVar) bool {
			return w.Name() == v.Name() && !used[slices.Index(fn.FreeVars, w)]
		})
		if k < 0 {
			return false
		}
		used[k] = true
		m.pending = append(m.pending, [2]ssa.Value{old.Bindings[i], new.Bindings[k]})
	}
	return m.same(old, new)
}

// function compares functions that are named.
func (m *match) function(old, new *ssa.Function) bool {
	if old.Parent() != nil || new.Parent() != nil {
		return old.Parent() != nil && new.Parent() != nil && slices.Index(old.Parent().AnonFuncs, old) == slices.Index(new.Parent().AnonFuncs, new)
	}
	return m.old.j.normal(old.String()) == m.old.j.normal(new.String())
}

// alike compares what two instructions are, but for their operands.
func (m *match) alike(old, new ssa.Instruction) bool {
	switch a := old.(type) {
	case *ssa.BinOp:
		b, ok := new.(*ssa.BinOp)
		return ok && a.Op == b.Op
	case *ssa.UnOp:
		b, ok := new.(*ssa.UnOp)
		return ok && a.Op == b.Op && a.CommaOk == b.CommaOk
	case *ssa.FieldAddr:
		b, ok := new.(*ssa.FieldAddr)
		return ok && field(a).Name() == field(b).Name()
	case *ssa.Field:
		b, ok := new.(*ssa.Field)
		return ok && a.Field == b.Field
	case *ssa.Extract:
		b, ok := new.(*ssa.Extract)
		return ok && a.Index == b.Index
	case *ssa.Alloc:
		b, ok := new.(*ssa.Alloc)
		return ok && a.Heap == b.Heap
	case *ssa.Lookup:
		b, ok := new.(*ssa.Lookup)
		return ok && a.CommaOk == b.CommaOk
	case *ssa.TypeAssert:
		b, ok := new.(*ssa.TypeAssert)
		return ok && a.CommaOk == b.CommaOk && m.old.j.text(a.AssertedType) == m.old.j.text(b.AssertedType)
	case *ssa.Next:
		b, ok := new.(*ssa.Next)
		return ok && a.IsString == b.IsString
	case *ssa.Select:
		b, ok := new.(*ssa.Select)
		if !ok || a.Blocking != b.Blocking || len(a.States) != len(b.States) {
			return false
		}
		for i, s := range a.States {
			if s.Dir != b.States[i].Dir {
				return false
			}
		}
		return true
	case ssa.CallInstruction:
		b, ok := new.(ssa.CallInstruction)
		return ok && kindOf(a) == kindOf(b) && a.Common().IsInvoke() == b.Common().IsInvoke() &&
			(!a.Common().IsInvoke() || a.Common().Method.Name() == b.Common().Method.Name())
	}
	return kindOf(old) == kindOf(new)
}

// settle compares the operands, now that all values are paired.
func (m *match) settle() bool {
	for _, p := range m.pending {
		if !m.equal(p[0], p[1]) {
			if in, ok := p[0].(ssa.Instruction); ok {
				m.bad = in
			}
			return false
		}
	}
	return true
}

func (m *match) equal(old, new ssa.Value) bool {
	if v, ok := m.new.alias[new]; ok {
		new = v
	}
	switch a := old.(type) {
	case *ssa.Const:
		b, ok := new.(*ssa.Const)
		return ok && m.old.j.text(a.Type()) == m.old.j.text(b.Type()) && a.String() == m.old.j.normal(b.String()) ||
			ok && a.Value == nil && b.Value == nil && m.old.j.text(a.Type()) == m.old.j.text(b.Type())
	case *ssa.Global:
		b, ok := new.(*ssa.Global)
		return ok && m.old.j.normal(a.String()) == m.old.j.normal(b.String())
	case *ssa.Function:
		b, ok := new.(*ssa.Function)
		return ok && m.function(a, b)
	case *ssa.Builtin:
		b, ok := new.(*ssa.Builtin)
		return ok && a.Name() == b.Name()
	}
	return m.values[old] == new && new != nil
}

func (j *Judge) newMatch(old, new *ssa.Function, inserted map[ssa.Instruction]bool) *match {
	return &match{
		old: j.newVersion(old, nil), new: j.newVersion(new, inserted),
		blocks: map[*ssa.BasicBlock]*ssa.BasicBlock{}, rev: map[*ssa.BasicBlock]*ssa.BasicBlock{},
		values: map[ssa.Value]ssa.Value{}, revs: map[ssa.Value]ssa.Value{}, instrs: map[ssa.Instruction]ssa.Instruction{},
	}
}

// isomorphic pairs the function of a gate with what it was. It returns nil and an
// instruction near the difference where they are not the same.
func (j *Judge) isomorphic(old, new *ssa.Function) (*match, map[ssa.Instruction]bool, ssa.Instruction) {
	var sleeps []ssa.Instruction
	for in := range instructions(new) {
		if c, ok := in.(ssa.CallInstruction); ok && j.clock(c) != nil && j.clock(c).kind == asleep {
			sleeps = append(sleeps, in)
		}
	}
	if len(sleeps) > maxWaits {
		sleeps = sleeps[:maxWaits]
	}
	var bad ssa.Instruction
	for subset := range 1 << len(sleeps) {
		inserted := map[ssa.Instruction]bool{}
		for i, s := range sleeps {
			if subset&(1<<i) != 0 {
				inserted[s] = true
			}
		}
		m := j.newMatch(old, new, inserted)
		if m.pair(old, new) && m.settle() {
			return m, inserted, nil
		}
		if bad == nil {
			bad = m.bad
		}
	}
	return nil, nil, bad
}

// maxWaits is how many waits of one function may be new ones.
const maxWaits = 6

// text is a type without regard to the swap of the helper's types for the client's.
func (j *Judge) text(t types.Type) string { return j.normal(types.TypeString(t, nil)) }

func (j *Judge) normal(s string) string {
	s = strings.ReplaceAll(s, j.helper+".Mutex", j.client+".Mutex")
	s = strings.ReplaceAll(s, j.helper+".NewMutex", j.client+".NewMutex")
	s = strings.ReplaceAll(s, j.helper+".Ticker", "time.Ticker")
	return strings.ReplaceAll(s, j.helper+".Timer", "time.Timer")
}
