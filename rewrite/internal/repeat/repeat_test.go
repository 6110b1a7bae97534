package repeat_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/ssa"

	"etcdmod/rewrite/internal/account"
	"etcdmod/rewrite/internal/callgraph"
	"etcdmod/rewrite/internal/repeat"
	"etcdmod/rewrite/internal/sourcetest"
)

var paths = account.Paths{
	Concurrency: []string{"go.etcd.io/etcd/client/v3/concurrency"},
	Client:      []string{"go.etcd.io/etcd/client/v3"},
}

func key(fn *ssa.Function) int {
	if fn.Object() != nil && fn.Name() == "NewMutex" && fn.Pkg != nil && fn.Pkg.Pkg.Path() == paths.Concurrency[0] {
		return 1
	}
	return -1
}

// walk builds the graph of an archive and walks from its tries.
func walk(t *testing.T, archive string) (*sourcetest.Program, *callgraph.Graph, *repeat.Walk, []account.Try) {
	t.Helper()
	p := sourcetest.Load(t, archive)
	tries := account.Tries(p.Fset, p.Packages, paths, func(*ast.File) bool { return false })
	g := callgraph.New(p.Fset, p.Packages, func(types.Type) bool { return true })
	var at []token.Pos
	for _, try := range tries {
		at = append(at, position(try))
	}
	return p, g, repeat.New(g, repeat.Options{Key: key}, at), tries
}

func position(try account.Try) token.Pos {
	if call, ok := try.Node.(*ast.CallExpr); ok {
		return call.Lparen
	}
	return try.Pos
}

