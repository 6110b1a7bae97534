package rewrite

import (
	"go/ast"
	"go/token"
	"go/types"
	"sort"

	"etcdmod/rewrite/internal/source"
)

// Reach.
//
// Not every loop calls TryLock itself. It may call a function of the module that does,
// a function literal, a method value, or a method of an interface that the mutex, or a
// type around it, was converted to. All of these are named by the position of their
// declaration: a function, a variable, field or parameter that holds one, a literal, or
// a method of an interface. reach is the set of positions from which one call leads to
// a TryLock. It errs on the side of too many: such a site gets no more than a guard,
// which is the same edit whoever calls TryLock.

// A hop is one step on the way to TryLock: a call, a function value, or a mutex that is
// converted to an interface.
type hop struct {
	file *source.File
	node ast.Expr
	to   token.Pos // what it leads to; not valid where node has the mutex itself
}

// mutex returns the expression for the mutex at the end of a way.
func (h hop) mutex() ast.Expr {
	e := ast.Unparen(h.node)
	if call, ok := e.(*ast.CallExpr); ok {
		if mutex := h.file.Tried(call); mutex != nil {
			return mutex
		}
		e = ast.Unparen(call.Fun)
	}
	if sel, ok := e.(*ast.SelectorExpr); ok && sel.Sel.Name == "TryLock" {
		return ast.Unparen(sel.X)
	}
	return ast.Unparen(h.node)
}

type reach struct {
	p       *finder
	attempt *attempt
	hops    map[token.Pos][]hop
	methods map[string]token.Pos // methods among the keys of hops, by name and signature
	bodies  map[token.Pos]ast.Node
	owner   map[token.Pos]*source.File // of bodies
	values  []value
}

func newReach(p *finder, a *attempt) *reach {
	r := &reach{p: p, attempt: a, hops: map[token.Pos][]hop{}, methods: map[string]token.Pos{}, bodies: map[token.Pos]ast.Node{}, owner: map[token.Pos]*source.File{}}
	for _, f := range p.Files {
		if !f.IsHelper() {
			r.read(f)
		}
	}
	if a.method == "" {
		return r
	}
	for _, c := range p.flow.Ifaces {
		if p.ByName[c.File.Name] != c.File {
			continue // of another build configuration
		}
		for i := 0; i < c.Iface.NumMethods(); i++ {
			if m := c.Iface.Method(i); m.Name() == a.method {
				r.addMethod(m, hop{file: c.File, node: c.Src})
			}
		}
	}
	return r
}

// entity returns the position that stands for the function, or the variable that holds
// one, which e names.
func (r *reach) entity(f *source.File, e ast.Expr) token.Pos {
	var obj types.Object
	switch x := ast.Unparen(e).(type) {
	case *ast.FuncLit:
		return x.Pos()
	case *ast.Ident:
		obj = f.ObjectOf(x)
	case *ast.SelectorExpr:
		obj = f.ObjectOf(x.Sel)
	case *ast.CallExpr:
		if f.Pkg.TypesInfo.Types[x.Fun].IsType() && len(x.Args) == 1 { // a conversion to a function type
			return r.entity(f, x.Args[0])
		}
	case *ast.IndexExpr:
		return r.entity(f, x.X)
	case *ast.IndexListExpr:
		return r.entity(f, x.X)
	case *ast.UnaryExpr:
		if x.Op == token.ARROW {
			return r.entity(f, x.X)
		}
	}
	switch o := obj.(type) {
	case *types.Func:
		return o.Origin().Pos()
	case *types.Var:
		return o.Origin().Pos()
	}
	return token.NoPos
}

// leadsTo returns the position in reach that the function e stands for, or NoPos. The
// method of an interface stands for every method of that name and signature.
func (r *reach) leadsTo(f *source.File, e ast.Expr) token.Pos {
	if at := r.entity(f, e); at.IsValid() && len(r.hops[at]) > 0 {
		return at
	}
	if sel, ok := ast.Unparen(e).(*ast.SelectorExpr); ok {
		if fn, ok := f.ObjectOf(sel.Sel).(*types.Func); ok {
			recv := fn.Signature().Recv()
			if recv != nil && types.IsInterface(recv.Type()) && (fn.Pkg() == nil || !r.p.IsClientPath(fn.Pkg().Path())) {
				return r.methods[source.MethodKey(fn)] // whatever stands in for the client does as the client does
			}
		}
	}
	return token.NoPos
}

