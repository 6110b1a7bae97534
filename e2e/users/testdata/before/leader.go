// Package leader elects one replica. It is a program as services have it, with the kinds
// of tests that they have: against fakes of an interface of its own, and against a server.
package leader

import (
	"context"
	"errors"
	"time"

	"go.etcd.io/etcd/client/v3/concurrency"
)

//go:generate go run go.uber.org/mock/mockgen@v0.6.0 -source=leader.go -destination=mock_test.go -package=leader

// A TryLocker is all that an Elector needs of a lock.
type TryLocker interface {
	TryLock(ctx context.Context) error
}

// A Locker is what a Job needs of a lock.
type Locker interface {
	TryLocker
	Unlock(ctx context.Context) error
}

var _ Locker = (*concurrency.Mutex)(nil)

// An Elector retries until it leads.
type Elector struct {
	lock     TryLocker
	interval time.Duration
}

// NewElector returns an Elector for a lock of the caller's choice.
func NewElector(lock TryLocker, interval time.Duration) *Elector {
	return &Elector{lock: lock, interval: interval}
}

// ForSession returns an Elector whose lock is an etcd mutex.
func ForSession(s *concurrency.Session, name string, interval time.Duration) *Elector {
	return NewElector(concurrency.NewMutex(s, name), interval)
}

// Lead returns when this replica leads. It gives up at any error but a held lock.
func (e *Elector) Lead(ctx context.Context) error {
	for {
		err := e.lock.TryLock(ctx)
		if err == nil {
			return nil
		}
		if err != concurrency.ErrLocked {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(e.interval):
		}
	}
}

// A Job runs on whichever replica is first.
type Job struct{ Lock Locker }

// JobForSession returns a Job whose lock is an etcd mutex.
func JobForSession(s *concurrency.Session, name string) *Job {
	return &Job{Lock: concurrency.NewMutex(s, name)}
}

// Run reports whether it ran f.
func (j *Job) Run(ctx context.Context, f func()) (bool, error) {
	if err := j.Lock.TryLock(ctx); errors.Is(err, concurrency.ErrLocked) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	f()
	return true, j.Lock.Unlock(ctx)
}

// Every runs f again and again, on whichever replica is first.
func (j *Job) Every(ctx context.Context, interval time.Duration, f func()) error {
	for {
		if _, err := j.Run(ctx, f); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(interval):
		}
	}
}

// Standby is one replica with its own etcd mutex.
type Standby struct {
	mutex *concurrency.Mutex
}

// NewStandby returns a Standby.
func NewStandby(s *concurrency.Session, name string) *Standby {
	return &Standby{mutex: concurrency.NewMutex(s, name)}
}

// Wait returns when the mutex is held.
func (s *Standby) Wait(ctx context.Context) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		switch err := s.mutex.TryLock(ctx); err {
		case nil:
			return nil
		case concurrency.ErrLocked:
		default:
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// Try reports whether the mutex is held now.
func (s *Standby) Try(ctx context.Context) (bool, error) {
	err := s.mutex.TryLock(ctx)
	if err == concurrency.ErrLocked {
		return false, nil
	}
	return err == nil, err
}

// Stop gives the mutex up.
func (s *Standby) Stop(ctx context.Context) error { return s.mutex.Unlock(ctx) }
