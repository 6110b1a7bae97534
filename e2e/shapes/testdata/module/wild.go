package main

import (
	"context"
	"errors"
	"log"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// The shapes of this file load a server as fast as it can answer.

// Nothing paces the tries: continue.
func spinContinue(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	for ctx.Err() == nil {
		if err := mu.TryLock(ctx); err != nil {
			log.Printf("%s: %v", c.name, err)
			continue
		}
		return c.lead(mu.Unlock)
	}
	return ctx.Err()
}

// Nothing paces the tries: a backward goto.
func spinGoto(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
again:
	err := mu.TryLock(ctx)
	if errors.Is(err, concurrency.ErrLocked) {
		goto again
	}
	if err != nil {
		return err
	}
	return c.lead(mu.Unlock)
}

// Nothing paces the tries: a select that never waits.
func spinDefault(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	for mu.TryLock(ctx) != nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		default:
		}
	}
	return c.lead(mu.Unlock)
}

// A worker that goes on after success, and takes the lock for each task.
func spinWorker(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	for ctx.Err() == nil {
		if err := mu.TryLock(ctx); err != nil {
			continue
		}
		if err := c.lead(mu.Unlock); err != nil {
			return err
		}
		if c.told() {
			return nil
		}
	}
	return ctx.Err()
}

// A number of tries at full speed.
func spinAttempts(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	for tries := 0; tries < 20; tries++ {
		if mu.TryLock(ctx) == nil {
			return c.lead(mu.Unlock)
		}
	}
	return errors.New("gave up")
}

// The fix that has been published for polling: any event below the lock's name makes all
// candidates try.
func watchStorm(ctx context.Context, c *candidate) error {
	return watchName(ctx, c, c.key)
}

func watchName(ctx context.Context, c *candidate, name string) error {
	mu := concurrency.NewMutex(c.session, name)
	events := c.client.Watch(ctx, name, clientv3.WithPrefix())
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-events:
			if err := mu.TryLock(ctx); err == nil {
				return c.lead(mu.Unlock)
			}
		}
	}
}
