package loop

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"sort"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/callgraph"
	"etcdmod/rewrite/internal/flow"
	"etcdmod/rewrite/internal/source"
)

// A CycleKind says what goes round.
type CycleKind int

const (
	ForLoop   CycleKind = iota // *ast.ForStmt
	RangeLoop                  // *ast.RangeStmt
	GotoLoop                   // *ast.BlockStmt, made of the statements from a label to the last goto that leads back
	CallCycle                  // *ast.ExprStmt, made of a call that comes again: of a function that gets back to itself, or of a library that repeats what it is given
)

// A Cycle is what makes a try come again.
type Cycle struct {
	Kind CycleKind
	Node ast.Stmt // see the kinds
	Func ast.Node // the innermost function around it, *ast.FuncDecl or *ast.FuncLit
}

// A Chain is the way from a cycle to a try. Its first hop stands in the cycle, and its last one
// is the try.
type Chain []Hop

// A Site is a cycle in which an attempt is retried.
type Site struct {
	*Functions
	Cycle
	File   *source.File
	Name   string // of the function, for messages
	outer  *types.Func
	Label  *ast.LabeledStmt // around the loop, or nil
	Tries  []*ast.CallExpr  // attempts in the cycle itself, not in function literals
	Calls  []*ast.CallExpr  // instead: calls of functions that try
	Chain  Chain            // from the cycle to a try; empty where the cycle tries itself
	Ways   []Chain          // one to each end
	passed []Hop            // those of all ways, in no order
	Ends   []Hop            // where the calls reach a mutex
	Clocks []*Clock         // what paces the retry
	fed    bool             // it goes round since it sends to itself where a try has failed
	Paths  []*Path          // the ways through a round, if Walker could tell them
	Walker *Walker
}

// Mutex returns the expression whose TryLock is called.
func (s *Site) Mutex() ast.Expr { return s.File.Tried(s.Tries[0]) }

// CalledAt returns a site as a function around it sees it, which runs the function of the loop: as one wait, at n.
func CalledAt(s *Site, fn ast.Node, n ast.Expr) *Site {
	t := *s
	t.Func, t.Node, t.Label = fn, &ast.ExprStmt{X: n}, nil
	p := &Path{}
	p.do(Waits, n, nil)
	t.Paths = []*Path{p}
	return &t
}

// A Finder finds the loops of one build configuration.
type Finder struct {
	*Functions
	Flow   *flow.Flow
	graph  *callgraph.Graph // nil until it is asked for
	syntax *syntax          // the same
	Judged Judgements
	Stops  map[token.Pos]bool // functions that do not return after a try that failed
}

// A search is what is looked for in a file.
type search struct {
	file    *source.File
	attempt *Attempt
	isTry   func(*ast.CallExpr) bool // the attempt itself, or a function that leads to it
	// hides reports whether a call that tries may return no error although another session
	// holds the lock; nil where the calls are attempts.
	hides func(*ast.CallExpr) bool
	// replies says what such calls give back; nil where they are attempts.
	replies func(*ast.CallExpr) reply
	// ways are those to the attempt; nil where they are not known. Loops that retry nothing
	// are noted in judged.
	ways   *ways
	judged Judgements
}

// Sites finds the loops of a program that retry an attempt.
func (p *Finder) Sites(a *Attempt) []*Site {
	var out []*Site
	w := newWays(p, a)
	if w == nil {
		return nil
	}
	r := newReach(p, a, w)
	isTry := func(call *ast.CallExpr) bool { return w.tries[call.Lparen] }
	for _, f := range w.files {
		found, rest := p.sitesIn(search{file: f, attempt: a, isTry: isTry, ways: w, judged: p.Judged})
		for _, s := range found {
			if s.serves() && !w.feeds(s, s.Tries[0]) {
				p.Judged.Dismiss(s.Node.Pos(), s.Tries, finding.PerRequest, "the loop waits for others, and goes round whatever came of the try")
			} else {
				out = append(out, s)
			}
		}
		for _, fn := range sorted(rest) {
			if p.givesUp(a, f, r.ways.bodies[fn], isTry) {
				p.Stops[fn] = true
				continue
			}
			for _, call := range rest[fn] {
				r.add(fn, Hop{File: f, Node: call})
			}
		}
	}
	out = append(out, r.sites()...)
	sort.SliceStable(out, func(i, j int) bool {
		a, b := p.Position(out[i].Node.Pos()), p.Position(out[j].Node.Pos())
		if a.Filename != b.Filename {
			return a.Filename < b.Filename
		}
		return a.Offset < b.Offset
	})
	return out
}

