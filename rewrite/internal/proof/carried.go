package proof

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

// counted reports a loop whose end, pace or tries depend on how many rounds there were: it ranges
// over something, or rounds hand a value on to each other that decides about that. A round more,
// as a gate may make, would use such a value up sooner. It does not matter what the value is: a
// counter, a flag that says that this is not the first round, the interval itself.
func counted(s *loop.Site) *finding.Reason {
	if r, ok := s.Node.(*ast.RangeStmt); ok {
		if _, isChan := source.Under(s.File.TypeOf(r.X)).(*types.Chan); !isChan {
			return &finding.Reason{Code: finding.AttemptCounter, Detail: "range " + s.Text(r.X), Pos: s.Position(r.Pos())}
		}
	}
	c := newCarried(s)
	if n := c.decides(); n != nil {
		return c.counts(n)
	}
	return nil
}

// noticed reports a loop of which others see how many rounds there were.
func noticed(s *loop.Site) *finding.Reason {
	c := newCarried(s)
	if n := c.seen(); n != nil {
		return c.counts(n)
	}
	for n := range ast.Preorder(c.Node) {
		for _, e := range c.bounds(n) {
			if c.mentions(e, true) {
				return c.counts(n)
			}
		}
	}
	return appended(c)
}

func (c *carried) counts(n ast.Node) *finding.Reason {
	return &finding.Reason{Code: finding.AttemptCounter, Detail: source.FirstLine(c.Text(n)), Pos: c.Position(n.Pos())}
}

// carried knows the variables that have a value from an earlier round in a loop.
type carried struct {
	*loop.Site
	parents map[ast.Node]ast.Node
	writes  []write
	// values are the variables that rounds hand on, and what is computed from them. The bool
	// says that no more is handed on than whether this is the first round: whatever assigns it
	// assigns the same constant.
	values map[types.Object]bool
}

// A write sets a variable in the loop.
type write struct {
	to   types.Object
	node ast.Node
	from ast.Expr // nil where it is not a plain assignment
}

func newCarried(s *loop.Site) *carried {
	c := &carried{Site: s, parents: source.Parents(s.Func), values: map[types.Object]bool{}}
	c.findWrites()
	c.writes = slices.DeleteFunc(c.writes, c.ends)
	for _, w := range c.writes {
		if _, known := c.values[w.to]; !known && c.outlives(w.to) && !c.result(w.to) && c.stale(w.to) {
			c.values[w.to] = c.steady(w.to)
		}
	}
	for grown := true; grown; {
		grown = false
		for _, w := range c.writes {
			switch first, known := c.values[w.to]; {
			case (!known || first) && c.computed(w, false):
				c.values[w.to], grown = false, true
			case (!known || first && c.outlives(w.to)) && !c.steady(w.to) && c.computed(w, true): // the first one's, and others'
				c.values[w.to], grown = !c.outlives(w.to), true
			}
		}
	}
	return c
}

// findWrites notes what the loop assigns. An address that is taken may be written through.
func (c *carried) findWrites() {
	note := func(e ast.Expr, n ast.Node, from ast.Expr) {
		if obj := c.Walker.Variable(e); obj != nil {
			c.writes = append(c.writes, write{obj, n, from})
		}
	}
	first := source.PartsOf(c.Node).Init // of no round
	ast.Inspect(c.Node, func(n ast.Node) bool {
		if n != nil && n == ast.Node(first) {
			return false
		}
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				var from ast.Expr
				switch {
				case n.Tok != token.ASSIGN && n.Tok != token.DEFINE:
				case len(n.Lhs) == len(n.Rhs):
					from = n.Rhs[i]
				default:
					from = n.Rhs[0]
				}
				note(l, n, from)
			}
		case *ast.ValueSpec:
			for i, name := range n.Names {
				switch {
				case len(n.Values) == len(n.Names):
					note(name, n, n.Values[i])
				case len(n.Values) == 1:
					note(name, n, n.Values[0])
				}
			}
		case *ast.IncDecStmt:
			note(n.X, n, nil)
		case *ast.RangeStmt:
			for _, e := range []ast.Expr{n.Key, n.Value} {
				if e != nil && n != c.Node {
					note(e, n, nil)
				}
			}
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				note(n.X, n, nil)
			}
		}
		return true
	})
}

