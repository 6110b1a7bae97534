package rewrite

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// A gate swaps the clock of a loop for the mutex's own:
//
//	ticker := time.NewTicker(d)   =>   ticker := mu.NewTicker(d)
//
// Safety argument. The helper's clock fires at the old times, and once more, early, when
// the lock that the last try met has been released. So the rewritten loop makes every
// round that the old one made, at the same time, and one more per release. That one is
// harmless if a round does nothing but try, wait, log and count (the inert steps below),
// if success leaves the loop, and if no attempt is counted. The clock must be for this
// mutex at all times: the mutex is there before the clock is made and is not replaced.
//
// gate returns why the clock of s must stay, or nil.
func (p *program) gate(s *site) *Reason {
	at := func(code Code, n ast.Node, detail string) *Reason {
		return &Reason{Code: code, Detail: detail, Pos: p.position(n.Pos())}
	}
	switch {
	case len(s.calls) > 0:
		return at(TriesThroughFn, s.calls[0], firstLine(p.text(s.calls[0].Fun)))
	case s.trace.bad != nil:
		return at(ComplexFlow, s.trace.bad, "")
	case len(s.tries) > 1:
		return at(SeveralTries, s.tries[1], "")
	case len(s.clock) == 0:
		for _, q := range s.paths {
			for _, st := range q.steps {
				if q.end == next && (st.kind == recv || st.kind == doneRecv) {
					return at(UnknownClock, st.node, firstLine(p.text(st.node)))
				}
				if q.outcome == locked && q.end == next && st.kind == acts && p.mayWait(s, st.node) {
					return at(UnknownClock, st.node, firstLine(p.text(st.node))+" may wait")
				}
			}
		}
		return at(NoClock, s.loop, "")
	case len(s.clock) > 1:
		return at(SeveralClocks, s.clock[1].wait, firstLine(p.text(s.clock[1].wait)))
	}
	c := s.clock[0]
	if c.problem != nil {
		if c.kind == watchClock {
			return at(WatchNotPaced, c.wait, "")
		}
		return c.problem
	}
	if r := p.counted(s); r != nil {
		return r
	}
	for _, q := range s.paths {
		switch {
		case q.outcome == won && (q.end == next || q.end == outward):
			return at(SuccessLoops, s.tries[0], "")
		case q.end == outward:
			return at(ComplexFlow, q.endStmt, "it leaves for an outer loop")
		case q.end != next:
			continue
		case q.outcome == untried && q.waited > 0:
			return at(ClockShared, c.wait, "a round may wait without a try")
		}
		reset := false
		for _, st := range q.steps {
			switch st.kind {
			case acts:
				if ok, _ := p.inert(s, st.node); !ok {
					return at(WorkInLoop, st.node, firstLine(p.text(st.node)))
				}
				reset = reset || p.resets(s, st.node)
			case recv: // one more of them per release
				if q.waited > 0 {
					return at(WorkInLoop, st.node, firstLine(p.text(st.node)))
				}
			}
		}
		if c.kind == timerClock && q.waited > 0 && !reset && !within(c.made, s.loop) {
			return at(UnknownClock, c.wait, "a timer that is not reset fires only once")
		}
	}
	if c.kind == watchClock {
		if r := p.fixedMutex(s, c, false); r != nil {
			return r
		}
		return at(WatchNotPaced, c.wait, "")
	}
	if c.perWait && c.made != nil && len(c.made.Args) == 1 && !p.pure(s.file, c.made.Args[0]) {
		return at(WorkInLoop, c.made.Args[0], p.text(c.made.Args[0]))
	}
	if r := p.ownClock(s, c); r != nil {
		return r
	}
	return p.fixedMutex(s, c, c.perWait)
}

func firstLine(text string) string {
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		return strings.TrimRight(text[:i], " \t{\r") + " ..."
	}
	return text
}

