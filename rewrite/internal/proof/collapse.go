package proof

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/edit"
	"etcdmod/rewrite/internal/flow"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// A Collapse replaces a whole loop:
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
// helper watches the holder, and reads it more and more seldom in case the watch is mute.
type Collapse struct {
	Site *loop.Site
	flow *flow.Flow

	success []ast.Stmt // after the lock is held, without a break of the loop at its end
	others  []ast.Stmt // leaves with the error; nil if other errors are retried
	done    []ast.Stmt // leaves because the context has ended; nil without such a case
	errVar  string     // the variable that holds the try's error in others
	errObj  types.Object
	assign  bool   // it is assigned, not declared, by the try
	ctx     string // source of the try's argument
	ctxObj  types.Object
	doneCtx *ast.CallExpr
	every   string // source of the interval, where other errors are retried
	Retry   bool
	Lock    bool       // waits in the queue of Lock
	Storm   bool       // the published fix: no interval in the source
	drop    []ast.Stmt // statements that go with the clock
	both    bool       // success and others are the same "return err"
}

// CollapseOf returns what replaces the loop of s, or why it must stay. The loop has passed
// gate, or waits for watch events of this lock.
func CollapseOf(fl *flow.Flow, s *loop.Site) (*Collapse, *finding.Reason) {
	c := &Collapse{Site: s, flow: fl, Storm: s.Clocks[0].Kind == loop.Watch}
	for _, proof := range []func() *finding.Reason{c.waitable, c.rounds, c.tried, c.placed, c.private, c.ended, c.kept, c.scopes, c.dropped, c.interval, c.clockGone} {
		if why := proof(); why != nil {
			return nil, why
		}
	}
	return c, nil
}

// stays is why a loop stays; shown is the same with the source of n.
func (c *Collapse) stays(code finding.Code, n ast.Node, detail string) *finding.Reason {
	return &finding.Reason{Code: code, Detail: detail, Pos: c.Site.Position(n.Pos())}
}

func (c *Collapse) shown(code finding.Code, n ast.Node) *finding.Reason {
	return c.stays(code, n, source.FirstLine(c.Site.Text(n)))
}

// waitable proves that the loop is of a kind for which there is a wait.
func (c *Collapse) waitable() *finding.Reason {
	if c.Site.Kind == loop.GotoLoop {
		return c.stays(finding.ShapeUnknown, c.Site.Node, "a goto leads back")
	}
	if len(c.Site.Clocks[0].Places) > 0 {
		return c.stays(finding.NoClock, c.Site.Node, "there is no interval to keep")
	}
	return nil
}

// rounds proves that rounds which go on do nothing but wait, and that other errors are all
// retried or all returned.
func (c *Collapse) rounds() *finding.Reason {
	s, returned := c.Site, false
	for _, q := range s.Paths {
		done, why := c.round(q)
		switch {
		case why != nil:
			return why
		case q.End == loop.Outward:
			return c.stays(finding.ShapeUnknown, s.Node, "")
		case done && q.End == loop.Next:
			return c.stays(finding.ShapeUnknown, s.Node, "the loop may go on when the context has ended")
		case q.Outcome == loop.Locked && q.End != loop.Next && !done:
			return c.stays(finding.ShapeUnknown, s.Tries[0], "a held lock may leave the loop")
		case q.Outcome == loop.Untried && q.End != loop.Next && !done:
			return c.stays(finding.ShapeUnknown, s.Node, "the loop may end without a try")
		case q.Outcome == loop.Failed && !done && q.End == loop.Next:
			c.Retry = true
		case q.Outcome == loop.Failed && !done:
			returned = true
			if q.End != loop.Left {
				return c.stays(finding.ErrorPolicy, s.Tries[0], "other errors break the loop")
			}
		}
	}
	if c.Retry && returned {
		return c.stays(finding.ErrorPolicy, s.Tries[0], "")
	}
	if r, ok := s.Node.(*ast.RangeStmt); ok && c.Storm {
		return c.stays(finding.ShapeUnknown, r, "the loop ends when the watch does")
	}
	return nil
}

