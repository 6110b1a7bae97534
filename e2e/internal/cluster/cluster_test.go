package cluster_test

import (
	"context"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// What the other tests rest on: an idle cluster with living sessions and open watches
// writes nothing, and a write is seen.
func TestIdleClusterWritesNothing(t *testing.T) {
	for _, n := range []int{1, 3} {
		c := cluster.Start(t, n)
		cli := c.Client()
		c.Session(cli, concurrency.WithTTL(3)) // kept alive once per second
		watchers := cluster.Watchers(t)
		ctx, cancel := context.WithCancel(context.Background())
		opened := cli.Watch(ctx, "a", clientv3.WithCreatedNotify())
		<-opened
		if got := cluster.Watchers(t) - watchers; got != 1 {
			t.Errorf("%d members: one watch counts as %d", n, got)
		}
		index, revision := c.AppliedIndex(), c.Revision()
		time.Sleep(6 * time.Second) // longer than any period of the server's monitors
		if i, r := c.AppliedIndex()-index, c.Revision()-revision; i != 0 || r != 0 {
			t.Errorf("%d members: %d entries and %d revisions while idle", n, i, r)
		}
		if _, err := cli.Put(ctx, "a", ""); err != nil {
			t.Fatal(err)
		}
		if i, r := c.AppliedIndex()-index, c.Revision()-revision; i != 1 || r != 1 {
			t.Errorf("%d members: %d entries and %d revisions for one put", n, i, r)
		}
		cancel()
	}
}

func TestRestartedMemberKeepsItsData(t *testing.T) {
	c := cluster.Start(t, 1)
	cli := c.Client()
	if _, err := cli.Put(context.Background(), "a", "b"); err != nil {
		t.Fatal(err)
	}
	c.Session(cli)
	<-cli.Watch(context.Background(), "a", clientv3.WithCreatedNotify())
	start := time.Now()
	c.Stop(0)
	t.Logf("stopped in %v", time.Since(start))
	c.Restart(0)
	t.Logf("restarted after %v", time.Since(start))
	if got := c.Keys(cli, "a"); len(got) != 1 {
		t.Errorf("keys after the restart: %q", got)
	}
}
