package rewrite

import (
	"go/ast"
	"go/token"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/source"
)

// ownClock reports a clock that something else uses too.
func ownClock(s *site, c *clock) *finding.Reason {
	if c.obj == nil {
		return nil
	}
	shared := func(n ast.Node, detail string) *finding.Reason {
		return &finding.Reason{Code: finding.ClockShared, Detail: detail, Pos: s.Position(n.Pos())}
	}
	parents := source.Parents(s.fn)
	stopped := false
	for _, id := range s.file.UsesOf(c.obj) {
		sel, isSel := parents[id].(*ast.SelectorExpr)
		if c.kind == tickClock || c.kind == afterClock {
			if _, isRange := parents[id].(*ast.RangeStmt); !isRange && !isReceive(parents[id]) || !source.Within(id, s.loop) {
				return shared(id, "")
			}
		} else if !isSel {
			return shared(id, c.obj.Name()+" is passed on")
		} else {
			switch sel.Sel.Name {
			case "C":
				_, isRange := parents[sel].(*ast.RangeStmt)
				if !isRange && !isReceive(parents[sel]) || !source.Within(id, s.loop) {
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
	if _, isRegion := s.loop.(*ast.BlockStmt); isRegion && source.Within(c.made, s.loop) && (c.kind == tickerClock || c.kind == tickClock) {
		return &finding.Reason{Code: finding.ClockElsewhere, Detail: "made anew whenever the goto is taken", Pos: s.Position(c.made.Pos())}
	}
	// One literal is one clock only if it is waited for in one loop of one goroutine.
	for n := parents[c.made]; n != nil && n != s.fn; n = parents[n] {
		switch n.(type) {
		case *ast.ForStmt, *ast.RangeStmt:
			if n != s.loop && !source.Within(s.loop, n) {
				return shared(c.made, "")
			}
			if (c.kind == tickerClock || c.kind == tickClock) && !stopped {
				return &finding.Reason{Code: finding.ClockElsewhere, Detail: "a ticker that is not stopped, made in a loop", Pos: s.Position(c.made.Pos())}
			}
		}
	}
	return nil
}

func isReceive(n ast.Node) bool {
	u, ok := n.(*ast.UnaryExpr)
	return ok && u.Op == token.ARROW
}
