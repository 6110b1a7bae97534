package queues

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"m/internal/etcdlock"
)

const (
	key    = "/locks/leader" // is created if it is missing
	closed = "/locks/closed" // and some want this one to be missing as well
)

// A shape is how a program writes its transaction: what it wants to be missing, and what it reads then and else.
type shape struct {
	ifs         []clientv3.Cmp
	then, elses []string
}

func missing(target func(string) clientv3.Cmp, key string) clientv3.Cmp {
	return clientv3.Compare(target(key), "=", 0)
}

var shapes = []shape{
	{[]clientv3.Cmp{missing(clientv3.CreateRevision, key)}, nil, nil},
	{[]clientv3.Cmp{missing(clientv3.Version, key)}, nil, []string{key}},
	{[]clientv3.Cmp{missing(clientv3.CreateRevision, key)}, []string{key}, []string{key, closed}},
	{[]clientv3.Cmp{missing(clientv3.Version, closed), missing(clientv3.CreateRevision, key)}, nil, []string{key}},
}

func (s shape) commit(ctx context.Context, helped bool, c *clientv3.Client, value string, lease clientv3.LeaseID) (*clientv3.TxnResponse, error) {
	then, elses := []clientv3.Op{clientv3.OpPut(key, value, clientv3.WithLease(lease))}, []clientv3.Op(nil)
	for _, key := range s.then {
		then = append(then, clientv3.OpGet(key))
	}
	for _, key := range s.elses {
		elses = append(elses, clientv3.OpGet(key))
	}
	if helped {
		return etcdlock.Txn(ctx, c).If(s.ifs...).Then(then...).Else(elses...).Commit()
	}
	return c.Txn(ctx).If(s.ifs...).Then(then...).Else(elses...).Commit()
}

// holds reports whether what a shape wants to be missing is.
func (s shape) holds(m clientv3.Moment) bool {
	for _, c := range s.ifs {
		if _, ok := m.Keys[string(c.KeyBytes())]; ok {
			return false
		}
	}
	return true
}

// An attempt is one transaction as its caller sees it, and what the store has seen of it.
type attempt struct {
	shape
	helped       bool
	ctx          context.Context
	value        string
	lease        clientv3.LeaseID
	began, ended time.Time
	resp         *clientv3.TxnResponse
	err          error

	calls, entries int
	owed           time.Duration // its calls take
	put            int64         // its revision, if the key was put
	cut            bool          // one of its calls was refused, or its answer lost
}

type attemptKey struct{}

// A court is a world of those who try transactions, and judges them.
type court struct {
	world
	attempts []*attempt
	leases   map[int]clientv3.LeaseID // of those who try
	next     int
	ours     int  // wins of the helper's
	hazards  bool // leases end, others delete the key, and calls are slow, cut and refused
}

func (c *court) fault(ctx context.Context) (f clientv3.Fault) {
	a, ok := ctx.Value(attemptKey{}).(*attempt)
	if !ok {
		return f
	}
	if c.hazards {
		switch rand.Intn(30) {
		case 0:
			f.Refused = true
		case 1:
			f.Lost = true
		case 2, 3, 4:
			f.Slow = time.Duration(rand.Intn(300)) * time.Millisecond
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	a.calls, a.owed, a.cut = a.calls+1, a.owed+c.trip+f.Slow, a.cut || f.Refused || f.Lost
	return f
}

func (c *court) saw(ctx context.Context, entry bool, resp *clientv3.TxnResponse) {
	a, ok := ctx.Value(attemptKey{}).(*attempt)
	if !ok || !entry {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if a.entries++; resp != nil && resp.Succeeded {
		a.put = resp.Header.Revision
	}
}

// candidate has one more program that tries again and again, after pauses of that length on average. Where its tries
// have no limit, limit is 0.
func (c *court) candidate(helped bool, s shape, limit, hold, pause time.Duration) {
	client, id, tries := c.client(), c.next, 0
	c.next++
	grant := func() (lease clientv3.LeaseID) {
		resp, err := client.Grant(context.Background(), 10)
		if err != nil {
			c.t.Error(err)
			return 0
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.leases[id] = resp.ID
		return resp.ID
	}
	c.all.Go(func() {
		lease := grant()
		for c.ctx.Err() == nil {
			tries++
			a := c.try(&attempt{shape: s, helped: helped, value: fmt.Sprintf("%d/%d", id, tries), lease: lease}, client, limit)
			created := int64(0)
			switch {
			case errors.Is(a.err, clientv3.ErrLeaseNotFound):
				lease = grant()
			case a.err != nil && len(s.elses) == 0: // it may have the key, and would not know
				_, _ = client.Revoke(context.Background(), lease)
				lease = grant()
			case a.err != nil:
			case a.resp.Succeeded:
				created = a.resp.Header.Revision
			case len(a.resp.Responses) > 0:
				for _, kv := range a.resp.Responses[0].GetResponseRange().Kvs {
					if strings.HasPrefix(string(kv.Value), fmt.Sprint(id, "/")) { // an earlier try, of which it was not told
						created = kv.CreateRevision
					}
				}
			}
			if created > 0 {
				c.hold(client, helped, created, hold)
			}
			rest(c.ctx, time.Duration(rand.Int63n(int64(2*pause)+1)))
		}
		time.Sleep(time.Second) // what was cut is on its way
		_, _ = client.Revoke(context.Background(), lease)
	})
}

// try is one transaction.
func (c *court) try(a *attempt, client *clientv3.Client, limit time.Duration) *attempt {
	a.ctx = context.WithValue(context.Background(), attemptKey{}, a)
	if limit > 0 {
		ctx, cancel := context.WithTimeout(a.ctx, limit)
		defer cancel()
		a.ctx = ctx
	}
	a.began = time.Now()
	a.resp, a.err = a.commit(a.ctx, a.helped, client, a.value, a.lease)
	a.ended = time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.attempts = append(c.attempts, a)
	return a
}

// hold has the lock for a while and deletes the key, if it is still the one that it has created.
func (c *court) hold(client *clientv3.Client, helped bool, created int64, hold time.Duration) {
	c.mu.Lock()
	if c.wins++; helped {
		c.ours++
	}
	c.mu.Unlock()
	if !c.hazards {
		c.enter()
	}
	rest(c.ctx, hold)
	if !c.hazards {
		c.leave()
	}
	ours := clientv3.Compare(clientv3.CreateRevision(key), "=", created)
	if _, err := client.Txn(context.Background()).If(ours).Then(clientv3.OpDelete(key)).Commit(); err != nil {
		c.t.Error(err)
	}
}

// endanger ends leases, deletes the key and closes the lock, now and then.
func (c *court) endanger() {
	client := c.client()
	c.all.Go(func() {
		for c.ctx.Err() == nil {
			rest(c.ctx, time.Duration(rand.Intn(400))*time.Millisecond)
			switch rand.Intn(3) {
			case 0:
				c.mu.Lock()
				lease := c.leases[rand.Intn(c.next)]
				c.mu.Unlock()
				c.store.Revoke(lease)
			case 1:
				_, _ = client.Delete(context.Background(), key)
			case 2:
				c.store.Put(closed)
				rest(c.ctx, time.Duration(rand.Intn(100))*time.Millisecond)
				c.store.Remove(closed)
			}
		}
	})
}
