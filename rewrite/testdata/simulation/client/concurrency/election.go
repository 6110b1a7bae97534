package concurrency

import (
	"context"
	"errors"
	"fmt"

	v3 "go.etcd.io/etcd/client/v3"
)

// ErrElectionNoLeader says that nobody leads.
var ErrElectionNoLeader = errors.New("election: no leader")

// An Election is a lock whose holder leads.
type Election struct {
	s   *Session
	pfx string
	key string
	rev int64
}

// NewElection returns an election of the session.
func NewElection(s *Session, pfx string) *Election { return &Election{s: s, pfx: pfx + "/"} }

// Campaign puts a key and waits until those before it have gone.
func (e *Election) Campaign(ctx context.Context, val string) error {
	key := fmt.Sprintf("%s%x", e.pfx, e.s.Lease())
	resp, err := e.s.Client().Txn(ctx).If(v3.Compare(v3.CreateRevision(key), "=", 0)).
		Then(v3.OpPut(key, val, v3.WithLease(e.s.Lease()))).Else(v3.OpGet(key)).Commit()
	if err != nil {
		return err
	}
	e.key, e.rev = key, resp.Header.Revision
	if !resp.Succeeded {
		e.rev = resp.Responses[0].GetResponseRange().Kvs[0].CreateRevision
	}
	if err := waitDeletes(ctx, e.s.Client(), e.pfx, e.rev-1); err != nil {
		if ctx.Err() != nil {
			_ = e.Resign(e.s.Client().Ctx())
		}
		return err
	}
	return nil
}

// Resign gives up the lead, or the place in the queue.
func (e *Election) Resign(ctx context.Context) error {
	if e.key == "" {
		return nil
	}
	_, err := e.s.Client().Txn(ctx).If(v3.Compare(v3.CreateRevision(e.key), "=", e.rev)).Then(v3.OpDelete(e.key)).Commit()
	if err == nil {
		e.key = ""
	}
	return err
}

// Leader reads who leads.
func (e *Election) Leader(ctx context.Context) (*v3.GetResponse, error) {
	resp, err := e.s.Client().Get(ctx, e.pfx, v3.WithFirstCreate()...)
	if err == nil && len(resp.Kvs) == 0 {
		return nil, ErrElectionNoLeader
	}
	return resp, err
}
