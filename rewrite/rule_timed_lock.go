// timed-lock: a loop calls Lock of an etcd mutex with a timeout for each call.
//
// That is how one tried before there was TryLock. Each Lock puts a key into the queue, and
// deletes it when its context ends: two raft log entries and two revisions per call that
// fails, and the place in the queue is lost each time. In etcd clients before 3.4.10 it may
// leave a watcher behind on the server as well.
//
// Before:
//
//	for {
//		try, cancel := context.WithTimeout(ctx, time.Second)
//		err := mu.Lock(try)
//		cancel()
//		if err == nil {
//			return nil
//		}
//		if ctx.Err() != nil {
//			return ctx.Err()
//		}
//		time.Sleep(time.Second)
//	}
//
// After (guard): the constructor and the declared types are swapped, and the call becomes one
// that joins the queue only when that may win it the lock, or less than 250 ms are left:
//
//	mu := etcdlock.NewMutex(session, "/locks/leader")
//
// and
//
//	err := mu.LockWithin(try)
//
// Why it is safe: a call that fails takes as long as before and returns the same error, the
// bare ctx.Err(), so that the loop goes round as it did. While one session has the lock
// throughout, whether by a key in the queue or without one a caller waits for the same event:
// it watches the deletion of the holder's key, and calls the client's Lock when it comes. That
// puts the key, and whoever is first has the lock, as among callers whose calls begin just
// then. What a place in the queue is worth is lost only to those that have one: so a call
// during which the lock changes hands while others queue goes on with the client's Lock, which
// then keeps its place until the deadline, and nothing is rewritten where another call of the
// module queues for the same mutex, or where this one serves callers that do not try again.
// Key, IsOwner, Header and Unlock answer after a call that failed as after one of the client's:
// that names no key any more either. Who reads the keys below the prefix would miss the
// waiters there; such code in the module refuses the rewrite.
//
// Loops are not followed to Lock as a function value, through an interface, or with a context that a clock cancels by its
// cancel function. Such a call that is repeated is said not to be followed.
//
// One Lock with the context that ends the wait as a whole would cost least. It is not written
// in the loop's place: the timeout may stand for a time after which the caller must do
// something else.
package rewrite

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"

	"golang.org/x/tools/go/ssa"

	"etcdmod/internal/finding"
	"etcdmod/internal/helper"
	"etcdmod/rewrite/internal/callgraph"
	"etcdmod/rewrite/internal/edit"
	"etcdmod/rewrite/internal/flow"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
	"etcdmod/rewrite/internal/tries"
)

var timedLock = &rule{
	id:      "timed-lock",
	words:   Need{Words: [][]string{{".Lock"}, {"WithTimeout", "WithDeadline", "WithCancel"}, aClock}},
	tries:   []*try{lockInTime},
	top:     finding.Guard,
	ceiling: "its timeout may stand for a time after which the caller must do something else",
	match: func(c *candidate) *match {
		if !c.Polls() {
			return nil
		}
		at := c.Attempts()[0].Node
		return &match{fmt.Sprintf("%s calls %s with a timeout again and again; each call that fails writes two raft entries and loses its place", c.Name, source.FirstLine(c.Text(source.Fun(at)))), at}
	},
	guard: lockWithin,
}

// A lockReplaced is a call of Lock that becomes LockWithin.
type lockReplaced struct{ replacedCall }

func (r lockReplaced) moved(f *source.File) replacement { r.file = f; return r }
func (r lockReplaced) qualified() bool                  { return false }
func (r lockReplaced) needs() helper.Parts              { return helper.Within }

func (r lockReplaced) differs(p *source.Program) []finding.Difference {
	return differences(p, r, finding.JoinsLate, finding.MissesTurn)
}

func (r lockReplaced) edits(p *source.Program, _ string) edit.Edits {
	sel := r.method().Sel
	return edit.Edits{{Start: p.Offset(sel.Pos()), End: p.Offset(sel.End()), Text: "LockWithin"}}
}

// lockWithin renames the calls of Lock.
func lockWithin(p *loop.Finder, c *candidate) (calls []replacement, why []finding.Reason) {
	refuse := func(code finding.Code, at ast.Node, format string, args ...any) {
		why = append(why, finding.Reason{Code: code, Detail: fmt.Sprintf(format, args...), Pos: p.Position(at.Pos())})
	}
	for _, m := range c.components {
		if m.Path != "" && !p.HasTryLock(m.Path) {
			refuse(finding.ClientNoTryLock, c.Node, "%s", m.Path)
		}
	}
	if !p.In.Offers(helper.Within) {
		refuse(finding.HelperLacks, c.Node, "%s of %s", helper.WithinFile, p.In.HelperImport())
	}
	callers, polled := polledBy(p, c, tries.Locks)
	for _, h := range tries.Locks(p.Program, c.Site) {
		call := h.Node.(*ast.CallExpr)
		calls = append(calls, lockReplaced{replacedCall{h.File, call}})
		if within := tries.Short(p.Program, h.File, call); within != nil {
			refuse(finding.DeadlineShort, within, "%s", source.FirstLine(p.Text(within)))
		}
		if at := callers.none(call); at.IsValid() {
			why = append(why, finding.Reason{Code: finding.LockNotRetried, Detail: "called for a caller that does not try again", Pos: p.Position(at)})
		}
	}
	if other := queues(p, c, polled); other != nil {
		refuse(finding.LockElsewhere, other, "%s", source.FirstLine(p.Text(other)))
	}
	if call := tries.ReadsBelow(p.Program, prefixes(p, c)); call != nil {
		refuse(finding.QueueRead, call, "%s", source.FirstLine(p.Text(call)))
	}
	return calls, why
}

