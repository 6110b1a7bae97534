package rewrite

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"time"
)

// A collapse replaces a whole loop:
//
//	ticker := time.NewTicker(d)
//	for {
//		if err = mu.TryLock(ctx); err == nil {
//			return nil
//		}
//		select {                                =>   return mu.WatchLockRetry(ctx, d)
//		case <-ctx.Done():
//			return ctx.Err()
//		case <-ticker.C:
//		}
//	}
//
// Safety argument. Success leaves the loop on every path, so what follows the try on the
// won path follows the wait instead. A try that met another holder leads to nothing but
// the wait. Other errors are all retried, or all leave the loop by the same statements,
// which are kept. The context that ends the wait is the one the try used. The wait ends
// with an error in one case more than the loop did, when the session has ended: the loop
// would have retried a dead lease for ever. So there must be a way out for an error. The
// helper re-reads the holder at least as often as the loop tried.
type collapse struct {
	site *site

	success []ast.Stmt // after the lock is held, without a break of the loop at its end
	others  []ast.Stmt // leaves with the error; nil if other errors are retried
	done    []ast.Stmt // leaves because the context has ended; nil without such a case
	errVar  string     // the variable that holds the try's error in others
	assign  bool       // it is assigned, not declared, by the try
	ctx     string     // source of the try's argument
	doneCtx *ast.CallExpr
	every   string // source of the interval; "" for the helper's own
	retry   bool
	storm   bool       // the published fix: no interval in the source
	drop    []ast.Stmt // statements that go with the clock
	both    bool       // success and others are the same "return err"
}

// slowInterval is the helper's own interval between reads (slowInterval there).
const slowInterval = 5 * time.Second

// collapse returns what replaces the loop of s, or why it must stay. The loop has passed
// gate, or waits for watch events of this lock.
func (p *program) collapse(s *site) (*collapse, *Reason) {
	at := func(code Code, n ast.Node, format string, args ...any) (*collapse, *Reason) {
		return nil, &Reason{Code: code, Detail: fmt.Sprintf(format, args...), Pos: p.position(n.Pos())}
	}
	c := &collapse{site: s, storm: s.clock[0].kind == watchClock}
	f := s.file

	// What rounds do besides waiting.
	retried, returned := false, false
	for _, q := range s.paths {
		done := false
		for _, st := range q.steps {
			switch st.kind {
			case doneRecv:
				done = true
			case recv:
				return at(OtherCase, st.node, "%s", firstLine(p.text(st.node)))
			case acts:
				if q.end == next {
					if _, quiet := p.inert(s, st.node); !quiet {
						return at(LogsPerRound, st.node, "%s", firstLine(p.text(st.node)))
					}
					if _, isExpr := st.node.(ast.Expr); !isExpr {
						return at(ShapeUnknown, st.node, "%s", firstLine(p.text(st.node)))
					}
				}
			}
		}
		switch {
		case q.end == outward:
			return at(ShapeUnknown, s.loop, "")
		case q.outcome == locked && q.end != next && !done:
			return at(ShapeUnknown, s.tries[0], "a held lock may leave the loop")
		case q.outcome == untried && q.end != next && !done:
			return at(ShapeUnknown, s.loop, "the loop may end without a try")
		case q.outcome == failed && !done && q.end == next:
			retried = true
		case q.outcome == failed && !done:
			returned = true
			if q.end != left {
				return at(ErrorPolicy, s.tries[0], "other errors break the loop")
			}
		}
	}
	if retried && returned {
		return at(ErrorPolicy, s.tries[0], "")
	}
	c.retry = retried
	if r, ok := s.loop.(*ast.RangeStmt); ok && c.storm {
		return at(ShapeUnknown, r, "the loop ends when the watch does")
	}

	// The try, and what follows it.
	try := s.tries[0]
	if len(try.Args) != 1 {
		return at(ShapeUnknown, try, "")
	}
	c.ctx = p.text(try.Args[0])
	ctxObj := s.trace.variable(try.Args[0])
	if ctxObj == nil && !isContextCall(f, try.Args[0]) {
		return at(ContextMismatch, try, "%s", c.ctx)
	}
	if ctxObj != nil && (within2(ctxObj.Pos(), s.loop) || p.assignedIn(f, ctxObj, s.loop)) {
		return at(ContextMismatch, try, "%s is made in the loop", c.ctx)
	}
	if bad := c.shape(p); bad != nil {
		return at(ShapeUnknown, bad, "%s", firstLine(p.text(bad)))
	}
	if c.retry != (c.others == nil) {
		return at(ErrorPolicy, try, "")
	}

	// The way out when the wait ends with an error.
	if bad := c.doneCase(p); bad != nil {
		return at(ShapeUnknown, bad, "more than one case for the context's end")
	}
	if c.doneCtx != nil {
		sel := ast.Unparen(c.doneCtx.Fun).(*ast.SelectorExpr)
		if obj := s.trace.variable(sel.X); obj == nil || obj != ctxObj {
			return at(ContextMismatch, c.doneCtx, "%s", p.text(c.doneCtx))
		}
	}
	if c.retry && !c.returnsContextError(p) {
		if c.done != nil {
			return at(ErrorNoHome, c.done[0], "%s", firstLine(p.text(c.done[0])))
		}
		return at(ErrorNoHome, s.loop, "")
	}
	if c.doneCtx != nil && len(c.done) == 0 {
		return at(ShapeUnknown, c.doneCtx, "the context's end changes nothing")
	}
	if c.both && c.done != nil && !c.plainContextError(p) {
		return at(ShapeUnknown, c.done[0], "%s", firstLine(p.text(c.done[0])))
	}
	for _, part := range [][]ast.Stmt{c.done, c.others} {
		if len(part) > 0 && !leaves(f, part[len(part)-1]) {
			return at(ShapeUnknown, part[len(part)-1], "")
		}
	}

	return c.clock(p)
}

