package judge

import (
	"go/token"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// redrawn says what is wrong with a draw of the rounds from a generator of the program's own. Where chance has seeded it,
// nobody can tell how often it was drawn from.
const redrawn = "a generator is drawn from, and what it gives elsewhere depends on how many rounds there are"

// redraws reports whether an instruction draws from a generator that others draw from, too, and that may give the same
// numbers in each run of the program.
func redraws(l *loop, in ssa.Instruction) bool {
	c, ok := in.(*ssa.Call)
	if !ok || !isDraw(&c.Call) {
		return false
	}
	from := c.Call.Value
	if !c.Call.IsInvoke() {
		from = c.Call.Args[0]
	}
	g := &generator{loop: l, seen: map[ssa.Value]bool{}}
	g.look(from)
	if !g.foreign && !g.elsewhere {
		return false
	}
	if g.foreign || len(g.made) == 0 {
		return replays(l.j, l.j.inTest(l.try.Parent()))
	}
	for _, made := range g.made {
		if !byChance(made, map[ssa.Value]bool{}) {
			return true
		}
	}
	return false
}

func isDraw(c *ssa.CallCommon) bool {
	path, _, recv := callee(c)
	return recv && isRandom(path)
}

func isRandom(path string) bool { return path == "math/rand" || path == "math/rand/v2" }

// makesRandom reports whether a call makes a generator, or the source of one.
func makesRandom(c *ssa.CallCommon) bool {
	path, name, recv := callee(c)
	return !recv && isRandom(path) && strings.HasPrefix(name, "New")
}

// A generator is what is known of one that is drawn from.
type generator struct {
	*loop
	seen      map[ssa.Value]bool
	made      []*ssa.Call
	foreign   bool // others have made it, or hold it
	elsewhere bool // the function draws from it elsewhere, too
}

// look follows a generator to where it is made, and to its uses.
func (g *generator) look(v ssa.Value) {
	if g.seen[v] {
		return
	}
	g.seen[v] = true
	switch x := v.(type) {
	case *ssa.Call:
		if !makesRandom(&x.Call) {
			g.foreign = true
			return
		}
		g.made = append(g.made, x)
		for _, a := range x.Call.Args { // its source
			if isMadeRandom(a) {
				g.look(a)
			}
		}
	case *ssa.MakeInterface:
		g.look(x.X)
	case *ssa.ChangeInterface:
		g.look(x.X)
	case *ssa.Phi:
		for _, e := range x.Edges {
			g.look(e)
		}
	case *ssa.UnOp:
		al, ok := x.X.(*ssa.Alloc)
		if !ok || x.Op != token.MUL {
			g.foreign = true
			return
		}
		g.look(al)
	case *ssa.Alloc:
		for _, r := range *x.Referrers() {
			if s, ok := r.(*ssa.Store); ok && s.Addr == ssa.Value(x) {
				g.look(s.Val)
			}
		}
	default:
		g.foreign = true
		return
	}
	for _, r := range *v.Referrers() {
		g.use(v, r)
	}
}

// isMadeRandom reports whether a value has a type of the packages that make numbers by chance.
func isMadeRandom(v ssa.Value) bool {
	for {
		m, ok := v.(*ssa.MakeInterface)
		if !ok {
			break
		}
		v = m.X
	}
	p := pkgOf(v.Type())
	return p != nil && isRandom(p.Path())
}

// use looks at one use of a generator.
func (g *generator) use(v ssa.Value, r ssa.Instruction) {
	switch x := r.(type) {
	case *ssa.DebugRef:
	case *ssa.MakeInterface:
		g.look(x)
	case *ssa.ChangeInterface:
		g.look(x)
	case *ssa.Phi:
		g.look(x)
	case *ssa.UnOp:
		g.look(x)
	case *ssa.Store:
		if al, ok := x.Addr.(*ssa.Alloc); ok && x.Val == v {
			g.look(al)
		} else if x.Addr != v {
			g.elsewhere = true
		}
	case *ssa.Call:
		switch {
		case makesRandom(&x.Call):
			g.look(x)
		case !isDraw(&x.Call):
			g.elsewhere = true
		case !g.blocks[x.Block()] && (x.Parent() != g.try.Parent() || leads(g.try, x, g.try)):
			g.elsewhere = true
		}
	default: // a literal has it, or it is given away
		g.elsewhere = true
	}
}

// replays reports whether the program makes a generator that chance does not seed, or none at all.
func replays(j *Judge, tests bool) bool {
	found := false
	for _, f := range j.program {
		if j.inTest(f) && !tests {
			continue
		}
		for _, b := range f.Blocks {
			for _, in := range b.Instrs {
				c, ok := in.(*ssa.Call)
				if !ok || !makesRandom(&c.Call) {
					continue
				}
				if found = true; !byChance(c, map[ssa.Value]bool{}) {
					return true
				}
			}
		}
	}
	return !found
}

// byChance reports whether a value depends on the time or on chance.
func byChance(v ssa.Value, seen map[ssa.Value]bool) bool {
	if seen[v] {
		return false
	}
	seen[v] = true
	in, ok := v.(ssa.Instruction)
	if !ok {
		return false
	}
	if c, ok := v.(*ssa.Call); ok {
		path, name, recv := callee(&c.Call)
		switch {
		case path == "crypto/rand", path == "hash/maphash", path == "time" && name == "Now", path == "os" && name == "Getpid":
			return true
		case isRandom(path) && !recv && !strings.HasPrefix(name, "New"):
			return true
		}
	}
	if al, ok := v.(*ssa.Alloc); ok {
		for _, r := range *al.Referrers() {
			switch x := r.(type) {
			case *ssa.Store:
				if byChance(x.Val, seen) {
					return true
				}
			case *ssa.IndexAddr: // an array that is filled
				if byChance(x, seen) {
					return true
				}
			case *ssa.Slice:
				for _, u := range *x.Referrers() {
					if c, ok := u.(*ssa.Call); ok && byChance(c, seen) {
						return true
					}
				}
			}
		}
		return false
	}
	for _, op := range in.Operands(nil) {
		if *op != nil && byChance(*op, seen) {
			return true
		}
	}
	return false
}