// ways prints for each loop of the archive the calls in it that lead to a try, with "="
// where the lock is the same in all rounds and "~" where it is not.
func ways(p *sourcetest.Program, w *repeat.Walk) (out []string) {
	for _, pkg := range p.Packages {
		for _, f := range pkg.Syntax {
			for _, d := range f.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				var loops []ast.Node
				ast.Inspect(fn, func(n ast.Node) bool {
					switch n.(type) {
					case *ast.ForStmt, *ast.RangeStmt:
						loops = append(loops, n)
					}
					return true
				})
				for i, l := range loops {
					said := map[string]bool{}
					ast.Inspect(l, func(n ast.Node) bool {
						call, ok := n.(*ast.CallExpr)
						if !ok {
							return true
						}
						fixed, known := w.Fixed(call.Lparen, l.Pos(), l.End())
						if !known {
							return true
						}
						sign := "~"
						if fixed {
							sign = "="
						}
						line := fmt.Sprintf("%s/%d %s %s", fn.Name.Name, i, sign, types.ExprString(call.Fun))
						if !said[line] {
							said[line] = true
							out = append(out, line)
						}
						return true
					})
				}
			}
		}
	}
	for _, c := range w.Circles() {
		out = append(out, fmt.Sprintf("circle %s fixed=%v", c.At.Func.Name(), c.Fixed))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

const head = `
-- m/m.go --
package m

import (
	"bufio"
	"container/list"
	"context"
	"database/sql"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/client/v3/concurrency"
)

var (
	_ *bufio.Scanner
	_ *list.List
	_ *sql.Rows
	_ = fmt.Sprint
	_ iter.Seq[int]
	_ = slices.Sort[[]int]
	_ sync.Mutex
	_ atomic.Bool
	_ time.Time
)

type svc struct {
	mu    *concurrency.Mutex
	id    string
	locks []*concurrency.Mutex
	next  *svc
}

func (s *svc) try(ctx context.Context) error { return s.mu.TryLock(ctx) }
`

// TestFixed tells loops that ask for one lock from those that go over several.
func TestFixed(t *testing.T) {
	for _, test := range []struct{ name, src, want string }{
		{"field", `func f(ctx context.Context, s *svc) { for s.mu.TryLock(ctx) != nil { time.Sleep(1) } }`, "f/0 = s.mu.TryLock"},
		{"through a method", `func f(ctx context.Context, s *svc) { for s.try(ctx) != nil { time.Sleep(1) } }`, "f/0 = s.try"},
		{"the attempt is an argument", `func (s *svc) nth(ctx context.Context, n int) error { println(n); return s.mu.TryLock(ctx) }
func f(ctx context.Context, s *svc) { for n := 0; ; n++ { if s.nth(ctx, n) == nil { return } } }`, "f/0 = s.nth"},
		{"the tick is an argument", `func (s *svc) at(ctx context.Context, now time.Time) { println(now.String()); s.mu.TryLock(ctx) }
func f(ctx context.Context, s *svc) { for now := range time.Tick(1) { s.at(ctx, now) } }`, "f/0 = s.at"},
		{"a context of its own", `func f(ctx context.Context, s *svc) { for n := 1; ; n++ { c, stop := context.WithTimeout(ctx, time.Duration(n)); err := s.try(c); stop(); if err == nil { return } } }`, "f/0 = s.try"},
		{"round robin", `func f(ctx context.Context, s *svc) { for i := 0; ; i++ { if s.locks[i%len(s.locks)].TryLock(ctx) == nil { return } } }`, "f/0 = s.locks[i % len(s.locks)].TryLock"},
		{"round robin by hand", `func f(ctx context.Context, s *svc) { i := 0; for { if s.locks[i].TryLock(ctx) == nil { return }; i++; if i == len(s.locks) { i = 0 } } }`, "f/0 = s.locks[i].TryLock"},
		{"ring by hand", `func f(ctx context.Context, s *svc) { n := s; for { if n.mu.TryLock(ctx) == nil { return }; n = n.next; if n == nil { n = s } } }`, "f/0 = n.mu.TryLock"},
		{"all of them again and again", `func f(ctx context.Context, s *svc) { for { for _, mu := range s.locks { if mu.TryLock(ctx) == nil { return } }; time.Sleep(1) } }`,
			"f/0 = mu.TryLock f/1 ~ mu.TryLock"},
		{"one pass over slots", `func f(ctx context.Context, s *svc) { i := 0; for i < len(s.locks) { if s.locks[i].TryLock(ctx) == nil { return }; i++ } }`, "f/0 ~ s.locks[i].TryLock"},
		{"one pass over a list", `func f(ctx context.Context, n *svc) { for n != nil { if n.mu.TryLock(ctx) == nil { return }; n = n.next } }`, "f/0 ~ n.mu.TryLock"},
		{"a key with the attempt", `func f(ctx context.Context, s *concurrency.Session) { for n := 0; ; n++ { mu := concurrency.NewMutex(s, "/"+string(rune(n))); if mu.TryLock(ctx) == nil { return } } }`, "f/0 ~ mu.TryLock"},
		{"a fresh mutex of one key", `func f(ctx context.Context, s *concurrency.Session) { for { mu := concurrency.NewMutex(s, fmt.Sprint("/", 1)); if mu.TryLock(ctx) == nil { return } } }`, "f/0 = mu.TryLock"},
		{"rows", `func f(ctx context.Context, s *concurrency.Session, rows *sql.Rows) { for rows.Next() { var id string; rows.Scan(&id); if concurrency.NewMutex(s, id).TryLock(ctx) != nil { continue } } }`, "f/0 ~ concurrency.NewMutex(s, id).TryLock"},
		{"lines", `func f(ctx context.Context, s *concurrency.Session, in *bufio.Scanner) { for in.Scan() { mu := concurrency.NewMutex(s, in.Text()); if mu.TryLock(ctx) != nil { continue } } }`, "f/0 ~ mu.TryLock"},
		{"jobs", `func f(ctx context.Context, s *concurrency.Session, jobs chan string) { for { id, ok := <-jobs; if !ok { return }; if concurrency.NewMutex(s, id).TryLock(ctx) != nil { continue } } }`, "f/0 ~ concurrency.NewMutex(s, id).TryLock"},
		{"jobs, read by a function", `func next(c chan string) string { return <-c }
func f(ctx context.Context, s *concurrency.Session, jobs chan string) { for { if concurrency.NewMutex(s, next(jobs)).TryLock(ctx) != nil { continue } } }`, "f/0 ~ concurrency.NewMutex(s, next(jobs)).TryLock"},
		{"a cursor in a field", `func (s *svc) run(ctx context.Context, ses *concurrency.Session) error { return concurrency.NewMutex(ses, s.id).TryLock(ctx) }
func f(ctx context.Context, ses *concurrency.Session, ids []string) { var s svc; for _, id := range ids { s.id = id; s.run(ctx, ses) } }`, "f/0 ~ s.run"},
		{"a cursor that a method moves", `func (s *svc) run(ctx context.Context, ses *concurrency.Session) error { return concurrency.NewMutex(ses, s.id).TryLock(ctx) }
func (s *svc) use(id string) { s.id = id }
func f(ctx context.Context, ses *concurrency.Session, s *svc, ids []string) { for _, id := range ids { s.use(id); s.run(ctx, ses) } }`, "f/0 ~ s.run"},
		{"a map", `func f(ctx context.Context, all map[string]*concurrency.Mutex) { for _, mu := range all { mu.TryLock(ctx) } }`, "f/0 ~ mu.TryLock"},
		{"a number of times", `func f(ctx context.Context, s *svc) { for range 3 { s.mu.TryLock(ctx) } }`, "f/0 = s.mu.TryLock"},
		{"an iterator from elsewhere", `func f(ctx context.Context, s *svc, n []int) { for range slices.Values(n) { s.mu.TryLock(ctx) } }`, "f/0 = s.mu.TryLock"},
		{"an iterator over mutexes", `func f(ctx context.Context, all []*concurrency.Mutex) { for mu := range slices.Values(all) { mu.TryLock(ctx) } }`, "f/0 ~ mu.TryLock"},
		{"an iterator in a loop", `func f(ctx context.Context, s *svc, n []int) { for { for range slices.Values(n) { s.mu.TryLock(ctx) }; time.Sleep(1) } }`, "f/0 = s.mu.TryLock f/1 = s.mu.TryLock"},
		{"swapped with its session", `func f(ctx context.Context, mu *concurrency.Mutex) { for { if mu.TryLock(ctx) == nil { return }; mu = concurrency.NewMutex(new(concurrency.Session), "/a") } }`, "f/0 = mu.TryLock"},
		{"returned closure", `func trier(mu *concurrency.Mutex) func(context.Context) error { return func(ctx context.Context) error { return mu.TryLock(ctx) } }
func f(ctx context.Context, mu *concurrency.Mutex) { try := trier(mu); for try(ctx) != nil { time.Sleep(1) } }`, "f/0 = try"},
		{"method value from a call", `func method(mu *concurrency.Mutex) func(context.Context) error { return mu.TryLock }
func f(ctx context.Context, mu *concurrency.Mutex) { for method(mu)(ctx) != nil { time.Sleep(1) } }`, "f/0 = method(mu)"},
		{"once value", `func f(ctx context.Context, mu *concurrency.Mutex) { try := sync.OnceValue(func() func(context.Context) error { return mu.TryLock }); for try()(ctx) != nil { time.Sleep(1) } }`, "f/0 = try()"},
		{"sync.Map", `var reg sync.Map
func f(ctx context.Context, mu *concurrency.Mutex) { reg.Store("t", mu.TryLock); for { v, _ := reg.Load("t"); if v.(func(context.Context) error)(ctx) == nil { return } } }`, "f/0 = v.(func(context.Context) error)"},
		{"list", `func f(ctx context.Context, mu *concurrency.Mutex) { l := list.New(); l.PushBack(func() error { return mu.TryLock(ctx) }); for l.Front().Value.(func() error)() != nil { time.Sleep(1) } }`, "f/0 = l.Front().Value.(func() error)"},
		{"the cancel of a context is nobody's function", `func f(ctx context.Context, mu *concurrency.Mutex) { time.AfterFunc(1, func() { mu.TryLock(ctx) }); context.AfterFunc(ctx, func() { mu.TryLock(ctx) }); for { _, cancel := context.WithCancel(ctx); cancel() } }`, ""},
		{"pool", `func f(ctx context.Context, mu *concurrency.Mutex) { p := sync.Pool{New: func() any { return func() error { return mu.TryLock(ctx) } }}; for p.Get().(func() error)() != nil { time.Sleep(1) } }`, "f/0 = p.Get().(func() error)"},
		{"an atomic pointer", `func f(ctx context.Context, mu *concurrency.Mutex) { var p atomic.Pointer[func(context.Context) error]; try := mu.TryLock; p.Store(&try); for (*p.Load())(ctx) != nil { time.Sleep(1) } }`, "f/0 = (*p.Load())"},
		{"recursion", `func f(ctx context.Context, mu *concurrency.Mutex) { if mu.TryLock(ctx) != nil { time.Sleep(1); f(ctx, mu) } }`, "circle f fixed=true"},
		{"mutual recursion", `func f(ctx context.Context, mu *concurrency.Mutex) { if mu.TryLock(ctx) != nil { g(ctx, mu) } }
func g(ctx context.Context, mu *concurrency.Mutex) { time.Sleep(1); f(ctx, mu) }`, "circle f fixed=true"},
		{"through a goroutine", `func f(ctx context.Context, mu *concurrency.Mutex) { if mu.TryLock(ctx) != nil { go func() { time.Sleep(1); f(ctx, mu) }() } }`, "circle f fixed=true"},
		{"through context.AfterFunc", `func (s *svc) f(ctx context.Context) { if s.try(ctx) == nil { return }; context.AfterFunc(ctx, func() { s.f(ctx) }) }`, "circle f fixed=true"},
		{"delegation", `type locker interface{ Try(context.Context) error }
type outer struct { in locker; mu *concurrency.Mutex }
func (o *outer) Try(ctx context.Context) error { if err := o.mu.TryLock(ctx); err != nil { return err }; return o.in.Try(ctx) }
func f(ctx context.Context, mu *concurrency.Mutex) error { return (&outer{&outer{nil, mu}, mu}).Try(ctx) }`, "circle Try fixed=false"},
		{"delegation with the name of the lock", `type locker interface{ Lock(context.Context, string) error }
type etcd struct{ s *concurrency.Session }
func (e etcd) Lock(ctx context.Context, key string) error { return concurrency.NewMutex(e.s, key).TryLock(ctx) }
type counted struct { locker; n int }
func (c *counted) Lock(ctx context.Context, key string) error { c.n++; return c.locker.Lock(ctx, key) }
type both struct{ own, nested locker }
func (b both) Lock(ctx context.Context, key string) error { if err := b.own.Lock(ctx, key); err != nil { return err }; return b.nested.Lock(ctx, key) }
func f(ctx context.Context, e etcd) error { return both{&counted{locker: e}, &counted{locker: both{e, e}}}.Lock(ctx, "/a") }`, "circle Lock fixed=false"},
		{"a method of an interface that calls itself", `type locker interface{ Again(context.Context, locker, string) error }
type etcd struct{ s *concurrency.Session }
func (e etcd) Again(ctx context.Context, l locker, key string) error { if concurrency.NewMutex(e.s, key).TryLock(ctx) == nil { return nil }; return l.Again(ctx, l, key) }
func f(ctx context.Context, e etcd) error { return e.Again(ctx, e, "/a") }`, "circle Again fixed=true"},
		{"a walk over a tree", `func f(ctx context.Context, s *svc) { if s == nil { return }; s.mu.TryLock(ctx); f(ctx, s.next) }`, "circle f fixed=false"},
		{"out of a channel", `func work(tasks chan func() error) { for task := range tasks { for task() != nil { time.Sleep(1) } } }
func f(ctx context.Context, mu *concurrency.Mutex) { tasks := make(chan func() error, 1); tasks <- func() error { return mu.TryLock(ctx) }; work(tasks) }`, "work/0 ~ task work/1 = task"},
		{"a literal that a timer calls again", `func f(ctx context.Context, mu *concurrency.Mutex) { var tick func(); tick = func() { if mu.TryLock(ctx) != nil { time.AfterFunc(1, tick) } }; tick() }`, "circle f$1 fixed=true"},
		{"a literal that calls itself", `func f(ctx context.Context, mu *concurrency.Mutex) { var again func(int) bool; again = func(n int) bool { return n > 0 && (mu.TryLock(ctx) == nil || again(n-1)) }; again(3) }`, "circle f$1 fixed=true"},
		{"a literal that is given itself", `type rec func(rec)
func f(ctx context.Context, mu *concurrency.Mutex) { r := func(self rec) { if mu.TryLock(ctx) != nil { self(self) } }; r(r) }`, "circle f$1 fixed=true"},
		{"a literal over a tree", `func f(ctx context.Context, s *svc) { var visit func(*svc); visit = func(s *svc) { if s != nil && s.mu.TryLock(ctx) != nil { visit(s.next) } }; visit(s) }`, "circle f$1 fixed=false"},
		{"a literal for each mutex", `func f(ctx context.Context, all []*concurrency.Mutex) { if len(all) > 0 { func() { if all[0].TryLock(ctx) != nil { f(ctx, all[1:]) } }() } }`, "circle f$1 fixed=false"},
		{"a queue with items that come back", `func f(ctx context.Context, queue []*svc) { for len(queue) > 0 { s := queue[0]; queue = queue[1:]; if s.mu.TryLock(ctx) != nil { queue = append(queue, s) } } }`, "f/0 = s.mu.TryLock"},
		{"a queue of structs put together again", `type job struct { mu *concurrency.Mutex; n int }
func f(ctx context.Context, queue []job) { for len(queue) > 0 { j := queue[0]; queue = queue[1:]; if j.mu.TryLock(ctx) != nil { queue = append(queue, job{j.mu, j.n + 1}) } } }`, "f/0 = j.mu.TryLock"},
		{"a queue of what is below", `func f(ctx context.Context, queue []*svc) { for len(queue) > 0 { s := queue[0]; queue = queue[1:]; if s.mu.TryLock(ctx) != nil { queue = append(queue, s.next) } } }`, "f/0 ~ s.mu.TryLock"},
		{"a channel with items that come back", `func f(ctx context.Context, q chan *concurrency.Mutex) { for mu := range q { if mu.TryLock(ctx) != nil { time.AfterFunc(1, func() { q <- mu }) } } }`, "f/0 = mu.TryLock"},
		{"a channel that a select takes from and sends to", `func f(ctx context.Context, q chan *svc, in chan *svc) { for { select { case s := <-q: if s.try(ctx) != nil { q <- s }; case s := <-in: s.try(ctx) } } }`, "f/0 = s.try f/0 ~ s.try"},
		{"a channel for others", `func f(ctx context.Context, q, lost chan *concurrency.Mutex) { for mu := range q { if mu.TryLock(ctx) != nil { lost <- mu } } }`, "f/0 ~ mu.TryLock"},
		{"tasks that come back", `func f(ctx context.Context, mu *concurrency.Mutex) { q := make(chan func() bool, 1); q <- func() bool { return mu.TryLock(ctx) == nil }; for task := range q { if !task() { q <- task } } }`, "f/0 = task"},
		{"a step that says which one is next", `func f(ctx context.Context, mu *concurrency.Mutex) { steps := []func() int{func() int { if mu.TryLock(ctx) != nil { return 0 }; return 1 }, func() int { return 2 }}; for i := 0; i < len(steps); { i = steps[i]() } }`, "f/0 = steps[i]"},
		{"steps one after the other", `func f(ctx context.Context, mu *concurrency.Mutex) { steps := []func(int) int{func(i int) int { mu.TryLock(ctx); return i + 1 }}; for i := 0; i < len(steps); { i = steps[i](i) } }`, "f/0 ~ steps[i]"},
		{"generic retry", `func retry[T any](f func(context.Context, T) error, ctx context.Context, v T) { for f(ctx, v) != nil { time.Sleep(1) } }
func f(ctx context.Context, mu *concurrency.Mutex) { retry(func(ctx context.Context, m *concurrency.Mutex) error { return m.TryLock(ctx) }, ctx, mu) }`, "retry/0 = f"},
		{"states of an interface", `type state interface{ do(context.Context) state }
type trying struct{ s *svc }
type waiting struct{ next state }
func (t trying) do(ctx context.Context) state { if t.s.try(ctx) == nil { return nil }; return waiting{t} }
func (w waiting) do(context.Context) state { time.Sleep(1); return w.next }
func f(ctx context.Context, s *svc) { for st := state(trying{s}); st != nil; { st = st.do(ctx) } }`, "f/0 = st.do"},
		{"one that returns itself", `func (s *svc) again(ctx context.Context) *svc { if s.try(ctx) == nil { return nil }; return s }
func f(ctx context.Context, s *svc) { for s != nil { s = s.again(ctx) } }`, "f/0 = s.again"},
		{"one that returns what is next", `func (s *svc) after(ctx context.Context) *svc { s.try(ctx); return s.next }
func f(ctx context.Context, s *svc) { for s != nil { s = s.after(ctx) } }`, "f/0 ~ s.after"},
		{"states", `type state func(context.Context, *concurrency.Mutex) state
func f(ctx context.Context, mu *concurrency.Mutex) { for s := state(trying); s != nil; { s = s(ctx, mu) } }
func trying(ctx context.Context, mu *concurrency.Mutex) state { if mu.TryLock(ctx) == nil { return nil }; return waiting }
func waiting(ctx context.Context, mu *concurrency.Mutex) state { time.Sleep(1); return trying }`, "f/0 = s"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, g, w, _ := walk(t, head+test.src)
			for pkg, why := range g.Unbuilt {
				t.Fatalf("%s: %s", pkg.PkgPath, why)
			}
			if got := strings.Join(ways(p, w), " "); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}
