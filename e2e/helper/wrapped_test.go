package helper_test

import (
	"context"
	"testing"
	"time"

	etcdlock "etcdmod/e2e/internal/withoutrereads"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.etcd.io/etcd/client/v3/leasing"
	"go.etcd.io/etcd/client/v3/ordering"
	"go.etcd.io/etcd/server/v3/proxy/grpcproxy"
	"go.etcd.io/etcd/server/v3/proxy/grpcproxy/adapter"
	"go.uber.org/zap"
)

// wrappings are what services and operators put between a client and the servers, beside a namespace.
var wrappings = map[string]func(*testing.T, *clientv3.Client) *clientv3.Client{
	"ordering": func(t *testing.T, cli *clientv3.Client) *clientv3.Client {
		cli.KV = ordering.NewKV(cli.KV, func(clientv3.Op, clientv3.OpResponse, int64) error { return nil })
		return cli
	},
	"leasing": func(t *testing.T, cli *clientv3.Client) *clientv3.Client {
		kv, end, err := leasing.NewKV(cli, "leases/")
		must(t, err)
		t.Cleanup(end)
		cli.KV = kv
		return cli
	},
	"grpc-proxy": func(t *testing.T, cli *clientv3.Client) *clientv3.Client {
		ctx, cancel := context.WithCancel(context.Background())
		kv, _ := grpcproxy.NewKvProxy(cli)
		watch, watchEnded := grpcproxy.NewWatchProxy(ctx, zap.NewNop(), cli)
		lease, leaseEnded := grpcproxy.NewLeaseProxy(ctx, cli)
		t.Cleanup(func() {
			cancel()
			<-watchEnded
			<-leaseEnded
		})
		cli.KV = clientv3.NewKVFromKVClient(adapter.KvServerToKvClient(kv), cli)
		cli.Watcher = clientv3.NewWatchFromWatchClient(adapter.WatchServerToWatchClient(watch), cli)
		cli.Lease = clientv3.NewLeaseFromLeaseClient(adapter.LeaseServerToLeaseClient(lease), cli, time.Minute)
		return cli
	},
}

func TestWrappedClients(t *testing.T) {
	t.Parallel()
	for wrapping, wrap := range wrappings {
		for machine, wait := range machines {
			t.Run(wrapping+", "+machine, func(t *testing.T) {
				t.Parallel()
				handOverOf(t, wrap, "", editions["second"], wait)
			})
		}
	}
}

// A KV of package leasing commits a transaction on a range with writes of its own.
func TestQuestionsOfWrappedClients(t *testing.T) {
	t.Parallel()
	for wrapping, entries := range map[string]uint64{"ordering": 0, "leasing": 1, "grpc-proxy": 0} {
		t.Run(wrapping, func(t *testing.T) {
			t.Parallel()
			p := contended(t)
			m := etcdlock.NewMutex(p.Session(wrappings[wrapping](t, p.Client())), prefix)
			mustBe(t, m.TryLock(p.ctx), concurrency.ErrLocked)
			index := p.AppliedIndex()
			for range 10 {
				mustBe(t, m.TryLock(p.ctx), concurrency.ErrLocked)
			}
			if got := p.AppliedIndex() - index; got != 10*entries {
				t.Errorf("%d entries for ten questions, want %d each", got, entries)
			}
		})
	}
}
