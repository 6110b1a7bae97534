package main

import (
	"context"
	"errors"
	"log"
	"sync"
	"time"

	"go.etcd.io/etcd/client/v3/concurrency"
)

// In the shapes of this file the rounds do more than to wait, or go on after success.

// A job that is done by whoever gets the lock, and skipped by the others.
func periodicJob(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	ticker := time.NewTicker(c.every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			if err := mu.TryLock(ctx); err != nil {
				log.Printf("%s: skipped: %v", c.name, err)
				continue
			}
			c.leads(true)
			c.leads(false)
			if err := mu.Unlock(ctx); err != nil {
				return err
			}
		}
	}
}

// A job in a function of its own.
func periodicCall(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	for ctx.Err() == nil {
		time.Sleep(c.every)
		job(ctx, c, mu)
	}
	return ctx.Err()
}

func job(ctx context.Context, c *candidate, mu *concurrency.Mutex) {
	if err := mu.TryLock(ctx); err != nil {
		log.Printf("%s: skipped: %v", c.name, err)
		return
	}
	c.leads(true)
	c.leads(false)
	if err := mu.Unlock(ctx); err != nil {
		log.Printf("%s: unlock: %v", c.name, err)
	}
}

// A job that is no error where it was skipped.
func periodicSkips(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	ticker := time.NewTicker(c.every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			if err := jobUnlessHeld(ctx, c, mu); err != nil {
				return err
			}
		}
	}
}

func jobUnlessHeld(ctx context.Context, c *candidate, mu *concurrency.Mutex) error {
	err := mu.TryLock(ctx)
	if errors.Is(err, concurrency.ErrLocked) {
		log.Printf("%s: skipped", c.name)
		return nil
	}
	if err != nil {
		return err
	}
	c.leads(true)
	c.leads(false)
	return mu.Unlock(ctx)
}

// Many keys in each round: one that another candidate has must not hold up the others.
func manyKeys(ctx context.Context, c *candidate) error {
	locks := map[string]*concurrency.Mutex{}
	for {
		for _, suffix := range []string{".a", ".b"} {
			mu, ok := locks[suffix]
			if !ok {
				mu = concurrency.NewMutex(c.session, c.key+suffix)
				locks[suffix] = mu
			}
			if err := mu.TryLock(ctx); err == concurrency.ErrLocked {
				log.Printf("%s: skipped %s", c.name, suffix)
				continue
			} else if err != nil {
				return err
			}
			log.Printf("%s: has %s", c.name, suffix)
			if suffix == ".a" {
				c.leads(true)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(c.every):
		}
	}
}

// The same try takes the lock and checks that it is still there.
func leaderCheck(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	ticker := time.NewTicker(c.every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			err := mu.TryLock(ctx)
			if err != nil && err != concurrency.ErrLocked {
				log.Printf("%s: %v", c.name, err)
			}
			c.leads(err == nil)
		}
	}
}

// A leader that ends when it finds that it is none any more.
func leaderEnds(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	leads := false
	for {
		if err := mu.TryLock(ctx); err == nil {
			leads = true
			c.leads(true)
		} else if leads {
			return errors.New("lost the lock")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(c.every):
		}
	}
}

// Who has not got the lock does something in each round.
func losersAct(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	for ctx.Err() == nil {
		if mu.TryLock(ctx) == concurrency.ErrLocked {
			dropAddress(c)
		} else {
			c.leads(true)
		}
		time.Sleep(c.every)
	}
	return ctx.Err()
}

func dropAddress(c *candidate) {
	log.Printf("%s: no address", c.name)
	c.leads(false)
}

// A node polls two conditions on one ticker, which is a field, and drops its mutex
// around the wait.
type node struct {
	*candidate
	state  sync.Mutex
	member bool
	active bool
	ticker *time.Ticker
	lock   *concurrency.Mutex
}

func twoConditions(ctx context.Context, c *candidate) error {
	n := &node{candidate: c, ticker: time.NewTicker(c.every), lock: concurrency.NewMutex(c.session, c.key)}
	defer n.ticker.Stop()
	n.run(ctx)
	return ctx.Err()
}

func (n *node) run(ctx context.Context) {
	n.state.Lock()
	defer n.state.Unlock()
	for ctx.Err() == nil {
		if n.member && n.lock.TryLock(ctx) == nil {
			n.active = true
			n.leads(true)
		}
		n.member = true
		n.state.Unlock()
		select {
		case <-ctx.Done():
		case <-n.ticker.C:
			log.Printf("%s: round", n.name)
		}
		n.state.Lock()
	}
}

// A case of the select swaps the session and the mutex.
func sessionSwap(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	ticker := time.NewTicker(c.every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case session := <-c.swaps:
			mu = concurrency.NewMutex(session, c.key)
		case <-ticker.C:
			if mu.TryLock(ctx) == nil {
				return c.lead(mu.Unlock)
			}
		}
	}
}

// Each try makes a session, which is not closed.
func sessionPerTry(ctx context.Context, c *candidate) error {
	for {
		session, err := concurrency.NewSession(c.client)
		if err != nil {
			return err
		}
		mu := concurrency.NewMutex(session, c.key)
		if mu.TryLock(ctx) == nil {
			return c.lead(mu.Unlock)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(c.every):
		}
	}
}

// A number of attempts.
func attempts(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	for i := 0; i < 4; i++ {
		if mu.TryLock(ctx) == nil {
			return c.lead(mu.Unlock)
		}
		log.Printf("%s: attempt %d", c.name, i)
		time.Sleep(c.every)
	}
	return errors.New("busy")
}

// A number of attempts that is negative: for ever.
func attemptsEndless(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	if !acquire(ctx, mu, -1, c.every) {
		return errors.New("busy")
	}
	return c.lead(mu.Unlock)
}

func acquire(ctx context.Context, mu *concurrency.Mutex, retries int, pause time.Duration) bool {
	for n := 0; ; n++ {
		if mu.TryLock(ctx) == nil {
			return true
		}
		if retries >= 0 && n >= retries || ctx.Err() != nil {
			return false
		}
		time.Sleep(pause)
	}
}
