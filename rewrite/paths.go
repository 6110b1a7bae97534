package rewrite

import (
	"go/ast"
	"go/token"
	"go/types"
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
	file   *file
	loop   ast.Stmt
	label  string
	isTry  func(*ast.CallExpr) bool
	clocks map[ast.Node]*clock // receive expressions and calls that wait
	isDone func(ast.Expr) bool // a receive from a context's Done channel
	bad    ast.Node            // what could not be modelled
	rough  bool                // nested loops are taken to fall through or to return
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
		} else if _, ok := typeUnder(t.file.typeOf(loop.X)).(*types.Chan); ok {
			start.do(recv, loop.X, nil)
		}
		paths = t.block(body.List, paths)
	default: // from a label to a goto
		t.giveUp(t.loop)
		return nil
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
		if t.hasGoto(s.Label.Name) {
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
			gone := p.fork()
			gone.end, gone.endStmt = left, s // it may return
			p.do(acts, s, nil)
			return []*path{p, gone}
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

// concerns reports whether a nested statement tries, waits for a clock of this loop, or
// jumps out of itself.
func (t *tracer) concerns(s ast.Stmt) bool {
	found := false
	ast.Inspect(s, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			found = true
		case *ast.BranchStmt:
			if n.Label != nil || n.Tok == token.GOTO {
				found = true
			}
			if _, sw := s.(*ast.TypeSwitchStmt); sw && n.Tok == token.CONTINUE {
				found = true
			}
		case *ast.CallExpr:
			if t.isTry(n) {
				found = true
			}
		}
		if n != nil && t.clocks[n] != nil {
			found = true
		}
		return !found
	})
	return found
}

func (t *tracer) tries(n ast.Node) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.CallExpr:
			found = found || t.isTry(n)
		}
		return !found
	})
	return found
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

func (t *tracer) exprStmt(s *ast.ExprStmt, p *path) []*path {
	e := ast.Unparen(s.X)
	if c := t.clocks[e]; c != nil {
		if receives(c.made) && c.perWait {
			t.giveUp(s)
		}
		p.do(waits, e, c)
		return []*path{p}
	}
	if call, ok := e.(*ast.CallExpr); ok {
		if t.isTry(call) {
			return t.fork(p, func(*path) {})
		}
		if t.tries(call) {
			t.giveUp(s)
		}
		if neverReturns(t.file, call) {
			p.end, p.endStmt = left, s
			return []*path{p}
		}
	}
	if u, ok := e.(*ast.UnaryExpr); ok && u.Op == token.ARROW {
		t.receive(u, s, p)
		return []*path{p}
	}
	if receives(s) {
		t.giveUp(s)
	}
	p.do(acts, s, nil)
	return []*path{p}
}

// receives reports whether evaluating n receives from a channel somewhere inside.
func receives(n ast.Node) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.UnaryExpr:
			found = found || n.Op == token.ARROW
		}
		return !found
	})
	return found
}

// neverReturns knows the calls after which nothing follows.
func neverReturns(f *file, call *ast.CallExpr) bool {
	obj := f.callee(call)
	if b, ok := obj.(*types.Builtin); ok {
		return b.Name() == "panic"
	}
	fn, ok := obj.(*types.Func)
	if !ok || fn.Pkg() == nil {
		return false
	}
	switch fn.Pkg().Path() {
	case "os":
		return fn.Name() == "Exit"
	case "runtime":
		return fn.Name() == "Goexit"
	case "log":
		switch fn.Name() {
		case "Fatal", "Fatalf", "Fatalln", "Panic", "Panicf", "Panicln":
			return true
		}
	}
	return false
}

