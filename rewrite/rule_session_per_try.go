// session-per-try: each try for an etcd mutex makes a session of its own.
//
// A session is a lease, and granting it is written to raft whatever TryLock does, or a Lock
// that has a timeout for each call. Where it is not closed when the try fails, the lease and
// the goroutine that keeps it alive stay until the process ends: a lease per try, each renewed
// every few seconds, for ever.
//
// Before:
//
//	for {
//		session, err := concurrency.NewSession(client)
//		if err != nil {
//			return err
//		}
//		mu := concurrency.NewMutex(session, "/locks/leader")
//		if mu.TryLock(ctx) == nil {
//			return work(ctx, session, mu)
//		}
//		time.Sleep(time.Second)
//	}
//
// After (by hand): one session for all tries, and a new one only when it has ended.
//
//	session, err := concurrency.NewSession(client)
//	if err != nil {
//		return err
//	}
//	defer session.Close()
//	mu := concurrency.NewMutex(session, "/locks/leader")
//	if err := mu.Lock(ctx); err != nil {
//		return err
//	}
//	return work(ctx, session, mu)
//
// Why it is not rewritten: where a session is made anew says what becomes of it when a try
// fails, when the work ends and when the client is closed, and none of that can be told from
// the loop. The TryLock or Lock in it is a finding of its own and is guarded where the types
// can change, which spares the two entries that it writes; this finding stays, also after
// that, since the lease does.
package rewrite

import (
	"fmt"
	"go/ast"
	"go/types"
	"slices"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
)

var sessionPerTry = &rule{
	id:     "session-per-try",
	words:  ofTryLock,
	tries:  []*try{tryLock, helperTryLock, lockInTime, helperLock}, // a guard does not spare the lease
	beside: true,
	code:   finding.LeasePerTry,
	// Where a session is made only now and then, such as after the last one has ended, there
	// is no match.
	match: func(c *candidate) *match {
		call := sessionOf(c.Site)
		if call == nil {
			return nil
		}
		left := ""
		if !closesSession(c.Site) {
			left = ", and one that fails leaves it behind, with a goroutine"
		}
		return &match{fmt.Sprintf("%s makes a session for each try; each is granted a lease%s", c.Name, left), call}
	},
}

// sessionOf returns the call that makes a session for each try, or nil: in the loop on
// each way from a try that failed to the next one, or in a function on the way to TryLock.
func sessionOf(s *loop.Site) *ast.CallExpr {
	if call := sessionInLoop(s); call != nil {
		return call
	}
	for _, h := range s.Onward() {
		if fn := s.FuncAround(h.Node); fn != nil && fn != s.Func {
			// Behind the try it is for another one.
			if call := makesSession(s.Functions.Program, h.File, source.Body(fn), map[ast.Node]bool{}); call != nil && (!source.Within(call, fn) || call.Pos() < h.Node.Pos()) {
				return call
			}
		}
	}
	return nil
}

func sessionInLoop(s *loop.Site) (call *ast.CallExpr) {
	if s.Walker.Bad != nil {
		return makesSession(s.Functions.Program, s.File, source.LoopBody(s.Node), onTheWay(s))
	}
	for _, q := range s.Paths {
		if q.Outcome != loop.Locked || q.End != loop.Next {
			continue
		}
		call = nil
		for _, st := range q.Steps {
			if c := sessionCall(s.Functions.Program, s.File, st.Node, onTheWay(s)); c != nil && st.Kind == loop.Acts {
				call = c
			}
		}
		if call == nil {
			return nil
		}
	}
	return call
}

// onTheWay returns the functions on the way to TryLock, which are looked at by themselves.
func onTheWay(s *loop.Site) map[ast.Node]bool {
	seen := map[ast.Node]bool{}
	for _, h := range s.Onward() {
		if fn := s.FuncAround(h.Node); fn != nil {
			seen[fn] = true
		}
	}
	return seen
}

// makesSession returns the call by which a list of statements makes a session, whatever
// else happens in it.
func makesSession(p *source.Program, f *source.File, list []ast.Stmt, seen map[ast.Node]bool) *ast.CallExpr {
	for _, stmt := range list {
		if l, ok := stmt.(*ast.LabeledStmt); ok {
			stmt = l.Stmt
		}
		switch s := stmt.(type) {
		case *ast.IfStmt:
			if s.Init == nil {
				continue
			}
			stmt = s.Init
		case *ast.AssignStmt, *ast.ExprStmt, *ast.DeclStmt, *ast.ReturnStmt:
		default:
			continue
		}
		if call := sessionCall(p, f, stmt, seen); call != nil {
			return call
		}
	}
	return nil
}

// sessionCall returns the call in n that makes a session, itself or through a function of
// the module.
func sessionCall(p *source.Program, f *source.File, n ast.Node, seen map[ast.Node]bool) (found *ast.CallExpr) {
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit, *ast.BlockStmt:
			return false
		case *ast.CallExpr:
			fn, ok := f.Callee(n).(*types.Func)
			if !ok || found != nil {
				return found == nil
			}
			if p.IsConcurrencyObj(fn, "NewSession") {
				found = n
			} else if decl := p.DeclOf(fn); decl != nil && decl.Body != nil && !seen[decl] {
				seen[decl] = true
				found = makesSession(p, p.FileAt(decl.Pos()), decl.Body.List, seen)
			}
		}
		return found == nil
	})
	return found
}

// closesSession reports whether a round closes a session, itself or in a function of the
// module that it calls.
func closesSession(s *loop.Site) bool {
	bodies := []ast.Node{s.Node}
	for _, h := range s.Onward() {
		if fn := s.FuncAround(h.Node); fn != nil {
			bodies = append(bodies, fn)
		}
	}
	seen := map[ast.Node]bool{}
	return slices.ContainsFunc(bodies, func(n ast.Node) bool { return closes(s.Functions.Program, n, seen) })
}

func closes(p *source.Program, n ast.Node, seen map[ast.Node]bool) bool {
	if seen[n] {
		return false
	}
	seen[n] = true
	f := p.FileAt(n.Pos())
	for m := range ast.Preorder(n) {
		call, ok := m.(*ast.CallExpr)
		if !ok {
			continue
		}
		fn, ok := f.Callee(call).(*types.Func)
		if !ok {
			continue
		}
		if (fn.Name() == "Close" || fn.Name() == "Orphan") && p.IsConcurrencyObj(fn, fn.Name()) ||
			slices.ContainsFunc(p.DeclsOf(fn), func(decl *ast.FuncDecl) bool { return closes(p, decl, seen) }) {
			return true
		}
	}
	return false
}
