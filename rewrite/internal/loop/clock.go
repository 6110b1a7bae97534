package loop

import (
	"go/ast"
	"go/token"
	"go/types"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/source"
)

// A ClockKind says by what a loop waits.
type ClockKind int

const (
	Sleep      ClockKind = iota // time.Sleep(d)
	After                       // time.After(d), directly or in a variable of the round
	Tick                        // time.Tick(d), directly or in a variable
	Ticker                      // time.NewTicker(d)
	Timer                       // time.NewTimer(d)
	Watch                       // events of an etcd watch
	OtherClock                  // a channel of times from elsewhere
)

// maker is the function of package time, and the helper's method, that makes a clock.
var maker = map[ClockKind]string{
	Sleep: "Sleep", After: "After", Tick: "Tick", Ticker: "NewTicker", Timer: "NewTimer",
}

// A Clock is what a loop waits for.
type Clock struct {
	Kind    ClockKind
	Wait    ast.Node        // the receive, the Sleep call, or what a loop ranges over
	Made    *ast.CallExpr   // time.NewTicker(d), client.Watch(...)
	Var     types.Object    // the variable that holds the ticker, timer or channel
	Decl    ast.Stmt        // the statement that defines it
	PerWait bool            // made anew for every wait
	Places  []token.Pos     // instead of all this: where a wait is put into a spin
	Problem *finding.Reason // why it cannot be swapped
}

// Interval returns the expression of the clock's interval, or nil.
func (c *Clock) Interval() ast.Expr {
	if c.Made == nil || c.Kind == Watch || len(c.Made.Args) != 1 {
		return nil
	}
	return c.Made.Args[0]
}

func (c *Clock) String() string {
	if name, ok := maker[c.Kind]; ok {
		return "time." + name
	}
	if c.Kind == Watch {
		return "a watch"
	}
	return "a channel"
}

// clocksOf finds what a loop of fn waits for.
func (p *Functions) clocksOf(f *source.File, fn ast.Node, loop ast.Stmt) map[ast.Node]*Clock {
	out := map[ast.Node]*Clock{}
	byObj := map[types.Object]*Clock{}
	add := func(n ast.Node, ch ast.Expr) {
		if c := p.channelClock(f, fn, loop, ch); c != nil {
			c.Wait = n
			if c.Var != nil {
				if first := byObj[c.Var]; first != nil {
					out[n] = first
					return
				}
				byObj[c.Var] = c
			}
			out[n] = c
		}
	}
	ast.Inspect(loop, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.CallExpr:
			if source.IsObject(f.Callee(n), "time", "Sleep") && len(n.Args) == 1 {
				out[n] = &Clock{Kind: Sleep, Wait: n, Made: n, PerWait: true}
			}
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				add(n, n.X)
			}
		case *ast.RangeStmt:
			if _, ok := source.Under(f.TypeOf(n.X)).(*types.Chan); ok {
				add(n.X, n.X)
			}
		}
		return true
	})
	return out
}