// sitesIn finds the loops of one file that retry the calls for which isTry holds. rest
// holds the other such calls by the declaration, or literal, of the function that makes
// them.
func (p *Functions) sitesIn(in search) (out []*Site, rest map[token.Pos][]*ast.CallExpr) {
	rest = map[token.Pos][]*ast.CallExpr{}
	known := map[ast.Stmt]*Site{}
	var stack []ast.Node
	ast.Inspect(in.file.Syntax, func(n ast.Node) bool {
		if n == nil {
			stack = stack[:len(stack)-1]
			return true
		}
		stack = append(stack, n)
		call, ok := n.(*ast.CallExpr)
		if !ok || !in.isTry(call) {
			return true
		}
		if s := p.siteOf(in, stack, call, known); s != nil {
			if known[s.Node] == nil {
				known[s.Node] = s
				out = append(out, s)
			}
		} else if fn := in.file.Enclosing(stack); fn.IsValid() {
			rest[fn] = append(rest[fn], call)
		}
		return true
	})
	return out, rest
}

// siteOf finds the innermost loop around call in which a try that met another holder
// can be followed by the next try of the same mutex.
func (p *Functions) siteOf(in search, stack []ast.Node, call *ast.CallExpr, known map[ast.Stmt]*Site) *Site {
	for i := len(stack) - 1; i >= 0; i-- {
		switch n := stack[i].(type) {
		case *ast.FuncLit, *ast.FuncDecl:
			return p.gotoSite(in, stack[:i+1], call, known)
		case *ast.ForStmt, *ast.RangeStmt:
			loop := n.(ast.Stmt)
			if s := p.gotoSite(in, stack[:i+1], call, known); s != nil {
				return s
			}
			if s := known[loop]; s != nil {
				return s
			}
			if !inBody(loop, stack, i) || variesOver(in, loop, call) {
				continue
			}
			if isBenchmark(in.file, loop) {
				in.judged.Dismiss(loop.Pos(), []*ast.CallExpr{call}, finding.Once, "a benchmark repeats it to measure it")
				continue
			}
			s := &Site{Functions: p, File: in.file, Cycle: cycleOf(loop)}
			if i > 0 {
				s.Label, _ = stack[i-1].(*ast.LabeledStmt)
			}
			if !s.place(stack[:i]) {
				continue // a package-level initializer
			}
			s.walk(in)
			if s.Walker.Bad != nil && s.mayRetry() || s.Walker.Bad == nil && (s.retries() || in.hides != nil && s.goesRound() && in.hides(call)) {
				return s
			}
			in.judged.Dismiss(loop.Pos(), []*ast.CallExpr{call}, finding.Once, "a try that fails ends the loop")
		}
	}
	return nil
}

// cycleOf returns the cycle that a statement is.
func cycleOf(n ast.Stmt) Cycle {
	kind := CallCycle
	switch n.(type) {
	case *ast.ForStmt:
		kind = ForLoop
	case *ast.RangeStmt:
		kind = RangeLoop
	case *ast.BlockStmt:
		kind = GotoLoop
	}
	return Cycle{Kind: kind, Node: n}
}

