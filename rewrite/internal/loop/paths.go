package loop

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

// An Outcome is how a try ended.
type Outcome int

const (
	Untried Outcome = iota
	Won
	Locked
	Failed // with an error other than ErrLocked
)

// An ending is how a path leaves the statements that were walked.
type ending int

const (
	Falls   ending = iota // reaches the end of the list
	Next                  // the next round of the loop
	Broke                 // leaves the loop, by break or its condition
	Left                  // returns, panics, exits
	Outward               // continues or breaks an outer statement
)

// A Path is one way through a round.
type Path struct {
	Outcome Outcome
	tries   int
	Steps   []step
	End     ending
	EndStmt ast.Stmt                  // the return or branch that ended it, if any
	Errs    map[types.Object]bool     // variables that hold the try's error
	Bools   map[types.Object]Tristate // variables decided by it
	label   string                    // of a branch that is still to be resolved
	Waited  int                       // clock waits so far
	Around  bool                      // it came to the end of the round, whether or not another follows
}

// A step is something that a path does.
type step struct {
	Kind  stepKind
	Node  ast.Node // statement, or receive expression
	clock *Clock   // for waits
	After bool     // it comes after the try
}

// A stepKind says what a step does.
type stepKind int

const (
	Acts         stepKind = iota // a plain statement
	Waits                        // waits for a clock
	ReceivesDone                 // receives from a context's Done
	Receives                     // receives from, or sends to, something else
	TakesDefault                 // takes the default of a select
)

// A Tristate is a boolean that may be unknown.
type Tristate int

const (
	Unknown Tristate = iota
	Yes
	No
)

func (t Tristate) not() Tristate {
	switch t {
	case Yes:
		return No
	case No:
		return Yes
	}
	return Unknown
}

func truth(b bool) Tristate {
	if b {
		return Yes
	}
	return No
}

func (p *Path) fork() *Path {
	q := *p
	q.Steps = append([]step(nil), p.Steps...)
	q.Errs = map[types.Object]bool{}
	for k, v := range p.Errs {
		q.Errs[k] = v
	}
	q.Bools = map[types.Object]Tristate{}
	for k, v := range p.Bools {
		q.Bools[k] = v
	}
	return &q
}

func (p *Path) do(kind stepKind, n ast.Node, c *Clock) {
	p.Steps = append(p.Steps, step{Kind: kind, Node: n, clock: c, After: p.Outcome != Untried})
	if kind == Waits {
		p.Waited++
	}
}

// maxPaths bounds the walk; real loops have fewer than twenty.
const maxPaths = 400

// A Walker walks one loop.
type Walker struct {
	Fns     *Functions
	Attempt *Attempt // that IsTry is about
	File    *source.File
	Loop    ast.Stmt
	label   string // of the loop; of a region, the one that its goto leads back to
	IsTry   func(*ast.CallExpr) bool
	Clocks  map[ast.Node]*Clock // receive expressions and calls that wait
	// Replies says what the calls that try give back; nil where they are attempts.
	Replies func(*ast.CallExpr) reply
	Bad     ast.Node // what could not be modelled
	rough   bool     // nested loops are taken to fall through or to return
}

func (t *Walker) giveUp(n ast.Node) {
	if t.Bad == nil {
		t.Bad = n
	}
}

// round walks one round of the loop.
func (t *Walker) round() []*Path {
	start := &Path{Errs: map[types.Object]bool{}, Bools: map[types.Object]Tristate{}}
	var body *ast.BlockStmt
	var cond ast.Expr
	var post ast.Stmt
	paths := []*Path{start}
	switch loop := t.Loop.(type) {
	case *ast.ForStmt:
		body, cond, post = loop.Body, loop.Cond, loop.Post
		if cond != nil {
			var in []*Path
			var out []*Path
			for _, b := range t.cond(cond, start) {
				if b.value != No {
					in = append(in, b.path)
				}
				if b.value != Yes {
					q := b.path.fork()
					q.End = Broke
					out = append(out, q)
				}
			}
			paths = append(t.Block(body.List, in), out...)
		} else {
			paths = t.Block(body.List, paths)
		}
	case *ast.RangeStmt:
		body = loop.Body
		if c := t.Clocks[loop.X]; c != nil {
			start.do(Waits, loop.X, c)
		} else if _, ok := source.Under(t.File.TypeOf(loop.X)).(*types.Chan); ok {
			start.do(Receives, loop.X, nil)
		}
		paths = t.Block(body.List, paths)
	case *ast.BlockStmt: // from a label to the goto that leads back to it
		return t.region(loop, start)
	}
	if post != nil && t.Tries(post) {
		t.giveUp(post)
	}
	for i := 0; i < len(paths); i++ {
		p := paths[i]
		t.resolve(p)
		if p.End == Falls {
			p.End = Next
		}
		if p.End != Next {
			continue
		}
		p.Around = true
		if post != nil { // there is one way through it, which may wait, or end the process
			p.End = Falls
			if t.stmt(post, p); p.End != Falls {
				continue
			}
			p.End = Next
		}
		// A condition on the try's error ends the loop before the next round.
		if cond != nil && !t.Tries(cond) && t.Eval(cond, p) == No {
			p.End = Broke
		}
	}
	return paths
}