// channelClock classifies a channel that is received from, or returns nil when it is
// neither a channel of times nor one of watch responses.
func (p *Functions) channelClock(f *source.File, fn ast.Node, loop ast.Stmt, ch ast.Expr) *Clock {
	ch = ast.Unparen(ch)
	t, ok := source.Under(f.TypeOf(ch)).(*types.Chan)
	if !ok {
		return nil
	}
	switch {
	case p.IsWatchChan(f.TypeOf(ch)):
		c := &Clock{Kind: Watch}
		if call, ok := ch.(*ast.CallExpr); ok {
			c.Made, c.PerWait = call, true
		} else {
			p.variableClock(f, fn, c, ch)
		}
		return c
	case !source.IsNamed(t.Elem(), "time", "Time"):
		return nil
	}
	switch x := ch.(type) {
	case *ast.CallExpr:
		switch obj := f.Callee(x); {
		case source.IsObject(obj, "time", "After"):
			return &Clock{Kind: After, Made: x, PerWait: true}
		case source.IsObject(obj, "time", "Tick"):
			c := &Clock{Kind: Tick, Made: x}
			if r, ok := loop.(*ast.RangeStmt); !ok || ast.Unparen(r.X) != x {
				c.Problem = &finding.Reason{Code: finding.ClockElsewhere, Detail: "time.Tick is called anew in every round", Pos: p.Position(x.Pos())}
			}
			return c
		}
	case *ast.SelectorExpr:
		kind := OtherClock
		switch {
		case x.Sel.Name != "C":
		case source.IsNamed(f.TypeOf(x.X), "time", "Ticker"):
			kind = Ticker
		case source.IsNamed(f.TypeOf(x.X), "time", "Timer"):
			kind = Timer
		}
		c := &Clock{Kind: kind}
		p.variableClock(f, fn, c, x.X)
		return c
	case *ast.Ident:
		c := &Clock{Kind: Tick}
		p.variableClock(f, fn, c, x)
		if c.Made != nil && source.IsObject(f.Callee(c.Made), "time", "After") {
			if !source.Within(c.Made, loop) {
				return nil // a deadline for the whole loop
			}
			c.Kind = After
		}
		return c
	}
	return &Clock{Kind: OtherClock, Problem: &finding.Reason{Code: finding.ClockElsewhere, Detail: p.Text(ch), Pos: p.Position(ch.Pos())}}
}

// variableClock finds the one definition of the variable that holds a clock.
func (p *Functions) variableClock(f *source.File, fn ast.Node, c *Clock, e ast.Expr) {
	elsewhere := func(detail string, at ast.Node) {
		c.Problem = &finding.Reason{Code: finding.ClockElsewhere, Detail: detail, Pos: p.Position(at.Pos())}
	}
	id, ok := ast.Unparen(e).(*ast.Ident)
	if !ok {
		elsewhere(p.Text(e)+" is no local variable", e)
		return
	}
	obj := f.ObjectOf(id)
	c.Var = obj
	if obj == nil || !source.PosWithin(obj.Pos(), fn) {
		elsewhere(id.Name+" is made outside this function", e)
		return
	}
	// Look for its definition among the statements of the function.
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return n == fn
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE && len(n.Lhs) == 1 && len(n.Rhs) == 1 && f.DefinedBy(n.Lhs[0]) == obj {
				c.Decl = n
				c.Made, _ = ast.Unparen(n.Rhs[0]).(*ast.CallExpr)
			}
		case *ast.DeclStmt:
			gen, ok := n.Decl.(*ast.GenDecl)
			if !ok || len(gen.Specs) != 1 {
				return true
			}
			if v, ok := gen.Specs[0].(*ast.ValueSpec); ok && v.Type == nil && len(v.Names) == 1 && len(v.Values) == 1 && f.DefinedBy(v.Names[0]) == obj {
				c.Decl = n
				c.Made, _ = ast.Unparen(v.Values[0]).(*ast.CallExpr)
			}
		}
		return true
	})
	if c.Made == nil {
		elsewhere(id.Name+" is not defined by one call in this function", e)
		return
	}
	want := maker[c.Kind]
	if callee := f.Callee(c.Made); c.Kind != Watch && !source.IsObject(callee, "time", want) && !source.IsObject(callee, "time", "After") {
		elsewhere(id.Name+" does not come from package time", c.Made)
	}
}

// IsDone reports whether e receives from the Done channel of a context.
func IsDone(f *source.File, e ast.Expr) bool { return doneContext(f, e) != nil }

// doneContext returns ctx of <-ctx.Done(), or nil.
func doneContext(f *source.File, e ast.Expr) ast.Expr {
	u, ok := ast.Unparen(e).(*ast.UnaryExpr)
	if !ok || u.Op != token.ARROW {
		return nil
	}
	call, ok := ast.Unparen(u.X).(*ast.CallExpr)
	if !ok {
		return nil
	}
	sel, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "Done" || !source.IsNamed(f.TypeOf(sel.X), "context", "Context") {
		return nil
	}
	return sel.X
}
