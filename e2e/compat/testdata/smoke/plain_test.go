package smoke

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"example.com/service/internal/etcdlock"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// A locker is what the plain mutex and the guarded one have in common.
type locker interface {
	Lock(context.Context) error
	TryLock(context.Context) error
	Unlock(context.Context) error
	Key() string
	IsOwner() clientv3.Cmp
}

// A play takes a mutex through some calls beside another candidate.
type play struct {
	ctx     context.Context
	session *concurrency.Session
	m       locker
	other   *concurrency.Mutex
}

// The steps of a play by name. What the plain mutex answers to them differs between
// versions of the client: the second of two Unlocks is an error since 3.6.
var steps = map[string]func(play) error{
	"look":         func(p play) error { return nil },
	"try":          func(p play) error { return p.m.TryLock(p.ctx) },
	"lock":         func(p play) error { return p.m.Lock(p.ctx) },
	"unlock":       func(p play) error { return p.m.Unlock(p.ctx) },
	"otherLocks":   func(p play) error { return p.other.TryLock(p.ctx) },
	"otherUnlocks": func(p play) error { return p.other.Unlock(p.ctx) },
	"tryCancelled": func(p play) error {
		ctx, cancel := context.WithCancel(p.ctx)
		cancel()
		return p.m.TryLock(ctx)
	},
	"endSession": func(p play) error { return p.session.Close() },
}

// run returns what the mutex answered, step by step, with its own key as "own". The key of a
// mutex that is known to hold nothing is "none": after a try that was cut the client names a key
// that it may not have written.
func (p play) run(words, own string) string {
	var log strings.Builder
	for _, word := range strings.Fields(words) {
		err := steps[word](p)
		owner := p.m.IsOwner()
		owns := "unknown"
		if resp, err := p.session.Client().Txn(p.ctx).If(owner).Commit(); err == nil {
			owns = fmt.Sprint(resp.Succeeded)
		}
		name := func(key string) string { return strings.Replace(key, own, "own", 1) }
		if p.m.Key() != "" && owns == "false" {
			name = func(string) string { return "none" }
		}
		fmt.Fprintf(&log, "%-12s %v, key %q, owner of %q: %s\n", word, err, name(p.m.Key()), name(string(owner.KeyBytes())), owns)
	}
	return log.String()
}

func TestAnswersLikeThePlainMutex(t *testing.T) {
	plays := []string{
		"look unlock unlock",
		"try try unlock unlock try unlock",
		"lock try unlock unlock",
		"otherLocks try unlock unlock try otherUnlocks try unlock unlock",
		"try unlock otherLocks try try unlock otherUnlocks lock unlock",
		"try tryCancelled unlock unlock",
		"tryCancelled unlock unlock",
		"otherLocks try tryCancelled unlock otherUnlocks try unlock",
		"try unlock tryCancelled unlock try unlock",
		"try endSession try unlock",
		"otherLocks try endSession unlock try unlock otherUnlocks",
	}
	for _, words := range plays {
		words := words
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			run := func(kind string, mutex func(*concurrency.Session, string) locker) string {
				cli := client(t)
				s := session(t, cli)
				lock := t.Name() + "/" + kind
				p := play{limited(t), s, mutex(s, lock), concurrency.NewMutex(session(t, cli), lock)}
				return p.run(words, fmt.Sprintf("%s/%x", lock, s.Lease()))
			}
			plain := run("plain", func(s *concurrency.Session, pfx string) locker { return concurrency.NewMutex(s, pfx) })
			guarded := run("guarded", func(s *concurrency.Session, pfx string) locker { return etcdlock.NewMutex(s, pfx) })
			if plain != guarded {
				t.Errorf("the plain mutex says\n%s\nthe guarded one says\n%s", plain, guarded)
			}
			t.Logf("the plain mutex says\n%s", plain)
		})
	}
}