// add notes a way from the function, or variable, declared at from. It reports whether
// that was in reach for the first time.
func (r *reach) add(from token.Pos, h hop) bool {
	for _, old := range r.hops[from] {
		if old.node == h.node {
			return false
		}
	}
	r.hops[from] = append(r.hops[from], h)
	if fn, ok := r.bodies[from].(*ast.FuncDecl); ok && fn.Recv != nil {
		if obj, ok := r.owner[from].Pkg.TypesInfo.Defs[fn.Name].(*types.Func); ok {
			if key := source.MethodKey(obj); !r.methods[key].IsValid() {
				r.methods[key] = from
			}
		}
	}
	return true
}

func (r *reach) addMethod(m *types.Func, h hop) {
	r.hops[m.Pos()] = append(r.hops[m.Pos()], h)
	if key := source.MethodKey(m); !r.methods[key].IsValid() {
		r.methods[key] = m.Pos()
	}
}

// sites finds the loops that reach TryLock through calls. The hops of functions that
// try outside a retry loop have been added.
func (r *reach) sites() []*site {
	if len(r.hops) == 0 && len(r.values) == 0 {
		return nil
	}
	var out []*site
	for {
		grown := false
		for _, v := range r.values {
			if h, ok := r.source(v); ok && v.call == nil && r.add(v.dst, h) {
				grown = true
			}
		}
		out = nil
		for _, f := range r.p.Files {
			if f.IsHelper() {
				continue
			}
			isTry := func(call *ast.CallExpr) bool { return r.target(f, call).IsValid() }
			hides := func(call *ast.CallExpr) bool { return r.hides(r.target(f, call), map[token.Pos]bool{}) }
			found, rest := r.p.sitesIn(search{file: f, attempt: r.attempt, isTry: isTry, hides: hides})
			for _, fn := range sorted(rest) {
				if r.p.givesUp(r.attempt, f, r.bodies[fn], isTry) {
					continue
				}
				for _, call := range rest[fn] {
					if to := r.target(f, call); to == fn {
						out = append(out, r.recursion(f, fn, call)...)
					} else if r.add(fn, hop{f, call, to}) {
						grown = true
					}
				}
			}
			for _, s := range found {
				if r.follow(s); r.polls(s) {
					out = append(out, s)
				}
			}
		}
		if !grown {
			break
		}
	}
	return append(out, r.repeated()...)
}

// hides reports whether a function that tries may return no error although another session
// holds the lock: a job that is skipped then. To its caller that looks like success.
func (r *reach) hides(fn token.Pos, seen map[token.Pos]bool) bool {
	var body *ast.BlockStmt
	switch decl := r.bodies[fn].(type) {
	case *ast.FuncDecl:
		body = decl.Body
	case *ast.FuncLit:
		body = decl.Body
	}
	if body == nil || seen[fn] {
		return false
	}
	seen[fn] = true
	f := r.owner[fn]
	isTry := func(call *ast.CallExpr) bool {
		return f.Tried(call) != nil || r.target(f, call).IsValid()
	}
	t := &tracer{fns: r.p.functions, attempt: r.attempt, file: f, loop: body, isTry: isTry, rough: true}
	paths := t.block(body.List, []*path{{errs: map[types.Object]bool{}, bools: map[types.Object]tristate{}}})
	if t.bad != nil {
		return true // nobody knows
	}
	for _, q := range paths {
		ret, ok := q.endStmt.(*ast.ReturnStmt)
		if !ok || q.end != left || len(ret.Results) == 0 {
			continue
		}
		if last := ret.Results[len(ret.Results)-1]; q.outcome == locked && source.IsNilExpr(f, ast.Unparen(last)) {
			return true
		}
	}
	for _, h := range r.hops[fn] {
		if r.hides(h.to, seen) {
			return true
		}
	}
	return false
}

