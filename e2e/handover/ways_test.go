package handover_test

import (
	"context"
	"errors"
	"time"

	"etcdmod/e2e/internal/etcdlock"
	first "etcdmod/e2e/internal/firstedition"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// interval is that of the tickers.
const interval = time.Second

// A way is one way to wait for a lock.
type way struct {
	name string
	// candidate prepares one candidate for the lock below prefix.
	candidate func(s *concurrency.Session, prefix string) candidate
	polls     bool // it has no watch
}

// A candidate waits for the lock, holds it, and waits again. stop ends its clock.
type candidate struct {
	acquire, release func(context.Context) error
	stop             func()
}

var ways = []way{
	{"WatchLock", func(s *concurrency.Session, prefix string) candidate {
		m := etcdlock.NewMutex(s, prefix)
		return candidate{m.WatchLock, m.Unlock, func() {}}
	}, false},
	{"FirstEdition", func(s *concurrency.Session, prefix string) candidate {
		m := first.NewMutex(s, prefix)
		return candidate{m.WatchLock, m.Unlock, func() {}}
	}, false},
	{"Gate", func(s *concurrency.Session, prefix string) candidate {
		m := etcdlock.NewMutex(s, prefix)
		t := m.NewTicker(interval)
		return candidate{poll(m.TryLock, t.C), m.Unlock, t.Stop}
	}, false},
	{"Lock", func(s *concurrency.Session, prefix string) candidate {
		m := concurrency.NewMutex(s, prefix)
		return candidate{m.Lock, m.Unlock, func() {}}
	}, false},
	{"Ticker", func(s *concurrency.Session, prefix string) candidate {
		m := concurrency.NewMutex(s, prefix)
		t := time.NewTicker(interval)
		return candidate{poll(m.TryLock, t.C), m.Unlock, t.Stop}
	}, true},
	{"WatchPrefix", func(s *concurrency.Session, prefix string) candidate {
		m := concurrency.NewMutex(s, prefix)
		return candidate{watchPrefix(s.Client(), m, prefix), m.Unlock, func() {}}
	}, false},
}

// poll tries at once and then at every tick.
func poll(try func(context.Context) error, ticks <-chan time.Time) func(context.Context) error {
	return func(ctx context.Context) error {
		for {
			err := try(ctx)
			if !errors.Is(err, concurrency.ErrLocked) {
				return err
			}
			select {
			case <-ticks:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// watchPrefix is the fix that was published for polling: try once, then watch all that
// begins with the lock's name and try at every event, whatever the error was.
func watchPrefix(cli *clientv3.Client, m *concurrency.Mutex, prefix string) func(context.Context) error {
	return func(ctx context.Context) error {
		err := m.TryLock(ctx)
		if err == nil {
			return nil
		}
		// The published code leaves the watch open. Here it would tell the next wait
		// of what came before.
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		events := cli.Watch(ctx, prefix, clientv3.WithPrefix())
		for err != nil {
			select {
			case <-events:
				err = m.TryLock(ctx)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	}
}