// counted reports a loop that is bounded by a number of rounds, or whose rounds are
// told apart by a counter.
func (p *program) counted(s *site) *Reason {
	if r, ok := s.loop.(*ast.RangeStmt); ok {
		if _, isChan := typeUnder(s.file.typeOf(r.X)).(*types.Chan); !isChan {
			return &Reason{Code: AttemptCounter, Detail: "range " + p.text(r.X), Pos: p.position(r.Pos())}
		}
	}
	counters := map[types.Object]bool{}
	ast.Inspect(s.loop, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IncDecStmt:
			counters[s.trace.variable(n.X)] = true
			if sel, ok := ast.Unparen(n.X).(*ast.SelectorExpr); ok {
				counters[s.file.objectOf(sel.Sel)] = true
			}
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				obj := s.trace.variable(l)
				if obj == nil || n.Tok == token.DEFINE {
					continue
				}
				if n.Tok != token.ASSIGN || len(n.Rhs) == len(n.Lhs) && s.file.mentions(n.Rhs[i], obj) {
					counters[obj] = true
				}
			}
		}
		return true
	})
	delete(counters, nil)
	// What is computed from a counter counts too.
	for grown := true; grown; {
		grown = false
		ast.Inspect(s.loop, func(n ast.Node) bool {
			var lhs, rhs []ast.Expr
			switch n := n.(type) {
			case *ast.AssignStmt:
				lhs, rhs = n.Lhs, n.Rhs
			case *ast.ValueSpec:
				rhs = n.Values
				for _, name := range n.Names {
					lhs = append(lhs, name)
				}
			}
			for i, l := range lhs {
				obj := s.trace.variable(l)
				for j, r := range rhs {
					if obj == nil || counters[obj] || len(lhs) == len(rhs) && i != j {
						continue
					}
					for c := range counters {
						if s.file.mentions(r, c) {
							counters[obj], grown = true, true
						}
					}
				}
			}
			return true
		})
	}
	var found ast.Node
	look := func(e ast.Node) {
		for obj := range counters {
			if s.file.mentions(e, obj) {
				found = e
			}
		}
	}
	ast.Inspect(s.loop, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IfStmt:
			look(n.Cond)
		case *ast.ForStmt:
			if n.Cond != nil {
				look(n.Cond)
			}
		case *ast.SwitchStmt:
			if n.Tag != nil {
				look(n.Tag)
			}
		case *ast.CaseClause:
			for _, e := range n.List {
				look(e)
			}
		case *ast.CommClause:
			if n.Comm != nil {
				look(n.Comm)
			}
		case *ast.CallExpr: // how long to wait, and for whom
			if s.trace.clocks[n] != nil || p.isClockCall(s, n) {
				look(n)
			}
		}
		return true
	})
	if found != nil {
		return &Reason{Code: AttemptCounter, Detail: p.text(found), Pos: p.position(found.Pos())}
	}
	return nil
}

// mentions reports whether n uses the variable or field obj.
func (f *file) mentions(n ast.Node, obj types.Object) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && f.objectOf(id) == obj {
			found = true
		}
		return !found
	})
	return found
}

// inert reports whether doing a statement once more, or earlier, is harmless: it logs,
// counts, or sets a local variable. quiet says that it does not even log or count.
func (p *program) inert(s *site, n ast.Node) (ok, quiet bool) {
	f := s.file
	switch n := n.(type) {
	case *ast.ExprStmt:
		call, isCall := ast.Unparen(n.X).(*ast.CallExpr)
		if !isCall {
			return false, false
		}
		if p.isClockCall(s, call) {
			return p.pureArgs(s, call), true
		}
		if isPkgObj(f.callee(call), "runtime", "Gosched") || isCancel(f, call) {
			return true, true
		}
		return isLog(f, call) && p.pureArgs(s, call), false
	case *ast.AssignStmt:
		for _, l := range n.Lhs {
			if obj := s.trace.variable(l); !isBlank(l) && (obj == nil || isPackageLevel(obj)) {
				return false, false
			}
		}
		for _, r := range n.Rhs {
			if !p.pure(f, r) && !p.isContextCall(f, r) && !p.makesTimer(s, r) {
				return false, false
			}
		}
		return true, true
	case *ast.DeclStmt:
		gen, isGen := n.Decl.(*ast.GenDecl)
		if !isGen {
			return false, false
		}
		for _, spec := range gen.Specs {
			if v, isValue := spec.(*ast.ValueSpec); isValue {
				for _, e := range v.Values {
					if !p.pure(f, e) && !p.isContextCall(f, e) && !p.makesTimer(s, e) {
						return false, false
					}
				}
			}
		}
		return true, true
	case *ast.IncDecStmt:
		obj := s.trace.variable(n.X)
		return obj != nil && !isPackageLevel(obj), false
	case ast.Expr: // a condition
		pure := p.pureCondition(s, n)
		return pure, pure
	}
	return false, false
}

