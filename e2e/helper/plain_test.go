package helper_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"etcdmod/e2e/internal/cluster"
	etcdlock "etcdmod/e2e/internal/withoutrereads"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// A stage is what a Mutex is driven through: its own session, and another candidate.
type stage struct {
	ctx         context.Context
	cli         *clientv3.Client
	session     *concurrency.Session
	m           locker
	other       *concurrency.Mutex
	transcript  strings.Builder
	lock, owner string // the prefix, and the key that is the Mutex's own
}

// say notes what the Mutex answers, with its own key as "own" and a create revision as
// none, zero or some. The key of a Mutex that holds nothing is "none": after a try that has
// failed otherwise than with ErrLocked the client's names its own key already, although it
// may not have written it.
func (s *stage) say(step string, err error) {
	cmp := s.m.IsOwner()
	resp, txn := s.cli.Txn(s.ctx).If(cmp).Commit()
	holds := fmt.Sprint(txn)
	if txn == nil {
		holds = fmt.Sprint(resp.Succeeded)
	}
	name := func(key string) string { return strings.ReplaceAll(key, s.owner, "own") }
	created := fmt.Sprint(cmp.TargetUnion)
	if !strings.Contains(created, "-1") && !strings.Contains(created, "{0}") {
		created = "some"
	}
	if key := s.m.Key(); strings.Contains(created, "-1") && key != "" {
		name = func(string) string { return "none" }
	}
	fmt.Fprintf(&s.transcript, "%-24s %v, Key %q, IsOwner %q %v %v %s, which is %s\n",
		step, err, name(s.m.Key()), name(string(cmp.KeyBytes())), cmp.Target, cmp.Result, created, holds)
}

func (s *stage) tryLock()          { s.say("TryLock", s.m.TryLock(s.ctx)) }
func (s *stage) unlock()           { s.say("Unlock", s.m.Unlock(s.ctx)) }
func (s *stage) queue()            { s.say("Lock", s.m.Lock(s.ctx)) }
func (s *stage) otherLocks()       { s.say("other locks", s.other.TryLock(s.ctx)) }
func (s *stage) otherUnlocks()     { s.say("other unlocks", s.other.Unlock(s.ctx)) }
func (s *stage) queueFor200ms()    { s.short("Lock for 200ms", 200*time.Millisecond, s.m.Lock) }
func (s *stage) unlockInNoTime()   { s.short("Unlock in no time", 0, s.m.Unlock) }
func (s *stage) tryLockInNoTime()  { s.short("TryLock in no time", 0, s.m.TryLock) }
func (s *stage) queueInNoTime()    { s.short("Lock in no time", 0, s.m.Lock) }
func (s *stage) tryLockCancelled() { s.cancelled("TryLock, cancelled", s.m.TryLock) }
func (s *stage) queueCancelled()   { s.cancelled("Lock, cancelled", s.m.Lock) }
func (s *stage) unlockCancelled()  { s.cancelled("Unlock, cancelled", s.m.Unlock) }
func (s *stage) clientIsClosed()   { s.say("client is closed", s.session.Client().Close()) }
func (s *stage) keyIsDeleted()     { s.deleted() }
func (s *stage) sessionIsClosed()  { s.say("session is closed", s.session.Close()) }
func (s *stage) freshWithoutWord() { s.say("fresh", nil) }

func (s *stage) short(step string, d time.Duration, f func(context.Context) error) {
	ctx, cancel := context.WithTimeout(s.ctx, d)
	defer cancel()
	s.say(step, f(ctx))
}

// within locks with a deadline: by LockWithin where there is one.
func (s *stage) within(step string, end func(context.CancelFunc)) {
	lock := s.m.Lock
	if m, ok := s.m.(*etcdlock.Mutex); ok {
		lock = m.LockWithin
	}
	ctx, cancel := context.WithTimeout(s.ctx, 2*time.Second)
	defer cancel()
	end(cancel)
	s.say(step, lock(ctx))
}

func (s *stage) withinSeconds() { s.within("Lock within 2s", func(context.CancelFunc) {}) }
func (s *stage) withinCancelled() {
	s.within("Lock within 2s, cancelled", func(f context.CancelFunc) { f() })
}

func (s *stage) cancelled(step string, f func(context.Context) error) {
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	s.say(step, f(ctx))
}

func (s *stage) deleted() {
	_, err := s.cli.Delete(s.ctx, s.owner)
	s.say("key is deleted", err)
}