// place notes the functions around a site; stack holds what is around its loop.
func (s *Site) place(stack []ast.Node) bool {
	for j := len(stack) - 1; j >= 0; j-- {
		if fn, ok := stack[j].(*ast.FuncLit); ok && s.Func == nil {
			s.Func, s.Name = fn, "a function literal"
		}
		if fn, ok := stack[j].(*ast.FuncDecl); ok {
			if s.Func == nil {
				s.Func, s.Name = fn, fn.Name.Name
			} else {
				s.Name = "a function literal in " + fn.Name.Name
			}
			s.outer, _ = s.File.Pkg.TypesInfo.Defs[fn.Name].(*types.Func)
		}
	}
	return s.Func != nil
}

// inBody reports whether the node below loop in the stack is part of what is repeated.
func inBody(loop ast.Stmt, stack []ast.Node, i int) bool {
	if i+1 >= len(stack) {
		return false
	}
	child := stack[i+1]
	switch l := loop.(type) {
	case *ast.ForStmt:
		return child != l.Init
	case *ast.RangeStmt:
		return child == l.Body
	}
	return false
}

// goesRound reports whether any try, however it ended, may be followed by the next round.
func (s *Site) goesRound() bool {
	return slices.ContainsFunc(s.Paths, func(q *Path) bool { return q.tries > 0 && q.End == Next })
}

// retries reports whether a try that met another holder may be followed by the next round.
func (s *Site) retries() bool { return retry(s.Paths) }

func retry(paths []*Path) bool {
	for _, q := range paths {
		if q.Outcome == Locked && q.End == Next {
			return true
		}
	}
	return false
}

// walk walks the loop.
func (s *Site) walk(in search) {
	s.Tries = nil
	ast.Inspect(s.Node, func(n ast.Node) bool {
		if _, ok := n.(*ast.FuncLit); ok {
			return false
		}
		if call, ok := n.(*ast.CallExpr); ok && in.isTry(call) {
			s.Tries = append(s.Tries, call)
		}
		return true
	})
	clocks := s.clocksOf(s.File, s.Func, s.Node)
	s.Walker = &Walker{Fns: s.Functions, Attempt: in.attempt, File: s.File, Loop: s.Node, IsTry: in.isTry, Replies: in.replies, Clocks: clocks}
	if s.Label != nil {
		s.Walker.label = s.Label.Label.Name
	}
	s.Paths = s.Walker.round()
	// Only a clock that is followed by another round paces it; others are deadlines.
	seen := map[*Clock]bool{}
	s.Clocks = nil
	for _, q := range s.Paths {
		if q.End != Next {
			continue
		}
		for _, st := range q.Steps {
			if st.Kind == Waits && !seen[st.clock] {
				seen[st.clock] = true
				s.Clocks = append(s.Clocks, st.clock)
			}
		}
	}
	if s.Walker.Bad != nil {
		s.Clocks, seen = nil, map[*Clock]bool{}
		for _, c := range clocks {
			if !seen[c] {
				seen[c] = true
				s.Clocks = append(s.Clocks, c)
			}
		}
		sort.Slice(s.Clocks, func(i, j int) bool { return s.Clocks[i].Wait.Pos() < s.Clocks[j].Wait.Pos() })
	}
}

// mayRetry reports whether a loop that could not be walked exactly may try again after a
// try that met another holder: a loop that returns then is none, whatever else it holds.
func (s *Site) mayRetry() bool {
	t := *s.Walker
	t.Bad, t.rough = nil, true
	paths := t.round()
	if t.Bad == nil {
		return retry(paths)
	}
	for _, call := range s.Tries { // each in a nested loop of its own, or in none
		t.Loop, t.Bad = s.innermost(call), nil
		if t.Loop == s.Node {
			return true
		}
		if paths = t.round(); t.Bad != nil || slices.ContainsFunc(paths, func(q *Path) bool { return q.Outcome == Locked && q.End != Left }) {
			return true
		}
	}
	return len(s.Tries) == 0
}

