package main

import (
	"context"
	"errors"
	"log"
	"time"

	"github.com/avast/retry-go/v4"
	"github.com/cenkalti/backoff/v4"
	lestrrat "github.com/lestrrat-go/backoff/v2"
	"github.com/robfig/cron/v3"
	sethvargo "github.com/sethvargo/go-retry"
	"go.etcd.io/etcd/client/v3/concurrency"
	"k8s.io/apimachinery/pkg/util/wait"
)

// In the shapes of this file a library does the loop, or the wait.

type controller struct {
	*candidate
	mu *concurrency.Mutex
}

func newController(c *candidate) *controller {
	return &controller{c, concurrency.NewMutex(c.session, c.key)}
}

func (c *controller) sync() {
	if err := c.mu.TryLock(context.Background()); err != nil {
		log.Printf("%s: sync: %v", c.name, err)
		c.leads(false)
		return
	}
	c.leads(true)
}

// A method value that is called every now and then, by leaders and others.
func waitUntil(ctx context.Context, c *candidate) error {
	wait.JitterUntil(newController(c).sync, c.every, 0, true, ctx.Done())
	return ctx.Err()
}

// A closure that is called until it is done.
func waitPoll(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	err := wait.PollUntilContextCancel(ctx, c.every, true, func(ctx context.Context) (bool, error) {
		err := mu.TryLock(ctx)
		if errors.Is(err, concurrency.ErrLocked) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return err
	}
	return c.lead(mu.Unlock)
}

// A closure with a number of steps.
func waitBackoff(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	steps := wait.Backoff{Duration: c.every, Factor: 1, Steps: 1000}
	err := wait.ExponentialBackoffWithContext(ctx, steps, func(ctx context.Context) (bool, error) {
		return mu.TryLock(ctx) == nil, nil
	})
	if err != nil {
		return err
	}
	return c.lead(mu.Unlock)
}

// An operation that is retried; other errors are permanent.
func cenkaltiRetry(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	try := func() error {
		err := mu.TryLock(ctx)
		if err != nil && err != concurrency.ErrLocked {
			return backoff.Permanent(err)
		}
		return err
	}
	if err := backoff.Retry(try, backoff.WithContext(backoff.NewConstantBackOff(c.every), ctx)); err != nil {
		return err
	}
	return c.lead(mu.Unlock)
}

// A number of attempts, one after the other.
func avastRetry(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	err := retry.Do(func() error { return mu.TryLock(ctx) }, retry.Attempts(3), retry.LastErrorOnly(true),
		retry.Delay(c.every), retry.DelayType(retry.FixedDelay))
	if err != nil {
		return err
	}
	return c.lead(mu.Unlock)
}

// Errors that say themselves that they may be retried.
func sethvargoRetry(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	err := sethvargo.Do(ctx, sethvargo.NewConstant(c.every), func(ctx context.Context) error {
		if err := mu.TryLock(ctx); err == concurrency.ErrLocked {
			return sethvargo.RetryableError(err)
		} else if err != nil {
			return err
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.lead(mu.Unlock)
}

// A library is the condition of the loop.
func lestrratContinue(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	b := lestrrat.Constant(lestrrat.WithInterval(c.every), lestrrat.WithMaxRetries(0)).Start(ctx)
	for lestrrat.Continue(b) {
		if err := mu.TryLock(ctx); err != nil {
			continue
		}
		return c.lead(mu.Unlock)
	}
	return ctx.Err()
}

// A job of a timetable, which leaves the lock at once.
func cronJob(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	table := cron.New()
	_, err := table.AddFunc("@every 1s", func() {
		if mu.TryLock(ctx) != nil {
			log.Printf("%s: skipped", c.name)
			return
		}
		c.leads(true)
		_ = mu.Unlock(ctx)
		c.leads(false)
	})
	if err != nil {
		return err
	}
	table.Start()
	<-ctx.Done()
	<-table.Stop().Done()
	return ctx.Err()
}

// A job that is converted to the type that the library asks for.
func cronFunc(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	table := cron.New()
	table.Schedule(cron.Every(time.Second), cron.FuncJob(func() {
		if mu.TryLock(ctx) != nil {
			log.Printf("%s: skipped", c.name)
			return
		}
		c.leads(true)
		_ = mu.Unlock(ctx)
		c.leads(false)
	}))
	table.Start()
	<-ctx.Done()
	<-table.Stop().Done()
	return ctx.Err()
}