func TestAnswersLikeThePlainMutex(t *testing.T) {
	t.Parallel()
	type steps = []func(*stage)
	fresh, try, unlock, lock := (*stage).freshWithoutWord, (*stage).tryLock, (*stage).unlock, (*stage).queue
	otherLocks, otherUnlocks := (*stage).otherLocks, (*stage).otherUnlocks
	plays := map[string]steps{
		"never locked":            {fresh, unlock, unlock},
		"tried again by owner":    {try, try, unlock, try, try, unlock},
		"unlocked twice":          {try, unlock, unlock, try, unlock, unlock, unlock},
		"queued alone":            {lock, lock, try, unlock, unlock, lock, unlock},
		"refused":                 {otherLocks, try, unlock, unlock, try, otherUnlocks, try, unlock, unlock},
		"refused after it held":   {try, unlock, otherLocks, try, try, unlock, otherUnlocks, lock, unlock},
		"within, alone":           {fresh, (*stage).withinSeconds, (*stage).withinSeconds, try, unlock, unlock},
		"within, in vain":         {otherLocks, (*stage).withinSeconds, unlock, (*stage).withinSeconds, try, otherUnlocks, (*stage).withinSeconds, unlock},
		"within, refused before":  {otherLocks, try, (*stage).withinSeconds, unlock, otherUnlocks, (*stage).withinSeconds, unlock},
		"within, held before":     {lock, (*stage).withinSeconds, unlock, otherLocks, (*stage).withinSeconds, otherUnlocks, lock, unlock},
		"within, key stolen":      {(*stage).withinSeconds, (*stage).keyIsDeleted, otherLocks, (*stage).withinSeconds, unlock, otherUnlocks, (*stage).withinSeconds, unlock},
		"within, cancelled":       {(*stage).withinCancelled, unlock, otherLocks, (*stage).withinCancelled, unlock, otherUnlocks, try, (*stage).withinCancelled, unlock},
		"within, session closed":  {otherLocks, (*stage).sessionIsClosed, (*stage).withinSeconds, unlock, otherUnlocks},
		"within, client closed":   {otherLocks, (*stage).clientIsClosed, (*stage).withinSeconds, unlock, otherUnlocks},
		"queued in vain":          {otherLocks, (*stage).queueFor200ms, unlock, try, otherUnlocks, try, unlock},
		"refused, then in vain":   {otherLocks, try, (*stage).queueFor200ms, unlock, otherUnlocks, try, unlock},
		"key stolen":              {try, (*stage).keyIsDeleted, otherLocks, try, unlock, otherUnlocks, try, unlock},
		"key deleted":             {try, (*stage).keyIsDeleted, try, unlock},
		"unlock too short":        {try, (*stage).unlockInNoTime, try, unlock, unlock},
		"try too short":           {try, (*stage).tryLockInNoTime, try, unlock, unlock},
		"try too short, unlocked": {try, (*stage).tryLockInNoTime, unlock, try, unlock},
		"first try too short":     {(*stage).tryLockInNoTime, unlock, try, unlock},
		"late try too short":      {try, unlock, (*stage).tryLockInNoTime, unlock, try, unlock},
		"refused, then too short": {otherLocks, try, (*stage).tryLockInNoTime, unlock, otherUnlocks, try, unlock},
		"queue too short":         {(*stage).queueInNoTime, unlock, lock, (*stage).queueInNoTime, unlock, unlock},
		"try cancelled":           {(*stage).tryLockCancelled, unlock, try, (*stage).tryLockCancelled, unlock},
		"queue cancelled":         {(*stage).queueCancelled, unlock, try, (*stage).queueCancelled, try, unlock},
		"unlock cancelled":        {(*stage).unlockCancelled, try, (*stage).unlockCancelled, unlock, unlock},
		"cancelled while refused": {otherLocks, try, (*stage).unlockCancelled, (*stage).tryLockCancelled, (*stage).unlockCancelled, otherUnlocks},
		"client closed":           {(*stage).clientIsClosed, try, unlock},
		"client closed, refused":  {otherLocks, try, (*stage).clientIsClosed, try, unlock, otherUnlocks},
		"session closed":          {try, (*stage).sessionIsClosed, try, unlock, unlock},
		"session closed, fresh":   {(*stage).sessionIsClosed, try, unlock},
		"session closed, refused": {otherLocks, try, (*stage).sessionIsClosed, unlock, try, unlock, otherUnlocks},
	}
	c := cluster.Start(t, 1)
	cli := c.Client()
	for name, play := range plays {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := func(kind string, wrap func(*concurrency.Session, string) locker) string {
				s := &stage{ctx: limited(t), cli: cli, session: c.Session(c.Client()), lock: prefix + "/" + name + "/" + kind}
				s.m = wrap(s.session, s.lock)
				s.owner = fmt.Sprintf("%s/%x", s.lock, s.session.Lease())
				s.other = concurrency.NewMutex(c.Session(cli), s.lock)
				for _, step := range play {
					step(s)
				}
				if keys := c.Keys(cli, s.lock); len(keys) > 0 {
					t.Errorf("%s: left behind: %q", kind, keys)
				}
				return s.transcript.String()
			}
			plain := run("plain", func(s *concurrency.Session, p string) locker { return concurrency.NewMutex(s, p) })
			guarded := run("guarded", func(s *concurrency.Session, p string) locker { return etcdlock.NewMutex(s, p) })
			if plain != guarded {
				t.Errorf("the plain mutex says\n%s\nthe guarded one says\n%s", plain, guarded)
			} else {
				t.Logf("both say\n%s", plain)
			}
		})
	}
}
