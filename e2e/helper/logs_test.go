package helper_test

import (
	"context"
	"sync/atomic"
	"testing"

	"etcdmod/e2e/internal/cluster"
	etcdlock "etcdmod/e2e/internal/withoutrereads"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// The client logs a warning for each call that is cut. A wait for a lock that is free cuts none, whatever the
// answer takes: it does not ask for its lease.
func TestFreeLockLeavesNoWarning(t *testing.T) {
	c := cluster.Start(t, 1)
	ctx := limited(t)
	core, logged := observer.New(zap.WarnLevel)
	w := &wire{}
	m := etcdlock.NewMutex(c.Session(c.Client(w.option, func(cfg *clientv3.Config) { cfg.Logger = zap.New(core) })), prefix)
	var asked atomic.Int64
	w.set(func(ctx context.Context, call string) error {
		if call == leaseCall {
			asked.Add(1)
			return hang(ctx)
		}
		return nil
	}, nil)
	for range 50 {
		must(t, m.WatchLock(ctx))
		must(t, m.Unlock(ctx))
	}
	eventually(t, "no goroutine of the helper", func() bool { return len(lockGoroutines()) == 0 })
	if n := asked.Load(); n > 0 {
		t.Errorf("the lease was asked for %d times", n)
	}
	for _, e := range logged.All() {
		t.Error(e.Message, e.ContextMap())
	}
}
