// Package lock tries an etcd lock with a session for each try, and a Lock that gives up after
// one time to live.
package lock

import (
	"context"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// A Locker tries locks.
type Locker interface {
	Trylock(ctx context.Context, key string) (unlock func(), err error)
}

type locker struct {
	client *clientv3.Client
	ttl    time.Duration
}

// New returns a Locker whose tries last for ttl, in whole seconds.
func New(client *clientv3.Client, ttl time.Duration) Locker { return &locker{client, ttl} }

func (l *locker) Trylock(ctx context.Context, key string) (func(), error) {
	session, err := concurrency.NewSession(l.client, concurrency.WithTTL(int(l.ttl/time.Second)))
	if err != nil {
		return nil, err
	}
	mutex := concurrency.NewMutex(session, key)
	ctx, cancel := context.WithTimeout(ctx, l.ttl)
	defer cancel()
	if err := mutex.Lock(ctx); err != nil {
		session.Close()
		return nil, err
	}
	return func() {
		mutex.Unlock(context.Background())
		session.Close()
	}, nil
}
