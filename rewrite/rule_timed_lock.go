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
// After (by hand): one Lock, with the context that ends the wait as a whole. It queues, is
// fair, and writes twice however long it waits.
//
//	return mu.Lock(ctx)
//
// Why it is not rewritten: the timeout may stand for a time after which the caller must do
// something else, and what Lock returns then is another error than TryLock's. No swapped
// constructor helps: to queue is to write. Where a round has work to do besides, call TryLock
// instead; etcdmod guards it then, so that a try that fails only reads.
package rewrite

import (
	"fmt"
	"go/ast"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/source"
)

var timedLock = &rule{
	id:    "timed-lock",
	words: Need{Words: [][]string{{".Lock("}, {"WithTimeout", "WithDeadline"}}},
	tries: []*try{lockInTime},
	code:  finding.LockWrites,
	match: func(c *candidate) *match {
		if !c.Polls() {
			return nil
		}
		at := c.Attempts()[0].Node
		return &match{fmt.Sprintf("%s calls %s with a timeout again and again; each call that fails writes two raft entries and loses its place", c.Name, source.FirstLine(c.Text(callee(at)))), at}
	},
}

// callee returns what a call calls, or the expression itself.
func callee(e ast.Expr) ast.Expr {
	if call, ok := ast.Unparen(e).(*ast.CallExpr); ok {
		return call.Fun
	}
	return e
}