// round looks at what one way through a round does. done says that it receives from the
// context's Done.
func (c *Collapse) round(q *loop.Path) (done bool, why *finding.Reason) {
	for _, st := range q.Steps {
		switch st.Kind {
		case loop.ReceivesDone:
			done = true
		case loop.Receives:
			return done, c.shown(finding.OtherCase, st.Node)
		case loop.Acts:
			if q.End != loop.Next {
				continue
			}
			if _, quiet := c.Site.Inert(st.Node); !quiet {
				return done, c.shown(finding.LogsPerRound, st.Node)
			}
			if _, isExpr := st.Node.(ast.Expr); !isExpr {
				return done, c.shown(finding.ShapeUnknown, st.Node)
			}
		}
	}
	return done, nil
}

// tried proves that context and mutex of the try are the same in every round: the loop looks
// them up each time, and the wait does so once.
func (c *Collapse) tried() *finding.Reason {
	s, try := c.Site, c.Site.Tries[0]
	if len(try.Args) != 1 {
		return c.stays(finding.ShapeUnknown, try, "")
	}
	c.ctx, c.ctxObj = s.File.Plain(try.Args[0]), s.Walker.Variable(try.Args[0])
	if call, ok := ast.Unparen(try.Args[0]).(*ast.CallExpr); c.ctxObj == nil && (!ok || len(call.Args) > 0 || !loop.IsContextCall(s.File, call)) {
		return c.stays(finding.ContextMismatch, try, c.ctx)
	}
	if c.ctxObj != nil && (source.PosWithin(c.ctxObj.Pos(), s.Node) || s.File.AssignedIn(c.ctxObj, s.Node)) {
		return c.stays(finding.ContextMismatch, try, c.ctx+" is made in the loop")
	}
	if v, ok := c.ctxObj.(*types.Var); ok && mayChange(s, v) {
		return c.stays(finding.ContextMismatch, try, c.ctx+" may change while the loop waits")
	}
	return fixedMutex(s, s.Clocks[0], false)
}

// placed proves that the statements for success and for other errors were found.
func (c *Collapse) placed() *finding.Reason {
	if bad := c.shape(); bad != nil {
		return c.shown(finding.ShapeUnknown, bad)
	}
	if c.both && c.orphaned() {
		return c.stays(finding.ShapeUnknown, c.Site.Tries[0], "nothing else uses "+c.errVar)
	}
	if c.Retry != (c.others == nil) {
		return c.stays(finding.ErrorPolicy, c.Site.Tries[0], "")
	}
	return nil
}

// ended proves that there is a way out when the wait ends with an error.
func (c *Collapse) ended() *finding.Reason {
	s := c.Site
	if bad := c.doneCase(); bad != nil {
		return c.stays(finding.ShapeUnknown, bad, "more than one case for the context's end")
	}
	if c.doneCtx != nil {
		sel := ast.Unparen(c.doneCtx.Fun).(*ast.SelectorExpr)
		if obj := s.Walker.Variable(sel.X); obj == nil || obj != c.ctxObj {
			return c.stays(finding.ContextMismatch, c.doneCtx, s.Text(c.doneCtx))
		}
	}
	if c.Retry { // what the loop does when its context ends is done when the session has ended, too
		if bad := c.acts(c.done); bad != nil {
			return c.shown(finding.ErrorNoHome, bad)
		}
	}
	switch {
	case c.Retry && !c.returnsContextError() && len(c.done) > 0:
		return c.shown(finding.ErrorNoHome, c.done[0])
	case c.Retry && !c.returnsContextError():
		return c.stays(finding.ErrorNoHome, s.Node, "")
	case c.doneCtx != nil && len(c.done) == 0:
		return c.stays(finding.ShapeUnknown, c.doneCtx, "the context's end changes nothing")
	case c.done != nil && c.others != nil && c.tryFirst() && !(c.plainContextError() && c.plainError(c.others)):
		return c.stays(finding.ErrorPolicy, s.Tries[0], "once the context has ended, the next try says so before the select does")
	case c.both && c.done != nil && !c.plainContextError():
		return c.shown(finding.ShapeUnknown, c.done[0])
	}
	return nil
}

// acts returns a statement that does more than to log, to set a local variable and to return, or
// the condition of one that asks for more than values.
func (c *Collapse) acts(list []ast.Stmt) ast.Node {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.ReturnStmt:
			for _, r := range s.Results {
				if !loop.Pure(c.Site.File, r) {
					return r
				}
			}
			continue
		case *ast.BlockStmt:
			if bad := c.acts(s.List); bad != nil {
				return bad
			}
			continue
		case *ast.IfStmt:
			if !c.Site.PureCondition(s.Cond) {
				return s.Cond
			}
			inner := []ast.Stmt{s.Body}
			if s.Init != nil {
				inner = append(inner, s.Init)
			}
			if s.Else != nil {
				inner = append(inner, s.Else)
			}
			if bad := c.acts(inner); bad != nil {
				return bad
			}
			continue
		}
		if ok, _ := c.Site.Inert(s); !ok && !slices.Contains(c.drop, s) {
			return s
		}
	}
	return nil
}