// pureCondition is pure for a condition, in which the try itself is fine.
func (p *program) pureCondition(s *site, e ast.Expr) bool {
	pure := true
	ast.Inspect(e, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return pure
		}
		if s.trace.isTry(call) {
			return false
		}
		fn, _ := s.file.callee(call).(*types.Func)
		tv := s.file.pkg.TypesInfo.Types[call.Fun]
		_, builtin := s.file.callee(call).(*types.Builtin)
		if !tv.IsType() && !builtin && (fn == nil || !harmless(fn)) {
			pure = false
		}
		return pure
	})
	return pure
}

func isPackageLevel(obj types.Object) bool {
	return obj.Pkg() != nil && obj.Parent() == obj.Pkg().Scope()
}

// isClockCall reports whether call is Stop or Reset of the site's clock.
func (p *program) isClockCall(s *site, call *ast.CallExpr) bool {
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok || len(s.clock) != 1 || s.clock[0].obj == nil {
		return false
	}
	return s.trace.variable(sel.X) == s.clock[0].obj && (sel.Sel.Name == "Stop" || sel.Sel.Name == "Reset")
}

func isCancel(f *file, call *ast.CallExpr) bool {
	return isNamed(f.typeOf(call.Fun), "context", "CancelFunc")
}

// resets reports whether n is a Reset of the site's clock.
func (p *program) resets(s *site, n ast.Node) bool {
	stmt, ok := n.(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := ast.Unparen(stmt.X).(*ast.CallExpr)
	if !ok || !p.isClockCall(s, call) {
		return false
	}
	return ast.Unparen(call.Fun).(*ast.SelectorExpr).Sel.Name == "Reset"
}

// makesTimer reports whether e makes the site's timer, anew in every round.
func (p *program) makesTimer(s *site, e ast.Expr) bool {
	return len(s.clock) == 1 && s.clock[0].kind == timerClock && ast.Unparen(e) == ast.Expr(s.clock[0].made) &&
		p.pure(s.file, s.clock[0].made.Args[0])
}

// isContextCall reports whether e derives a context: it has no effect but its result.
func (p *program) isContextCall(f *file, e ast.Expr) bool {
	call, ok := ast.Unparen(e).(*ast.CallExpr)
	if !ok {
		return false
	}
	fn, ok := f.callee(call).(*types.Func)
	if !ok || fn.Pkg() == nil || fn.Pkg().Path() != "context" || !strings.HasPrefix(fn.Name(), "With") && !harmless(fn) {
		return false
	}
	for _, a := range call.Args {
		if !p.pure(f, a) && !p.isContextCall(f, a) {
			return false
		}
	}
	return true
}

// logPackages write log lines or metrics and do nothing else.
var logPackages = []string{
	"log", "log/slog", "go.uber.org/zap", "github.com/sirupsen/logrus", "github.com/rs/zerolog", "github.com/golang/glog",
	"k8s.io/klog", "github.com/go-kit/log", "github.com/go-kit/kit/log", "github.com/go-logr/logr", "github.com/prometheus/client_golang",
	"github.com/hashicorp/go-hclog", "github.com/apex/log",
}

func isLog(f *file, call *ast.CallExpr) bool {
	fn, ok := f.callee(call).(*types.Func)
	if !ok || fn.Pkg() == nil || neverReturns(f, call) {
		return false
	}
	if strings.HasPrefix(fn.Name(), "Fatal") || strings.HasPrefix(fn.Name(), "Panic") || strings.HasPrefix(fn.Name(), "Exit") {
		return false
	}
	path := fn.Pkg().Path()
	if path == "fmt" {
		return strings.HasPrefix(fn.Name(), "Print") || strings.HasPrefix(fn.Name(), "Fprint") && len(call.Args) > 0 && isStandardStream(f, call.Args[0])
	}
	if path == "testing" {
		return fn.Name() == "Log" || fn.Name() == "Logf"
	}
	for _, l := range logPackages {
		if path == l || strings.HasPrefix(path, l+"/") {
			return true
		}
	}
	return false
}

// isStandardStream reports whether e is os.Stdout or os.Stderr.
func isStandardStream(f *file, e ast.Expr) bool {
	sel, ok := ast.Unparen(e).(*ast.SelectorExpr)
	return ok && (isPkgObj(f.objectOf(sel.Sel), "os", "Stdout") || isPkgObj(f.objectOf(sel.Sel), "os", "Stderr"))
}

// pureArgs allows what log calls are given: values, and calls of log packages, Error and
// String methods, and errors such as status texts.
func (p *program) pureArgs(s *site, call *ast.CallExpr) bool {
	if sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok {
		if inner, ok := ast.Unparen(sel.X).(*ast.CallExpr); ok && !isLog(s.file, inner) {
			return false
		}
	}
	for _, a := range call.Args {
		if !p.pure(s.file, a) {
			return false
		}
	}
	return true
}

// pure reports whether evaluating e has no effect and calls nothing that may.
func (p *program) pure(f *file, e ast.Expr) bool {
	ok := true
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			ok = false
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				ok = false
			}
		case *ast.CallExpr:
			if tv := f.pkg.TypesInfo.Types[n.Fun]; tv.IsType() || isLog(f, n) {
				return true
			}
			switch fn := f.callee(n).(type) {
			case *types.Builtin:
				if fn.Name() == "panic" || fn.Name() == "close" || fn.Name() == "delete" {
					ok = false
				}
			case *types.Func:
				if !harmless(fn) {
					ok = false
				}
			default:
				ok = false
			}
		}
		return ok
	})
	return ok
}