// polledBy returns the methods of the calls that loops poll, and what is on the way to them.
func polledBy(p *loop.Finder, c *candidate, calls func(*source.Program, *loop.Site) []loop.Hop) (*callers, map[ast.Expr]bool) {
	on, polled := &callers{graph: p.CallGraph(), program: p.Program}, map[ast.Expr]bool{}
	for _, other := range c.beside {
		if !other.Polls() {
			continue
		}
		on.loops = append(on.loops, other.Node)
		on.ways = append(on.ways, other.Positions()...)
		for _, h := range calls(p.Program, other.Site) {
			polled[ast.Unparen(h.Node.(*ast.CallExpr).Fun)] = true
		}
	}
	return on, polled
}

// queues returns what locks a mutex of the loop and is not polled, or nil: another call, the
// method as a value, or an interface that has it.
func queues(p *loop.Finder, c *candidate, polled map[ast.Expr]bool) ast.Node {
	ours := func(f *source.File, tried, mutex ast.Expr) bool {
		if helper := p.IsHelperMutex(f.TypeOf(mutex)); helper || len(c.components) == 0 {
			return helper && len(c.components) == 0
		}
		node := p.Flow.NodeOf(f, tried, mutex)
		return slices.ContainsFunc(c.components, func(m *flow.Component) bool { return node == nil || m.Node == node })
	}
	for _, f := range p.Files {
		if f.IsHelper() {
			continue
		}
		for n := range ast.Preorder(f.Syntax) {
			sel, ok := n.(*ast.SelectorExpr)
			if ok && !polled[sel] && tries.IsLock(p.Program, f, sel) && ours(f, sel, sel.X) {
				return sel
			}
		}
	}
	for _, b := range p.Flow.Ifaces {
		if f := p.ByName[b.File.Name]; f == b.File && has(b.Iface, "Lock") && ours(f, b.Src, b.Src) {
			return b.Src
		}
	}
	return nil
}

func has(iface *types.Interface, method string) bool {
	for m := range iface.Methods() {
		if m.Name() == method {
			return true
		}
	}
	return false
}

// prefixes are the beginnings of the prefixes of all mutexes that a loop may try.
func prefixes(p *loop.Finder, c *candidate) (out []string) {
	for _, m := range c.components {
		if m.Node == nil {
			return []string{""} // nothing is known of it
		}
		for _, s := range m.Node.Spelled {
			if s.Name != "NewMutex" {
				continue
			}
			start := ""
			for n := range ast.Preorder(s.File.Syntax) {
				if call, ok := n.(*ast.CallExpr); ok && ast.Unparen(call.Fun) == ast.Expr(s.Sel) && len(call.Args) == 2 {
					start = tries.Start(s.File, call.Args[1])
				}
			}
			out = append(out, start)
		}
	}
	return out
}

// callers finds those of a function that are on no way from a loop to a try.
type callers struct {
	graph   *callgraph.Graph
	program *source.Program
	loops   []ast.Stmt
	ways    []token.Pos
}

// none returns where a caller that is on no such way leads to a call; no position if there is
// none.
func (c *callers) none(call *ast.CallExpr) token.Pos {
	return c.other(call.Lparen, map[*ssa.Function]bool{})
}

// other returns where the function around a call is called by one that is on no such way; no
// position if there is none. Tests do not count.
func (c *callers) other(call token.Pos, seen map[*ssa.Function]bool) token.Pos {
	if slices.ContainsFunc(c.loops, func(loop ast.Stmt) bool { return source.PosWithin(call, loop) }) {
		return token.NoPos
	}
	for _, in := range c.graph.At(call) {
		if at := c.into(in.Parent(), seen); at.IsValid() {
			return at
		}
	}
	return token.NoPos
}

func (c *callers) into(fn *ssa.Function, seen map[*ssa.Function]bool) token.Pos {
	if seen[fn] {
		return token.NoPos
	}
	seen[fn] = true
	for _, e := range c.graph.In(fn) {
		at := callgraph.Pos(e.Site)
		switch f := c.program.FileAt(at); {
		case f == nil: // a wrapper, such as that of a method value
			at = c.into(e.Caller, seen)
		case f.Test:
			continue
		case slices.Contains(c.ways, at) || slices.ContainsFunc(c.loops, func(loop ast.Stmt) bool { return source.PosWithin(at, loop) }):
			at = c.other(at, seen)
		}
		if at.IsValid() {
			return at
		}
	}
	return token.NoPos
}