// kept proves that what is kept for errors ends the function, and that all that the loop does
// after the try is kept.
func (c *Collapse) kept() *finding.Reason {
	for _, part := range [][]ast.Stmt{c.done, c.others} {
		if n := len(part); n > 0 && !leaves(c.Site.File, part[n-1]) {
			return c.shown(finding.ShapeUnknown, part[n-1])
		}
	}
	if bad := c.uncovered(); bad != nil {
		return c.shown(finding.ShapeUnknown, bad)
	}
	return nil
}

// clockGone proves that nothing which is kept uses the clock.
func (c *Collapse) clockGone() *finding.Reason {
	for _, part := range [][]ast.Stmt{c.success, c.done, c.others} {
		if id := c.clockLeft(part); id != nil {
			return c.stays(finding.ShapeUnknown, id, id.Name+" is used by what stays")
		}
	}
	return nil
}

// tryFirst reports whether the end of the context, should it come during the wait, meets
// the try before anything looks for it: the select takes its default and waits there.
func (c *Collapse) tryFirst() bool {
	for _, q := range c.Site.Paths {
		if q.End != loop.Next || q.Outcome != loop.Locked {
			continue
		}
		looked := false // before the try
		for _, st := range q.Steps {
			if st.Kind == loop.TakesDefault && st.After && !looked {
				return true
			}
			looked = looked || st.Kind == loop.TakesDefault
		}
	}
	return false
}

// uncovered returns something that the loop does, after the try or at the context's end,
// outside the statements that are kept.
func (c *Collapse) uncovered() ast.Node {
	in := func(n ast.Node, list []ast.Stmt) bool {
		for _, s := range list {
			if source.Within(n, s) {
				return true
			}
		}
		return false
	}
	for _, q := range c.Site.Paths {
		if q.End == loop.Next {
			continue
		}
		var list []ast.Stmt
		watching := false // what comes from here on is in list
		for _, st := range q.Steps {
			switch {
			case st.Kind == loop.ReceivesDone:
				list, watching = c.done, true
				continue
			case st.After && !watching && q.Outcome == loop.Won:
				list, watching = c.success, true
			case st.After && !watching && q.Outcome == loop.Failed:
				list, watching = c.others, true
			}
			if !watching || in(st.Node, list) {
				continue
			}
			if e, ok := st.Node.(ast.Expr); ok && st.Kind == loop.Acts && c.Site.PureCondition(e) {
				continue
			}
			return st.Node
		}
		if !watching {
			switch q.Outcome {
			case loop.Won:
				list = c.success
			case loop.Failed:
				list = c.others
			}
		}
		if q.EndStmt != nil && !in(q.EndStmt, list) {
			if b, ok := q.EndStmt.(*ast.BranchStmt); !ok || b.Tok != token.BREAK || q.Outcome != loop.Won {
				return q.EndStmt
			}
		}
	}
	return nil
}

// clockLeft returns a use of the clock that would stay.
func (c *Collapse) clockLeft(list []ast.Stmt) (left *ast.Ident) {
	obj := c.Site.Clocks[0].Var
	if obj == nil {
		return nil
	}
	for _, s := range list {
		if slices.Contains(c.drop, s) {
			continue
		}
		ast.Inspect(s, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && c.Site.File.ObjectOf(id) == obj {
				left = id
			}
			return left == nil
		})
	}
	return left
}

// leaves reports whether s ends the function.
func leaves(f *source.File, s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.ReturnStmt:
		return true
	case *ast.ExprStmt:
		call, ok := ast.Unparen(s.X).(*ast.CallExpr)
		return ok && loop.NeverReturns(f, call)
	}
	return false
}

