package shapes_test

import (
	"context"
	"fmt"
	"maps"
	"net/rpc"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"

	"etcdmod/e2e/internal/cluster"
)

const (
	candidates = 3 // of each shape
	every      = 500 * time.Millisecond
	beats      = 4               // rounds of a bare loop, in which the candidates are watched
	limit      = 2 * time.Minute // for anything that must happen, on a machine that may be busy
)

// A scene is one server with candidates of many shapes, and a session of somebody else
// who has all their locks at first.
type scene struct {
	t      *testing.T
	c      *cluster.Cluster
	cli    *clientv3.Client
	d      *driver
	shapes []shape
	locks  map[string]*concurrency.Mutex // of the holder, by shape
	freed  map[string]time.Time          // when it has released them
}

// newScene starts the candidates, and returns when each has tried.
func newScene(t *testing.T, bin string, shapes []shape, interval time.Duration) *scene {
	t.Helper()
	s := &scene{t: t, c: cluster.Start(t, 1), shapes: shapes, locks: map[string]*concurrency.Mutex{}, freed: map[string]time.Time{}}
	s.cli = s.c.Client()
	session := s.c.Session(s.cli)
	for _, sh := range shapes {
		mu := concurrency.NewMutex(session, key(sh)+sh.lock)
		if err := mu.TryLock(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.locks[sh.name] = mu
	}
	s.d = startDriver(t, bin, s.c)
	s.d.tell("Beat", every)
	var started []*rpc.Call
	for _, sh := range shapes {
		started = append(started, s.d.rpc.Go("Driver.Start", run{sh.name, key(sh), interval, candidates, sh.wild}, &struct{}{}, nil))
	}
	s.done(started)
	return s
}

func (s *scene) done(calls []*rpc.Call) {
	s.t.Helper()
	for _, call := range calls {
		if <-call.Done; call.Error != nil {
			s.t.Fatal(call.Error)
		}
	}
}

func key(sh shape) string { return "/shapes/" + sh.name }

// names are those of a shape's candidates.
func names(sh shape) (all []string) {
	for i := range candidates {
		all = append(all, fmt.Sprintf("%s/%d", sh.name, i))
	}
	return all
}

// untried names the candidates of a shape that have not tried yet. The published fix does
// so when something happens below its lock's name.
func (s *scene) untried(sh shape, all map[string]state) (out []string) {
	for _, name := range names(sh) {
		if all[name].Rounds == 0 {
			out = append(out, name+" to try")
		}
	}
	if len(out) > 0 && sh.rule == "watch-storm" {
		for _, op := range []clientv3.Op{clientv3.OpPut(key(sh)+"/zzz", ""), clientv3.OpDelete(key(sh) + "/zzz")} {
			if _, err := s.cli.Do(s.t.Context(), op); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	return out
}

// settle waits until nothing is written any more: sessions, and what a lock costs.
func (s *scene) settle() {
	for range 50 {
		before := s.c.AppliedIndex()
		s.d.rest(1)
		if s.c.AppliedIndex() == before {
			return
		}
	}
}

// A phase is what happened in some beats.
type phase struct {
	took    time.Duration
	entries uint64           // of the raft log
	did     map[string]state // the candidates, by name
}

// watch takes some beats, and as many again, up to ten times, while somebody is behind: a
// candidate that a busy machine has kept waiting meanwhile.
func (s *scene) watch(behind func(phase) []string) phase {
	start, states, index := time.Now(), s.d.states(), s.c.AppliedIndex()
	for again := 1; ; again++ {
		s.d.rest(beats)
		p := phase{entries: s.c.AppliedIndex() - index, did: map[string]state{}}
		for name, now := range s.d.states() {
			p.did[name] = now.since(states[name])
		}
		p.took = time.Since(start)
		if again == 10 || len(behind(p)) == 0 {
			return p
		}
	}
}

// writers says who has written in a phase, and what.
func (p phase) writers() string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(p.did)) {
		if did := p.did[name]; len(did.Writes) > 0 {
			out = append(out, fmt.Sprintf("%s: %v", name, did.Writes))
		}
	}
	return strings.Join(out, ", ")
}

// An outcome is what the candidates of one scene have done.
type outcome struct {
	idle, led phase             // while the holder had the locks, and then one of the candidates
	victims   map[string]string // the candidate of each shape whose context ended
	ended     map[string]state  // their states some time after that
	winners   map[string]string // who has taken the lock first after the holder's release
	last      map[string]state  // all, at the end
}

// observe has candidates live through everything that may happen to them: the lock is
// held, a context ends, the lock is released, is held by one of them, is given up by that
// one or lost with its session. like is what they did before they were rewritten, if they
// were.
func observe(t *testing.T, version string, shapes []shape, like *outcome) *outcome {
	t.Helper()
	s := newScene(t, bins[version], shapes, every)
	o := &outcome{victims: map[string]string{}, ended: map[string]state{}, winners: map[string]string{}}
	s.d.await(limit, func(all map[string]state) (missing []string) {
		for _, sh := range shapes {
			missing = append(missing, s.untried(sh, all)...)
		}
		return missing
	})
	if like != nil {
		s.settle()
	}
	o.idle = s.watch(func(p phase) []string {
		o.idle = p
		return o.behind(version, shapes, like)
	})
	s.cancel(o, like)
	s.swap(o)
	s.release(o, like)
	if like != nil {
		s.settle()
	}
	o.led = s.watch(func(p phase) []string {
		o.led = p
		return o.behind(version, shapes, like)
	})
	s.next(o)
	s.work()
	o.last = s.d.states()
	return o
}

// cancel ends the context of one candidate of each shape.
func (s *scene) cancel(o, like *outcome) {
	var told []*rpc.Call
	for _, sh := range s.shapes {
		if sh.kind == giveUp {
			continue
		}
		victim := names(sh)[candidates-1]
		if sh.name == "fromSlice" {
			victim = s.owner(sh, key(sh)+".a") // it has something to give back
		}
		o.victims[sh.name] = victim
		told = append(told, s.d.rpc.Go("Driver.Cancel", victim, &struct{}{}, nil))
	}
	s.done(told)
	s.d.rest(2)
	if like == nil {
		s.d.rest(4) // whether it ends is seen, and not demanded
	}
	all := s.d.await(limit, func(all map[string]state) (missing []string) {
		for name, victim := range o.victims {
			if like != nil && like.ended[name].Ended && !all[victim].Ended {
				missing = append(missing, victim+" to end")
			}
		}
		return missing
	})
	for name, victim := range o.victims {
		o.ended[name] = all[victim]
	}
	s.sweep(o, like == nil)
}

// sweep looks for keys of candidates whose context has ended. A try that ends between its
// two requests leaves one, which locks everybody out while its session lives. That may
// happen to the original, and must not to one that reads first.
func (s *scene) sweep(o *outcome, original bool) {
	s.t.Helper()
	for _, sh := range s.shapes {
		victim, lock := o.ended[sh.name], key(sh)+sh.lock+"/"
		for _, k := range s.c.Keys(s.cli, lock) {
			switch {
			case original && k != s.locks[sh.name].Key(): // others that try just now lose anyway
				if _, err := s.cli.Delete(s.t.Context(), k); err != nil {
					s.t.Fatal(err)
				}
			case k == fmt.Sprintf("%s%x", lock, victim.Lease):
				s.t.Errorf("%s has left %s behind", o.victims[sh.name], k)
			}
		}
	}
}

// owner is the candidate that has a lock.
func (s *scene) owner(sh shape, lock string) string {
	s.t.Helper()
	resp, err := s.cli.Get(s.t.Context(), lock+"/", clientv3.WithFirstCreate()...)
	if err != nil {
		s.t.Fatal(err)
	}
	if len(resp.Kvs) == 1 {
		id, err := strconv.ParseInt(strings.TrimPrefix(string(resp.Kvs[0].Key), lock+"/"), 16, 64)
		all := s.d.states()
		for _, name := range names(sh) {
			if err == nil && all[name].Lease == id {
				return name
			}
		}
	}
	s.t.Fatalf("no candidate of %s has %s", sh.name, lock)
	return ""
}

// swap gives new sessions to those that take them.
func (s *scene) swap(o *outcome) {
	for _, sh := range s.shapes {
		for _, name := range names(sh) {
			if sh.name == "sessionSwap" && name != o.victims[sh.name] {
				s.d.tell("Swap", name)
			}
		}
	}
}

// release has the holder give up the locks that are wanted for long, and waits until
// somebody has each.
func (s *scene) release(o, like *outcome) {
	for _, sh := range s.shapes {
		if sh.kind == waits || sh.kind == leads {
			s.unlock(sh)
		}
	}
	all := s.d.await(limit, func(all map[string]state) (missing []string) {
		for _, sh := range s.shapes {
			if sh.wild && like == nil {
				continue // they see each other's keys, and may never get anywhere
			}
			if _, released := s.freed[sh.name]; released && leaders(sh, all) == nil {
				missing = append(missing, "a leader of "+sh.name)
			}
		}
		return missing
	})
	for name := range s.freed {
		if who := leaders(shape{name: name}, all); who != nil {
			o.winners[name] = who[0]
		}
	}
}

func (s *scene) unlock(sh shape) {
	s.t.Helper()
	s.freed[sh.name] = time.Now()
	if err := s.locks[sh.name].Unlock(context.Background()); err != nil {
		s.t.Fatal(err)
	}
}

func leaders(sh shape, all map[string]state) (out []string) {
	for _, name := range names(sh) {
		if all[name].Leads {
			out = append(out, name)
		}
	}
	return out
}

// next has the leaders give up their locks, or lose them with their sessions, and waits
// until others have them.
func (s *scene) next(o *outcome) {
	for _, sh := range s.shapes {
		switch winner, ok := o.winners[sh.name]; {
		case ok && sh.kind == waits:
			s.d.tell("Leave", winner)
		case ok && sh.kind == leads:
			s.d.tell("Expire", winner)
		}
	}
	before := s.d.states()
	s.d.await(limit, func(all map[string]state) (missing []string) {
		for _, sh := range s.shapes {
			winner, ok := o.winners[sh.name]
			if now := all[winner]; ok && !now.Ended && now.since(before[winner]).Rounds < 3 {
				missing = append(missing, winner+" to notice")
			}
			if ok && !slices.ContainsFunc(leaders(sh, all), func(name string) bool { return name != winner }) {
				missing = append(missing, "another leader of "+sh.name)
			}
		}
		return missing
	})
}

// work has the holder give up the locks of jobs, and waits until those were done, and
// nobody waits for anybody.
func (s *scene) work() {
	for _, sh := range s.shapes {
		if sh.kind == works {
			s.unlock(sh)
		}
	}
	before := s.d.states()
	s.d.await(limit, func(all map[string]state) (missing []string) {
		for _, sh := range s.shapes {
			jobs := 0
			for _, name := range names(sh) {
				now := all[name]
				if jobs += len(now.Came); sh.kind == works && !now.Ended && now.since(before[name]).Rounds < 3 {
					missing = append(missing, name+" to try on")
				}
			}
			if sh.kind == works && jobs < 2 {
				missing = append(missing, "jobs of "+sh.name)
			}
		}
		return missing
	})
}