// ends reports whether no round that goes on gets to a write.
func (c *carried) ends(w write) bool {
	ends := false
	for _, q := range c.Paths {
		for _, st := range q.Steps {
			if !source.Within(w.node, st.Node) {
				continue
			}
			if q.End == loop.Next {
				return false
			}
			ends = true
		}
	}
	return ends
}

// outlives reports whether a variable keeps its value from one round to the next: it is declared
// before the loop, or by its first clause.
func (c *carried) outlives(obj types.Object) bool {
	var body ast.Node = c.Node // what a goto repeats
	if b := source.PartsOf(c.Node).Body; b != nil {
		body = b
	}
	return !source.PosWithin(obj.Pos(), body)
}

// result reports whether nothing but the try sets a variable: what it holds in the next round is
// how the last try ended, which is the same however many there were.
func (c *carried) result(obj types.Object) bool {
	for _, w := range c.writes {
		if w.to == obj && (w.from == nil || !c.triedBy(w.from)) {
			return false
		}
	}
	return true
}

// triedBy reports whether e is the try, or a bool that compares what it returned.
func (c *carried) triedBy(e ast.Expr) bool {
	if call, ok := ast.Unparen(e).(*ast.CallExpr); ok && c.Walker.IsTry(call) {
		return true
	}
	if b, ok := source.Under(c.File.TypeOf(e)).(*types.Basic); !ok || b.Info()&types.IsBoolean == 0 {
		return false
	}
	won := &loop.Path{Outcome: loop.Won, Errs: map[types.Object]bool{}, Bools: map[types.Object]loop.Tristate{}}
	for _, w := range c.writes {
		if call, ok := ast.Unparen(w.from).(*ast.CallExpr); ok && c.Walker.IsTry(call) {
			won.Errs[w.to] = true
		}
	}
	if c.File.Pkg.TypesInfo.Types[e].Value != nil {
		return false
	}
	return c.Walker.Eval(e, won) != loop.Unknown
}

// stale reports whether the loop reads a variable where it may hold the value of an earlier round.
func (c *carried) stale(obj types.Object) bool {
	for n := range ast.Preorder(c.Node) {
		id, ok := n.(*ast.Ident)
		if ok && c.File.Pkg.TypesInfo.Uses[id] == obj && !c.written(id) && !c.fresh(id, obj) {
			return true
		}
	}
	return false
}

// written reports whether id is only where a variable is written.
func (c *carried) written(id *ast.Ident) bool {
	a, ok := c.parents[id].(*ast.AssignStmt)
	return ok && (a.Tok == token.ASSIGN || a.Tok == token.DEFINE) && slices.Contains(a.Lhs, ast.Expr(id))
}

// fresh reports whether a plain assignment of the same round comes before id on every way.
func (c *carried) fresh(id *ast.Ident, obj types.Object) bool {
	sets := func(n ast.Node) bool {
		return slices.ContainsFunc(c.writes, func(w write) bool {
			return w.to == obj && w.node == n && w.from != nil && !source.Within(id, n)
		})
	}
	var child ast.Node = id
	for n := c.parents[id]; n != nil && child != ast.Node(c.Node); child, n = n, c.parents[n] {
		if _, ok := n.(*ast.FuncLit); ok {
			return false // it runs whenever
		}
		switch n := n.(type) {
		case *ast.CommClause:
			if n.Comm != nil && child != ast.Node(n.Comm) && sets(n.Comm) {
				return true
			}
		case *ast.IfStmt, *ast.SwitchStmt:
			if init := source.PartsOf(n).Init; init != nil && child != ast.Node(init) && sets(init) {
				return true
			}
		}
		for _, st := range source.List(n) {
			if ast.Node(st) == child {
				break
			}
			if sets(st) || sets(source.PartsOf(st).Init) {
				return true
			}
			if d, ok := st.(*ast.DeclStmt); ok {
				for _, spec := range d.Decl.(*ast.GenDecl).Specs {
					if sets(spec) {
						return true
					}
				}
			}
		}
	}
	return false
}