// dropped proves that the statements which make, stop and reset the clock can go with the loop,
// and notes them.
func (c *Collapse) dropped() *finding.Reason {
	s, k := c.Site, c.Site.Clocks[0]
	if k.Var == nil {
		return nil
	}
	parents := source.Parents(s.Func)
	if _, ok := parents[k.Decl].(*ast.BlockStmt); !ok {
		return c.shown(finding.ShapeUnknown, k.Decl)
	}
	if source.Within(k.Decl, s.Node) {
		return c.stays(finding.ShapeUnknown, k.Decl, "the clock is made in the loop")
	}
	c.drop = append(c.drop, k.Decl)
	for _, id := range s.File.UsesOf(k.Var) {
		if k.Kind == loop.Watch || k.Kind == loop.Tick {
			if !source.Within(id, s.Node) {
				return c.stays(finding.ClockShared, id, id.Name)
			}
			continue
		}
		sel, _ := parents[id].(*ast.SelectorExpr)
		if sel == nil || sel.Sel.Name == "C" {
			continue // ownClock has seen to it
		}
		if sel.Sel.Name == "Reset" {
			return c.stays(finding.IntervalVaries, sel, s.Text(sel))
		}
		switch stmt := parents[parents[sel]].(type) {
		case *ast.ExprStmt:
			if stmt.Pos() < s.Node.Pos() {
				return c.stays(finding.ShapeUnknown, stmt, s.Text(stmt)+" comes before the loop, which then never waits to its end")
			}
			if _, ok := parents[stmt].(*ast.BlockStmt); !ok && !source.Within(stmt, s.Node) {
				return c.stays(finding.ShapeUnknown, stmt, s.Text(stmt))
			}
			c.drop = append(c.drop, stmt)
		case *ast.DeferStmt:
			if _, ok := parents[stmt].(*ast.BlockStmt); !ok {
				return c.stays(finding.ShapeUnknown, stmt, s.Text(stmt))
			}
			c.drop = append(c.drop, stmt)
		default:
			return c.stays(finding.ShapeUnknown, sel, s.Text(sel))
		}
	}
	return nil
}

// interval proves that the wait can keep the interval of the clock, or that the events which
// the loop waits for are those of this lock.
func (c *Collapse) interval() *finding.Reason {
	s, k := c.Site, c.Site.Clocks[0]
	if c.Storm {
		return sameKey(c.flow, s, k)
	}
	d := k.Interval()
	if d == nil {
		return c.stays(finding.IntervalVaries, s.Node, "")
	}
	switch v := s.File.Pkg.TypesInfo.Types[d].Value; {
	case k.Kind == loop.Tick && (v == nil || constant.Sign(v) <= 0):
		return c.stays(finding.IntervalVaries, d, s.Text(d)+" may be zero, and then it never fires")
	case k.Kind == loop.Ticker && v != nil && constant.Sign(v) <= 0:
		return c.stays(finding.IntervalVaries, d, s.Text(d)+" is not positive, and time.NewTicker panics")
	}
	if why := movable(s, k, d, k.Var != nil && c.adjacent(k.Decl)); why != nil {
		return why
	}
	if c.Retry {
		c.every = s.File.Plain(d)
	} else if v := onlyUsedIn(s.File, d); v != nil {
		return c.stays(finding.ShapeUnknown, d, "nothing else uses "+v.Name())
	}
	return nil
}

// onlyUsedIn returns a local variable that nothing but the expression e uses: without e the
// function would not compile.
func onlyUsedIn(f *source.File, e ast.Expr) *types.Var {
	for n := range ast.Preorder(e) {
		id, ok := n.(*ast.Ident)
		if !ok {
			continue
		}
		v, ok := f.ObjectOf(id).(*types.Var)
		if !ok || v.Kind() != types.LocalVar {
			continue
		}
		if !slices.ContainsFunc(f.UsesOf(v), func(use *ast.Ident) bool { return !source.Within(use, e) }) {
			return v
		}
	}
	return nil
}

