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
// After (by hand): a session has the lease and keeps it alive, and the mutex of the client
// queues without polling.
//
//	mu := concurrency.NewMutex(session, key)
//	return mu.Lock(ctx)
//
// Why it is not rewritten: the mutex of the client keeps its keys below another name, so
// that replicas of the old and of the new version would not exclude each other, and what
// else reads, renews or deletes the key cannot be told from the loop.
//
// Left alone are loops that get the key first, or watch it, keys that are computed anew for
// each try (to draw an id), keys with the id of a lease in them (nobody else asks for one),
// transactions that do something else where the key is there (to compare and swap), and keys
// without a lease whose loop goes on after success.
package rewrite

import (
	"fmt"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/tries"
)

var txnPoll = &rule{
	id: "txn-poll",
	words: Need{Client: true, Words: [][]string{
		{"Txn("}, {"CreateRevision(", "ModRevision(", "Version(", "KeyMissing("},
	}},
	tries: []*try{createKey},
	code:  finding.HandRolled,
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
}
