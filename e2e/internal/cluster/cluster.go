// Package cluster runs embedded etcd servers for a test: one or three members on free
// ports of 127.0.0.1, with data below the test's temporary directory and no logs. It
// counts what the servers wrote and watch. Everything ends with the test.
//
// Servers do not sync their disks, and clients do not log.
package cluster

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/membership"
	"go.uber.org/zap"
	"google.golang.org/grpc"
)

const (
	startAttempts = 5               // a free port may be taken before the server binds it
	startLimit    = 3 * time.Minute // for one attempt
	callLimit     = 2 * time.Minute // for one call that the harness makes
)

// A Cluster is a running etcd cluster.
type Cluster struct {
	tb      testing.TB
	members []*member

	mu     sync.Mutex
	conns  map[string][]*conn // of the clients, by the member's address
	frozen bool
}

type member struct {
	cfg  embed.Config
	etcd *embed.Etcd // nil while stopped
}

// Start starts a cluster of n members and waits until it writes nothing by itself. Each
// option may change the configuration of each member.
func Start(tb testing.TB, n int, options ...func(*embed.Config)) *Cluster {
	tb.Helper()
	var err error
	for attempt := range startAttempts {
		c := &Cluster{tb: tb, conns: map[string][]*conn{}}
		if err = c.start(n, filepath.Join(tb.TempDir(), fmt.Sprint(attempt)), options); err == nil {
			tb.Cleanup(c.stop)
			c.settle()
			return c
		}
		c.stop()
	}
	tb.Fatalf("start etcd: %v", err)
	return nil
}

func (c *Cluster) start(n int, dir string, options []func(*embed.Config)) error {
	var peers []string
	for i := range n {
		client, err := freeURL()
		if err != nil {
			return err
		}
		peer, err := freeURL()
		if err != nil {
			return err
		}
		cfg := embed.NewConfig()
		cfg.Name = fmt.Sprintf("m%d", i)
		cfg.Dir = filepath.Join(dir, cfg.Name)
		cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
		cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
		cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
		cfg.UnsafeNoFsync = true
		for _, o := range options {
			o(cfg)
		}
		peers = append(peers, cfg.Name+"="+peer.String())
		c.members = append(c.members, &member{cfg: *cfg})
	}
	for _, m := range c.members {
		m.cfg.InitialCluster = strings.Join(peers, ",")
	}
	return c.each(func(m *member) error { return m.start() })
}

// each runs f for all members at once: the members of a new cluster need each other.
func (c *Cluster) each(f func(*member) error) error {
	errs := make(chan error, len(c.members))
	for _, m := range c.members {
		go func() { errs <- f(m) }()
	}
	var err error
	for range c.members {
		if e := <-errs; e != nil {
			err = e
		}
	}
	return err
}

func (m *member) start() error {
	cfg := m.cfg
	e, err := embed.StartEtcd(&cfg)
	if err != nil {
		return err
	}
	select {
	case <-e.Server.ReadyNotify():
		m.etcd = e
		return nil
	case err = <-e.Err():
	case <-time.After(startLimit):
		err = fmt.Errorf("not ready after %v", startLimit)
	}
	e.Close()
	return err
}

func (c *Cluster) stopMember(m *member) error {
	if m.etcd != nil {
		// Close alone would wait for open watches until its own limit.
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			m.etcd.Close()
		}()
		for done := false; !done; {
			c.cut(m.cfg.AdvertiseClientUrls[0].Host)
			select {
			case <-stopped:
				done = true
			case <-time.After(50 * time.Millisecond):
			}
		}
		m.etcd = nil
	}
	return nil
}

func (c *Cluster) stop() { _ = c.each(c.stopMember) }

// settle waits for what a new cluster writes without being asked: its leader's first
// entry, the members' names, and the cluster version, which is raised in a second step
// when the members did not know each other's at first. After that nothing is: leases
// are kept alive without the log, checkpoints of leases are off by default, and
// compaction and checks for corruption are too.
func (c *Cluster) settle() {
	c.eventually("the cluster version and the names are set", func() bool {
		for _, m := range c.members {
			v, all := m.etcd.Server.ClusterVersion(), m.etcd.Server.Cluster().Members()
			unnamed := slices.ContainsFunc(all, func(one *membership.Member) bool { return one.Name == "" })
			if v == nil || v.Minor == 0 || m.etcd.Server.Lead() == 0 || len(all) < len(c.members) || unnamed {
				return false
			}
		}
		return true
	})
	index, since := c.index(), time.Now()
	c.eventually("the applied index stands still", func() bool {
		if now := c.index(); now != index {
			index, since = now, time.Now()
		}
		return time.Since(since) > 200*time.Millisecond
	})
}