// doneCase finds the statements for the end of the context.
func (c *Collapse) doneCase() (bad ast.Node) {
	ast.Inspect(c.Site.Node, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.CommClause:
			if n.Comm == nil {
				return true
			}
			u := loop.Received(n.Comm)
			if u == nil || !loop.IsDone(c.Site.File, u) {
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
func (c *Collapse) returnsContextError() bool {
	if len(c.done) == 0 {
		return false
	}
	ret, ok := c.done[len(c.done)-1].(*ast.ReturnStmt)
	if !ok {
		return false
	}
	for _, r := range ret.Results {
		if t := c.Site.File.TypeOf(r); t == nil || !types.Identical(t, types.Universe.Lookup("error").Type()) {
			continue
		}
		if len(c.contextErrors(r)) > 0 {
			return true
		}
	}
	return false
}

// plainContextError reports whether the context's end is exactly "return ctx.Err()".
func (c *Collapse) plainContextError() bool {
	if len(c.done) != 1 {
		return false
	}
	ret, ok := c.done[0].(*ast.ReturnStmt)
	if !ok || len(ret.Results) != 1 {
		return false
	}
	calls := c.contextErrors(ret)
	return len(calls) == 1 && ast.Unparen(ret.Results[0]) == ast.Expr(calls[0])
}

// plainError reports whether list is exactly "return err" with the try's error.
func (c *Collapse) plainError(list []ast.Stmt) bool {
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
func (c *Collapse) direct() bool {
	if c.both {
		return true
	}
	if c.orphaned() {
		return false
	}
	if len(c.success) != 1 {
		return false
	}
	ret, ok := c.success[0].(*ast.ReturnStmt)
	if !ok || len(ret.Results) != 1 || !source.IsNilExpr(c.Site.File, ast.Unparen(ret.Results[0])) {
		return false
	}
	if c.done != nil && !c.plainContextError() {
		return false
	}
	return c.others == nil || c.plainError(c.others)
}

// orphaned reports whether nothing but the loop uses the variable that the try assigns: without
// an assignment and a use in its place the function would not compile.
func (c *Collapse) orphaned() bool {
	v, ok := c.errObj.(*types.Var)
	if !ok || !c.assign || v.Kind() != types.LocalVar {
		return false
	}
	parents := source.Parents(c.Site.Func)
	return !slices.ContainsFunc(c.Site.File.UsesOf(v), func(id *ast.Ident) bool {
		if source.Within(id, c.Site.Node) {
			return false
		}
		a, assigned := parents[id].(*ast.AssignStmt)
		return !assigned || !slices.Contains(a.Lhs, ast.Expr(id))
	})
}

// contextErrors returns the calls of Err on the try's context in n.
func (c *Collapse) contextErrors(n ast.Node) (out []*ast.CallExpr) {
	ast.Inspect(n, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
		if ok && sel.Sel.Name == "Err" && c.Site.File.Plain(sel.X) == c.ctx && source.IsNamed(c.Site.File.TypeOf(sel.X), "context", "Context") {
			out = append(out, call)
		}
		return true
	})
	return out
}

// Same reports whether two collapses of the same loop write the same statements.
func (c *Collapse) Same(d *Collapse) bool {
	return slices.Equal(c.success, d.success) && slices.Equal(c.others, d.others) && slices.Equal(c.done, d.done) &&
		slices.Equal(c.drop, d.drop) && (c.others == nil) == (d.others == nil) && (c.done == nil) == (d.done == nil) &&
		c.errVar == d.errVar && c.assign == d.assign && c.ctx == d.ctx && c.doneCtx == d.doneCtx && c.every == d.every &&
		c.Retry == d.Retry && c.Lock == d.Lock && c.Storm == d.Storm && c.both == d.both
}

// Wait returns what comes in the place of the loop; qualifier is the name of the helper
// package in its file.
func (c *Collapse) Wait(qualifier string) edit.Wait {
	w := edit.Wait{
		Loop:    c.Site.Node,
		Drop:    c.drop,
		Call:    c.Site.File.Plain(c.Site.Mutex()) + "." + c.method(qualifier),
		Return:  c.direct(),
		Err:     cmp.Or(c.errVar, "err"),
		Assign:  c.assign,
		Failed:  c.others,
		Success: c.success,
	}
	if c.Site.Label != nil {
		w.Loop = c.Site.Label
	}
	switch {
	case c.others == nil: // the end of the context and of the session leave alike
		w.Ended = c.done
		for _, e := range c.contextErrors(&ast.BlockStmt{List: c.done}) {
			w.Errors = append(w.Errors, e)
		}
	case c.done == nil || c.plainContextError() && c.plainError(c.others):
		// WatchLock has returned ctx.Err() itself
	default:
		w.Ended, w.EndedIf = c.done, c.ctx+".Err()"
	}
	return w
}

// method returns the helper's method and its arguments.
func (c *Collapse) method(qualifier string) string {
	switch {
	case c.Lock:
		return fmt.Sprintf("Lock(%s)", c.ctx)
	case c.Storm && c.Retry:
		return fmt.Sprintf("WatchLockRetry(%s, %s.RetryInterval)", c.ctx, qualifier)
	case c.Retry:
		return fmt.Sprintf("WatchLockRetry(%s, %s)", c.ctx, c.every)
	default:
		return fmt.Sprintf("WatchLock(%s)", c.ctx)
	}
}