// harmless knows functions whose only effect is their result.
func harmless(fn *types.Func) bool {
	if fn.Pkg() == nil {
		return fn.Name() == "Error" // of the error interface
	}
	switch fn.Pkg().Path() {
	case "errors", "strings", "strconv", "math":
		return fn.Signature().Recv() == nil // a Builder's methods write to it
	case "math/rand", "math/rand/v2":
		for _, prefix := range []string{"Int", "Uint", "Float", "N"} {
			if strings.HasPrefix(fn.Name(), prefix) && !strings.HasPrefix(fn.Name(), "New") {
				return true
			}
		}
		return false
	case "time":
		switch fn.Name() {
		case "Sleep", "After", "AfterFunc", "NewTicker", "NewTimer", "Tick", "Stop", "Reset":
			return false
		}
		return true
	case "fmt":
		return strings.HasPrefix(fn.Name(), "Sprint") || fn.Name() == "Errorf"
	case "context":
		return fn.Name() == "Err" || fn.Name() == "Done" || fn.Name() == "Background" || fn.Name() == "TODO"
	}
	_, isConcurrency := concurrencyPath(fn.Pkg())
	return isConcurrency && (fn.Name() == "Key" || fn.Name() == "Lease" || fn.Name() == "Done")
}

// ownClock reports a clock that something else uses too.
func (p *program) ownClock(s *site, c *clock) *Reason {
	if c.obj == nil {
		return nil
	}
	shared := func(n ast.Node, detail string) *Reason {
		return &Reason{Code: ClockShared, Detail: detail, Pos: p.position(n.Pos())}
	}
	parents := parentsIn(s.fn)
	stopped := false
	for _, id := range s.file.usesOf(c.obj) {
		sel, isSel := parents[id].(*ast.SelectorExpr)
		if c.kind == tickClock {
			if _, isRange := parents[id].(*ast.RangeStmt); !isRange && !isReceive(parents[id]) || !within(id, s.loop) {
				return shared(id, "")
			}
		} else if !isSel {
			return shared(id, c.obj.Name()+" is passed on")
		} else {
			switch sel.Sel.Name {
			case "C":
				_, isRange := parents[sel].(*ast.RangeStmt)
				if !isRange && !isReceive(parents[sel]) || !within(id, s.loop) {
					return shared(sel, c.obj.Name()+".C is used elsewhere")
				}
			case "Stop", "Reset":
				if _, isCall := parents[sel].(*ast.CallExpr); !isCall {
					return shared(sel, "")
				}
				stopped = stopped || sel.Sel.Name == "Stop"
			}
		}
		for n := parents[id]; n != nil && n != s.fn; n = parents[n] {
			if lit, ok := n.(*ast.FuncLit); ok {
				call, _ := parents[lit].(*ast.CallExpr)
				if _, deferred := parents[call].(*ast.DeferStmt); call == nil || !deferred {
					return shared(id, "a function literal uses "+c.obj.Name())
				}
			}
		}
	}
	// One literal is one clock only if it is waited for in one loop of one goroutine.
	for n := parents[c.made]; n != nil && n != s.fn; n = parents[n] {
		switch n.(type) {
		case *ast.ForStmt, *ast.RangeStmt:
			if n != s.loop && !within(s.loop, n) {
				return shared(c.made, "")
			}
			if (c.kind == tickerClock || c.kind == tickClock) && !stopped {
				return &Reason{Code: ClockElsewhere, Detail: "a ticker that is not stopped, made in a loop", Pos: p.position(c.made.Pos())}
			}
		}
	}
	return nil
}