// steady reports whether all that the loop assigns to a variable is one and the same constant.
func (c *carried) steady(obj types.Object) bool {
	var value constant.Value
	for _, w := range c.writes {
		if w.to != obj {
			continue
		}
		if w.from == nil {
			return false
		}
		v := c.File.Pkg.TypesInfo.Types[w.from].Value
		if v == nil || value != nil && !constant.Compare(v, token.EQL, value) {
			return false
		}
		value = v
	}
	return true
}

// mentions returns a variable in n that has a value from an earlier round. first says whether
// those count that tell no more than that this is not the first round.
func (c *carried) mentions(n ast.Node, first bool) bool {
	if n == nil {
		return false
	}
	found := false
	ast.Inspect(n, func(m ast.Node) bool {
		switch m := m.(type) {
		case *ast.CallExpr:
			if c.Walker.IsTry(m) { // that it is one and the same mutex is proved elsewhere
				for _, a := range m.Args {
					found = found || c.mentions(a, first)
				}
				return false
			}
		case *ast.Ident:
			steady, known := c.values[c.File.ObjectOf(m)]
			found = found || known && (first || !steady)
		}
		return !found
	})
	return found
}

// computed reports whether what is written comes from a carried value, or is written only where
// one says so. first says whether those count that tell no more than that this is not the first round.
func (c *carried) computed(w write, first bool) bool {
	if c.result(w.to) {
		return false
	}
	if w.from != nil && c.mentions(w.from, first) {
		return true
	}
	var child ast.Node = w.node
	for n := c.parents[w.node]; n != nil && child != ast.Node(c.Node); child, n = n, c.parents[n] {
		p := source.PartsOf(n)
		if slices.Contains(p.Governed(), child) && slices.ContainsFunc(p.Conds, func(e ast.Expr) bool { return c.mentions(e, first) }) {
			return true
		}
	}
	return false
}

// decides returns what a carried value decides: whether the loop goes on, what is tried, or how
// long it waits. That it is the first round may decide whether to wait.
func (c *carried) decides() (found ast.Node) {
	look := func(n ast.Node, first bool) {
		if found == nil && c.mentions(n, first) {
			found = n
		}
	}
	ast.Inspect(c.Node, func(n ast.Node) bool {
		if n == nil || found != nil {
			return false
		}
		p := source.PartsOf(n)
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ForStmt:
			if n == c.Node && n.Cond != nil {
				look(n.Cond, true)
				return found == nil
			}
		case *ast.CommClause:
			if n.Comm != nil {
				look(n.Comm, true)
			}
			return found == nil
		case *ast.CallExpr: // how long to wait, and for whom
			if c.Walker.Clocks[n] != nil || c.IsClockCall(n) || c.Walker.IsTry(n) {
				look(n, true)
			}
			if c.makes(n) {
				look(n, false)
			}
			return found == nil
		}
		for _, e := range p.Conds {
			leaves, acts := governs(c.Site, c.parents, n)
			switch {
			case leaves:
				look(e, true)
			case acts:
				look(e, false)
			}
		}
		return found == nil
	})
	return found
}

// bounds returns what may make n panic: an index, or what it divides by.
func (c *carried) bounds(n ast.Node) (out []ast.Expr) {
	switch e := n.(type) {
	case *ast.IndexExpr:
		if _, isMap := source.Under(c.File.TypeOf(e.X)).(*types.Map); !isMap {
			return []ast.Expr{e.Index}
		}
	case *ast.SliceExpr:
		for _, x := range []ast.Expr{e.Low, e.High, e.Max} {
			if x != nil {
				out = append(out, x)
			}
		}
	case *ast.BinaryExpr:
		if (e.Op == token.QUO || e.Op == token.REM) && isInteger(c.File.TypeOf(e)) && c.File.Pkg.TypesInfo.Types[e.Y].Value == nil {
			return []ast.Expr{e.Y}
		}
	}
	return out
}

