package queues

import (
	"context"
	"fmt"
	"sort"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// A verdict counts what was seen of transactions.
type verdict struct {
	tries, refused, failed int // all, those that were told no, and those that were told nothing
	entries                int // of the raft log, by these two
	late                   int // were refused by the second transaction
	gone                   int // were refused for a key that had gone when they were told
	unheard                int // have put the key, and were not told
	expired, ended         int // have the error of a lease that has ended, or of their context
	ours                   int // wins of the helper's
}

// judge finds what no run of the client's transaction could have shown.
func (c *court) judge() (v verdict) {
	v.ours = c.ours
	moments := c.store.Moments()
	// during has what the store had between two times.
	during := func(from, to time.Time) []clientv3.Moment {
		first := sort.Search(len(moments), func(i int) bool { return !moments[i].At.Before(from) })
		end := sort.Search(len(moments), func(i int) bool { return moments[i].At.After(to) })
		return moments[max(0, first-1):end]
	}
	for _, a := range c.attempts {
		bad := func(format string, args ...any) {
			c.t.Errorf("helped %v, %v to %v, %d calls, %d entries, put %d, lease %d, %v, %v: %s", a.helped, a.began.Format("05.000"),
				a.ended.Format("05.000"), a.calls, a.entries, a.put, a.lease, a.resp, a.err, fmt.Sprintf(format, args...))
		}
		told := during(a.began, a.ended)
		free := false // while one of its calls may have come to the store
		for _, m := range during(a.began, a.began.Add(a.owed)) {
			free = free || a.holds(m)
		}
		v.tries++
		switch {
		case a.err == nil && a.resp.Succeeded:
			created := false
			for _, m := range told {
				kv := m.Keys[key]
				created = created || m.Rev == a.resp.Header.Revision && kv.CreateRevision == m.Rev && string(kv.Value) == a.value && clientv3.LeaseID(kv.Lease) == a.lease
			}
			if !created || a.put != a.resp.Header.Revision || a.entries != 1 {
				bad("it has not created the key")
			}
			if !a.answered(a.resp.Responses, clientv3.Moment{Keys: map[string]clientv3.KeyValue{key: {Value: []byte(a.value), CreateRevision: a.put}}}) {
				bad("its Then is not what it did")
			}
		case a.err == nil:
			v.refused++
			seen := false
			for _, m := range told {
				seen = seen || m.Rev == a.resp.Header.Revision && !a.holds(m) && a.answered(a.resp.Responses, m)
			}
			if !seen || a.put != 0 {
				bad("it was told of what the store never had, or of itself")
			}
			if a.calls == 2 {
				v.late++
			}
			if a.holds(told[len(told)-1]) {
				v.gone++
			}
		case a.err == clientv3.ErrUnavailable:
			if v.failed++; !a.cut {
				bad("nothing was cut")
			}
		case a.err == context.DeadlineExceeded:
			v.failed++
			if v.ended++; a.ctx.Err() == nil {
				bad("its context goes on")
			}
		case a.err == clientv3.ErrLeaseNotFound:
			v.failed++
			if v.expired++; !free {
				bad("it could not have written")
			}
		default:
			bad("no such error")
		}
		if a.err != nil && a.put != 0 {
			v.unheard++
		}
		if a.err != nil || !a.resp.Succeeded {
			v.entries += a.entries
		}
		took := a.ended.Sub(a.began)
		if took > a.owed {
			bad("it took %v, and its calls %v", took, a.owed)
		}
		if end, ok := a.ctx.Deadline(); ok && a.ended.After(end) {
			bad("it took %v, and its context was over", took)
		}
		most := 1
		if a.helped && free {
			most = 2
		}
		if a.calls > most {
			bad("it has called too often")
		}
		if a.entries > 1 || a.helped && !free && a.entries > 0 {
			bad("it has written in vain")
		}
	}
	return v
}

// answered reports whether the reads of a transaction have answers that a moment had.
func (a *attempt) answered(got []*clientv3.ResponseOp, m clientv3.Moment) bool {
	reads := a.elses
	if a.resp.Succeeded {
		if reads = a.then; len(got) == 0 || got[0].GetResponseRange() != nil {
			return false // the put
		}
		got = got[1:]
	}
	if len(got) != len(reads) {
		return false
	}
	for i, key := range reads {
		r := got[i].GetResponseRange()
		kv, there := m.Keys[key]
		if r == nil || there != (len(r.Kvs) == 1) || there && (string(r.Kvs[0].Value) != string(kv.Value) || r.Kvs[0].CreateRevision != kv.CreateRevision) {
			return false
		}
	}
	return true
}
