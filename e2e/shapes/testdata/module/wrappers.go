package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"go.etcd.io/etcd/client/v3/concurrency"
)

// In the shapes of this file the loop reaches TryLock through functions of the module.

type elector struct{ mu *concurrency.Mutex }

func newElector(c *candidate) *elector { return &elector{concurrency.NewMutex(c.session, c.key)} }

func (e *elector) elect(ctx context.Context) error { return e.try(ctx) }

func (e *elector) try(ctx context.Context) error {
	if err := e.mu.TryLock(ctx); err != nil {
		return fmt.Errorf("elect: %w", err)
	}
	return nil
}

// Two calls deep; the result is an error.
func wrapError(ctx context.Context, c *candidate) error {
	e := newElector(c)
	for {
		err := e.elect(ctx)
		if err == nil {
			return c.lead(e.mu.Unlock)
		}
		log.Printf("%s: %v", c.name, err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(c.every):
		}
	}
}

func claim(ctx context.Context, mu *concurrency.Mutex) (bool, error) {
	switch err := mu.TryLock(ctx); err {
	case nil:
		return true, nil
	case concurrency.ErrLocked:
		return false, nil
	default:
		return false, err
	}
}

// The result is a bool and an error.
func wrapBool(ctx context.Context, c *candidate) error {
	mu := concurrency.NewMutex(c.session, c.key)
	for {
		ok, err := claim(ctx, mu)
		if err != nil {
			return fmt.Errorf("claim: %w", err)
		}
		if ok {
			return c.lead(mu.Unlock)
		}
		time.Sleep(c.every)
	}
}

// A lease holds the lock of a session.
type lease struct {
	session *concurrency.Session
	mu      *concurrency.Mutex
}

var errBusy = errors.New("busy")

// TryLock returns a context that ends with the session.
func (l *lease) TryLock(ctx context.Context) (context.Context, error) {
	if err := l.mu.TryLock(ctx); errors.Is(err, concurrency.ErrLocked) {
		return nil, errBusy
	} else if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		select {
		case <-l.session.Done():
		case <-ctx.Done():
		}
	}()
	return ctx, nil
}

// The result is a context and an error, which is remapped.
func wrapContext(ctx context.Context, c *candidate) error {
	l := &lease{c.session, concurrency.NewMutex(c.session, c.key)}
	ticker := time.NewTicker(c.every)
	defer ticker.Stop()
	for {
		held, err := l.TryLock(ctx)
		switch {
		case err == nil:
			if held.Err() != nil {
				return held.Err()
			}
			return c.lead(l.mu.Unlock)
		case err != errBusy:
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

type locker interface {
	Lock(context.Context) error
	Unlock(context.Context) error
}

// An etcdLocker is a locker whose Lock does not wait.
type etcdLocker struct{ mu *concurrency.Mutex }

func (l etcdLocker) Lock(ctx context.Context) error {
	err := l.mu.TryLock(ctx)
	if err == concurrency.ErrLocked {
		return errBusy
	}
	return err
}

func (l etcdLocker) Unlock(ctx context.Context) error { return l.mu.Unlock(ctx) }

// A method called Lock, behind an interface.
func wrapLock(ctx context.Context, c *candidate) error {
	var l locker = etcdLocker{concurrency.NewMutex(c.session, c.key)}
	for {
		err := l.Lock(ctx)
		if err == nil {
			return c.lead(l.Unlock)
		}
		log.Printf("%s: %v", c.name, err)
		if err != errBusy {
			return err
		}
		time.Sleep(c.every)
	}
}

// A function that calls itself.
func recursion(ctx context.Context, c *candidate) error {
	return recur(ctx, c, concurrency.NewMutex(c.session, c.key))
}

func recur(ctx context.Context, c *candidate, mu *concurrency.Mutex) error {
	if err := mu.TryLock(ctx); err == nil {
		return c.lead(mu.Unlock)
	} else if err != concurrency.ErrLocked {
		return err
	}
	time.Sleep(c.every)
	return recur(ctx, c, mu)
}
