// txn-poll: a loop creates a key if it is missing, in a transaction, until it succeeds.
//
// This is a lock made by hand. A transaction that contains a put goes through raft whatever
// it decides, so that each try writes a log entry although nothing changes. Where each try
// is granted a lease of its own, that is another entry, and a lease that nobody revokes.
//
// Before:
//
//	for {
//		resp, err := client.Txn(ctx).
//			If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).
//			Then(clientv3.OpPut(key, "", clientv3.WithLease(lease))).
//			Commit()
//		if err != nil {
//			return err
//		}
//		if resp.Succeeded {
//			return nil
//		}
//		time.Sleep(time.Second)
//	}
//
// After (guard): the transaction begins with the helper's Txn. It commits the same comparison
// with a read in the place of the put first, which writes no entry, and the transaction only
// where that succeeds:
//
//	resp, err := etcdlock.Txn(ctx, client).
//
// Why it is safe: the loop sees the same responses. Where the key is there, the first
// transaction answers as the second one would: from the same comparison, with what Else reads,
// and as of a moment during the call. Where it is missing, the transaction itself is committed
// and decides, so that of several that have read the same still one wins. The key is the one
// that it was, so that replicas of the old and of the new version exclude each other, and
// whoever else reads, renews or deletes it sees what he saw. A try that wins takes one round trip
// more. The loop keeps its pace: where nothing paces it, nothing is rewritten, since reads alone
// would make its rounds faster.
//
// Where each try is granted a lease, that is an entry as well, which no transaction can spare:
// such a loop is reported. By hand, a session has the lease and keeps it alive, and the mutex of
// the client queues without polling, below another key.
//
// A transaction that is handed on as a value is reported: the helper's has a type of its own. Loops are not followed to
// transactions that are operations of Do, that are put together by others than the one who commits them, or that put
// the key in Else, where the comparison fails that it is there. Such a transaction that is repeated is said not to be
// followed.
//
// Left alone are loops that get the key first, or watch it, keys that are computed anew for
// each try (to draw an id), keys with the id of a lease in them (nobody else asks for one),
// transactions that do something else where the key is there (to compare and swap), and keys
// without a lease whose loop goes on after success.
package rewrite

import (
	"fmt"
	"go/ast"

	"etcdmod/internal/finding"
	"etcdmod/internal/helper"
	"etcdmod/rewrite/internal/edit"
	"etcdmod/rewrite/internal/loop"
	"etcdmod/rewrite/internal/source"
	"etcdmod/rewrite/internal/tries"
)

var txnPoll = &rule{
	id: "txn-poll",
	words: Need{Client: true, Words: [][]string{
		{"OpPut("}, {"CreateRevision(", "ModRevision(", "Version(", "KeyMissing(", "KeyExists("},
	}},
	tries:   []*try{createKey},
	top:     finding.Guard,
	ceiling: "a clock or a wait is of a mutex, and here is none",
	match: func(c *candidate) *match {
		at := tries.Txns{Functions: c.Functions}.Polled(c.Site)
		if at == nil {
			return nil
		}
		lease := ""
		if tries.Grants(c.Site) != nil {
			lease = ", and each is granted a lease"
		}
		return &match{fmt.Sprintf("%s retries a transaction that creates a key if it is missing; each try that fails writes a raft entry%s", c.Name, lease), at}
	},
	guard: askFirst,
}

// askFirst lets the transactions begin with the helper's Txn.
func askFirst(p *loop.Finder, c *candidate) (calls []replacement, why []finding.Reason) {
	refuse := func(code finding.Code, at ast.Node, detail string) {
		why = append(why, finding.Reason{Code: code, Detail: detail, Pos: p.Position(at.Pos())})
	}
	if grant := tries.Grants(c.Site); grant != nil {
		refuse(finding.GrantPerTry, grant, source.FirstLine(p.Text(grant)))
	}
	if !c.Paced() && !c.Repeated() {
		refuse(finding.NoClock, c.Node, "")
	}
	if !p.In.Offers(helper.Txn) {
		refuse(finding.HelperLacks, c.Node, helper.TxnFile+" of "+p.In.HelperImport())
	}
	begun, not, at := tries.Txns{Functions: c.Functions}.Unguarded(c.Site)
	if not != "" {
		refuse(finding.TxnNotFollowed, at, not)
	}
	for _, h := range begun {
		call := h.Node.(*ast.CallExpr)
		calls = append(calls, txnReplaced{replacedCall{h.File, call}})
		c.client = tries.Client(h.File, call) + "/concurrency"
	}
	return calls, why
}

// A txnReplaced is a call of Txn that becomes the helper's function, which gets the client last.
type txnReplaced struct{ replacedCall }

func (r txnReplaced) moved(f *source.File) replacement { r.file = f; return r }
func (r txnReplaced) needs() helper.Parts              { return helper.Txn }

func (r txnReplaced) differs(p *source.Program) []finding.Difference {
	return differences(p, r, finding.TxnAsksFirst)
}

func (r txnReplaced) edits(p *source.Program, qualifier string) edit.Edits {
	sel, end := r.method(), p.Offset(r.call.Args[len(r.call.Args)-1].End())
	return edit.Edits{
		{Start: p.Offset(sel.X.Pos()), End: p.Offset(sel.Sel.Pos()), Text: qualifier + "."},
		{Start: end, End: end, Text: ", " + r.file.Text(sel.X)},
	}
}
