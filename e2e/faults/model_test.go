package faults_test

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// A change is one revision in which the server created or deleted a key below the
// prefix of the lock. It happened in [call, ret].
type change struct {
	revision  int64
	key       string
	created   bool
	expired   bool // deleted because its lease ended
	call, ret time.Duration
}

// A verb says what a candidate claims.
type verb string

const (
	acquired verb = "acquired" // a try or a wait returned nil
	refused  verb = "refused"  // a try returned concurrency.ErrLocked
	holds    verb = "holds"    // nothing told the candidate that it has lost the lock
	released verb = "released" // Unlock returned nil
)

// A statement is what one candidate claims to have been true at some moment in
// [call, ret].
type statement struct {
	verb      verb
	client    int
	key       string // of the candidate's session
	created   int64  // the create revision of the key, but for refused
	call, ret time.Duration
}

// forever is when a release returned whose outcome is unknown.
const forever = time.Duration(math.MaxInt64)

// A tenure is the life of one key. It is given in positions: position n is the state of
// the server after the first n changes. Its key holds the lock in [owner, gone): what
// is the oldest key stays the oldest.
type tenure struct {
	key               string
	born, owner, gone int
	expired           bool
	lost              bool // the server ended it, and not on the candidate's word
	call, ret         time.Duration
}

// A truth is what the server did.
type truth struct {
	changes []change
	tenures map[int64]*tenure // by create revision
	owners  []*tenure         // by position; nil while the lock is free
}

// A staleDelete reports whether what deleted the key of this create revision is a
// request of its session that was sent before it was known to be there, and arrived
// late. Etcd cannot tell: it deletes by name (etcd#22082).
type staleDelete func(created int64, deletion change) bool

func newTruth(changes []change, stale staleDelete) *truth {
	tr := &truth{changes: changes, tenures: map[int64]*tenure{}, owners: []*tenure{nil}}
	never := len(changes) + 1
	var live []int64
	for i, c := range changes {
		if c.created {
			live = append(live, c.revision)
			tr.tenures[c.revision] = &tenure{key: c.key, born: i + 1, owner: never, gone: never}
		} else if at := slices.IndexFunc(live, func(r int64) bool { return tr.tenures[r].key == c.key }); at >= 0 {
			t := tr.tenures[live[at]]
			t.gone, t.call, t.ret = i+1, c.call, c.ret
			t.expired = c.expired
			t.lost = c.expired || stale(live[at], c)
			live = slices.Delete(live, at, at+1)
		}
		if len(live) == 0 {
			tr.owners = append(tr.owners, nil)
			continue
		}
		oldest := tr.tenures[live[0]]
		oldest.owner = min(oldest.owner, i+1)
		tr.owners = append(tr.owners, oldest)
	}
	return tr
}

// agrees reports whether the server at position n bears the statement out.
func (tr *truth) agrees(n int, s statement) bool {
	if s.verb == refused {
		owner := tr.owners[n]
		return owner != nil && owner.key != s.key
	}
	t := tr.tenures[s.created]
	if t == nil || t.key != s.key {
		return false
	}
	switch s.verb {
	case acquired:
		return t.owner <= n && n < t.gone
	case holds:
		return t.owner <= n && (n < t.gone || t.lost)
	default:
		return t.gone <= n
	}
}

// ownership is the model of the lock as the server keeps it: the state is a position,
// changes lead from one to the next, and each statement must be true at a position
// within its time. So what a candidate takes for its own lies within the ownership
// interval of its key, which ends where its key is deleted, and those of two keys
// cannot overlap. Only a tenure that the server ended by itself may be claimed longer.
func ownership(tr *truth, said []statement) (porcupine.Model, []porcupine.Operation) {
	var ops []porcupine.Operation
	for i, c := range tr.changes {
		ops = append(ops, porcupine.Operation{Input: i, Call: int64(c.call), Return: int64(c.ret)})
	}
	ops = append(ops, operations(said)...)
	return porcupine.Model{
		Init: func() any { return 0 },
		Step: func(state, input, _ any) (bool, any) {
			n := state.(int)
			if next, ok := input.(int); ok {
				return next == n, n + 1
			}
			return tr.agrees(n, input.(statement)), n
		},
		DescribeOperation: func(input, _ any) string {
			if i, ok := input.(int); ok {
				return fmt.Sprintf("%+v", tr.changes[i])
			}
			return input.(statement).String()
		},
		DescribeState: func(state any) string {
			if owner := tr.owners[state.(int)]; owner != nil {
				return owner.key
			}
			return "free"
		},
	}, ops
}

// lock is the model of a lock as its candidates know it: at most one holds it. It asks
// the server only which tenures it ended by itself, and when.
func lock(tr *truth, said []statement) (porcupine.Model, []porcupine.Operation) {
	known, claimed := []statement{}, map[int64]bool{}
	for _, s := range said {
		t := tr.tenures[s.created]
		lost := t != nil && t.lost
		if s.verb == acquired && lost && !claimed[s.created] {
			claimed[s.created] = true
			known = append(known, statement{verb: released, client: s.client, key: s.key, call: t.call, ret: t.ret})
		}
		if !lost || s.verb == acquired || s.verb == refused {
			known = append(known, s)
		}
	}
	return porcupine.Model{
		Init: func() any { return "" },
		Step: func(state, input, _ any) (bool, any) {
			owner, s := state.(string), input.(statement)
			switch s.verb {
			case acquired:
				return owner == "" || owner == s.key, s.key
			case refused: // two that try at once may refuse each other
				return owner != s.key, owner
			case holds:
				return owner == s.key, owner
			default:
				return owner == s.key, ""
			}
		},
		DescribeOperation: func(input, _ any) string { return input.(statement).String() },
	}, operations(known)
}

func operations(said []statement) []porcupine.Operation {
	var ops []porcupine.Operation
	for _, s := range said {
		ops = append(ops, porcupine.Operation{ClientId: s.client, Input: s, Call: int64(s.call), Return: int64(s.ret)})
	}
	return ops
}

func (s statement) String() string {
	return fmt.Sprintf("%d %s %s at %d", s.client, s.verb, s.key, s.created)
}

// checks names the models that every history must fit.
var checks = []struct {
	name  string
	build func(*truth, []statement) (porcupine.Model, []porcupine.Operation)
}{{"ownership", ownership}, {"lock", lock}}

// checkLimit bounds the search for one model.
const checkLimit = 2 * time.Minute

// verdicts says what each model makes of the history. dir, unless empty, gets a
// picture of each that is not fit.
func verdicts(tr *truth, said []statement, dir string) (map[string]porcupine.CheckResult, error) {
	slices.SortStableFunc(said, func(a, b statement) int { return cmp.Compare(a.call, b.call) })
	out := map[string]porcupine.CheckResult{}
	for _, c := range checks {
		model, ops := c.build(tr, said)
		result, info := porcupine.CheckOperationsVerbose(model, ops, checkLimit)
		out[c.name] = result
		if result != porcupine.Ok && dir != "" {
			if err := porcupine.VisualizePath(model, info, filepath.Join(dir, c.name+".html")); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

// judge fails the test unless the history fits every model.
func judge(t *testing.T, tr *truth, said []statement) {
	t.Helper()
	dir := t.ArtifactDir()
	results, err := verdicts(tr, said, dir)
	if err != nil {
		t.Error(err)
	}
	for name, result := range results {
		if result != porcupine.Ok {
			t.Errorf("the history does not fit the model of the %s: %s (pictures in %s, kept with -artifacts)", name, result, dir)
		}
	}
}
