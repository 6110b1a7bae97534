package rewrite

import (
	"go/ast"
	"go/token"
	"go/types"

	"etcdmod/rewrite/internal/source"
)

// Paths.
//
// The proofs for gate and collapse are about what a loop does after a try that was won,
// one that met another holder, and one that failed otherwise. So one round of the loop
// is walked once for each of these outcomes, deciding every condition on the try's
// error that can be decided, and taking both ways where it cannot. What comes out is a
// list of paths. A construct that this walk does not model makes the result unusable,
// never wrong.

// An outcome is how a try ended.
type outcome int

const (
	untried outcome = iota
	won
	locked
	failed // with an error other than ErrLocked
)

// An ending is how a path leaves the statements that were walked.
type ending int

const (
	falls   ending = iota // reaches the end of the list
	next                  // the next round of the loop
	broke                 // leaves the loop, by break or its condition
	left                  // returns, panics, exits
	outward               // continues or breaks an outer statement
)

// A path is one way through a round.
type path struct {
	outcome outcome
	tries   int
	steps   []step
	end     ending
	endStmt ast.Stmt                  // the return or branch that ended it, if any
	errs    map[types.Object]bool     // variables that hold the try's error
	bools   map[types.Object]tristate // variables decided by it
	label   string                    // of a branch that is still to be resolved
	waited  int                       // clock waits so far
	around  bool                      // it came to the end of the round, whether or not another follows
}

// A step is something that a path does.
type step struct {
	kind  stepKind
	node  ast.Node // statement, or receive expression
	clock *clock   // for waits
	after bool     // it comes after the try
}

type stepKind int

const (
	acts     stepKind = iota // a plain statement
	waits                    // waits for a clock
	doneRecv                 // receives from a context's Done
	recv                     // receives from, or sends to, something else
	polls                    // takes the default of a select
)

type tristate int

const (
	unknown tristate = iota
	yes
	no
)

func (t tristate) not() tristate {
	switch t {
	case yes:
		return no
	case no:
		return yes
	}
	return unknown
}

func truth(b bool) tristate {
	if b {
		return yes
	}
	return no
}

func (p *path) fork() *path {
	q := *p
	q.steps = append([]step(nil), p.steps...)
	q.errs = map[types.Object]bool{}
	for k, v := range p.errs {
		q.errs[k] = v
	}
	q.bools = map[types.Object]tristate{}
	for k, v := range p.bools {
		q.bools[k] = v
	}
	return &q
}

func (p *path) do(kind stepKind, n ast.Node, c *clock) {
	p.steps = append(p.steps, step{kind: kind, node: n, clock: c, after: p.outcome != untried})
	if kind == waits {
		p.waited++
	}
}

// maxPaths bounds the walk; real loops have fewer than twenty.
const maxPaths = 400

// A tracer walks one loop.
type tracer struct {
	fns     *functions
	attempt *attempt // that isTry is about
	file    *source.File
	loop    ast.Stmt
	label   string // of the loop; of a region, the one that its goto leads back to
	isTry   func(*ast.CallExpr) bool
	clocks  map[ast.Node]*clock // receive expressions and calls that wait
	bad     ast.Node            // what could not be modelled
	rough   bool                // nested loops are taken to fall through or to return
}

func (t *tracer) giveUp(n ast.Node) {
	if t.bad == nil {
		t.bad = n
	}
}

// round walks one round of the loop.
func (t *tracer) round() []*path {
	start := &path{errs: map[types.Object]bool{}, bools: map[types.Object]tristate{}}
	var body *ast.BlockStmt
	var cond ast.Expr
	var post ast.Stmt
	paths := []*path{start}
	switch loop := t.loop.(type) {
	case *ast.ForStmt:
		body, cond, post = loop.Body, loop.Cond, loop.Post
		if cond != nil {
			var in []*path
			var out []*path
			for _, b := range t.cond(cond, start) {
				if b.value != no {
					in = append(in, b.path)
				}
				if b.value != yes {
					q := b.path.fork()
					q.end = broke
					out = append(out, q)
				}
			}
			paths = append(t.block(body.List, in), out...)
		} else {
			paths = t.block(body.List, paths)
		}
	case *ast.RangeStmt:
		body = loop.Body
		if c := t.clocks[loop.X]; c != nil {
			start.do(waits, loop.X, c)
		} else if _, ok := source.Under(t.file.TypeOf(loop.X)).(*types.Chan); ok {
			start.do(recv, loop.X, nil)
		}
		paths = t.block(body.List, paths)
	case *ast.BlockStmt: // from a label to the goto that leads back to it
		return t.region(loop, start)
	}
	if post != nil && (t.tries(post) || receives(post)) {
		t.giveUp(post)
	}
	for i := 0; i < len(paths); i++ {
		p := paths[i]
		t.resolve(p)
		if p.end == falls {
			p.end = next
		}
		if p.end != next {
			continue
		}
		p.around = true
		if post != nil {
			p.do(acts, post, nil)
		}
		// A condition on the try's error ends the loop before the next round.
		if cond != nil && !t.tries(cond) && t.eval(cond, p) == no {
			p.end = broke
		}
	}
	return paths
}