// leaves reports whether s ends the function.
func leaves(f *file, s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.ReturnStmt:
		return true
	case *ast.ExprStmt:
		call, ok := ast.Unparen(s.X).(*ast.CallExpr)
		return ok && neverReturns(f, call)
	}
	return false
}

// clock takes care of the interval and of the statements that go with the clock.
func (c *collapse) clock(p *program) (*collapse, *Reason) {
	s, k, f := c.site, c.site.clock[0], c.site.file
	at := func(code Code, n ast.Node, format string, args ...any) (*collapse, *Reason) {
		return nil, &Reason{Code: code, Detail: fmt.Sprintf(format, args...), Pos: p.position(n.Pos())}
	}
	if k.obj != nil {
		parents := parentsIn(s.fn)
		if _, ok := parents[k.decl].(*ast.BlockStmt); !ok {
			return at(ShapeUnknown, k.decl, "%s", firstLine(p.text(k.decl)))
		}
		if within(k.decl, s.loop) {
			return at(ShapeUnknown, k.decl, "the clock is made in the loop")
		}
		c.drop = append(c.drop, k.decl)
		for _, id := range f.usesOf(k.obj) {
			if k.kind == watchClock || k.kind == tickClock {
				if !within(id, s.loop) {
					return at(ClockShared, id, "%s", id.Name)
				}
				continue
			}
			sel, _ := parents[id].(*ast.SelectorExpr)
			if sel == nil || sel.Sel.Name == "C" {
				continue // ownClock has seen to it
			}
			if sel.Sel.Name == "Reset" {
				return at(IntervalVaries, sel, "%s", p.text(sel))
			}
			stmt := parents[parents[sel]]
			switch stmt := stmt.(type) {
			case *ast.ExprStmt:
				if _, ok := parents[stmt].(*ast.BlockStmt); !ok && !within(stmt, s.loop) {
					return at(ShapeUnknown, stmt, "%s", p.text(stmt))
				}
				c.drop = append(c.drop, stmt)
			case *ast.DeferStmt:
				if _, ok := parents[stmt].(*ast.BlockStmt); !ok {
					return at(ShapeUnknown, stmt, "%s", p.text(stmt))
				}
				c.drop = append(c.drop, stmt)
			default:
				return at(ShapeUnknown, sel, "%s", p.text(sel))
			}
		}
	}
	if c.storm {
		return c, p.sameKey(s, k)
	}
	d := k.interval()
	if d == nil {
		return at(IntervalVaries, s.loop, "")
	}
	if r := p.movable(s, k, d); r != nil {
		return nil, r
	}
	c.every = p.text(d)
	if v := f.pkg.TypesInfo.Types[d].Value; v != nil && !c.retry {
		if n, ok := constant.Int64Val(constant.ToInt(v)); ok && time.Duration(n) >= slowInterval {
			c.every = "" // the helper reads often enough
		}
	}
	return c, nil
}

