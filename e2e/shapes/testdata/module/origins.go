package main

import (
	"context"
	"errors"
	"log"
	"time"

	"go.etcd.io/etcd/client/v3/concurrency"
)

// The shapes of this file differ in where the mutex comes from.

type service struct {
	*candidate
	lock *concurrency.Mutex
}

func newService(c *candidate) *service {
	return &service{candidate: c, lock: concurrency.NewMutex(c.session, c.key)}
}

func (s *service) standBy(ctx context.Context) error {
	for {
		if s.lock.TryLock(ctx) == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(s.every):
			log.Printf("%s: standing by", s.name)
		}
	}
}

// A field that is set in a constructor elsewhere.
func fromField(ctx context.Context, c *candidate) error {
	s := newService(c)
	if err := s.standBy(ctx); err != nil {
		return err
	}
	return c.lead(s.lock.Unlock)
}

type mutex interface {
	TryLock(context.Context) error
	Unlock(context.Context) error
}

var newMutex = func(s *concurrency.Session, key string) mutex { return concurrency.NewMutex(s, key) }

// An interface, whose constructor is a variable that tests replace.
func fromInterface(ctx context.Context, c *candidate) error {
	mu := newMutex(c.session, c.key)
	for mu.TryLock(ctx) != nil {
		log.Printf("%s: waiting", c.name)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(c.every):
		}
	}
	return c.lead(mu.Unlock)
}

type embedding struct {
	*concurrency.Mutex
	candidate *candidate
}

// A struct that embeds the mutex.
func fromEmbedding(ctx context.Context, c *candidate) error {
	e := &embedding{concurrency.NewMutex(c.session, c.key), c}
	for e.TryLock(ctx) != nil {
		log.Printf("%s: waiting", c.name)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(c.every):
		}
	}
	return c.lead(e.Unlock)
}

// A map of mutexes, which are made when they are needed.
func fromMap(ctx context.Context, c *candidate) error {
	locks := map[string]*concurrency.Mutex{}
	for {
		if _, ok := locks[c.key]; !ok {
			locks[c.key] = concurrency.NewMutex(c.session, c.key)
		}
		if locks[c.key].TryLock(ctx) == nil {
			return c.lead(locks[c.key].Unlock)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(c.every):
		}
	}
}

// A channel of mutexes.
func fromChannel(ctx context.Context, c *candidate) error {
	mutexes := make(chan *concurrency.Mutex, 1)
	mutexes <- concurrency.NewMutex(c.session, c.key)
	close(mutexes)
	for mu := range mutexes {
		for mu.TryLock(ctx) != nil {
			log.Printf("%s: waiting", c.name)
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(c.every):
			}
		}
		if err := c.lead(mu.Unlock); err != nil {
			return err
		}
	}
	return nil
}

type box[T any] struct{ value T }

// A generic type.
func fromGeneric(ctx context.Context, c *candidate) error {
	b := box[*concurrency.Mutex]{concurrency.NewMutex(c.session, c.key)}
	for b.value.TryLock(ctx) != nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(c.every):
		}
	}
	return c.lead(b.value.Unlock)
}

// A copy of a mutex, which is refused.
func fromCopy(ctx context.Context, c *candidate) error {
	mu := *concurrency.NewMutex(c.session, c.key)
	for mu.TryLock(ctx) != nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(c.every):
		}
	}
	return c.lead(mu.Unlock)
}

// A slice of mutexes that are taken in order; those that were taken are given back after
// an error.
func fromSlice(ctx context.Context, c *candidate) error {
	var locks, held []*concurrency.Mutex
	for _, suffix := range []string{".a", ".b"} {
		locks = append(locks, concurrency.NewMutex(c.session, c.key+suffix))
	}
	for _, mu := range locks {
		for {
			err := mu.TryLock(ctx)
			if err == nil {
				held = append(held, mu)
				break
			}
			if err != concurrency.ErrLocked {
				return errors.Join(err, unlockAll(held))
			}
			time.Sleep(c.every)
		}
	}
	return c.lead(func(context.Context) error { return unlockAll(held) })
}

func unlockAll(held []*concurrency.Mutex) error {
	for _, mu := range held {
		if err := mu.Unlock(context.Background()); err != nil {
			return err
		}
	}
	return nil
}