// resolve gives a labelled branch that reached the loop its meaning.
func (t *Walker) resolve(p *Path) {
	if p.label != "" && p.label == t.label {
		p.label = ""
		if b, ok := p.EndStmt.(*ast.BranchStmt); ok && b.Tok == token.CONTINUE {
			p.End = Next
		} else {
			p.End = Broke
		}
	}
	if p.label != "" {
		p.label, p.End = "", Outward
	}
}

// Block walks statements, beginning with each of the paths, and returns all paths through them.
func (t *Walker) Block(list []ast.Stmt, in []*Path) []*Path {
	var done []*Path
	for _, s := range list {
		var live []*Path
		for _, p := range in {
			for _, q := range t.stmt(s, p) {
				if q.End == Falls {
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
func (t *Walker) stmt(s ast.Stmt, p *Path) []*Path {
	switch s := s.(type) {
	case *ast.ExprStmt:
		return t.exprStmt(s, p)
	case *ast.AssignStmt:
		return t.assign(s, p)
	case *ast.SendStmt:
		if t.rough && t.Tries(s.Value) && !receives(s) { // whoever receives looks at the outcome
			return t.fork(p, func(q *Path) { q.do(Receives, s, nil) })
		}
		if t.Tries(s) || receives(s) {
			t.giveUp(s)
		}
		p.do(Receives, s, nil)
		return []*Path{p}
	case *ast.DeclStmt, *ast.IncDecStmt, *ast.GoStmt, *ast.DeferStmt:
		if t.Tries(s) || receives(s) {
			t.giveUp(s)
		}
		p.do(Acts, s, nil)
		return []*Path{p}
	case *ast.EmptyStmt:
		return []*Path{p}
	case *ast.BlockStmt:
		return t.Block(s.List, []*Path{p})
	case *ast.LabeledStmt:
		if _, isRegion := t.Loop.(*ast.BlockStmt); t.hasGoto(s.Label.Name) && !(isRegion && s.Label.Name == t.label) {
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
		if t.Tries(s) {
			// return mu.TryLock(ctx): every outcome leaves.
			return t.fork(p, func(q *Path) { q.End, q.EndStmt = Left, s })
		}
		p.End, p.EndStmt = Left, s
		return []*Path{p}
	case *ast.BranchStmt:
		p.EndStmt = s
		switch {
		case s.Tok == token.GOTO && !t.hasLabel(s.Label.Name):
			p.End = Outward
		case s.Tok == token.GOTO && t.leadsBack(s):
			p.End = Next
		case s.Tok == token.GOTO || s.Tok == token.FALLTHROUGH:
			t.giveUp(s)
		case s.Label != nil:
			p.label, p.End = s.Label.Name, Outward
		case s.Tok == token.BREAK:
			p.End = Broke
		default:
			p.End = Next
		}
		return []*Path{p}
	case *ast.ForStmt, *ast.RangeStmt, *ast.TypeSwitchStmt:
		// Opaque, as long as nothing inside concerns this loop.
		if t.rough && !t.Tries(s) {
			out := []*Path{p}
			if t.leaves(s) {
				gone := p.fork()
				gone.End, gone.EndStmt = Left, s // it may return
				out = append(out, gone)
			}
			p.do(Acts, s, nil)
			return out
		}
		if t.concerns(s) {
			t.giveUp(s)
		}
		p.do(Acts, s, nil)
		return []*Path{p}
	}
	t.giveUp(s)
	return []*Path{p}
}

// labelled walks a labelled statement: a break to its label falls out of it.
func (t *Walker) labelled(s *ast.LabeledStmt, p *Path) []*Path {
	out := t.stmt(s.Stmt, p)
	for _, q := range out {
		if q.label == s.Label.Name {
			q.label, q.End, q.EndStmt = "", Falls, nil
		}
	}
	return out
}

func (t *Walker) hasGoto(label string) bool {
	found := false
	ast.Inspect(t.Loop, func(n ast.Node) bool {
		if b, ok := n.(*ast.BranchStmt); ok && b.Tok == token.GOTO && b.Label.Name == label {
			found = true
		}
		return !found
	})
	return found
}

// unlabelledBreak turns the break of a switch or select into falling out of it.
func (t *Walker) unlabelledBreak(paths []*Path) []*Path {
	for _, q := range paths {
		if b, ok := q.EndStmt.(*ast.BranchStmt); ok && q.End == Broke && b.Label == nil {
			q.End, q.EndStmt = Falls, nil
		}
	}
	return paths
}

// fork makes one path for each outcome of a try.
func (t *Walker) fork(p *Path, then func(*Path)) []*Path {
	var out []*Path
	for _, o := range []Outcome{Won, Locked, Failed} {
		q := p.fork()
		q.Outcome = o
		q.tries++
		q.Errs = map[types.Object]bool{}
		q.Bools = map[types.Object]Tristate{}
		then(q)
		out = append(out, q)
	}
	return out
}