// movable reports an interval that would mean something else where the loop stands, or
// that the loop computes anew in every round.
func (p *program) movable(s *site, k *clock, d ast.Expr) *Reason {
	f := s.file
	if f.pkg.TypesInfo.Types[d].Value != nil {
		return p.sameNames(s, d)
	}
	varies := func(n ast.Node) *Reason {
		return &Reason{Code: IntervalVaries, Detail: p.text(d), Pos: p.position(n.Pos())}
	}
	var bad *Reason
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if tv := f.pkg.TypesInfo.Types[n.Fun]; !tv.IsType() {
				bad = varies(n)
			}
		case *ast.IndexExpr, *ast.StarExpr, *ast.FuncLit:
			bad = varies(n)
		case *ast.Ident:
			obj, ok := f.objectOf(n).(*types.Var)
			if !ok || obj.IsField() {
				break
			}
			if isPackageLevel(obj) {
				if p.assignedIn(f, obj, s.loop) {
					bad = varies(n)
				}
			} else if m := p.assignedVar(obj, s, false); m != nil && m.Pos() > k.made.Pos() || within2(obj.Pos(), s.loop) || p.assignedIn(f, obj, s.loop) {
				bad = varies(n)
			}
		case *ast.SelectorExpr:
			if v, ok := f.objectOf(n.Sel).(*types.Var); ok && v.IsField() && p.assignedIn(f, v, s.loop) {
				bad = varies(n)
			}
		}
		return bad == nil
	})
	if bad != nil {
		return bad
	}
	return p.sameNames(s, d)
}

// sameNames reports a name in d that means something else at the loop.
func (p *program) sameNames(s *site, d ast.Expr) *Reason {
	scope := s.file.pkg.Types.Scope().Innermost(s.loop.Pos())
	var bad *Reason
	fields := map[*ast.Ident]bool{}
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			fields[n.Sel] = true
		case *ast.Ident:
			obj := s.file.objectOf(n)
			if fields[n] || obj == nil || scope == nil {
				return true
			}
			if _, found := scope.LookupParent(n.Name, s.loop.Pos()); found != obj {
				bad = &Reason{Code: IntervalVaries, Detail: n.Name + " means something else at the loop", Pos: p.position(n.Pos())}
			}
		}
		return true
	})
	return bad
}

// assignedIn reports whether obj is assigned inside n, or its address is taken there.
func (p *program) assignedIn(f *file, obj types.Object, n ast.Node) bool {
	found := false
	names := func(e ast.Expr) bool {
		switch e := ast.Unparen(e).(type) {
		case *ast.Ident:
			return f.objectOf(e) == obj
		case *ast.SelectorExpr:
			return f.objectOf(e.Sel) == obj
		}
		return false
	}
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, l := range n.Lhs {
				found = found || names(l)
			}
		case *ast.IncDecStmt:
			found = found || names(n.X)
		case *ast.UnaryExpr:
			found = found || n.Op == token.AND && names(n.X)
		case *ast.RangeStmt:
			found = found || n.Key != nil && names(n.Key) || n.Value != nil && names(n.Value)
		}
		return !found
	})
	return found
}

// shape finds the statements for success and for other errors. It returns the node that
// it could not place.
func (c *collapse) shape(p *program) ast.Node {
	var body []ast.Stmt
	switch loop := c.site.loop.(type) {
	case *ast.ForStmt:
		body = loop.Body.List
		if loop.Cond != nil && c.site.trace.tries(loop.Cond) {
			v := c.verdict(loop.Cond, nil)
			if v != [3]tristate{no, yes, yes} {
				return loop.Cond
			}
			return nil
		}
		if loop.Cond != nil || loop.Init != nil || loop.Post != nil {
			return loop
		}
	case *ast.RangeStmt:
		if loop.Key != nil && !isBlank(loop.Key) {
			return loop
		}
		body = loop.Body.List
	}
	return c.list(p, body, nil)
}

// verdict is the value of a condition after a won, a locked and a failed try.
func (c *collapse) verdict(cond ast.Expr, errs map[types.Object]bool) (v [3]tristate) {
	for i, o := range []outcome{won, locked, failed} {
		v[i] = c.site.trace.eval(cond, &path{outcome: o, errs: errs})
	}
	return v
}