func (t *tracer) assign(s *ast.AssignStmt, p *path) []*path {
	if len(s.Lhs) == 1 && len(s.Rhs) == 1 {
		if call, ok := ast.Unparen(s.Rhs[0]).(*ast.CallExpr); ok && t.isTry(call) {
			obj := t.variable(s.Lhs[0])
			return t.fork(p, func(q *path) {
				if obj != nil && basicBool(t.file, call) { // a function that tries
					q.bools[obj] = truth(q.outcome == won)
				} else if obj != nil {
					q.errs[obj] = true
				} else if !isBlank(s.Lhs[0]) {
					t.giveUp(s)
				}
			})
		}
		if t.tries(s.Rhs[0]) { // ok := mu.TryLock(ctx) == nil
			var out []*path
			for _, b := range t.cond(s.Rhs[0], p) {
				if obj := t.variable(s.Lhs[0]); obj != nil {
					b.path.bools[obj] = b.value
				}
				out = append(out, b.path)
			}
			return out
		}
	} else if t.tries(s) {
		if call, ok := ast.Unparen(s.Rhs[0]).(*ast.CallExpr); ok && len(s.Rhs) == 1 && t.isTry(call) {
			return t.assignResults(s, p)
		}
		t.giveUp(s)
	}
	if len(s.Rhs) == 1 {
		if u, ok := ast.Unparen(s.Rhs[0]).(*ast.UnaryExpr); ok && u.Op == token.ARROW {
			t.receive(u, s, p)
			t.receiver(s, p)
			return []*path{p}
		}
	}
	if receives(s) {
		t.giveUp(s)
	}
	p.do(acts, s, nil)
	for i, l := range s.Lhs {
		obj := t.variable(l)
		if obj == nil {
			continue
		}
		delete(p.errs, obj)
		delete(p.bools, obj)
		if len(s.Lhs) == len(s.Rhs) {
			if src := t.variable(s.Rhs[i]); src != nil && p.errs[src] {
				p.errs[obj] = true
			} else if basicBool(t.file, s.Rhs[i]) {
				if v := t.eval(s.Rhs[i], p); v != unknown {
					p.bools[obj] = v
				}
			}
		}
	}
	return []*path{p}
}

// assignResults walks ok, err := s.try(ctx), where a function tries. Its bool tells
// whether the lock is held; what its error is then cannot be told.
func (t *tracer) assignResults(s *ast.AssignStmt, p *path) []*path {
	isBool := false
	for _, l := range s.Lhs {
		isBool = isBool || !isBlank(l) && basicBool(t.file, l)
	}
	return t.fork(p, func(q *path) {
		for _, l := range s.Lhs {
			switch obj := t.variable(l); {
			case obj == nil:
			case basicBool(t.file, l):
				q.bools[obj] = truth(q.outcome == won)
			case !isBool && types.Identical(obj.Type(), types.Universe.Lookup("error").Type()):
				q.errs[obj] = true
			}
		}
	})
}

// receive notes a receive, which is all of statement s or of what it assigns.
func (t *tracer) receive(u *ast.UnaryExpr, s ast.Stmt, p *path) {
	if receives(u.X) {
		t.giveUp(s)
	}
	switch c := t.clocks[u]; {
	case c != nil:
		p.do(waits, u, c)
		return
	case t.isDone(u):
		p.do(doneRecv, s, nil)
	default:
		p.do(recv, s, nil)
	}
	t.operand(u.X, p)
}

// operand notes what evaluating the channel of a receive does.
func (t *tracer) operand(ch ast.Expr, p *path) {
	if hasCall(ch) {
		p.do(acts, ch, nil)
	}
}

// receiver notes an assignment of what was received to anything but local variables.
func (t *tracer) receiver(s *ast.AssignStmt, p *path) {
	for _, l := range s.Lhs {
		obj := t.variable(l)
		if !isBlank(l) && (obj == nil || isPackageLevel(obj)) {
			p.do(acts, s, nil)
			return
		}
		delete(p.errs, obj)
		delete(p.bools, obj)
	}
}

func basicBool(f *file, e ast.Expr) bool {
	t := f.typeOf(e)
	b, ok := typeUnder(t).(*types.Basic)
	return ok && b.Info()&types.IsBoolean != 0
}

// variable returns the local or package variable that e names, or nil.
func (t *tracer) variable(e ast.Expr) types.Object {
	id, ok := ast.Unparen(e).(*ast.Ident)
	if !ok || id.Name == "_" {
		return nil
	}
	v, ok := t.file.objectOf(id).(*types.Var)
	if !ok {
		return nil
	}
	return v
}

// A branch is a path with the value of a condition on it.
type branch struct {
	path  *path
	value tristate
}

// cond evaluates a condition, which may contain the try itself.
func (t *tracer) cond(e ast.Expr, p *path) []branch {
	e = ast.Unparen(e)
	if receives(e) {
		t.giveUp(e)
	}
	if hasCall(e) {
		p.do(acts, e, nil) // what a condition calls may have effects
	}
	return t.condition(e, p)
}

func hasCall(e ast.Expr) bool {
	found := false
	ast.Inspect(e, func(n ast.Node) bool {
		_, ok := n.(*ast.CallExpr)
		found = found || ok
		return !found
	})
	return found
}

