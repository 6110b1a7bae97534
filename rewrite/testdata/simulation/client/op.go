package clientv3

import (
	"slices"
	"sort"
	"strings"
)

// An Op is one operation of a transaction.
type Op struct {
	kind        opKind
	key, value  string
	prefix      bool
	firstCreate bool
	lastCreate  bool
	maxCreate   int64 // 0: any
	keysOnly    bool
	countOnly   bool
	lease       LeaseID
	rev         int64
	noPut       bool
}

type opKind int

const (
	opGet opKind = iota
	opPut
	opDelete
	opWatch
)

// An OpOption changes an operation.
type OpOption func(*Op)

func (op Op) with(opts []OpOption) Op {
	for _, o := range opts {
		o(&op)
	}
	return op
}

// OpGet reads.
func OpGet(key string, opts ...OpOption) Op { return Op{kind: opGet, key: key}.with(opts) }

// OpDelete deletes.
func OpDelete(key string, opts ...OpOption) Op { return Op{kind: opDelete, key: key}.with(opts) }

// OpPut writes.
func OpPut(key, value string, opts ...OpOption) Op {
	return Op{kind: opPut, key: key, value: value}.with(opts)
}

// WithPrefix takes all keys that begin with the key.
func WithPrefix() OpOption { return func(op *Op) { op.prefix = true } }

// WithFirstCreate takes the oldest key that begins with the key.
func WithFirstCreate() []OpOption {
	return []OpOption{WithPrefix(), func(op *Op) { op.firstCreate = true }}
}

// WithLastCreate takes the youngest key that begins with the key.
func WithLastCreate() []OpOption {
	return []OpOption{WithPrefix(), func(op *Op) { op.lastCreate = true }}
}

// WithMaxCreateRev takes keys that are no younger.
func WithMaxCreateRev(rev int64) OpOption { return func(op *Op) { op.maxCreate = rev } }

// WithKeysOnly leaves values out, which it does not matter to have.
func WithKeysOnly() OpOption { return func(op *Op) { op.keysOnly = true } }

// WithCountOnly counts keys.
func WithCountOnly() OpOption { return func(op *Op) { op.countOnly = true } }

// WithLease has the key deleted with the lease.
func WithLease(id LeaseID) OpOption { return func(op *Op) { op.lease = id } }

// WithRev starts a watch at a revision.
func WithRev(rev int64) OpOption { return func(op *Op) { op.rev = rev } }

// WithFilterPut leaves puts out of a watch.
func WithFilterPut() OpOption { return func(op *Op) { op.noPut = true } }

// A Cmp is a condition on a create revision.
type Cmp struct {
	key string
	rev int64
}

// CreateRevision is that of a key; 0 if there is none.
func CreateRevision(key string) Cmp { return Cmp{key: key} }

// Version is how often a key has been put; 0 if there is none. Nothing else is asked of it here.
func Version(key string) Cmp { return CreateRevision(key) }

// KeyBytes is the key of a comparison.
func (c Cmp) KeyBytes() []byte { return []byte(c.key) }

// Compare demands that a create revision is equal to v.
func Compare(c Cmp, result string, v any) Cmp {
	if result != "=" {
		panic("no such comparison here: " + result)
	}
	switch v := v.(type) {
	case int:
		c.rev = int64(v)
	case int64:
		c.rev = v
	}
	return c
}

func (s *Store) commit(t *txn) (resp *TxnResponse, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return nil, ErrUnavailable
	}
	all := append(t.then[:len(t.then):len(t.then)], t.els...)
	keys, rev := s.keys, s.rev
	if len(all) == 0 { // what reads nothing is answered by a member alone
		keys, rev = s.late()
	}
	entry := slices.ContainsFunc(all, func(op Op) bool { return op.kind != opGet }) // whatever it decides
	if entry {
		s.entries++
	}
	defer func() { s.committed(t.ctx, entry, resp) }()
	resp, ops := &TxnResponse{Succeeded: true}, t.then
	for _, c := range t.cmps {
		created := int64(0)
		if kv := keys[c.key]; kv != nil {
			created = kv.CreateRevision
		}
		if created != c.rev {
			resp.Succeeded, ops = false, t.els
		}
	}
	changes := false
	for _, op := range ops {
		if op.kind == opPut && s.dead[op.lease] {
			return nil, ErrLeaseNotFound
		}
		changes = changes || op.kind == opPut || op.kind == opDelete && s.keys[op.key] != nil
	}
	if changes {
		s.rev++
		rev = s.rev
	}
	for _, op := range ops {
		r := &ResponseOp{}
		switch op.kind {
		case opGet:
			r.read = s.get(op)
		case opPut:
			s.put(op.key, op.value, op.lease)
			s.writes++
		case opDelete:
			if s.keys[op.key] != nil {
				s.delete(op.key)
				s.writes++
				r.deleted = 1
			}
		}
		resp.Responses = append(resp.Responses, r)
	}
	resp.Header = &ResponseHeader{Revision: rev}
	return resp, nil
}

// get, put and delete are called with mu, and with the revision of the change.
func (s *Store) get(op Op) *GetResponse {
	r := &GetResponse{}
	for key, kv := range s.keys {
		if op.maxCreate > 0 && kv.CreateRevision > op.maxCreate {
			continue
		}
		if key == op.key || op.prefix && strings.HasPrefix(key, op.key) {
			copied := *kv
			r.Kvs = append(r.Kvs, &copied)
		}
	}
	r.Count = int64(len(r.Kvs))
	if op.countOnly {
		r.Kvs = nil
	}
	sort.Slice(r.Kvs, func(i, j int) bool { return r.Kvs[i].CreateRevision < r.Kvs[j].CreateRevision })
	if op.firstCreate && len(r.Kvs) > 1 {
		r.Kvs = r.Kvs[:1]
	}
	if op.lastCreate && len(r.Kvs) > 1 {
		r.Kvs = r.Kvs[len(r.Kvs)-1:]
	}
	return r
}

func (s *Store) put(key, value string, lease LeaseID) {
	kv := s.keys[key]
	if kv == nil {
		kv = &KeyValue{Key: []byte(key), CreateRevision: s.rev}
		s.keys[key] = kv
	}
	kv.Value, kv.ModRevision, kv.Lease = []byte(value), s.rev, int64(lease)
	s.remember()
	s.tell(Event{Type: EventTypePut, Kv: kv})
}

func (s *Store) delete(key string) {
	if s.keys[key] == nil {
		return
	}
	delete(s.keys, key)
	s.remember()
	e := Event{Type: EventTypeDelete, Kv: &KeyValue{Key: []byte(key), ModRevision: s.rev}}
	s.history = append(s.history, e)
	s.tell(e)
}