// list walks statements in search of the try; errs is nil before it.
func (c *collapse) list(p *program, stmts []ast.Stmt, errs map[types.Object]bool) ast.Node {
	t := c.site.trace
	for i, s := range stmts {
		rest := stmts[i+1:]
		switch s := s.(type) {
		case *ast.AssignStmt:
			if !t.tries(s) {
				if errs != nil {
					return s
				}
				continue
			}
			errs = c.bind(s)
			if errs == nil {
				return s
			}
		case *ast.IfStmt:
			in := errs
			if s.Init != nil {
				a, ok := s.Init.(*ast.AssignStmt)
				if !ok || !t.tries(a) {
					return s
				}
				if in = c.bind(a); in == nil {
					return s
				}
				errs = in
			} else if t.tries(s.Cond) {
				in = map[types.Object]bool{}
				errs = in
			}
			if in == nil {
				if t.tries(s) {
					return s
				}
				continue // before the try: only a check of the context passes collapse's tests
			}
			bad, finished := c.ifStmt(p, s, rest, in)
			if bad != nil || finished {
				return bad
			}
		case *ast.SelectStmt:
			if errs != nil {
				continue // the wait
			}
			for _, clause := range s.Body.List {
				if t.tries(clause) {
					if len(rest) > 0 {
						return rest[0]
					}
					return c.list(p, clause.(*ast.CommClause).Body, nil)
				}
			}
		case *ast.ExprStmt:
			if t.tries(s) {
				return s
			}
		case *ast.BranchStmt, *ast.EmptyStmt:
		default:
			if t.tries(s) || errs != nil {
				return s
			}
		}
	}
	return nil
}

// bind notes which variable a try's error goes to.
func (c *collapse) bind(a *ast.AssignStmt) map[types.Object]bool {
	if len(a.Lhs) != 1 || len(a.Rhs) != 1 {
		return nil
	}
	call, ok := ast.Unparen(a.Rhs[0]).(*ast.CallExpr)
	if !ok || !c.site.trace.isTry(call) {
		return nil
	}
	errs := map[types.Object]bool{}
	if isBlank(a.Lhs[0]) {
		return errs
	}
	obj := c.site.trace.variable(a.Lhs[0])
	if obj == nil {
		return nil
	}
	c.errVar, c.assign = obj.Name(), !within2(obj.Pos(), c.site.loop)
	errs[obj] = true
	return errs
}

// ifStmt places the branches of a condition on the try's error. finished says that rest
// has been placed too.
func (c *collapse) ifStmt(p *program, s *ast.IfStmt, rest []ast.Stmt, errs map[types.Object]bool) (bad ast.Node, finished bool) {
	var otherwise []ast.Stmt
	switch e := s.Else.(type) {
	case *ast.BlockStmt:
		otherwise = e.List
	case *ast.IfStmt:
		otherwise = []ast.Stmt{e}
	}
	switch v := c.verdict(s.Cond, errs); v {
	case [3]tristate{yes, no, no}: // if err == nil { success } else { ... }
		if bad := c.setSuccess(s.Body.List); bad != nil {
			return bad, true
		}
		if bad := c.list(p, otherwise, errs); bad != nil {
			return bad, true
		}
		return nil, false
	case [3]tristate{no, yes, yes}: // if err != nil { ... } success
		if bad := c.list(p, s.Body.List, errs); bad != nil {
			return bad, true
		}
		if s.Else != nil {
			return c.setSuccess(otherwise), false
		}
		return c.setSuccess(rest), true
	case [3]tristate{no, no, yes}: // if err != ErrLocked { others }
		if c.others != nil || s.Else != nil {
			return s, true
		}
		c.others = s.Body.List
		return nil, false
	case [3]tristate{yes, no, yes}: // if err != ErrLocked { return err }, nil included
		ret, ok := s.Body.List[len(s.Body.List)-1].(*ast.ReturnStmt)
		if !ok || len(s.Body.List) != 1 || len(ret.Results) != 1 || s.Else != nil || c.others != nil || c.success != nil {
			return s, true
		}
		if obj := c.site.trace.variable(ret.Results[0]); obj == nil || !errs[obj] {
			return s, true
		}
		c.success, c.others, c.both = s.Body.List, s.Body.List, true
		return nil, false
	case [3]tristate{no, yes, no}: // if err == ErrLocked { wait } else { others }
		if bad := c.list(p, s.Body.List, errs); bad != nil {
			return bad, true
		}
		if s.Else != nil {
			if c.others != nil {
				return s, true
			}
			c.others = otherwise
		}
		return nil, false
	case [3]tristate{unknown, unknown, unknown}:
		return nil, false // a check of the context
	}
	return s, true
}

