package smoke

import (
	"context"
	"testing"
	"time"

	"example.com/service/internal/etcdlock"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// The error is the client's, to the value, and what is left behind is as well: nothing.
func TestCampaignWithin(t *testing.T) {
	t.Parallel()
	ctx, cli := limited(t), client(t)
	leader := concurrency.NewElection(session(t, client(t)), t.Name())
	must(t, leader.Campaign(ctx, "leader"))
	watches := make(chan struct{}, 1)
	cli.Watcher = watcher{cli.Watcher, watches}
	s := session(t, cli)
	e := concurrency.NewElection(s, t.Name())
	within := func(d time.Duration) error {
		try, cancel := context.WithTimeout(ctx, d)
		defer cancel()
		return etcdlock.CampaignWithin(try, s, e, "me")
	}
	try, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	want := e.Campaign(try, "me")
	before := revision(ctx, t, cli)
	if got := within(300 * time.Millisecond); got != want || got != context.DeadlineExceeded {
		t.Errorf("got %v, and the client's is %v", got, want)
	}
	if now := revision(ctx, t, cli); now != before {
		t.Errorf("keys %v, and they were %v", now, before)
	}
	select {
	case <-watches: // of what has ended
	default:
	}
	done := make(chan error, 1)
	go func() { done <- within(never) }()
	<-watches
	must(t, leader.Resign(ctx))
	select {
	case err := <-done:
		must(t, err)
	case <-time.After(woken):
		t.Fatal("it does not lead")
	}
	now, err := leader.Leader(ctx)
	must(t, err)
	if kv := now.Kvs[0]; now.Count != 1 || string(kv.Key) != e.Key() || string(kv.Value) != "me" {
		t.Errorf("%d candidates, of which %s leads; want %s", now.Count, kv.Key, e.Key())
	}
	must(t, within(never)) // it leads already
	must(t, e.Resign(ctx))
}

// revision is the newest of the keys of the test, and how many there are.
func revision(ctx context.Context, t *testing.T, cli *clientv3.Client) [2]int64 {
	t.Helper()
	resp, err := cli.Get(ctx, t.Name(), clientv3.WithPrefix(), clientv3.WithSort(clientv3.SortByModRevision, clientv3.SortDescend))
	must(t, err)
	return [2]int64{resp.Kvs[0].ModRevision, resp.Count}
}