func isReceive(n ast.Node) bool {
	u, ok := n.(*ast.UnaryExpr)
	return ok && u.Op == token.ARROW
}

// parentsIn maps every node below root to its parent.
func parentsIn(root ast.Node) map[ast.Node]ast.Node {
	out := map[ast.Node]ast.Node{}
	var stack []ast.Node
	ast.Inspect(root, func(n ast.Node) bool {
		if n == nil {
			stack = stack[:len(stack)-1]
			return true
		}
		if len(stack) > 0 {
			out[n] = stack[len(stack)-1]
		}
		stack = append(stack, n)
		return true
	})
	return out
}

// fixedMutex reports a mutex that may not be the same, or not there yet, at the clock.
// perWait says that the mutex is looked up again for every wait, so that it may change
// outside the loop.
func (p *program) fixedMutex(s *site, c *clock, perWait bool) *Reason {
	mu := s.mutex()
	// Where a try comes before each wait, the mutex has just been used there. Otherwise it
	// must have been there before.
	for _, q := range s.paths {
		for _, st := range q.steps {
			perWait = perWait && (st.kind != waits || st.after)
		}
	}
	moved := func(n ast.Node, detail string) *Reason {
		return &Reason{Code: MutexNotFixed, Detail: detail, Pos: p.position(n.Pos())}
	}
	root := mu
	for {
		sel, ok := root.(*ast.SelectorExpr)
		if !ok {
			break
		}
		field, ok := s.file.objectOf(sel.Sel).(*types.Var)
		if !ok {
			break
		}
		if !field.IsField() { // pkg.Var
			root = sel.Sel
			break
		}
		for _, v := range append(embedded(s.file.pkg.TypesInfo.Selections[sel]), field) {
			if n := p.assignedField(v, s, perWait); n != nil {
				return moved(n, p.text(sel)+" is assigned")
			}
		}
		root = ast.Unparen(sel.X)
	}
	id, ok := root.(*ast.Ident)
	if !ok {
		return &Reason{Code: MutexNotSimple, Detail: p.text(mu), Pos: p.position(mu.Pos())}
	}
	obj, ok := s.file.objectOf(id).(*types.Var)
	if !ok {
		return &Reason{Code: MutexNotSimple, Detail: p.text(mu), Pos: p.position(mu.Pos())}
	}
	if within2(obj.Pos(), s.loop) {
		return moved(id, id.Name+" is another one in every round")
	}
	if n := p.assignedVar(obj, s, perWait); n != nil {
		return moved(n, id.Name+" is assigned")
	}
	if c.kind == watchClock {
		return nil
	}
	// The same name must mean the same variable where the clock is made.
	at := c.made.Pos()
	scope := s.file.pkg.Types.Scope().Innermost(at)
	if scope == nil {
		return moved(c.made, "")
	}
	if first, ok := rootIdent(mu); ok {
		if _, found := scope.LookupParent(first.Name, at); found == nil || found != s.file.objectOf(first) {
			return moved(c.made, first.Name+" is not yet declared where the clock is made")
		}
	}
	return nil
}

// rootIdent returns the leftmost identifier of a selector chain.
func rootIdent(e ast.Expr) (*ast.Ident, bool) {
	for {
		switch x := ast.Unparen(e).(type) {
		case *ast.Ident:
			return x, true
		case *ast.SelectorExpr:
			e = x.X
		default:
			return nil, false
		}
	}
}

// assignedVar returns an assignment to obj besides its definition. For a clock that is
// made anew for every wait only those inside the loop count, unless obj is a local.
func (p *program) assignedVar(obj *types.Var, s *site, perWait bool) (found ast.Node) {
	global := isPackageLevel(obj)
	for _, f := range p.files {
		if !global && f != s.file {
			continue
		}
		used := func(e ast.Expr) bool {
			switch e := ast.Unparen(e).(type) {
			case *ast.Ident:
				return sameVar(f.pkg.TypesInfo.Uses[e], obj)
			case *ast.SelectorExpr: // of another package
				return sameVar(f.pkg.TypesInfo.Uses[e.Sel], obj)
			}
			return false
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for _, l := range n.Lhs {
					if used(l) {
						if !perWait || within(n, s.loop) || !global {
							found = n
						}
					}
				}
			case *ast.RangeStmt:
				for _, e := range []ast.Expr{n.Key, n.Value} {
					if used(e) {
						found = n
					}
				}
			case *ast.UnaryExpr:
				if n.Op == token.AND && used(n.X) {
					found = n
				}
			case *ast.ValueSpec:
				// var mu *Mutex, assigned later, is caught above; without any value
				// it would be nil.
				for _, name := range n.Names {
					if sameVar(f.pkg.TypesInfo.Defs[name], obj) && len(n.Values) == 0 && !perWait {
						found = n
					}
				}
			}
			return found == nil
		})
	}
	return found
}

