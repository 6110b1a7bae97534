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
	"go/token"
	"go/types"
	"slices"

	"etcdmod/internal/finding"
	"etcdmod/internal/helper"
	"etcdmod/rewrite/internal/edit"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
	"etcdmod/rewrite/internal/tries"
)

var sessionPerTry = &rule{
	id:      "session-per-try",
	words:   ofTryLock,
	tries:   []*try{tryLock, helperTryLock, lockInTime, helperLock}, // a guard does not spare the lease
	beside:  true,
	top:     finding.Guard,
	ceiling: "a clock or a wait is for one mutex, and each try makes its own",
	guard:   grantLate,
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

// A sessionReplaced is a call of a function of package concurrency that becomes one of the helper's.
type sessionReplaced struct {
	replacedCall
	name string // of the helper's
}

func (r sessionReplaced) moved(f *source.File) replacement                    { r.file = f; return r }
func (r sessionReplaced) function() ast.Expr                                  { return ast.Unparen(r.call.Fun) }
func (r sessionReplaced) needs() helper.Parts                                 { return helper.Session }
func (r sessionReplaced) differs(*source.Program) (none []finding.Difference) { return }

func (r sessionReplaced) edits(p *source.Program, qualifier string) edit.Edits {
	fun := r.function()
	return edit.Edits{{Start: p.Offset(fun.Pos()), End: p.Offset(fun.End()), Text: qualifier + "." + r.name}}
}

// A sessionMade is the one that makes the session.
type sessionMade struct {
	sessionReplaced
	within *ast.CallExpr // what gives the try its deadline, or nil
}

func (r sessionMade) moved(f *source.File) replacement { r.file = f; return r }

func (r sessionMade) differs(p *source.Program) []finding.Difference {
	out := differences(p, r, finding.GrantsLate)
	if r.within != nil {
		out = append(out, finding.Difference{Kind: finding.GrantInTime, Value: source.FirstLine(r.file.Text(r.within)), Pos: p.Position(r.within.Pos())})
	}
	return out
}

// A sessionUsed is a use of the helper's session where the client's, which it embeds, is needed.
type sessionUsed struct {
	file  *source.File
	value *ast.Ident
}

func (r sessionUsed) in() *source.File                                    { return r.file }
func (r sessionUsed) moved(f *source.File) replacement                    { r.file = f; return r }
func (r sessionUsed) pos() token.Pos                                      { return r.value.Pos() }
func (r sessionUsed) function() ast.Expr                                  { return nil }
func (r sessionUsed) qualified() bool                                     { return false }
func (r sessionUsed) needs() helper.Parts                                 { return helper.Session }
func (r sessionUsed) differs(*source.Program) (none []finding.Difference) { return }

func (r sessionUsed) edits(p *source.Program, _ string) edit.Edits {
	end := p.Offset(r.value.End())
	return edit.Edits{{Start: end, End: end, Text: ".Session"}}
}

// grantLate lets the tries grant the leases of their sessions.
func grantLate(p *loop.Finder, c *candidate) (calls []replacement, why []finding.Reason) {
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
	if !p.In.Offers(helper.Session) {
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
		calls = append(calls, sessionMade{sessionReplaced{replacedCall{s.File, s.Made}, "NewSession"}, s.Within},
			sessionReplaced{replacedCall{s.File, s.Mutex}, "NewMutexOf"})
		for _, opt := range s.Options {
			calls = append(calls, sessionReplaced{replacedCall{s.File, opt}, source.NameIn(opt.Fun).Name})
		}
		for _, id := range s.Values {
			calls = append(calls, sessionUsed{s.File, id})
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
