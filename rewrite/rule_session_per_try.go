// session-per-try: each try for an etcd mutex makes a session of its own.
//
// A session is a lease, and granting it is written to raft whatever TryLock does, or a Lock
// that has a timeout for each call. Where it is not closed when the try fails, the lease and
// the goroutine that keeps it alive stay until the process ends: a lease per try, each renewed
// every few seconds, for ever. Where it is closed, that is another entry.
//
// Before:
//
//	for {
//		session, err := concurrency.NewSession(client, concurrency.WithTTL(10))
//		if err != nil {
//			log.Printf("no session: %v", err)
//			time.Sleep(time.Second)
//			continue
//		}
//		mu := concurrency.NewMutex(session, "/locks/leader")
//		if mu.TryLock(ctx) == nil {
//			return work(ctx, session, mu)
//		}
//		session.Close()
//		time.Sleep(time.Second)
//	}
//
// After (guard): the session and the mutex are made by the helper, and the lease is granted by
// the try when that finds the lock free, or joins the queue.
//
//	session, err := etcdlock.NewSession(client, etcdlock.WithTTL(10))
//
// and
//
//	mu := etcdlock.NewMutexOf(session, "/locks/leader")
//
// and, once the lock is held, where the session of the client is needed:
//
//	return work(ctx, session.Session, mu)
//
// A Lock with a timeout becomes LockWithin, as in timed-lock: it waits without a lease, and is
// granted one in the time that is left.
//
// Why it is safe: until the try has won, the session goes nowhere but to the mutex, and is at
// most closed, so that nobody can tell whether there is a lease. After that it is the client's:
// kept alive until it is closed, and revoked then. While another session holds the lock, a try
// ends as before, with the same error and after the same time. A grant that fails is an error
// of the try now: that is why the branch for an error of NewSession must do what the one for an
// error of the try does, but for closing the session, logging, and the text of the error. What
// ends the try ends the grant as well, and a lease that comes too late is revoked. Options that
// cannot be kept for later, and loops that nothing slows down but the grant itself, are left as
// they are.
//
// Where that is not so, the finding is reported. By hand, make one session for all tries, and a
// new one only when it has ended.
package rewrite

import (
	"fmt"
	"go/ast"
	"go/types"
	"slices"

	"etcdmod/internal/finding"
	"etcdmod/internal/helper"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
	"etcdmod/rewrite/internal/tries"
)

var sessionPerTry = &rule{
	id:     "session-per-try",
	words:  ofTryLock,
	tries:  []*try{tryLock, helperTryLock, lockInTime, helperLock}, // a guard does not spare the lease
	beside: true,
	top:    finding.Guard,
	guard:  grantLate,
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

// grantLate lets the tries grant the leases of their sessions.
func grantLate(p *loop.Finder, c *candidate) (calls []replaced, why []finding.Reason) {
	refuse := func(code finding.Code, at ast.Node) {
		why = append(why, finding.Reason{Code: code, Detail: source.FirstLine(p.Text(at)), Pos: p.Position(at.Pos())})
	}
	all := c.Attempts()
	if c.Walker.Attempt.Timed && len(c.components) > 0 {
		calls, why = lockWithin(p, c)
		all = tries.Locks(p.Program, c.Site)
	} else if !c.Walker.Attempt.Timed && !c.Paced() && !c.Repeated() {
		refuse(finding.NoClock, c.Node) // the grant has been what slows it down
	}
	if !p.In.HasSession() {
		why = append(why, finding.Reason{Code: finding.HelperLacks, Detail: helper.SessionFile + " of " + p.In.HelperImport(), Pos: p.Position(c.Node.Pos())})
	}
	made := sessionOf(c.Site)
	late := false
	for _, h := range all {
		s, code, at := tries.SessionOfTry(p.Program, h)
		if s == nil {
			if code == finding.LeasePerTry {
				at = made
			}
			refuse(code, at)
			continue
		}
		if path, _ := p.ConcurrencyPath(s.File.Callee(s.Made).Pkg()); p.IsFork(path) {
			refuse(finding.ForkDiffers, s.Made)
		}
		late = late || s.Made == made
		add := func(call *ast.CallExpr, name string) {
			calls = append(calls, replaced{file: s.File, call: call, name: name, session: true})
		}
		add(s.Made, "NewSession")
		calls[len(calls)-1].within = s.Within
		add(s.Mutex, "NewMutexOf")
		for _, opt := range s.Options {
			add(opt, source.NameIn(opt.Fun).Name)
		}
		for _, id := range s.Values {
			calls = append(calls, replaced{file: s.File, name: "Session", session: true, value: id})
		}
	}
	if !late && len(why) == 0 {
		refuse(finding.LeasePerTry, made)
	}
	return calls, why
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