// index sums the applied indexes, so that it stands still only when all do.
func (c *Cluster) index() (sum uint64) {
	for _, m := range c.members {
		sum += m.etcd.Server.AppliedIndex()
	}
	return sum
}

func (c *Cluster) eventually(what string, holds func() bool) {
	c.tb.Helper()
	for end := time.Now().Add(callLimit); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			c.tb.Fatalf("not within %v: %s", callLimit, what)
		}
	}
}

func freeURL() (url.URL, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return url.URL{}, err
	}
	defer l.Close()
	return url.URL{Scheme: "http", Host: l.Addr().String()}, nil
}

// Endpoints are the client addresses of all members, running or not.
func (c *Cluster) Endpoints() []string {
	var out []string
	for _, m := range c.members {
		out = append(out, m.cfg.AdvertiseClientUrls[0].String())
	}
	return out
}

// Client returns a client of all members, closed with the test. Each option may change
// its configuration.
func (c *Cluster) Client(options ...func(*clientv3.Config)) *clientv3.Client {
	c.tb.Helper()
	cfg := clientv3.Config{
		Endpoints:   c.Endpoints(),
		DialTimeout: callLimit,
		DialOptions: []grpc.DialOption{grpc.WithContextDialer(c.Dial)},
		Logger:      zap.NewNop(),
	}
	for _, o := range options {
		o(&cfg)
	}
	cli, err := clientv3.New(cfg)
	if err != nil {
		c.tb.Fatal(err)
	}
	c.tb.Cleanup(func() { cli.Close() })
	return cli
}

// Session returns a session of cli, 60 seconds long unless an option says otherwise. Its
// client ends it.
func (c *Cluster) Session(cli *clientv3.Client, options ...concurrency.SessionOption) *concurrency.Session {
	c.tb.Helper()
	s, err := concurrency.NewSession(cli, options...)
	if err != nil {
		c.tb.Fatal(err)
	}
	return s
}

// AppliedIndex is the index of the last raft log entry that was applied, by the highest
// member. What is proposed grows it by one, and nothing else does while the leader stays.
func (c *Cluster) AppliedIndex() (max uint64) {
	// A server answers a request before it counts its entry: let it count the last one.
	time.Sleep(20 * time.Millisecond)
	for _, m := range c.members {
		if m.etcd != nil {
			if i := m.etcd.Server.AppliedIndex(); i > max {
				max = i
			}
		}
	}
	return max
}

// Revision is the revision of the key space, by the highest member.
func (c *Cluster) Revision() (max int64) {
	for _, m := range c.members {
		if m.etcd != nil {
			if r := m.etcd.Server.KV().Rev(); r > max {
				max = r
			}
		}
	}
	return max
}

// Keys returns the keys below prefix, as the first running member has them after a
// linearizable read.
func (c *Cluster) Keys(cli *clientv3.Client, prefix string) []string {
	c.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	resp, err := cli.Get(ctx, prefix, clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil {
		c.tb.Fatal(err)
	}
	var keys []string
	for _, kv := range resp.Kvs {
		keys = append(keys, string(kv.Key))
	}
	return keys
}

// Stop stops member i as a crash would: its connections break.
func (c *Cluster) Stop(i int) { _ = c.stopMember(c.members[i]) }

// Restart starts member i again on its data and its addresses.
func (c *Cluster) Restart(i int) {
	c.tb.Helper()
	var err error
	for range startAttempts {
		if err = c.members[i].start(); err == nil {
			return
		}
		time.Sleep(time.Second)
	}
	c.tb.Fatalf("restart etcd: %v", err)
}

// Leader is the index of the member that leads, as the first running member knows it,
// or -1.
func (c *Cluster) Leader() int {
	for _, m := range c.members {
		if m.etcd == nil {
			continue
		}
		for i, l := range c.members {
			if l.etcd != nil && uint64(l.etcd.Server.MemberID()) == m.etcd.Server.Lead() {
				return i
			}
		}
		return -1
	}
	return -1
}

// MoveLeader makes member i the leader.
func (c *Cluster) MoveLeader(i int) {
	c.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	from := c.members[c.Leader()].etcd.Server
	to := c.members[i].etcd.Server
	if err := from.MoveLeader(ctx, uint64(from.MemberID()), uint64(to.MemberID())); err != nil {
		c.tb.Fatal(err)
	}
}

// Watchers is the number of watchers that the servers of this process hold. The
// metric is one for the process: take differences, in tests that do not run beside
// others, and over no stop of a member.
func Watchers(tb testing.TB) int {
	tb.Helper()
	families, err := prometheus.DefaultGatherer.Gather()
	if err != nil {
		tb.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "etcd_debugging_mvcc_watcher_total" {
			return int(f.GetMetric()[0].GetGauge().GetValue())
		}
	}
	tb.Fatal("the server does not count its watchers")
	return 0
}