// seen returns what shows others how many rounds there were: anything that is done with a
// carried value but to log it, or to compute another one of the loop. What conditions in the loop do
// with it is not looked at here.
func (c *carried) seen() (found ast.Node) {
	for obj, first := range c.values {
		if first {
			continue
		}
		for _, id := range c.File.UsesOf(obj) {
			if n := c.shows(id); n != nil && (found == nil || n.Pos() < found.Pos()) {
				found = n
			}
		}
		if isResult(c.File, c.Func, obj) && found == nil {
			found = c.Node
		}
	}
	return found
}

// shows returns what is done with a variable where it is used, or nil if nobody sees that.
func (c *carried) shows(id *ast.Ident) ast.Node {
	if !source.Within(id, c.Func) {
		return id // a variable of the function around
	}
	inLoop, inLiteral := source.Within(id, c.Node), false
	var stmt ast.Stmt
	for n := c.parents[id]; n != nil && n != c.Func; n = c.parents[n] {
		if _, ok := n.(*ast.FuncLit); ok {
			inLiteral = true
		}
		if st, ok := n.(ast.Stmt); ok && stmt == nil {
			stmt = st
		}
	}
	own := inLoop && !inLiteral
	switch st := stmt.(type) {
	case *ast.ExprStmt:
		if ok, _ := c.Inert(st); ok {
			return nil
		}
	case *ast.AssignStmt:
		if own && c.keeps(st) || c.written(id) {
			return nil
		}
	case *ast.IncDecStmt:
		return nil
	case *ast.ReturnStmt, *ast.SendStmt, *ast.DeferStmt, *ast.GoStmt:
	default:
		if own {
			return nil
		}
	}
	if !inLiteral && id.Pos() < c.Node.Pos() {
		return nil // before it is carried
	}
	return stmt
}

// keeps reports whether an assignment in the loop hands on what it takes to variables of the function
// alone, for rounds to come: what is set on a way out of the loop, others may read behind it.
func (c *carried) keeps(st *ast.AssignStmt) bool {
	if c.ends(write{node: st}) {
		return false
	}
	for _, l := range st.Lhs {
		if source.IsBlank(l) {
			continue
		}
		id, ok := ast.Unparen(l).(*ast.Ident)
		if !ok {
			return false
		}
		if v, ok := c.File.ObjectOf(id).(*types.Var); !ok || !source.PosWithin(v.Pos(), c.Func) || isResult(c.File, c.Func, v) {
			return false
		}
	}
	return true
}

// makes reports whether call makes the site's clock.
func (c *carried) makes(call *ast.CallExpr) bool {
	return slices.ContainsFunc(c.Clocks, func(k *loop.Clock) bool { return k.Made == call })
}

// governs reports whether a statement with a condition may leave the loop or the round, or does
// anything but to log and to set variables.
func governs(s *loop.Site, parents map[ast.Node]ast.Node, stmt ast.Node) (leaves, acts bool) {
	for _, body := range source.PartsOf(stmt).Governed() {
		ast.Inspect(body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncLit:
				return false
			case *ast.ReturnStmt:
				leaves = true
			case *ast.BranchStmt:
				leaves = leaves || n.Tok != token.FALLTHROUGH && !inner(parents, n, stmt)
			case *ast.GoStmt, *ast.DeferStmt, *ast.SendStmt:
				acts = true
			case *ast.ExprStmt:
				ok, _ := s.Inert(n)
				acts = acts || !ok
			case *ast.UnaryExpr:
				acts = acts || n.Op == token.ARROW
			case *ast.CallExpr:
				leaves = leaves || loop.NeverReturns(s.File, n)
				acts = acts || s.Walker.IsTry(n) || s.Walker.Clocks[n] != nil || s.IsClockCall(n)
			}
			return true
		})
	}
	return leaves, acts
}

// inner reports whether a break without a label only leaves something within, or stmt itself where
// that is a switch.
func inner(parents map[ast.Node]ast.Node, b *ast.BranchStmt, stmt ast.Node) bool {
	if b.Tok != token.BREAK || b.Label != nil {
		return false
	}
	for n := parents[b]; n != nil; n = parents[n] {
		switch n.(type) {
		case *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt, *ast.ForStmt, *ast.RangeStmt:
			return source.Within(n, stmt)
		}
		if n == stmt {
			return false
		}
	}
	return false
}