// resolve gives a labelled branch that reached the loop its meaning.
func (t *tracer) resolve(p *path) {
	if p.label != "" && p.label == t.label {
		p.label = ""
		if b, ok := p.endStmt.(*ast.BranchStmt); ok && b.Tok == token.CONTINUE {
			p.end = next
		} else {
			p.end = broke
		}
	}
	if p.label != "" {
		p.label, p.end = "", outward
	}
}

func (t *tracer) block(list []ast.Stmt, in []*path) []*path {
	var done []*path
	for _, s := range list {
		var live []*path
		for _, p := range in {
			for _, q := range t.stmt(s, p) {
				if q.end == falls {
					live = append(live, q)
				} else {
					done = append(done, q)
				}
			}
		}
		in = live
		if len(in)+len(done) > maxPaths {
			t.giveUp(s)
			return nil
		}
	}
	return append(done, in...)
}

// stmt walks one statement from p, which it may change.
func (t *tracer) stmt(s ast.Stmt, p *path) []*path {
	switch s := s.(type) {
	case *ast.ExprStmt:
		return t.exprStmt(s, p)
	case *ast.AssignStmt:
		return t.assign(s, p)
	case *ast.DeclStmt, *ast.IncDecStmt, *ast.GoStmt, *ast.DeferStmt, *ast.SendStmt:
		if t.tries(s) || receives(s) {
			t.giveUp(s)
		}
		if _, ok := s.(*ast.SendStmt); ok {
			p.do(recv, s, nil)
		} else {
			p.do(acts, s, nil)
		}
		return []*path{p}
	case *ast.EmptyStmt:
		return []*path{p}
	case *ast.BlockStmt:
		return t.block(s.List, []*path{p})
	case *ast.LabeledStmt:
		if _, isRegion := t.loop.(*ast.BlockStmt); t.hasGoto(s.Label.Name) && !(isRegion && s.Label.Name == t.label) {
			t.giveUp(s)
		}
		return t.labelled(s, p)
	case *ast.IfStmt:
		return t.ifStmt(s, p)
	case *ast.SwitchStmt:
		return t.unlabelledBreak(t.switchStmt(s, p))
	case *ast.SelectStmt:
		return t.unlabelledBreak(t.selectStmt(s, p))
	case *ast.ReturnStmt:
		if t.tries(s) {
			// return mu.TryLock(ctx): every outcome leaves.
			return t.fork(p, func(q *path) { q.end, q.endStmt = left, s })
		}
		p.end, p.endStmt = left, s
		return []*path{p}
	case *ast.BranchStmt:
		p.endStmt = s
		switch {
		case s.Tok == token.GOTO && !t.hasLabel(s.Label.Name):
			p.end = outward
		case s.Tok == token.GOTO && t.leadsBack(s):
			p.end = next
		case s.Tok == token.GOTO || s.Tok == token.FALLTHROUGH:
			t.giveUp(s)
		case s.Label != nil:
			p.label, p.end = s.Label.Name, outward
		case s.Tok == token.BREAK:
			p.end = broke
		default:
			p.end = next
		}
		return []*path{p}
	case *ast.ForStmt, *ast.RangeStmt, *ast.TypeSwitchStmt:
		// Opaque, as long as nothing inside concerns this loop.
		if t.rough && !t.tries(s) {
			out := []*path{p}
			if t.leaves(s) {
				gone := p.fork()
				gone.end, gone.endStmt = left, s // it may return
				out = append(out, gone)
			}
			p.do(acts, s, nil)
			return out
		}
		if t.concerns(s) {
			t.giveUp(s)
		}
		p.do(acts, s, nil)
		return []*path{p}
	}
	t.giveUp(s)
	return []*path{p}
}

// labelled walks a labelled statement: a break to its label falls out of it.
func (t *tracer) labelled(s *ast.LabeledStmt, p *path) []*path {
	out := t.stmt(s.Stmt, p)
	for _, q := range out {
		if q.label == s.Label.Name {
			q.label, q.end, q.endStmt = "", falls, nil
		}
	}
	return out
}

func (t *tracer) hasGoto(label string) bool {
	found := false
	ast.Inspect(t.loop, func(n ast.Node) bool {
		if b, ok := n.(*ast.BranchStmt); ok && b.Tok == token.GOTO && b.Label.Name == label {
			found = true
		}
		return !found
	})
	return found
}

// unlabelledBreak turns the break of a switch or select into falling out of it.
func (t *tracer) unlabelledBreak(paths []*path) []*path {
	for _, q := range paths {
		if b, ok := q.endStmt.(*ast.BranchStmt); ok && q.end == broke && b.Label == nil {
			q.end, q.endStmt = falls, nil
		}
	}
	return paths
}

// fork makes one path for each outcome of a try.
func (t *tracer) fork(p *path, then func(*path)) []*path {
	var out []*path
	for _, o := range []outcome{won, locked, failed} {
		q := p.fork()
		q.outcome = o
		q.tries++
		q.errs = map[types.Object]bool{}
		q.bools = map[types.Object]tristate{}
		then(q)
		out = append(out, q)
	}
	return out
}
