package faults_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.etcd.io/etcd/server/v3/embed"
)

// tokenTTL is how long a token lives that is not used. The server looks once per second.
const tokenTTL = time.Second

// withAuth starts servers that ask for root, and forget a token soon.
func withAuth(t *testing.T, n int) *cluster.Cluster {
	t.Helper()
	c := cluster.Start(t, n, func(cfg *embed.Config) {
		cfg.AuthToken, cfg.AuthTokenTTL = "simple", uint(tokenTTL/time.Second)
		cfg.BcryptCost = 4 // the least: clients log in all the time
	})
	cli, ctx := c.Client(), t.Context()
	for _, step := range []func() error{
		func() error { _, err := cli.RoleAdd(ctx, "root"); return err },
		func() error { _, err := cli.UserAdd(ctx, "root", "root"); return err },
		func() error { _, err := cli.UserGrantRole(ctx, "root", "root"); return err },
		func() error { _, err := cli.AuthEnable(ctx); return err },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

var authFaults = []fault{
	{"the tokens of waiters expire", func(ctx context.Context, r *run) {
		// Nobody is served meanwhile: who only waits uses no token.
		session, err := concurrency.NewSession(r.admin)
		if err != nil {
			r.t.Error(err)
			return
		}
		defer session.Close()
		m := concurrency.NewMutex(session, prefix)
		r.must(m.Lock(ctx))
		pause(ctx, 3*tokenTTL)
		r.must(persist(ctx, m.Unlock))
	}},
	{"the revision of the permissions changes", func(ctx context.Context, r *run) {
		for i := range 3 { // a token of an older one is void
			r.must(persist(ctx, func(call context.Context) error {
				_, err := r.admin.UserAdd(call, fmt.Sprint(i, r.random.Uint64()), "x")
				return err
			}))
			pause(ctx, between(r.random, 0, 300*time.Millisecond))
		}
	}},
}

func TestNemesisWithAuth(t *testing.T) {
	t.Parallel()
	rounds := 1
	if long {
		rounds = 10
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	r := newRun(ctx, t, withAuth(t, 1), "root", kinds)
	good := r.progress(ctx)
	for range rounds {
		for _, f := range authFaults {
			good = good && r.inject(ctx, f)
		}
	}
	// A read beside its watch may have kept the token of a waiter alive.
	for c := r.candidates[0]; good && c.meter.logins.Load() <= c.sessions.Load(); {
		good = r.inject(ctx, authFaults[0])
	}
	r.judge(ctx)
}

// as makes a client log in, unless user is empty. The password is the name.
func as(user string) func(*clientv3.Config) {
	return func(cfg *clientv3.Config) { cfg.Username, cfg.Password = user, user }
}
