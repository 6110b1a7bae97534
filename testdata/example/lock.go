package main

import (
	"context"
	"time"

	"go.etcd.io/etcd/client/v3/concurrency"
)

// awaitLock tries to take the lock until it succeeds or ctx ends.
func awaitLock(ctx context.Context, active *concurrency.Mutex) (err error) {
	ticker := time.NewTicker(time.Second * time.Duration(ttl))
	defer ticker.Stop()

	for {
		if err = active.TryLock(ctx); err == nil {
			// The other replica is gone.
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			continue
		}
	}
}
