package rewrite

import (
	"go/ast"
	"go/token"
	"go/types"

	"etcdmod/internal/finding"
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
func (p *program) clocksOf(f *file, fn ast.Node, loop ast.Stmt) map[ast.Node]*clock {
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
			if isPkgObj(f.callee(n), "time", "Sleep") && len(n.Args) == 1 {
				out[n] = &clock{kind: sleepClock, wait: n, made: n, perWait: true}
			}
		case *ast.UnaryExpr:
			if n.Op == token.ARROW {
				add(n, n.X)
			}
		case *ast.RangeStmt:
			if _, ok := typeUnder(f.typeOf(n.X)).(*types.Chan); ok {
				add(n.X, n.X)
			}
		}
		return true
	})
	return out
}

// channelClock classifies a channel that is received from, or returns nil when it is
// neither a channel of times nor one of watch responses.
func (p *program) channelClock(f *file, fn ast.Node, loop ast.Stmt, ch ast.Expr) *clock {
	ch = ast.Unparen(ch)
	t, ok := typeUnder(f.typeOf(ch)).(*types.Chan)
	if !ok {
		return nil
	}
	switch {
	case p.isWatchChan(f.typeOf(ch)):
		c := &clock{kind: watchClock}
		if call, ok := ch.(*ast.CallExpr); ok {
			c.made, c.perWait = call, true
		} else {
			p.variableClock(f, fn, c, ch)
		}
		return c
	case !isNamed(t.Elem(), "time", "Time"):
		return nil
	}
	switch x := ch.(type) {
	case *ast.CallExpr:
		switch obj := f.callee(x); {
		case isPkgObj(obj, "time", "After"):
			return &clock{kind: afterClock, made: x, perWait: true}
		case isPkgObj(obj, "time", "Tick"):
			c := &clock{kind: tickClock, made: x}
			if r, ok := loop.(*ast.RangeStmt); !ok || ast.Unparen(r.X) != x {
				c.problem = &finding.Reason{Code: finding.ClockElsewhere, Detail: "time.Tick is called anew in every round", Pos: p.position(x.Pos())}
			}
			return c
		}
	case *ast.SelectorExpr:
		kind := otherClock
		switch {
		case x.Sel.Name != "C":
		case isNamed(f.typeOf(x.X), "time", "Ticker"):
			kind = tickerClock
		case isNamed(f.typeOf(x.X), "time", "Timer"):
			kind = timerClock
		}
		c := &clock{kind: kind}
		p.variableClock(f, fn, c, x.X)
		return c
	case *ast.Ident:
		c := &clock{kind: tickClock}
		p.variableClock(f, fn, c, x)
		if c.made != nil && isPkgObj(f.callee(c.made), "time", "After") {
			if !within(c.made, loop) {
				return nil // a deadline for the whole loop
			}
			c.kind = afterClock
		}
		return c
	}
	return &clock{kind: otherClock, problem: &finding.Reason{Code: finding.ClockElsewhere, Detail: p.text(ch), Pos: p.position(ch.Pos())}}
}

// isWatchChan reports whether t is clientv3.WatchChan of some etcd client.
func (c *clients) isWatchChan(t types.Type) bool {
	var obj *types.TypeName
	switch t := t.(type) {
	case *types.Named:
		obj = t.Obj()
	case *types.Alias:
		obj = t.Obj()
	}
	return obj != nil && obj.Name() == "WatchChan" && obj.Pkg() != nil && c.isClientPath(obj.Pkg().Path())
}

// variableClock finds the one definition of the variable that holds a clock.
func (p *program) variableClock(f *file, fn ast.Node, c *clock, e ast.Expr) {
	elsewhere := func(detail string, at ast.Node) {
		c.problem = &finding.Reason{Code: finding.ClockElsewhere, Detail: detail, Pos: p.position(at.Pos())}
	}
	id, ok := ast.Unparen(e).(*ast.Ident)
	if !ok {
		elsewhere(p.text(e)+" is no local variable", e)
		return
	}
	obj := f.objectOf(id)
	c.obj = obj
	if obj == nil || !within2(obj.Pos(), fn) {
		elsewhere(id.Name+" is made outside this function", e)
		return
	}
	// Look for its definition among the statements of the function.
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return n == fn
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE && len(n.Lhs) == 1 && len(n.Rhs) == 1 && f.definedBy(n.Lhs[0]) == obj {
				c.decl = n
				c.made, _ = ast.Unparen(n.Rhs[0]).(*ast.CallExpr)
			}
		case *ast.DeclStmt:
			gen, ok := n.Decl.(*ast.GenDecl)
			if !ok || len(gen.Specs) != 1 {
				return true
			}
			if v, ok := gen.Specs[0].(*ast.ValueSpec); ok && v.Type == nil && len(v.Names) == 1 && len(v.Values) == 1 && f.definedBy(v.Names[0]) == obj {
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
	if callee := f.callee(c.made); c.kind != watchClock && !isPkgObj(callee, "time", want) && !isPkgObj(callee, "time", "After") {
		elsewhere(id.Name+" does not come from package time", c.made)
	}
}

func (f *file) definedBy(e ast.Expr) types.Object {
	id, ok := e.(*ast.Ident)
	if !ok {
		return nil
	}
	return f.pkg.TypesInfo.Defs[id]
}

// within reports whether n lies inside outer.
func within(n, outer ast.Node) bool { return outer.Pos() <= n.Pos() && n.End() <= outer.End() }

func within2(pos token.Pos, outer ast.Node) bool { return outer.Pos() <= pos && pos < outer.End() }

// usesOf returns the identifiers in the file that stand for obj, its definition excluded.
func (f *file) usesOf(obj types.Object) []*ast.Ident {
	var out []*ast.Ident
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && f.pkg.TypesInfo.Uses[id] == obj {
			out = append(out, id)
		}
		return true
	})
	return out
}
