package rewrite

import (
	"go/ast"
	"go/token"
	"go/types"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/source"
)

// A clockKind says by what a loop waits.
type clockKind int

const (
	sleepClock  clockKind = iota // time.Sleep(d)
	afterClock                   // time.After(d), directly or in a variable of the round
	tickClock                    // time.Tick(d), directly or in a variable
	tickerClock                  // time.NewTicker(d)
	timerClock                   // time.NewTimer(d)
	watchClock                   // events of an etcd watch
	otherClock                   // a channel of times from elsewhere
)

// maker is the function of package time, and the helper's method, that makes a clock.
var maker = map[clockKind]string{
	sleepClock: "Sleep", afterClock: "After", tickClock: "Tick", tickerClock: "NewTicker", timerClock: "NewTimer",
}

// A clock is what a loop waits for.
type clock struct {
	kind    clockKind
	wait    ast.Node        // the receive, the Sleep call, or what a loop ranges over
	made    *ast.CallExpr   // time.NewTicker(d), client.Watch(...)
	obj     types.Object    // the variable that holds the ticker, timer or channel
	decl    ast.Stmt        // the statement that defines it
	perWait bool            // made anew for every wait
	into    []token.Pos     // instead of all this: where a wait is put into a spin
	problem *finding.Reason // why it cannot be swapped
}

// interval returns the expression of the clock's interval, or nil.
func (c *clock) interval() ast.Expr {
	if c.made == nil || c.kind == watchClock || len(c.made.Args) != 1 {
		return nil
	}
	return c.made.Args[0]
}

func (c *clock) String() string {
	if name, ok := maker[c.kind]; ok {
		return "time." + name
	}
	if c.kind == watchClock {
		return "a watch"
	}
	return "a channel"
}

// clocksOf finds what a loop of fn waits for.
func (p *functions) clocksOf(f *source.File, fn ast.Node, loop ast.Stmt) map[ast.Node]*clock {
	out := map[ast.Node]*clock{}
	byObj := map[types.Object]*clock{}
	add := func(n ast.Node, ch ast.Expr) {
		if c := p.channelClock(f, fn, loop, ch); c != nil {
			c.wait = n
			if c.obj != nil {
				if first := byObj[c.obj]; first != nil {
					out[n] = first
					return
				}
				byObj[c.obj] = c
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
				out[n] = &clock{kind: sleepClock, wait: n, made: n, perWait: true}
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
func (p *functions) channelClock(f *source.File, fn ast.Node, loop ast.Stmt, ch ast.Expr) *clock {
	ch = ast.Unparen(ch)
	t, ok := source.Under(f.TypeOf(ch)).(*types.Chan)
	if !ok {
		return nil
	}
	switch {
	case p.IsWatchChan(f.TypeOf(ch)):
		c := &clock{kind: watchClock}
		if call, ok := ch.(*ast.CallExpr); ok {
			c.made, c.perWait = call, true
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
			return &clock{kind: afterClock, made: x, perWait: true}
		case source.IsObject(obj, "time", "Tick"):
			c := &clock{kind: tickClock, made: x}
			if r, ok := loop.(*ast.RangeStmt); !ok || ast.Unparen(r.X) != x {
				c.problem = &finding.Reason{Code: finding.ClockElsewhere, Detail: "time.Tick is called anew in every round", Pos: p.Position(x.Pos())}
			}
			return c
		}
	case *ast.SelectorExpr:
		kind := otherClock
		switch {
		case x.Sel.Name != "C":
		case source.IsNamed(f.TypeOf(x.X), "time", "Ticker"):
			kind = tickerClock
		case source.IsNamed(f.TypeOf(x.X), "time", "Timer"):
			kind = timerClock
		}
		c := &clock{kind: kind}
		p.variableClock(f, fn, c, x.X)
		return c
	case *ast.Ident:
		c := &clock{kind: tickClock}
		p.variableClock(f, fn, c, x)
		if c.made != nil && source.IsObject(f.Callee(c.made), "time", "After") {
			if !source.Within(c.made, loop) {
				return nil // a deadline for the whole loop
			}
			c.kind = afterClock
		}
		return c
	}
	return &clock{kind: otherClock, problem: &finding.Reason{Code: finding.ClockElsewhere, Detail: p.Text(ch), Pos: p.Position(ch.Pos())}}
}

// variableClock finds the one definition of the variable that holds a clock.
func (p *functions) variableClock(f *source.File, fn ast.Node, c *clock, e ast.Expr) {
	elsewhere := func(detail string, at ast.Node) {
		c.problem = &finding.Reason{Code: finding.ClockElsewhere, Detail: detail, Pos: p.Position(at.Pos())}
	}
	id, ok := ast.Unparen(e).(*ast.Ident)
	if !ok {
		elsewhere(p.Text(e)+" is no local variable", e)
		return
	}
	obj := f.ObjectOf(id)
	c.obj = obj
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
				c.decl = n
				c.made, _ = ast.Unparen(n.Rhs[0]).(*ast.CallExpr)
			}
		case *ast.DeclStmt:
			gen, ok := n.Decl.(*ast.GenDecl)
			if !ok || len(gen.Specs) != 1 {
				return true
			}
			if v, ok := gen.Specs[0].(*ast.ValueSpec); ok && v.Type == nil && len(v.Names) == 1 && len(v.Values) == 1 && f.DefinedBy(v.Names[0]) == obj {
				c.decl = n
				c.made, _ = ast.Unparen(v.Values[0]).(*ast.CallExpr)
			}
		}
		return true
	})
	if c.made == nil {
		elsewhere(id.Name+" is not defined by one call in this function", e)
		return
	}
	want := maker[c.kind]
	if callee := f.Callee(c.made); c.kind != watchClock && !source.IsObject(callee, "time", want) && !source.IsObject(callee, "time", "After") {
		elsewhere(id.Name+" does not come from package time", c.made)
	}
}
