package faults_test

import (
	"context"

	"etcdmod/e2e/internal/etcdlock"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// siblings are several Mutexes of one session, which are one lock. They try by turns. Who was
// refused before is unlocked when another of them has the lock, as a deferred call does it. The
// lock is released by the one that was the last to get it.
type siblings struct {
	all      []*etcdlock.Mutex
	now, has int
}

func newSiblings(s *concurrency.Session) mutex {
	out := &siblings{}
	for range 3 {
		out.all = append(out.all, etcdlock.NewMutex(s, prefix))
	}
	return out
}

func (s *siblings) TryLock(ctx context.Context) error {
	s.now = (s.now + 1) % len(s.all)
	err := s.all[s.now].TryLock(ctx)
	if err != nil {
		return err
	}
	s.has = s.now
	for i, m := range s.all {
		if i != s.now && m.Key() == "\x00" {
			_ = m.Unlock(ctx)
		}
	}
	return nil
}

func (s *siblings) Lock(ctx context.Context) error   { return s.all[s.has].Lock(ctx) }
func (s *siblings) Unlock(ctx context.Context) error { return s.all[s.has].Unlock(ctx) }
func (s *siblings) IsOwner() clientv3.Cmp            { return s.all[s.has].IsOwner() }