func (t *tracer) condition(e ast.Expr, p *path) []branch {
	e = ast.Unparen(e)
	if !t.tries(e) {
		return []branch{{p, t.eval(e, p)}}
	}
	switch x := e.(type) {
	case *ast.UnaryExpr:
		if x.Op == token.NOT {
			bs := t.condition(x.X, p)
			for i := range bs {
				bs[i].value = bs[i].value.not()
			}
			return bs
		}
	case *ast.BinaryExpr:
		if x.Op == token.LAND || x.Op == token.LOR {
			stop := no
			if x.Op == token.LOR {
				stop = yes
			}
			var out []branch
			for _, b := range t.condition(x.X, p) {
				if b.value == stop {
					out = append(out, b)
					continue
				}
				if b.value == unknown {
					out = append(out, branch{b.path.fork(), stop})
				}
				out = append(out, t.condition(x.Y, b.path)...)
			}
			return out
		}
	}
	// The try is an operand: mu.TryLock(ctx) == nil, errors.Is(mu.TryLock(ctx), ...).
	var out []branch
	for _, q := range t.fork(p, func(*path) {}) {
		out = append(out, branch{q, t.eval(e, q)})
	}
	return out
}

// isErr reports whether e is the error of the latest try on p.
func (t *tracer) isErr(e ast.Expr, p *path) bool {
	e = ast.Unparen(e)
	if call, ok := e.(*ast.CallExpr); ok {
		return t.isTry(call)
	}
	obj := t.variable(e)
	return obj != nil && p.errs[obj]
}

// eval decides a condition on p, as far as it can.
func (t *tracer) eval(e ast.Expr, p *path) tristate {
	e = ast.Unparen(e)
	if tv, ok := t.file.pkg.TypesInfo.Types[e]; ok && tv.Value != nil {
		switch tv.Value.String() {
		case "true":
			return yes
		case "false":
			return no
		}
	}
	switch x := e.(type) {
	case *ast.Ident:
		if obj := t.variable(x); obj != nil {
			return p.bools[obj]
		}
	case *ast.UnaryExpr:
		if x.Op == token.NOT {
			return t.eval(x.X, p).not()
		}
	case *ast.BinaryExpr:
		switch x.Op {
		case token.LAND, token.LOR:
			a, b := t.eval(x.X, p), t.eval(x.Y, p)
			short, long := no, yes
			if x.Op == token.LOR {
				short, long = yes, no
			}
			if a == short || b == short {
				return short
			}
			if a == long && b == long {
				return long
			}
			return unknown
		case token.EQL, token.NEQ:
			v := unknown
			if t.isErr(x.X, p) {
				v = t.is(x.Y, p)
			} else if t.isErr(x.Y, p) {
				v = t.is(x.X, p)
			}
			if x.Op == token.NEQ {
				v = v.not()
			}
			return v
		}
	case *ast.CallExpr:
		if t.isTry(x) && basicBool(t.file, x) { // a function that tries
			return truth(p.outcome == won)
		}
		if isPkgObj(t.file.callee(x), "errors", "Is") && len(x.Args) == 2 && t.isErr(x.Args[0], p) {
			return t.is(x.Args[1], p)
		}
	}
	return unknown
}

// is decides whether the try's error is the value that target names.
func (t *tracer) is(target ast.Expr, p *path) tristate {
	if p.outcome == untried {
		return unknown
	}
	if isNilExpr(t.file, ast.Unparen(target)) {
		return truth(p.outcome == won)
	}
	var id *ast.Ident
	switch x := ast.Unparen(target).(type) {
	case *ast.Ident:
		id = x
	case *ast.SelectorExpr:
		id = x.Sel
	default:
		return unknown
	}
	obj := t.file.objectOf(id)
	if isConcurrencyObj(obj, "ErrLocked") {
		return truth(p.outcome == locked)
	}
	// These are never what a won or locked try returned. Any other error may be one more
	// name for ErrLocked.
	if p.outcome != failed {
		for _, name := range []string{"Canceled", "DeadlineExceeded"} {
			if isPkgObj(obj, "context", name) {
				return no
			}
		}
		if isConcurrencyObj(obj, "ErrSessionExpired") || isConcurrencyObj(obj, "ErrLockReleased") {
			return no
		}
	}
	return unknown
}

