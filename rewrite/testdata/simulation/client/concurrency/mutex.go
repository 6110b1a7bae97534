// Package concurrency has etcd's sessions and its mutex, which does here what it does in
// release 3.6: the same transactions, in the same order.
package concurrency

import (
	"context"
	"errors"
	"fmt"
	"strings"

	v3 "go.etcd.io/etcd/client/v3"
)

// The errors of a lock.
var (
	ErrLocked         = errors.New("mutex: Locked by another session")
	ErrSessionExpired = errors.New("mutex: session is expired")
	ErrLockReleased   = errors.New("mutex: lock has already been released")
)

// A Mutex is a lock: whoever has the oldest key below its prefix holds it.
type Mutex struct {
	s     *Session
	pfx   string
	myKey string
	myRev int64
	hdr   *v3.ResponseHeader
}

// NewMutex returns a mutex of the session.
func NewMutex(s *Session, pfx string) *Mutex { return &Mutex{s, pfx + "/", "", -1, nil} }

// TryLock puts a key, and deletes it again if there is an older one.
func (m *Mutex) TryLock(ctx context.Context) error {
	resp, err := m.tryAcquire(ctx)
	if err != nil {
		return err
	}
	ownerKey := resp.Responses[1].GetResponseRange().Kvs
	if len(ownerKey) == 0 || ownerKey[0].CreateRevision == m.myRev {
		m.hdr = resp.Header
		return nil
	}
	if _, err := m.s.Client().Delete(ctx, m.myKey); err != nil {
		return err
	}
	m.myKey, m.myRev = "\x00", -1
	return ErrLocked
}

// Lock puts a key and waits until those before it have gone, one after the other from the nearest on.
func (m *Mutex) Lock(ctx context.Context) error {
	resp, err := m.tryAcquire(ctx)
	if err != nil {
		return err
	}
	if owner := resp.Responses[1].GetResponseRange().Kvs; len(owner) == 0 || owner[0].CreateRevision == m.myRev {
		m.hdr = resp.Header
		return nil
	}
	client := m.s.Client()
	if err := waitDeletes(ctx, client, m.pfx, m.myRev-1); err != nil {
		_ = m.Unlock(client.Ctx())
		return err
	}
	own, err := client.Get(ctx, m.myKey)
	switch {
	case err != nil:
		_ = m.Unlock(client.Ctx())
		return err
	case len(own.Kvs) == 0:
		return ErrSessionExpired
	}
	m.hdr = own.Header
	return nil
}

// waitDeletes waits until no key with the prefix is left that is so old.
func waitDeletes(ctx context.Context, client *v3.Client, pfx string, rev int64) error {
	for {
		resp, err := client.Get(ctx, pfx, append(v3.WithLastCreate(), v3.WithMaxCreateRev(rev))...)
		if err != nil || len(resp.Kvs) == 0 {
			return err
		}
		watch, cancel := context.WithCancel(ctx)
		gone := false
		for events := range client.Watch(watch, string(resp.Kvs[0].Key), v3.WithRev(resp.Header.Revision), v3.WithFilterPut()) {
			gone = gone || len(events.Events) > 0
			if gone || events.Err() != nil {
				break
			}
		}
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		} else if !gone {
			return errors.New("lost watcher waiting for delete")
		}
	}
}

func (m *Mutex) tryAcquire(ctx context.Context) (*v3.TxnResponse, error) {
	m.myKey = fmt.Sprintf("%s%x", m.pfx, m.s.Lease())
	put := v3.OpPut(m.myKey, "", v3.WithLease(m.s.Lease()))
	get := v3.OpGet(m.myKey)
	getOwner := v3.OpGet(m.pfx, v3.WithFirstCreate()...)
	resp, err := m.s.Client().Txn(ctx).If(v3.Compare(v3.CreateRevision(m.myKey), "=", 0)).
		Then(put, getOwner).Else(get, getOwner).Commit()
	if err != nil {
		return nil, err
	}
	m.myRev = resp.Header.Revision
	if !resp.Succeeded {
		m.myRev = resp.Responses[0].GetResponseRange().Kvs[0].CreateRevision
	}
	return resp, nil
}

// Unlock deletes the key.
func (m *Mutex) Unlock(ctx context.Context) error {
	if m.myKey == "" || m.myRev <= 0 || m.myKey == "\x00" {
		return ErrLockReleased
	}
	if !strings.HasPrefix(m.myKey, m.pfx) {
		return fmt.Errorf("invalid key %q, it should have prefix %q", m.myKey, m.pfx)
	}
	if _, err := m.s.Client().Delete(ctx, m.myKey); err != nil {
		return err
	}
	m.myKey, m.myRev = "\x00", -1
	return nil
}

// IsOwner is true while the mutex holds the lock.
func (m *Mutex) IsOwner() v3.Cmp { return v3.Compare(v3.CreateRevision(m.myKey), "=", m.myRev) }

// Key is the mutex's key.
func (m *Mutex) Key() string { return m.myKey }

// Header is that of the answer with which the lock was taken.
func (m *Mutex) Header() *v3.ResponseHeader { return m.hdr }
