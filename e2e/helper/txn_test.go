package helper_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
	etcdlock "etcdmod/e2e/internal/withoutrereads"

	clientv3 "go.etcd.io/etcd/client/v3"
)

func missing(key string) clientv3.Cmp {
	return clientv3.Compare(clientv3.CreateRevision(key), "=", 0)
}

func TestTransactionThatFailsWritesNothing(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, 1)
	cli, ctx := c.Client(), limited(t)
	_, err := cli.Put(ctx, "k", "hers")
	must(t, err)
	index := c.AppliedIndex()
	for range 20 {
		resp, err := etcdlock.Txn(ctx, cli).If(missing("k")).Then(clientv3.OpPut("k", "mine")).Else(clientv3.OpGet("k")).Commit()
		must(t, err)
		if kvs := resp.Responses[0].GetResponseRange().Kvs; resp.Succeeded || len(kvs) != 1 || string(kvs[0].Value) != "hers" {
			t.Fatalf("%v", resp)
		}
	}
	if n := c.AppliedIndex() - index; n != 0 {
		t.Errorf("%d entries", n)
	}
	_, err = cli.Delete(ctx, "k")
	must(t, err)
	index = c.AppliedIndex()
	resp, err := etcdlock.Txn(ctx, cli).If(missing("k")).Then(clientv3.OpPut("k", "mine")).Commit()
	must(t, err)
	if n := c.AppliedIndex() - index; n != 1 || !resp.Succeeded {
		t.Errorf("%d entries, %v", n, resp)
	}
}

// All read that the key is missing before one of them writes.
func TestTransactionsThatReadTogetherHaveOneWinner(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, 1)
	ctx := limited(t)
	const n = 8
	var read, done sync.WaitGroup
	var wins atomic.Int64
	read.Add(n)
	for i := range n {
		w := &wire{}
		cli := c.Client(w.option)
		w.set(func(_ context.Context, method string) error {
			if method == txnCall {
				read.Done()
				read.Wait()
			}
			return nil
		}, nil)
		done.Go(func() {
			resp, err := etcdlock.Txn(ctx, cli).If(missing("k")).Then(clientv3.OpPut("k", fmt.Sprint(i))).Commit()
			if err != nil {
				t.Error(err)
			} else if resp.Succeeded {
				wins.Add(1)
			}
		})
	}
	done.Wait()
	if wins.Load() != 1 {
		t.Errorf("%d winners", wins.Load())
	}
}

// A member that is cut off does not know what has been written since: it answers no comparison by itself.
func TestTransactionIsNotAnsweredByAMemberAlone(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, 3)
	ctx := limited(t)
	cli := c.Client(func(cfg *clientv3.Config) { cfg.Endpoints = c.Endpoints()[:1] })
	_, err := cli.Put(ctx, "k", "hers")
	must(t, err)
	_, err = cli.Get(ctx, "k")
	must(t, err)
	c.Stop(1)
	c.Stop(2)
	if resp, err := cli.Get(ctx, "k", clientv3.WithSerializable()); err != nil || len(resp.Kvs) != 1 {
		t.Fatalf("not the state to test: %v, %v", resp, err)
	}
	try, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if resp, err := etcdlock.Txn(try, cli).If(missing("k")).Then(clientv3.OpPut("k", "mine")).Commit(); err == nil {
		t.Errorf("%v", resp)
	}
}

// A transaction is what both kinds have in common.
type transaction[T any] interface {
	If(...clientv3.Cmp) T
	Then(...clientv3.Op) T
	Else(...clientv3.Op) T
	Commit() (*clientv3.TxnResponse, error)
}

// say commits a transaction that is made in one of several ways, and tells how that ends.
func say[T transaction[T]](txn T, form int) (answer string) {
	defer func() {
		if r := recover(); r != nil {
			answer += fmt.Sprint("panic: ", r)
		}
	}()
	there, put := clientv3.Compare(clientv3.Version("there"), "=", 0), clientv3.OpPut("k", "v")
	switch form {
	case 0:
		txn = txn.If(missing("k")).Then(put)
	case 1:
		txn = txn.If(missing("k"), there).Then(put).Else(clientv3.OpGet("there"), clientv3.OpGet("k"))
	case 2:
		txn.If(there)
		txn.Then(put)
	case 3:
		txn = txn.Then(put)
	case 4:
		txn = txn.If(there).If(there)
	case 5:
		txn = txn.Then(put).If(there)
	case 6:
		txn = txn.If(clientv3.Compare(clientv3.Version(""), "=", 0)).Then(put)
	}
	resp, err := txn.Commit()
	if err != nil {
		return err.Error()
	}
	answer = fmt.Sprint(resp.Succeeded)
	for _, r := range resp.Responses {
		answer += fmt.Sprint(" put ", r.GetResponsePut() != nil, " got")
		for _, kv := range r.GetResponseRange().GetKvs() {
			answer += fmt.Sprintf(" %s=%s", kv.Key, kv.Value)
		}
	}
	return answer
}

func TestTransactionAnswersLikeTheClients(t *testing.T) {
	t.Parallel()
	c := cluster.Start(t, 1)
	cli, ctx := c.Client(), limited(t)
	_, err := cli.Put(ctx, "there", "1")
	must(t, err)
	ended, cancel := context.WithCancel(ctx)
	cancel()
	for form := range 7 {
		for name, ctx := range map[string]context.Context{"": ctx, "after its context has ended": ended} {
			for _, there := range []bool{false, true} {
				reset := func() {
					_, err := cli.Delete(t.Context(), "k")
					must(t, err)
					if there {
						_, err = cli.Put(t.Context(), "k", "hers")
						must(t, err)
					}
				}
				reset()
				plain := say(cli.Txn(ctx), form)
				reset()
				if got := say(etcdlock.Txn(ctx, cli), form); got != plain {
					t.Errorf("form %d %s, the key is there: %v: %q, and the client says %q", form, name, there, got, plain)
				}
			}
		}
	}
}