func sorted(m map[token.Pos][]*ast.CallExpr) []token.Pos {
	out := make([]token.Pos, 0, len(m))
	for pos := range m {
		out = append(out, pos)
	}
	sort.Slice(out, func(i, j int) bool { return out[i] < out[j] })
	return out
}

// follow turns the tries of a site, which are calls of functions, into the way to
// TryLock and all its ends.
func (r *reach) follow(s *site) {
	s.calls, s.tries = s.tries, nil
	var first []hop
	for _, call := range s.calls {
		first = append(first, hop{s.file, call, r.target(s.file, call)})
	}
	r.way(s, first)
}

func (r *reach) way(s *site, first []hop) {
	seen := map[token.Pos]bool{}
	for h := first[0]; ; h = r.hops[h.to][0] {
		s.trail = append(s.trail, h)
		if !h.to.IsValid() || seen[h.to] {
			break
		}
		seen[h.to] = true
	}
	seen = map[token.Pos]bool{}
	for queue := first; len(queue) > 0; queue = queue[1:] {
		h := queue[0]
		if !h.to.IsValid() {
			s.ends = append(s.ends, h)
		} else if !seen[h.to] {
			seen[h.to] = true
			queue = append(queue, r.hops[h.to]...)
		}
	}
}

// polls tells a loop that retries from one that happens to call a function that tries,
// such as one that accepts requests: a clock paces it, or nothing does, or only success
// ends it, or it does nothing but call what waits by itself.
func (r *reach) polls(s *site) bool {
	if len(s.clock) > 0 || s.pausing() != nil || r.isMutex(s) {
		return true
	}
	if _, overItems := s.loop.(*ast.RangeStmt); !overItems && !s.blocks() {
		return true
	}
	if _, isGoto := s.loop.(*ast.BlockStmt); isGoto {
		return true
	}
	if s.trace.bad != nil {
		return false
	}
	ends, goesOn, idle := false, false, true
	for _, q := range s.paths {
		if q.outcome == won {
			ends = ends || q.end == broke || q.end == left
			goesOn = goesOn || q.end == next
		}
		for _, st := range q.steps {
			if st.kind == acts && q.end == next {
				quiet, _ := s.inert(st.node)
				idle = idle && quiet
			} else if st.kind == recv {
				idle = false
			}
		}
	}
	if ends && !goesOn {
		return true
	}
	return idle && r.waits(s)
}

// isMutex reports whether the loop calls TryLock of an interface that may be the mutex.
func (r *reach) isMutex(s *site) bool {
	for _, call := range s.calls {
		for _, h := range r.hops[r.target(s.file, call)] {
			if !h.to.IsValid() && h.file.IsMutexPtr(h.file.TypeOf(h.node)) {
				return true
			}
		}
	}
	return false
}

// waits reports whether a function on the way waits for a clock.
func (r *reach) waits(s *site) bool {
	for _, h := range s.trail {
		var body *ast.BlockStmt
		switch fn := r.bodies[h.to].(type) {
		case *ast.FuncDecl:
			body = fn.Body
		case *ast.FuncLit:
			body = fn.Body
		}
		if body != nil && len(r.p.clocksOf(r.owner[h.to], r.bodies[h.to], body)) > 0 {
			return true
		}
	}
	return false
}

// recursion makes a site of a function that tries and calls itself.
func (r *reach) recursion(f *source.File, fn token.Pos, call *ast.CallExpr) []*site {
	decl := r.bodies[fn]
	if decl == nil {
		return nil
	}
	return r.without(f, decl, call, r.hops[fn])
}

// without makes a site that is no loop: call leads to the first hops again and again.
func (r *reach) without(f *source.File, fn ast.Node, call *ast.CallExpr, first []hop) []*site {
	s := &site{functions: r.p.functions, file: f, loop: &ast.ExprStmt{X: call}, calls: []*ast.CallExpr{call}}
	if !s.place([]ast.Node{fn}) {
		return nil
	}
	s.trace = &tracer{fns: r.p.functions, attempt: r.attempt, file: f, loop: s.loop, isTry: func(*ast.CallExpr) bool { return false }, bad: call}
	r.way(s, first)
	s.trail = append([]hop{{f, call, first[0].to}}, s.trail...)
	return []*site{s}
}