func sameVar(a types.Object, b *types.Var) bool { return sameObject(a, b) }

// sameObject compares objects that may come from two variants of one package.
func sameObject(a, b types.Object) bool {
	return a != nil && b != nil && (a == b || a.Pos() == b.Pos() && a.Pos().IsValid())
}

// assignedField returns an assignment to the field other than while its struct is under
// construction. For a clock made anew for every wait only those inside the loop count.
func (p *program) assignedField(field *types.Var, s *site, perWait bool) (found ast.Node) {
	field = field.Origin()
	for _, f := range p.files {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			var targets []ast.Expr
			whole := false // a whole struct may be set
			switch n := n.(type) {
			case *ast.AssignStmt:
				targets, whole = n.Lhs, n.Tok == token.ASSIGN
			case *ast.RangeStmt:
				for _, e := range []ast.Expr{n.Key, n.Value} {
					if e != nil {
						targets = append(targets, e)
					}
				}
				whole = n.Tok == token.ASSIGN
			case *ast.UnaryExpr:
				if n.Op == token.AND {
					targets = []ast.Expr{n.X}
				}
			}
			for _, l := range targets {
				if perWait && !within(n, s.loop) {
					continue
				}
				sel, ok := ast.Unparen(l).(*ast.SelectorExpr)
				if ok && p.underConstruction(f, sel) {
					continue
				}
				if whole && hasField(f.typeOf(l), field) {
					found = n
				}
				if !ok {
					continue
				}
				if v, ok := f.objectOf(sel.Sel).(*types.Var); ok && sameVar(v.Origin(), field) {
					found = n
				}
			}
			return found == nil
		})
	}
	return found
}

// hasField reports whether a value of type t, which is no pointer, holds the field.
func hasField(t types.Type, field *types.Var) bool {
	switch u := typeUnder(t).(type) {
	case *types.Struct:
		for i := 0; i < u.NumFields(); i++ {
			if sameVar(u.Field(i).Origin(), field) || hasField(u.Field(i).Type(), field) {
				return true
			}
		}
	case *types.Array:
		return hasField(u.Elem(), field)
	}
	return false
}

// underConstruction reports whether x.f = ... sets a field of a struct that the same
// function has just made with a literal or new.
func (p *program) underConstruction(f *file, sel *ast.SelectorExpr) bool {
	id, ok := ast.Unparen(sel.X).(*ast.Ident)
	if !ok {
		return false
	}
	obj := f.objectOf(id)
	var fn ast.Node // the innermost function around each node
	var stack []ast.Node
	var madeIn, setIn ast.Node
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if n == nil {
			switch stack[len(stack)-1].(type) {
			case *ast.FuncDecl, *ast.FuncLit:
				fn = nil
				for i := len(stack) - 2; i >= 0 && fn == nil; i-- {
					switch stack[i].(type) {
					case *ast.FuncDecl, *ast.FuncLit:
						fn = stack[i]
					}
				}
			}
			stack = stack[:len(stack)-1]
			return true
		}
		stack = append(stack, n)
		switch n := n.(type) {
		case *ast.FuncDecl, *ast.FuncLit:
			fn = n
		case *ast.SelectorExpr:
			if n == sel {
				setIn = fn
			}
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE && len(n.Lhs) == 1 && len(n.Rhs) == 1 && obj != nil && f.definedBy(n.Lhs[0]) == obj && f.constructs(n.Rhs[0]) {
				madeIn = fn
			}
		}
		return true
	})
	return madeIn != nil && madeIn == setIn
}

// constructs reports whether e is T{...}, &T{...} or new(T).
func (f *file) constructs(e ast.Expr) bool {
	e = ast.Unparen(e)
	if u, ok := e.(*ast.UnaryExpr); ok && u.Op == token.AND {
		e = ast.Unparen(u.X)
	}
	switch e := e.(type) {
	case *ast.CompositeLit:
		return true
	case *ast.CallExpr:
		b, ok := f.callee(e).(*types.Builtin)
		return ok && b.Name() == "new"
	}
	return false
}
