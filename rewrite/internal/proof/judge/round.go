package judge

import (
	"fmt"
	"go/constant"
	"go/token"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// An outcome is what came of a try.
type outcome string

// What came of a try, which is also what its error is in that case.
const (
	won    outcome = "nil"
	locked outcome = "locked" // ErrLocked
	failed outcome = "failed" // another error
)

// A round is what may happen between a try that had one outcome and the next one.
type round struct {
	*loop

	nodes map[string]*node
	again []*node // in which the next try comes
	alive bool    // no context has ended
}

// A node is a block, with what is known there.
type node struct {
	block *ssa.BasicBlock
	did   []ssa.Instruction
	preds []*node
	left  bool   // the loop
	goes  bool   // the next try may come
	cond  string // what is known of the condition at its end
}

// facts are what values are known to be: nil, locked, failed, or a constant. Addresses stand
// for what they hold.
type facts map[ssa.Value]string

// maxNodes is how many of them a round may have.
const maxNodes = 4000

// after walks from a try to the next ones, and on the ways out of the loop. It returns nil where there is too much.
func (l *loop) after(o outcome) *round {
	r := &round{loop: l, nodes: map[string]*node{}}
	start := &node{block: l.try.Block()}
	r.nodes["start"] = start
	if !r.run(start, index(l.try)+1, facts{l.try: string(o)}) {
		return nil
	}
	todo := r.again
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !n.goes {
			n.goes = true
			todo = append(todo, n.preds...)
		}
	}
	return r
}

// run goes through a block from its i-th instruction on, and from there on.
func (r *round) run(n *node, i int, fs facts) bool {
	for _, in := range n.block.Instrs[i:] {
		n.did = append(n.did, in)
		switch in := in.(type) {
		case *ssa.Call:
			if in == r.try {
				if !n.left {
					r.again = append(r.again, n)
				}
				return true
			}
			switch r.j.effectOf(in) {
			case ends:
				return true
			case unknown:
				fs = fs.shaken()
			}
		case *ssa.Go, *ssa.Send, *ssa.Select:
			fs = fs.shaken()
		case *ssa.Store:
			if isVariable(in.Addr) {
				fs = fs.with(in.Addr, r.eval(fs, in.Val))
			}
		case *ssa.UnOp:
			switch in.Op {
			case token.ARROW:
				fs = fs.shaken()
			case token.MUL:
				fs = fs.with(in, r.load(fs, in.X))
			}
		}
	}
	if c, ok := last(n.block).(*ssa.If); ok {
		n.cond = r.eval(fs, c.Cond)
	}
	for k := range n.block.Succs {
		if n.cond == "true" && k == 1 || n.cond == "false" && k == 0 {
			continue
		}
		if !r.enter(n, k, fs) {
			return false
		}
	}
	return true
}

// enter goes along an edge.
func (r *round) enter(from *node, succ int, fs facts) bool {
	to := from.block.Succs[succ]
	pred := slices.Index(to.Preds, from.block)
	next := facts{}
	for v, k := range fs {
		if in, ok := v.(ssa.Instruction); !ok || in.Block() != to || v == ssa.Value(r.try) {
			next[v] = k
		}
	}
	for _, p := range phis(to) {
		if v := r.eval(fs, p.Edges[pred]); v != "" {
			next[p] = v
		}
	}
	left := from.left || !r.blocks[to]
	key := fmt.Sprint(left, " ", next.key(to))
	n := r.nodes[key]
	if n != nil {
		n.preds = append(n.preds, from)
		return true
	}
	if len(r.nodes) > maxNodes {
		return false
	}
	n = &node{block: to, preds: []*node{from}, left: left}
	r.nodes[key] = n
	return r.run(n, 0, next)
}

func (fs facts) with(v ssa.Value, k string) facts {
	out := facts{}
	for w, l := range fs {
		out[w] = l
	}
	delete(out, v)
	if k != "" {
		out[v] = k
	}
	return out
}

// shaken forgets what memory holds: others may have written it.
func (fs facts) shaken() facts {
	out := facts{}
	for v, k := range fs {
		if !isVariable(v) {
			out[v] = k
		}
	}
	return out
}

// isVariable reports whether v is the address of a variable.
func isVariable(v ssa.Value) bool {
	switch v.(type) {
	case *ssa.Alloc, *ssa.FreeVar, *ssa.Global:
		return true
	}
	return false
}

func (fs facts) key(b *ssa.BasicBlock) string {
	var parts []string
	for v, k := range fs {
		parts = append(parts, v.Name()+"="+k)
	}
	slices.Sort(parts)
	return fmt.Sprint(b.Index, " ", strings.Join(parts, " "))
}

// load is what an address holds.
func (r *round) load(fs facts, addr ssa.Value) string {
	if k, ok := fs[addr]; ok {
		return k
	}
	if g, ok := addr.(*ssa.Global); ok && g.Name() == "ErrLocked" && (g.Pkg.Pkg.Path() == r.j.client || g.Pkg.Pkg.Path() == r.j.helper) {
		return string(locked)
	}
	return ""
}

// eval is what a value is known to be, or "".
func (r *round) eval(fs facts, v ssa.Value) string {
	if isVariable(v) {
		return "" // the address
	}
	if k, ok := fs[v]; ok {
		return k
	}
	switch v := v.(type) {
	case *ssa.Const:
		if v.Value == nil {
			if v.IsNil() {
				return "nil"
			}
			return ""
		}
		if v.Value.Kind() == constant.Bool {
			return v.Value.String()
		}
		return "const " + v.Value.ExactString()
	case *ssa.MakeInterface, *ssa.ChangeInterface, *ssa.ChangeType:
		return r.eval(fs, *v.(ssa.Instruction).Operands(nil)[0])
	case *ssa.UnOp:
		switch {
		case v.Op == token.MUL:
			return r.load(nil, v.X)
		case v.Op == token.NOT:
			return negated(r.eval(fs, v.X))
		}
	case *ssa.BinOp:
		equal := sameFact(r.eval(fs, v.X), r.eval(fs, v.Y))
		switch v.Op {
		case token.EQL:
			return equal
		case token.NEQ:
			return negated(equal)
		}
	case *ssa.Call:
		path, name, recv := callee(&v.Call)
		if r.alive && path == "context" && recv && name == "Err" {
			return "nil"
		}
		if path == "errors" && name == "Is" {
			a, b := r.eval(fs, v.Call.Args[0]), r.eval(fs, v.Call.Args[1])
			switch {
			case b == string(locked) && a != "":
				return map[bool]string{true: "true", false: "false"}[a == string(locked)]
			case a == "nil" && b != "nil":
				return "false"
			}
		}
	}
	return ""
}

func negated(k string) string {
	switch k {
	case "true":
		return "false"
	case "false":
		return "true"
	}
	return ""
}

// sameFact reports whether two values are the same, if that is known.
func sameFact(a, b string) string {
	switch {
	case a == "" || b == "":
		return ""
	case a == b && a != string(failed):
		return "true"
	case a == b:
		return ""
	}
	return "false"
}

// reached reports whether an instruction may run in the round, and whether the next try may come
// after it.
func (r *round) reached(in ssa.Instruction) (ran, goes bool) {
	for _, n := range r.nodes {
		if n.block == in.Block() && slices.Contains(n.did, in) {
			ran = true
			goes = goes || n.goes
		}
	}
	return ran, goes
}
