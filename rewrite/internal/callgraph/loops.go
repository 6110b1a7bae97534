package callgraph

import (
	"go/token"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// A Loop is a cycle of blocks with one entry.
type Loop struct {
	Head   *ssa.BasicBlock
	Blocks map[*ssa.BasicBlock]bool
}

// Loops returns the loops of f that hold b, the innermost one first.
func (g *Graph) Loops(f *ssa.Function, b *ssa.BasicBlock) (out []*Loop) {
	all, known := g.loops[f]
	if !known {
		all = findLoops(f)
		g.loops[f] = all
	}
	for _, l := range all {
		if l.Blocks[b] {
			out = append(out, l)
		}
	}
	return out
}

// findLoops finds natural loops, those with the same head joined, smallest first.
func findLoops(f *ssa.Function) []*Loop {
	byHead := map[*ssa.BasicBlock]*Loop{}
	var out []*Loop
	for _, b := range f.Blocks {
		for _, head := range b.Succs {
			if !head.Dominates(b) {
				continue
			}
			l := byHead[head]
			if l == nil {
				l = &Loop{Head: head, Blocks: map[*ssa.BasicBlock]bool{head: true}}
				byHead[head] = l
				out = append(out, l)
			}
			for todo := []*ssa.BasicBlock{b}; len(todo) > 0; todo = todo[1:] {
				if !l.Blocks[todo[0]] {
					l.Blocks[todo[0]] = true
					todo = append(todo, todo[0].Preds...)
				}
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *Loop) int { return len(a.Blocks) - len(b.Blocks) })
	return out
}

// Has reports whether an instruction is in the loop.
func (l *Loop) Has(in ssa.Instruction) bool { return l.Blocks[in.Block()] }

// Calls returns the positions of the calls in the loop: other instructions have none, or
// one that lies elsewhere.
func (l *Loop) Calls() (out []token.Pos) {
	for b := range l.Blocks {
		for _, in := range b.Instrs {
			if c, ok := in.(ssa.CallInstruction); ok && c.Common().Pos().IsValid() {
				out = append(out, c.Common().Pos())
			}
		}
	}
	slices.Sort(out)
	return out
}
