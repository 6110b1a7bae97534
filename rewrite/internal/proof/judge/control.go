package judge

import (
	"iter"

	"golang.org/x/tools/go/ssa"
)

// tree yields a function and the literals in it.
func tree(f *ssa.Function) iter.Seq[*ssa.Function] {
	return func(yield func(*ssa.Function) bool) {
		var walk func(f *ssa.Function) bool
		walk = func(f *ssa.Function) bool {
			if !yield(f) {
				return false
			}
			for _, a := range f.AnonFuncs {
				if !walk(a) {
					return false
				}
			}
			return true
		}
		walk(f)
	}
}

// blocks yields the blocks of a function and of the literals in it.
func blocks(f *ssa.Function) iter.Seq[*ssa.BasicBlock] {
	return func(yield func(*ssa.BasicBlock) bool) {
		for g := range tree(f) {
			for _, b := range g.Blocks {
				if !yield(b) {
					return
				}
			}
		}
	}
}

func instructions(f *ssa.Function) iter.Seq[ssa.Instruction] {
	return func(yield func(ssa.Instruction) bool) {
		for b := range blocks(f) {
			for _, in := range b.Instrs {
				if !yield(in) {
					return
				}
			}
		}
	}
}

// index returns the place of an instruction in its block.
func index(in ssa.Instruction) int {
	for i, x := range in.Block().Instrs {
		if x == in {
			return i
		}
	}
	panic("an instruction is not in its block")
}

// reaches reports whether control may get from the first block to the second one, by at least
// one edge.
func reaches(from, to *ssa.BasicBlock) bool {
	seen := map[*ssa.BasicBlock]bool{}
	todo := []*ssa.BasicBlock{from}
	for len(todo) > 0 {
		b := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, s := range b.Succs {
			if s == to {
				return true
			}
			if !seen[s] {
				seen[s] = true
				todo = append(todo, s)
			}
		}
	}
	return false
}

// cycle returns the blocks of the innermost loop around b; none if there is none.
func cycle(b *ssa.BasicBlock) map[*ssa.BasicBlock]bool {
	var best map[*ssa.BasicBlock]bool
	for _, head := range b.Parent().Blocks {
		if !head.Dominates(b) {
			continue
		}
		body := map[*ssa.BasicBlock]bool{head: true}
		var back func(x *ssa.BasicBlock)
		back = func(x *ssa.BasicBlock) {
			if !body[x] {
				body[x] = true
				for _, p := range x.Preds {
					back(p)
				}
			}
		}
		round := false
		for _, p := range head.Preds {
			if head.Dominates(p) {
				round = true
				back(p)
			}
		}
		if round && body[b] && (best == nil || len(body) < len(best)) {
			best = body
		}
	}
	return best
}

// meets reports whether something is found on a way from an instruction on, before that way is over.
func meets(from ssa.Instruction, look func(ssa.Instruction) (found, over bool)) bool {
	seen := map[*ssa.BasicBlock]bool{}
	var run func(list []ssa.Instruction, succs []*ssa.BasicBlock) bool
	run = func(list []ssa.Instruction, succs []*ssa.BasicBlock) bool {
		for _, in := range list {
			if found, over := look(in); found || over {
				return found
			}
		}
		for _, s := range succs {
			if !seen[s] {
				seen[s] = true
				if run(s.Instrs, s.Succs) {
					return true
				}
			}
		}
		return false
	}
	b := from.Block()
	return run(b.Instrs[index(from)+1:], b.Succs)
}

func last(b *ssa.BasicBlock) ssa.Instruction { return b.Instrs[len(b.Instrs)-1] }