// setSuccess takes the statements that follow a won try; a break of the loop at their
// end goes without saying.
func (c *collapse) setSuccess(list []ast.Stmt) ast.Node {
	if c.success != nil {
		return c.site.loop
	}
	c.success = list
	if len(list) > 0 {
		// Inside a select or switch a plain break would not leave the loop, and the
		// paths would not have ended there.
		if b, ok := list[len(list)-1].(*ast.BranchStmt); ok && b.Tok == token.BREAK {
			c.success = list[:len(list)-1]
		}
	}
	if c.success == nil {
		c.success = []ast.Stmt{}
	}
	// A branch further inside would lose its target.
	var bad ast.Node
	for _, s := range c.success {
		ast.Inspect(s, func(n ast.Node) bool {
			if b, ok := n.(*ast.BranchStmt); ok {
				bad = b
			}
			return bad == nil
		})
	}
	return bad
}

// doneCase finds the statements for the end of the context.
func (c *collapse) doneCase(p *program) (bad ast.Node) {
	ast.Inspect(c.site.loop, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.CommClause:
			if n.Comm == nil {
				return true
			}
			u := received(n.Comm)
			if u == nil || !c.site.file.isDone(u) {
				return true
			}
			if c.doneCtx != nil {
				bad = n
				return false
			}
			c.doneCtx, _ = ast.Unparen(u.X).(*ast.CallExpr)
			c.done = n.Body
		}
		return true
	})
	return bad
}

// returnsContextError reports whether the end of the context returns ctx.Err(), alone or
// wrapped: there the other ends of a wait have a way out.
func (c *collapse) returnsContextError(p *program) bool {
	if len(c.done) == 0 {
		return false
	}
	ret, ok := c.done[len(c.done)-1].(*ast.ReturnStmt)
	if !ok {
		return false
	}
	for _, r := range ret.Results {
		if t := c.site.file.typeOf(r); t == nil || !types.Identical(t, types.Universe.Lookup("error").Type()) {
			continue
		}
		if len(c.contextErrors(p, r)) > 0 {
			return true
		}
	}
	return false
}

// plainContextError reports whether the context's end is exactly "return ctx.Err()".
func (c *collapse) plainContextError(p *program) bool {
	if len(c.done) != 1 {
		return false
	}
	ret, ok := c.done[0].(*ast.ReturnStmt)
	if !ok || len(ret.Results) != 1 {
		return false
	}
	calls := c.contextErrors(p, ret)
	return len(calls) == 1 && ast.Unparen(ret.Results[0]) == ast.Expr(calls[0])
}

// plainError reports whether list is exactly "return err" with the try's error.
func (c *collapse) plainError(list []ast.Stmt) bool {
	if len(list) != 1 {
		return false
	}
	ret, ok := list[0].(*ast.ReturnStmt)
	if !ok || len(ret.Results) != 1 {
		return false
	}
	id, ok := ast.Unparen(ret.Results[0]).(*ast.Ident)
	return ok && c.errVar != "" && id.Name == c.errVar
}

// direct reports whether the loop is nothing but the function's result: then one return
// statement replaces it.
func (c *collapse) direct(p *program) bool {
	if c.both {
		return true
	}
	if len(c.success) != 1 {
		return false
	}
	ret, ok := c.success[0].(*ast.ReturnStmt)
	if !ok || len(ret.Results) != 1 || !isNilExpr(c.site.file, ast.Unparen(ret.Results[0])) {
		return false
	}
	if c.done != nil && !c.plainContextError(p) {
		return false
	}
	return c.others == nil || c.plainError(c.others)
}

// contextErrors returns the calls of Err on the try's context in n.
func (c *collapse) contextErrors(p *program, n ast.Node) (out []*ast.CallExpr) {
	ast.Inspect(n, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
		if ok && sel.Sel.Name == "Err" && p.text(sel.X) == c.ctx && isNamed(c.site.file.typeOf(sel.X), "context", "Context") {
			out = append(out, call)
		}
		return true
	})
	return out
}