// isBenchmark reports whether a loop is that of a benchmark: b.N times, or while b.Loop() or pb.Next().
func isBenchmark(f *source.File, loop ast.Stmt) bool {
	var n ast.Node
	switch l := loop.(type) {
	case *ast.ForStmt:
		if l.Cond == nil {
			return false
		}
		n = l.Cond
	case *ast.RangeStmt:
		n = l.X
	}
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		found = found || ok && ((sel.Sel.Name == "N" || sel.Sel.Name == "Loop") && source.IsNamed(f.TypeOf(sel.X), "testing", "B") ||
			sel.Sel.Name == "Next" && source.IsNamed(f.TypeOf(sel.X), "testing", "PB"))
		return !found
	})
	return found
}

// serves reports whether a loop waits for others in every round, and goes on whatever came of
// the try: who sends to it decides how often it tries.
func (s *Site) serves() bool {
	_, replies := s.Walker.Bad.(*ast.SendStmt) // it sends how the try ended
	if s.Walker.Bad != nil && !replies || len(s.Clocks) > 0 || s.Pausing() != nil || s.Kind == GotoLoop {
		return false
	}
	paths := s.Paths
	if replies {
		t := *s.Walker
		t.Bad, t.rough = nil, true
		if paths = t.round(); t.Bad != nil {
			return false
		}
	}
	goesOn := false
	for _, q := range paths {
		if q.Outcome == Won {
			if q.End != Next {
				return false
			}
			goesOn = true
		}
		if q.End == Next && !slices.ContainsFunc(q.Steps, func(st step) bool { return st.Kind == Receives && !st.After }) {
			return false
		}
	}
	return goesOn
}

// variesWith reports whether the mutex of a try is another one in every round: it
// depends on a variable that the loop's own header sets.
func variesWith(f *source.File, loop ast.Stmt, call *ast.CallExpr) bool {
	tainted := map[types.Object]bool{}
	taint := func(e ast.Expr) {
		if id, ok := e.(*ast.Ident); ok {
			if obj := f.ObjectOf(id); obj != nil {
				tainted[obj] = true
			}
		}
	}
	var body *ast.BlockStmt
	switch l := loop.(type) {
	case *ast.RangeStmt:
		body = l.Body
		taint(l.Key)
		taint(l.Value)
	case *ast.ForStmt:
		body = l.Body
		switch post := l.Post.(type) {
		case *ast.IncDecStmt:
			taint(post.X)
		case *ast.AssignStmt:
			for _, e := range post.Lhs {
				taint(e)
			}
		}
	}
	if len(tainted) == 0 {
		return false
	}
	mentions := func(n ast.Node) bool {
		found := false
		ast.Inspect(n, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && tainted[f.ObjectOf(id)] {
				found = true
			}
			return !found
		})
		return found
	}
	ast.Inspect(body, func(n ast.Node) bool {
		if a, ok := n.(*ast.AssignStmt); ok && a.Pos() < call.Pos() {
			for _, e := range a.Rhs {
				if mentions(e) {
					for _, l := range a.Lhs {
						if id, ok := l.(*ast.Ident); ok && f.ObjectOf(id) != nil {
							tainted[f.ObjectOf(id)] = true
						}
					}
				}
			}
		}
		return true
	})
	if f.IsTryLock(call) {
		return mentions(f.Tried(call))
	}
	if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok && mentions(sel.X) {
		return true
	}
	for _, a := range call.Args {
		if mentions(a) {
			return true
		}
	}
	return false
}

// RoundEnd returns where the statements of a round end that goes on to the next one: at
// its continue or goto, or at the end of the loop's body.
func (s *Site) RoundEnd(q *Path) token.Pos {
	if b, ok := q.EndStmt.(*ast.BranchStmt); ok {
		return b.Pos()
	}
	switch loop := s.Node.(type) {
	case *ast.ForStmt:
		return loop.Body.Rbrace
	case *ast.RangeStmt:
		return loop.Body.Rbrace
	}
	return s.Node.End()
}

// Attempts returns the calls that a site retries: in its loop, or at the ends of the ways
// that lead out of it.
func (s *Site) Attempts() (out []Hop) {
	if len(s.Calls) > 0 {
		return s.Ends
	}
	for _, call := range s.Tries {
		out = append(out, Hop{File: s.File, Node: call})
	}
	return out
}
