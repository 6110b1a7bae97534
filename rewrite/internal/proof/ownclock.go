package proof

import (
	"go/ast"
	"go/token"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// ownClock reports a clock that something else uses too.
func ownClock(s *loop.Site, c *loop.Clock) *finding.Reason {
	if c.Var == nil {
		return nil
	}
	shared := func(n ast.Node, detail string) *finding.Reason {
		return &finding.Reason{Code: finding.ClockShared, Detail: detail, Pos: s.Position(n.Pos())}
	}
	parents := source.Parents(s.Func)
	stopped := false
	for _, id := range s.File.UsesOf(c.Var) {
		sel, isSel := parents[id].(*ast.SelectorExpr)
		if c.Kind == loop.Tick || c.Kind == loop.After {
			if _, isRange := parents[id].(*ast.RangeStmt); !isRange && !isReceive(parents[id]) || !source.Within(id, s.Node) {
				return shared(id, "")
			}
		} else if !isSel {
			return shared(id, c.Var.Name()+" is passed on")
		} else {
			switch sel.Sel.Name {
			case "C":
				_, isRange := parents[sel].(*ast.RangeStmt)
				if !isRange && !isReceive(parents[sel]) || !source.Within(id, s.Node) {
					return shared(sel, c.Var.Name()+".C is used elsewhere")
				}
			case "Stop", "Reset":
				if _, isCall := parents[sel].(*ast.CallExpr); !isCall {
					return shared(sel, "")
				}
				stopped = stopped || sel.Sel.Name == "Stop"
			}
		}
		for n := parents[id]; n != nil && n != s.Func; n = parents[n] {
			if lit, ok := n.(*ast.FuncLit); ok {
				call, _ := parents[lit].(*ast.CallExpr)
				if _, deferred := parents[call].(*ast.DeferStmt); call == nil || !deferred {
					return shared(id, "a function literal uses "+c.Var.Name())
				}
			}
		}
	}
	if s.Kind == loop.GotoLoop && source.Within(c.Made, s.Node) && (c.Kind == loop.Ticker || c.Kind == loop.Tick) {
		return &finding.Reason{Code: finding.ClockElsewhere, Detail: "made anew whenever the goto is taken", Pos: s.Position(c.Made.Pos())}
	}
	// One literal is one clock only if it is waited for in one loop of one goroutine.
	for n := parents[c.Made]; n != nil && n != s.Func; n = parents[n] {
		switch n.(type) {
		case *ast.ForStmt, *ast.RangeStmt:
			if n != s.Node && !source.Within(s.Node, n) {
				return shared(c.Made, "")
			}
			if (c.Kind == loop.Ticker || c.Kind == loop.Tick) && !stopped {
				return &finding.Reason{Code: finding.ClockElsewhere, Detail: "a ticker that is not stopped, made in a loop", Pos: s.Position(c.Made.Pos())}
			}
		}
	}
	return nil
}

func isReceive(n ast.Node) bool {
	u, ok := n.(*ast.UnaryExpr)
	return ok && u.Op == token.ARROW
}