func (t *tracer) ifStmt(s *ast.IfStmt, p *path) []*path {
	in := []*path{p}
	if s.Init != nil {
		in = t.stmt(s.Init, p)
	}
	var out []*path
	for _, q := range in {
		for _, b := range t.cond(s.Cond, q) {
			if b.value != no {
				out = append(out, t.block(s.Body.List, []*path{b.path.fork()})...)
			}
			if b.value != yes {
				if s.Else != nil {
					out = append(out, t.stmt(s.Else, b.path)...)
				} else {
					out = append(out, b.path)
				}
			}
		}
	}
	return out
}

func (t *tracer) switchStmt(s *ast.SwitchStmt, p *path) []*path {
	in := []*path{p}
	if s.Init != nil {
		in = t.stmt(s.Init, p)
	}
	if s.Tag != nil && t.tries(s.Tag) {
		call, ok := ast.Unparen(s.Tag).(*ast.CallExpr)
		if !ok || !t.isTry(call) {
			t.giveUp(s)
			return nil
		}
		var forked []*path
		for _, q := range in {
			forked = append(forked, t.fork(q, func(*path) {})...)
		}
		in = forked
	} else if s.Tag != nil {
		if receives(s.Tag) {
			t.giveUp(s)
		}
		for _, q := range in {
			t.operand(s.Tag, q)
		}
	}
	var out []*path
	for _, q := range in {
		rest := q // what no case has taken for certain
		var deflt *ast.CaseClause
		taken := false
		for _, c := range s.Body.List {
			clause := c.(*ast.CaseClause)
			if clause.List == nil {
				deflt = clause
				continue
			}
			v := no
			for _, e := range clause.List {
				var one tristate
				if t.tries(e) || receives(e) {
					t.giveUp(e)
				}
				t.operand(e, rest)
				switch {
				case s.Tag == nil:
					one = t.eval(e, rest)
				case t.isErr(s.Tag, rest):
					one = t.is(e, rest)
				}
				if one == yes {
					v = yes
				} else if one == unknown && v == no {
					v = unknown
				}
			}
			if v != no {
				out = append(out, t.block(clause.Body, []*path{rest.fork()})...)
			}
			if v == yes {
				taken = true
				break
			}
		}
		if taken {
			continue
		}
		if deflt != nil {
			out = append(out, t.block(deflt.Body, []*path{rest.fork()})...)
		} else {
			out = append(out, rest)
		}
	}
	return out
}

func (t *tracer) selectStmt(s *ast.SelectStmt, p *path) []*path {
	// All channels, and all values to send, are evaluated whichever case is taken.
	for _, c := range s.Body.List {
		switch comm := c.(*ast.CommClause).Comm.(type) {
		case nil:
		case *ast.SendStmt:
			if t.tries(comm) || receives(comm) {
				t.giveUp(s)
			}
			t.operand(comm.Chan, p)
			t.operand(comm.Value, p)
		default:
			u := received(comm)
			if u == nil || receives(u.X) {
				t.giveUp(s)
				continue
			}
			if t.clocks[u] == nil {
				t.operand(u.X, p)
			}
		}
	}
	var out []*path
	for _, c := range s.Body.List {
		clause := c.(*ast.CommClause)
		q := p.fork()
		switch comm := clause.Comm.(type) {
		case nil:
			q.do(polls, clause, nil)
		case *ast.SendStmt:
			q.do(recv, comm, nil)
		default:
			u := received(comm)
			switch {
			case u == nil:
			case t.clocks[u] != nil:
				q.do(waits, u, t.clocks[u])
			case t.isDone(u):
				q.do(doneRecv, clause.Comm, nil)
			default:
				q.do(recv, clause.Comm, nil)
			}
			if a, ok := comm.(*ast.AssignStmt); ok {
				t.receiver(a, q)
			}
		}
		out = append(out, t.block(clause.Body, []*path{q})...)
	}
	return out
}

// received returns the receive expression of a select case, or nil.
func received(s ast.Stmt) *ast.UnaryExpr {
	var e ast.Expr
	switch s := s.(type) {
	case *ast.ExprStmt:
		e = s.X
	case *ast.AssignStmt:
		if len(s.Rhs) == 1 {
			e = s.Rhs[0]
		}
	}
	if e == nil {
		return nil
	}
	u, ok := ast.Unparen(e).(*ast.UnaryExpr)
	if !ok || u.Op != token.ARROW {
		return nil
	}
	return u
}
