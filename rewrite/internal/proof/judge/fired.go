package judge

import (
	"go/token"

	"golang.org/x/tools/go/ssa"
)

// A fired is what follows in a round when a clock has fired, until the next try.
type fired struct {
	*loop
	branch *ssa.If // that leads to the case of a select, if its condition holds; nil for another wait
	behind map[*ssa.BasicBlock]bool
}

// ends reports whether the loop may end because the i-th case of a select was taken: the clock
// fires early, and nobody must take that for the end of the interval.
func (l *loop) ends(s *ssa.Select, i int) bool {
	branch := chosen(s, i)
	if branch == nil || !l.blocks[branch.Block().Succs[0]] {
		return true
	}
	f := &fired{loop: l, branch: branch, behind: map[*ssa.BasicBlock]bool{}}
	to := branch.Block().Succs[0]
	f.reach(to)
	known := facts{}
	for _, p := range phis(to) {
		for k, pred := range to.Preds {
			if v := (&round{loop: l}).eval(nil, p.Edges[k]); pred == branch.Block() && v != "" {
				known[p] = v
			}
		}
	}
	return f.leads(&node{block: to}, 0, known)
}

// over reports whether the loop ends behind a wait, as long as no context has ended.
func (l *loop) over(wait ssa.Instruction) bool {
	f := &fired{loop: l}
	return f.leads(&node{block: wait.Block()}, index(wait)+1, facts{})
}

// leads reports whether the loop may end on the ways from a place on.
func (f *fired) leads(start *node, i int, known facts) bool {
	r := &round{loop: f.loop, nodes: map[string]*node{"start": start}, alive: true}
	if !r.run(start, i, known) {
		return true
	}
	for _, n := range r.nodes {
		branch, ok := last(n.block).(*ssa.If)
		if !ok || n.left || !f.blocks[n.block] || !f.leaves(branch) {
			continue
		}
		switch {
		case polls(branch) && f.blocks[n.block.Succs[0]]: // it ends since nothing has come yet
			return true
		case n.cond == "true" && f.blocks[n.block.Succs[0]], n.cond == "false" && f.blocks[n.block.Succs[1]]:
		case n.cond != "", f.tells(branch.Cond):
			return true
		}
	}
	return false
}

// polls reports whether a condition is the last one on a select that does not wait: if it does not hold, nothing was ready.
func polls(branch *ssa.If) bool {
	cmp, ok := branch.Cond.(*ssa.BinOp)
	if !ok || cmp.Op != token.EQL {
		return false
	}
	e, ok := cmp.X.(*ssa.Extract)
	if !ok || e.Index != 0 {
		return false
	}
	s, ok := e.Tuple.(*ssa.Select)
	return ok && !s.Blocking
}

// reach notes the blocks that may come behind the case, until the next try.
func (f *fired) reach(b *ssa.BasicBlock) {
	if f.behind[b] || !f.blocks[b] {
		return
	}
	f.behind[b] = true
	if b == f.try.Block() {
		return
	}
	for _, s := range b.Succs {
		f.reach(s)
	}
}

// fromCase reports whether an edge is taken behind the case.
func (f *fired) fromCase(from, to *ssa.BasicBlock) bool {
	return f.behind[from] || from == f.branch.Block() && to == from.Succs[0]
}

// tells reports whether a value says which case was taken.
func (f *fired) tells(v ssa.Value) bool {
	if f.branch == nil {
		return false
	}
	for _, in := range f.within(v) {
		switch x := in.(type) {
		case *ssa.Phi:
			here, elsewhere := false, false
			for _, p := range x.Block().Preds {
				if f.blocks[p] {
					here = here || f.fromCase(p, x.Block())
					elsewhere = elsewhere || !f.fromCase(p, x.Block())
				}
			}
			if here && elsewhere {
				return true
			}
		case *ssa.UnOp:
			for _, s := range f.stores { // in this case, or in another one
				if (s.Block() != f.try.Block() || index(s) < index(f.try)) && (sameAddress(s.Addr, x.X) || mayAlias(s.Addr, x.X)) {
					return true
				}
			}
		}
	}
	return false
}
