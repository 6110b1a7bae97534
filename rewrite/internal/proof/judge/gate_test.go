package judge

import (
	"go/types"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/go/ssa"

	"etcdmod/internal/helper"
	"etcdmod/rewrite/internal/callgraph"
	"etcdmod/rewrite/internal/sourcetest"
)

const (
	clientPath = "go.etcd.io/etcd/client/v3/concurrency"
	helperPath = "m/internal/etcdlock"
)

const prelude = `package p

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math/rand"
	"os"
	"sort"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

var (
	_ clientv3.Op
	_ = errors.New
	_ = fmt.Sprint
	_ = log.Print
	_ = os.Getenv
	_ = rand.Intn
	_ = sort.Ints
	_ time.Time
	_ context.Context
	_ concurrency.Session
)

`

// A bench judges pairs of source texts.
type bench struct {
	*sourcetest.Bench
	t      *testing.T
	helper map[string][]byte
}

func newBench(t *testing.T) *bench {
	files, err := helper.Generate(helper.Config{Package: "etcdlock", Concurrency: clientPath, Version: "test", Parts: helper.Clocks})
	if err != nil {
		t.Fatal(err)
	}
	return &bench{sourcetest.NewBench(t, ""), t, files}
}

// edited makes the text after the edits, which are written "old => new".
func (b *bench) edited(src string, edits []string) string {
	b.t.Helper()
	out := strings.NewReplacer("*concurrency.Mutex", "*etcdlock.Mutex", "concurrency.NewMutex", "etcdlock.NewMutex").Replace(src)
	out = strings.Replace(out, "\t\""+clientPath+"\"\n", "\t\""+clientPath+"\"\n\t\""+helperPath+"\"\n", 1)
	out = strings.Replace(out, "_ concurrency.Session\n", "_ concurrency.Session\n\t_ etcdlock.Mutex\n", 1)
	for _, e := range edits {
		from, to, _ := strings.Cut(e, " => ")
		if !strings.Contains(out, from) {
			b.t.Fatalf("there is no %q", from)
		}
		out = strings.Replace(out, from, to, 1)
	}
	return out
}

// A judged is the function wait of a pair.
type judged struct {
	j        *Judge
	old, new *ssa.Function
	tries    []*ssa.Call
}

func (b *bench) load(old, new string) (*judged, error) {
	const name = "/m/p/p.go"
	pkg, err := b.Package("m/p", name, []byte(old))
	if err != nil {
		b.t.Fatalf("%v in\n%s", err, old)
	}
	g := callgraph.New(b.Fset, []*packages.Package{pkg}, func(types.Type) bool { return false })
	after := Apply(Edit{Fset: b.Fset, Packages: []*packages.Package{pkg}, Changed: map[string][]byte{name: []byte(new)}, Helper: b.helper, HelperPath: helperPath})
	p := &judged{j: New(b.Fset, g.All(), false, helperPath, clientPath)}
	for _, f := range g.All() {
		if f.Parent() == nil && f.Name() == "wait" {
			p.old = f
		}
	}
	for in := range instructions(p.old) {
		if p.j.isTry(in) {
			p.tries = append(p.tries, in.(*ssa.Call))
		}
	}
	p.new, err = after.Function(p.old)
	return p, err
}

// gate returns what stands against the gates of a pair, or "".
func (b *bench) gate(old, new string) string {
	b.t.Helper()
	p, err := b.load(old, new)
	if err != nil {
		b.t.Fatalf("%v in\n%s", err, new)
	}
	for _, t := range p.tries {
		if o := p.j.Gates(p.old, p.new, p.tries)[t].Against; o != nil {
			return o.Why
		}
	}
	return ""
}

var gates = []struct {
	name, body string
	edits      []string
	want       string // a part of the objection; "" where the gate is right
}{
	{"ticker", `func wait(ctx context.Context, mu *concurrency.Mutex) error {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for {
			if mu.TryLock(ctx) == nil { return nil }
			select {
			case <-ctx.Done(): return ctx.Err()
			case <-t.C:
			}
		}
	}`, []string{"time.NewTicker => mu.NewTicker"}, ""},
	{"timer", `func wait(ctx context.Context, mu *concurrency.Mutex) error {
		t := time.NewTimer(time.Second)
		for {
			if mu.TryLock(ctx) == nil { return nil }
			select {
			case <-ctx.Done(): return ctx.Err()
			case <-t.C: t.Reset(time.Second)
			}
		}
	}`, []string{"time.NewTimer => mu.NewTimer"}, ""},
	{"field, looked up after it was tried", `type e struct { mu *concurrency.Mutex }
	func set(e *e, mu *concurrency.Mutex) { e.mu = mu }
	func wait(ctx context.Context, e *e) {
		for e.mu.TryLock(ctx) != nil {
			log.Print("standby")
			time.Sleep(time.Second)
		}
	}`, []string{"time.Sleep => e.mu.Sleep"}, ""},
	{"wait first", `func wait(ctx context.Context, mu *concurrency.Mutex) error {
		t := time.NewTicker(time.Second)
		for first := true; ; first = false {
			if !first { select { case <-ctx.Done(): return ctx.Err(); case <-t.C: } }
			if mu.TryLock(ctx) == nil { return nil }
		}
	}`, []string{"time.NewTicker => mu.NewTicker"}, ""},
	{"spin", `func wait(ctx context.Context, mu *concurrency.Mutex) { for mu.TryLock(ctx) != nil { } }`,
		[]string{"!= nil { => != nil { mu.Sleep(100*time.Millisecond)"}, ""},
	{"spin that joins values", `func wait(ctx context.Context, mu *concurrency.Mutex) (n int) {
		for {
			err := mu.TryLock(ctx)
			if err == nil { return 1 }
			if errors.Is(err, concurrency.ErrLocked) { log.Print("held") } else { log.Print(err) }
		}
	}`, []string{"{ log.Print(err) } => { log.Print(err) }; mu.Sleep(100*time.Millisecond)"}, ""},

	// evaluated too early
	{"nil until checked", `type lock struct{ *concurrency.Mutex }
	func wait(ctx context.Context, l *lock) error {
		for {
			time.Sleep(10 * time.Millisecond)
			if l == nil { return nil }
			if err := l.TryLock(ctx); err == nil { return nil }
		}
	}`, []string{"time.Sleep => l.Sleep"}, "may be nil"},
	{"a field that is nil until another is checked", `type elect struct{ mu *concurrency.Mutex }
	type server struct{ elect *elect; alone bool }
	func wait(ctx context.Context, s *server) error {
		t := time.NewTicker(time.Second)
		if s.alone { return nil }
		for {
			if s.elect.mu.TryLock(ctx) == nil { return nil }
			<-t.C
		}
	}`, []string{"time.NewTicker => s.elect.mu.NewTicker"}, "may be nil"},
	{"followed before", `type elect struct{ mu *concurrency.Mutex; every time.Duration }
	func wait(ctx context.Context, e *elect, alone bool) error {
		t := time.NewTicker(e.every)
		if alone { return nil }
		for {
			if e.mu.TryLock(ctx) == nil { return nil }
			<-t.C
		}
	}`, []string{"time.NewTicker => e.mu.NewTicker"}, ""},
	{"unknown code between", `type elect struct{ mu *concurrency.Mutex }
	func wait(ctx context.Context, e *elect, ready func()) error {
		t := time.NewTicker(time.Second)
		ready()
		for {
			if e.mu.TryLock(ctx) == nil { return nil }
			<-t.C
		}
	}`, []string{"time.NewTicker => e.mu.NewTicker"}, "a call of"},

	// rounds that are counted
	{"counted by a bool", `func wait(ctx context.Context, mu *concurrency.Mutex) error {
		again := false
		for {
			if mu.TryLock(ctx) == nil { return nil }
			if again { return errors.New("gave up") }
			again = true
			time.Sleep(time.Second)
		}
	}`, []string{"time.Sleep => mu.Sleep"}, "earlier rounds"},
	{"counted by the last error", `func wait(ctx context.Context, mu *concurrency.Mutex) error {
		var last error
		for {
			err := mu.TryLock(ctx)
			if err == nil { return nil }
			if last != nil { return last }
			last = err
			time.Sleep(time.Second)
		}
	}`, []string{"time.Sleep => mu.Sleep"}, "earlier rounds"},
	{"counted by a second variable", `func wait(ctx context.Context, mu *concurrency.Mutex) error {
		second, third := false, false
		for {
			if third { return errors.New("gave up") }
			if mu.TryLock(ctx) == nil { return nil }
			third, second = second, true
			time.Sleep(time.Second)
		}
	}`, []string{"time.Sleep => mu.Sleep"}, "earlier rounds"},
	{"counted in a field", `type e struct { mu *concurrency.Mutex; left int }
	func wait(ctx context.Context, e *e) error {
		for {
			if e.mu.TryLock(ctx) == nil { return nil }
			e.left--
			if e.left == 0 { return errors.New("gave up") }
			time.Sleep(time.Second)
		}
	}`, []string{"time.Sleep => e.mu.Sleep"}, "earlier rounds"},
	{"an interval that grows", `func wait(ctx context.Context, mu *concurrency.Mutex) {
		d := time.Second
		for mu.TryLock(ctx) != nil {
			time.Sleep(d)
			d *= 2
		}
	}`, []string{"time.Sleep => mu.Sleep"}, "how long to wait"},
	{"a string that grows", `func wait(ctx context.Context, mu *concurrency.Mutex) error {
		dots := ""
		for {
			if mu.TryLock(ctx) == nil { return nil }
			if dots += "."; len(dots) > 3 { return errors.New("gave up") }
			time.Sleep(time.Second)
		}
	}`, []string{"time.Sleep => mu.Sleep"}, "earlier rounds"},
	{"a captured counter", `func wait(ctx context.Context, mu *concurrency.Mutex) error {
		n := 0
		defer func() { log.Print(n) }()
		for {
			if mu.TryLock(ctx) == nil { return nil }
			if n++; n > 3 { return errors.New("gave up") }
			time.Sleep(time.Second)
		}
	}`, []string{"time.Sleep => mu.Sleep"}, "earlier rounds"},
	{"a line now and then", `func wait(ctx context.Context, mu *concurrency.Mutex) error {
		said, n := false, 0
		for {
			if mu.TryLock(ctx) == nil { return nil }
			if n++; n%60 == 0 { log.Print("still waiting") }
			if !said { log.Print("waiting"); said = true }
			time.Sleep(time.Second)
		}
	}`, []string{"time.Sleep => mu.Sleep"}, ""},
	{"a line now and then that decides", `func wait(ctx context.Context, mu *concurrency.Mutex) error {
		for n := 0;; n++ {
			if mu.TryLock(ctx) == nil { return nil }
			late := false
			if n > 3 { log.Print("still waiting"); late = true }
			if late { return errors.New("late") }
			time.Sleep(time.Second)
		}
	}`, []string{"time.Sleep => mu.Sleep"}, "earlier rounds"},
	{"a counter that is only logged", `func wait(ctx context.Context, mu *concurrency.Mutex) {
		for n := 0; mu.TryLock(ctx) != nil; n++ {
			log.Printf("try %d", n)
			time.Sleep(time.Second)
		}
	}`, []string{"time.Sleep => mu.Sleep"}, ""},

	// mutexes that are replaced
	{"copied into an array", `type slot struct{ mu *concurrency.Mutex }
	var slots [2]slot
	func refresh(s *concurrency.Session) { copy(slots[:], []slot{{concurrency.NewMutex(s, "/a")}}) }
	func wait(ctx context.Context, i int) error {
		s := &slots[i]
		t := time.NewTicker(time.Second)
		for { if s.mu.TryLock(ctx) == nil { return nil }; <-t.C }
	}`, []string{"time.NewTicker => s.mu.NewTicker"}, "may be replaced"},
	{"appended in place", `type slot struct{ mu *concurrency.Mutex }
	func refresh(old []slot, mu *concurrency.Mutex) []slot { return append(old[:0], slot{mu}) }
	func wait(ctx context.Context, s *slot) error {
		t := time.NewTicker(time.Second)
		for { if s.mu.TryLock(ctx) == nil { return nil }; <-t.C }
	}`, []string{"time.NewTicker => s.mu.NewTicker"}, "may be replaced"},
	{"swapped under construction", `type elector struct{ mu *concurrency.Mutex }
	func open() *concurrency.Mutex
	func run(ctx context.Context) {
		e := &elector{}
		for first := true; ; first = false {
			e.mu = open()
			if first { go wait(ctx, e) }
		}
	}
	func wait(ctx context.Context, e *elector) error {
		t := time.NewTicker(time.Second)
		for { if e.mu.TryLock(ctx) == nil { return nil }; <-t.C }
	}`, []string{"time.NewTicker => e.mu.NewTicker"}, "may be replaced"},
	{"made anew before it is handed on", `type elector struct{ mu *concurrency.Mutex }
	func open() *concurrency.Mutex
	func run(ctx context.Context) {
		for {
			e := &elector{}
			e.mu = open()
			go wait(ctx, e)
		}
	}
	func wait(ctx context.Context, e *elector) error {
		t := time.NewTicker(time.Second)
		for { if e.mu.TryLock(ctx) == nil { return nil }; <-t.C }
	}`, []string{"time.NewTicker => e.mu.NewTicker"}, ""},
	{"the whole struct is replaced", `type elector struct{ mu *concurrency.Mutex }
	func reset(e *elector) { *e = elector{concurrency.NewMutex(nil, "/b")} }
	func wait(ctx context.Context, e *elector) error {
		t := time.NewTicker(time.Second)
		for { if e.mu.TryLock(ctx) == nil { return nil }; <-t.C }
	}`, []string{"time.NewTicker => e.mu.NewTicker"}, "may be replaced"},
	{"the address goes elsewhere", `type elector struct{ mu *concurrency.Mutex }
	func swap(p **concurrency.Mutex) { *p = concurrency.NewMutex(nil, "/b") }
	func reset(e *elector) { swap(&e.mu) }
	func wait(ctx context.Context, e *elector) error {
		t := time.NewTicker(time.Second)
		for { if e.mu.TryLock(ctx) == nil { return nil }; <-t.C }
	}`, []string{"time.NewTicker => e.mu.NewTicker"}, "may be replaced"},
	{"a package variable set while others run", `var mu *concurrency.Mutex
	func reset(s *concurrency.Session) { mu = concurrency.NewMutex(s, "/b") }
	func wait(ctx context.Context) error {
		t := time.NewTicker(time.Second)
		for { if mu.TryLock(ctx) == nil { return nil }; <-t.C }
	}`, []string{"time.NewTicker => mu.NewTicker"}, "may be replaced"},

	// clocks of others
	{"a deadline", `func wait(ctx context.Context, mu *concurrency.Mutex) error {
		end := time.After(time.Minute)
		for {
			if mu.TryLock(ctx) == nil { return nil }
			select {
			case <-end: return errors.New("late")
			case <-time.After(time.Second):
			}
		}
	}`, []string{"time.After(time.Minute) => mu.After(time.Minute)"}, "the loop ends when the clock fires"},
	{"another mutex", `func wait(ctx context.Context, mu, other *concurrency.Mutex) {
		for mu.TryLock(ctx) != nil { time.Sleep(time.Second) }
	}`, []string{"time.Sleep => other.Sleep"}, "another mutex"},
	{"a clock beside the loop", `func wait(ctx context.Context, mu *concurrency.Mutex) {
		for mu.TryLock(ctx) != nil { time.Sleep(time.Second) }
		time.Sleep(time.Minute)
	}`, []string{"time.Sleep(time.Minute) => mu.Sleep(time.Minute)"}, "does not wait in a loop"},
	{"a clock that is passed on", `func wait(ctx context.Context, mu *concurrency.Mutex, beat func(<-chan time.Time)) {
		c := time.Tick(time.Second)
		go beat(c)
		for mu.TryLock(ctx) != nil { <-c }
	}`, []string{"time.Tick => mu.Tick"}, "something else"},
	{"work in a round", `func wait(ctx context.Context, mu *concurrency.Mutex, beat func()) {
		for mu.TryLock(ctx) != nil { beat(); time.Sleep(time.Second) }
	}`, []string{"time.Sleep => mu.Sleep"}, "once more"},
	{"success goes round", `func wait(ctx context.Context, mu *concurrency.Mutex) {
		for { if mu.TryLock(ctx) == nil { log.Print("led") }; time.Sleep(time.Second) }
	}`, []string{"time.Sleep => mu.Sleep"}, "when the lock is held"},
	{"a wait for those that hold the lock", `func wait(ctx context.Context, mu *concurrency.Mutex) {
		for { if mu.TryLock(ctx) == nil { break } }
	}`, []string{"== nil { break } => == nil { mu.Sleep(time.Second); break }"}, "does not wait in a loop"},
	// what others see of a round
	{"counted for a literal that decides", `func wait(ctx context.Context, mu *concurrency.Mutex) {
		n := 0
		go func() { for { if n > 5 { log.Fatal("too many") }; time.Sleep(time.Minute) } }()
		for mu.TryLock(ctx) != nil { n++; time.Sleep(time.Second) }
	}`, []string{"n++; time.Sleep => n++; mu.Sleep"}, "what others may read"},
	{"counted for a deferred call that decides", `func wait(ctx context.Context, mu *concurrency.Mutex) {
		n := 0
		defer func() { if n > 5 { panic("too many") } }()
		for mu.TryLock(ctx) != nil { n++; time.Sleep(time.Second) }
	}`, []string{"time.Sleep => mu.Sleep"}, "what others may read"},
	{"counted for a deferred line of the log", `func wait(ctx context.Context, mu *concurrency.Mutex) {
		n := 0
		defer func() { log.Printf("%d tries, %d s", n, 2*n) }()
		for mu.TryLock(ctx) != nil { n++; time.Sleep(time.Second) }
	}`, []string{"time.Sleep => mu.Sleep"}, ""},
	{"counted in a field of others", `type e struct { mu *concurrency.Mutex; fails int }
	func wait(ctx context.Context, e *e) {
		for e.mu.TryLock(ctx) != nil { e.fails++; time.Sleep(time.Second) }
	}`, []string{"time.Sleep => e.mu.Sleep"}, "what others may read"},
	{"counted in a package variable", `var fails int
	func wait(ctx context.Context, mu *concurrency.Mutex) {
		for mu.TryLock(ctx) != nil { fails++; time.Sleep(time.Second) }
	}`, []string{"time.Sleep => mu.Sleep"}, "what others may read"},
	{"counted behind a pointer", `func wait(ctx context.Context, mu *concurrency.Mutex, fails *int) {
		for mu.TryLock(ctx) != nil { *fails++; time.Sleep(time.Second) }
	}`, []string{"time.Sleep => mu.Sleep"}, "what others may read"},
	{"the last error in a field of others", `type e struct { mu *concurrency.Mutex; err error }
	func wait(ctx context.Context, e *e) {
		for { err := e.mu.TryLock(ctx); if err == nil { return }; e.err = err; time.Sleep(time.Second) }
	}`, []string{"time.Sleep => e.mu.Sleep"}, ""},
	{"errors put together for a message", `func wait(ctx context.Context, mu *concurrency.Mutex) error {
		n := 0
		for { if mu.TryLock(ctx) == nil { return nil }; n++; if ctx.Err() != nil { return fmt.Errorf("%d tries", n) }; time.Sleep(time.Second) }
	}`, []string{"time.Sleep => mu.Sleep"}, "the result"},
	{"a spin that tells how often it tried", `func wait(ctx context.Context, mu *concurrency.Mutex) int {
		n := 0
		for mu.TryLock(ctx) != nil { n++ }
		return n
	}`, []string{"n++ => n++; mu.Sleep(100*time.Millisecond)"}, "the result"},
	{"a budget that is read by errors.As", `type left struct{ error }
	func wait(ctx context.Context, mu *concurrency.Mutex) {
		var l left
		for l.error == nil { err := mu.TryLock(ctx); if err == nil { return }; errors.As(err, &l); time.Sleep(time.Second) }
	}`, []string{"time.Sleep => mu.Sleep"}, "errors.As"},
	{"an error of this round for errors.As", `type gone struct{ error }
	func wait(ctx context.Context, mu *concurrency.Mutex) error {
		for { err := mu.TryLock(ctx); if err == nil { return nil }; var g gone; if errors.As(err, &g) { return g }; time.Sleep(time.Second) }
	}`, []string{"time.Sleep => mu.Sleep"}, ""},

	{"a slice that is appended to has another name", `func wait(ctx context.Context, mu *concurrency.Mutex, n int) []string {
		xs := make([]string, 0, n)
		ys := xs[:n]
		for mu.TryLock(ctx) != nil { xs = append(xs, "refused"); time.Sleep(time.Second) }
		return ys
	}`, []string{"time.Sleep => mu.Sleep"}, "an argument of append"},
	{"a slice of the caller is appended to", `func wait(ctx context.Context, mu *concurrency.Mutex, xs []string) {
		for mu.TryLock(ctx) != nil { xs = append(xs, "refused"); time.Sleep(time.Second) }
	}`, []string{"time.Sleep => mu.Sleep"}, "an argument of append"},
	{"a slice of a field is appended to", `type s struct { xs []string }
	func wait(ctx context.Context, mu *concurrency.Mutex, s *s) {
		xs := s.xs
		for mu.TryLock(ctx) != nil { xs = append(xs, "refused"); time.Sleep(time.Second) }
	}`, []string{"time.Sleep => mu.Sleep"}, "an argument of append"},
	{"a slice is kept before it is appended to", `func wait(ctx context.Context, mu *concurrency.Mutex, keep func([]string)) {
		xs := []string{}
		keep(xs)
		for mu.TryLock(ctx) != nil { xs = append(xs, "refused"); time.Sleep(time.Second) }
	}`, []string{"time.Sleep => mu.Sleep"}, "an argument of append"},
	{"a slice for the log", `func wait(ctx context.Context, mu *concurrency.Mutex) {
		var errs []error
		defer func() { log.Print(errs) }()
		for { err := mu.TryLock(ctx); if err == nil { break }; errs = append(errs, err); time.Sleep(time.Second) }
		log.Print(errors.Join(errs...), len(errs))
	}`, []string{"time.Sleep => mu.Sleep"}, ""},
	{"a slice of each round", `func wait(ctx context.Context, mu *concurrency.Mutex, base []any) {
		for { err := mu.TryLock(ctx); if err == nil { break }; log.Print(append(base, err)...); time.Sleep(time.Second) }
	}`, []string{"time.Sleep => mu.Sleep"}, ""},

	// a panic is an end
	{"an index that runs out", `func wait(ctx context.Context, mu *concurrency.Mutex, names []string) {
		for i := 0; mu.TryLock(ctx) != nil; i++ { log.Print(names[i]); time.Sleep(time.Second) }
	}`, []string{"time.Sleep => mu.Sleep"}, "whether it panics"},
	{"a divisor that runs out", `func wait(ctx context.Context, mu *concurrency.Mutex, left int) {
		for mu.TryLock(ctx) != nil { left--; log.Print(100 / left); time.Sleep(time.Second) }
	}`, []string{"time.Sleep => mu.Sleep"}, "whether it panics"},
	{"a list that ends", `type list struct { next *list; v int }
	func wait(ctx context.Context, mu *concurrency.Mutex, l *list) {
		for mu.TryLock(ctx) != nil { log.Print(l.v); l = l.next; time.Sleep(time.Second) }
	}`, []string{"time.Sleep => mu.Sleep"}, "whether it panics"},
	{"a string that runs out", `func wait(ctx context.Context, mu *concurrency.Mutex, s string) {
		for mu.TryLock(ctx) != nil { s = s[1:]; time.Sleep(time.Second) }
	}`, []string{"time.Sleep => mu.Sleep"}, "whether it panics"},

	// a wait that ends early is seen by the clock
	{"a wait is measured", `func wait(ctx context.Context, mu *concurrency.Mutex) error {
		for mu.TryLock(ctx) != nil { start := time.Now(); time.Sleep(time.Second); if time.Since(start) < time.Second { return errors.New("skew") } }
		return nil
	}`, []string{"time.Sleep => mu.Sleep"}, "compares times"},
	{"two ticks are compared", `func wait(ctx context.Context, mu *concurrency.Mutex) error {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for mu.TryLock(ctx) != nil { a := <-t.C; b := <-t.C; if b.Sub(a) < time.Second/2 { return errors.New("skew") } }
		return nil
	}`, []string{"time.NewTicker => mu.NewTicker"}, "twice between two tries"},
	{"a try is measured", `func wait(ctx context.Context, mu *concurrency.Mutex) error {
		for { start := time.Now(); if mu.TryLock(ctx) == nil { return nil }; if time.Since(start) > time.Minute { return errors.New("slow") }; time.Sleep(time.Second) }
	}`, []string{"time.Sleep => mu.Sleep"}, ""},
	{"a wait is measured beside a tick", `func wait(ctx context.Context, mu *concurrency.Mutex) error {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for mu.TryLock(ctx) != nil { a := time.Now(); b := <-t.C; if b.Sub(a) < time.Second/2 { return errors.New("skew") } }
		return nil
	}`, []string{"time.NewTicker => mu.NewTicker"}, "compares times"},
	{"the length of all waits is returned", `func wait(ctx context.Context, mu *concurrency.Mutex) time.Duration {
		start := time.Now()
		for mu.TryLock(ctx) != nil { time.Sleep(time.Second) }
		return time.Since(start)
	}`, []string{"time.Sleep => mu.Sleep"}, "is used"},
	{"the length of all waits is a result", `func wait(ctx context.Context, mu *concurrency.Mutex) (took time.Duration) {
		start := time.Now()
		defer func() { took = time.Since(start) }()
		for mu.TryLock(ctx) != nil { time.Sleep(time.Second) }
		return
	}`, []string{"time.Sleep => mu.Sleep"}, "is used"},
	{"the length of all waits is stored, in seconds", `type stats struct{ took float64 }
	func wait(ctx context.Context, mu *concurrency.Mutex, s *stats) {
		start := time.Now()
		for mu.TryLock(ctx) != nil { time.Sleep(time.Second) }
		s.took = time.Since(start).Seconds()
	}`, []string{"time.Sleep => mu.Sleep"}, "is used"},
	{"the length of all waits is sent", `func wait(ctx context.Context, mu *concurrency.Mutex, c chan time.Duration) {
		start := time.Now()
		for mu.TryLock(ctx) != nil { time.Sleep(time.Second) }
		now := time.Now()
		c <- now.Sub(start)
	}`, []string{"time.Sleep => mu.Sleep"}, "is used"},
	{"the length of all waits in numbers", `func wait(ctx context.Context, mu *concurrency.Mutex, observe func(int64)) {
		start := time.Now().UnixNano()
		for mu.TryLock(ctx) != nil { time.Sleep(time.Second) }
		observe(time.Now().UnixNano() - start)
	}`, []string{"time.Sleep => mu.Sleep"}, "is an argument of a function value"},
	{"the length of all waits decides", `func wait(ctx context.Context, mu *concurrency.Mutex) error {
		start := time.Now()
		for mu.TryLock(ctx) != nil { time.Sleep(time.Second) }
		if time.Since(start) < time.Second { return errors.New("early") }
		return nil
	}`, []string{"time.Sleep => mu.Sleep"}, "compares times"},
	{"too little time has passed", `func wait(ctx context.Context, mu *concurrency.Mutex) error {
		start := time.Now()
		for mu.TryLock(ctx) != nil { time.Sleep(time.Second); if time.Since(start) < time.Second { return errors.New("skew") } }
		return nil
	}`, []string{"time.Sleep => mu.Sleep"}, "compares times"},
	{"enough time has passed", `func wait(ctx context.Context, mu *concurrency.Mutex) error {
		start := time.Now()
		for mu.TryLock(ctx) != nil { if d := time.Since(start); d.Seconds() > 60 { return errors.New("late") }; time.Sleep(time.Second) }
		return nil
	}`, []string{"time.Sleep => mu.Sleep"}, ""},
	{"a time that is to come", `func wait(ctx context.Context, mu *concurrency.Mutex) error {
		end := time.Now().Add(time.Hour)
		for mu.TryLock(ctx) != nil { if !time.Now().Before(end) { return errors.New("late") }; time.Sleep(min(time.Second, time.Until(end))) }
		return nil
	}`, []string{"time.Sleep => mu.Sleep"}, ""},
	{"the length of all waits for the log", `func wait(ctx context.Context, mu *concurrency.Mutex) error {
		start := time.Now()
		defer func() { log.Print(time.Since(start)) }()
		for mu.TryLock(ctx) != nil { if ctx.Err() != nil { return fmt.Errorf("after %v", time.Since(start)) }; time.Sleep(time.Second) }
		if took := time.Since(start); took > time.Minute { log.Print("slow") }
		return nil
	}`, []string{"time.Sleep => mu.Sleep"}, ""},
	{"the work behind the loop is measured", `func wait(ctx context.Context, mu *concurrency.Mutex, f func()) time.Duration {
		for mu.TryLock(ctx) != nil { time.Sleep(time.Second) }
		start := time.Now()
		f()
		return time.Since(start)
	}`, []string{"time.Sleep => mu.Sleep"}, ""},
	{"the last try is measured", `func wait(ctx context.Context, mu *concurrency.Mutex) time.Duration {
		for { start := time.Now(); if mu.TryLock(ctx) == nil { return time.Since(start) }; time.Sleep(time.Second) }
	}`, []string{"time.Sleep => mu.Sleep"}, ""},
	{"a wait is measured for the log", `func wait(ctx context.Context, mu *concurrency.Mutex) {
		for mu.TryLock(ctx) != nil { start := time.Now(); time.Sleep(time.Second); log.Print(time.Since(start)) }
	}`, []string{"time.Sleep => mu.Sleep"}, ""},
	{"two ticks between two tries", `func wait(ctx context.Context, mu *concurrency.Mutex) {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for mu.TryLock(ctx) != nil { <-t.C; <-t.C }
	}`, []string{"time.NewTicker => mu.NewTicker"}, "twice between two tries"},
	{"a tick behind the try and one before the next", `func wait(ctx context.Context, mu *concurrency.Mutex) {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for range t.C { if mu.TryLock(ctx) == nil { return }; <-t.C }
	}`, []string{"time.NewTicker => mu.NewTicker"}, "twice between two tries"},
	{"a second tick after another error", `func wait(ctx context.Context, mu *concurrency.Mutex) {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for { err := mu.TryLock(ctx); if err == nil { return }; if err != concurrency.ErrLocked { <-t.C }; <-t.C }
	}`, []string{"time.NewTicker => mu.NewTicker"}, "twice between two tries"},
	{"either tick of one clock", `func wait(ctx context.Context, mu *concurrency.Mutex) {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for mu.TryLock(ctx) != nil { if ctx.Err() != nil { <-t.C } else { <-t.C } }
	}`, []string{"time.NewTicker => mu.NewTicker"}, ""},
	{"the case of the clock ends the loop later", `func wait(ctx context.Context, mu *concurrency.Mutex) error {
		for { if mu.TryLock(ctx) == nil { return nil }; why := ""
			select { case <-time.After(time.Minute): why = "late"; case <-ctx.Done(): why = "done" }
			if why == "late" { return errors.New(why) } }
	}`, []string{"time.After => mu.After"}, "the loop ends when the clock fires"},
	{"the case of the clock computes what ends the loop", `func wait(ctx context.Context, mu *concurrency.Mutex, n int) error {
		for { if mu.TryLock(ctx) == nil { return nil }; k := n
			select { case <-time.After(time.Minute): k = n / 2; case <-ctx.Done(): }
			if k < n { return errors.New("late") } }
	}`, []string{"time.After => mu.After"}, "the loop ends when the clock fires"},
	{"the other case ends the loop later", `func wait(ctx context.Context, mu *concurrency.Mutex) error {
		for { if mu.TryLock(ctx) == nil { return nil }; stop := false
			select { case <-time.After(time.Minute): case <-ctx.Done(): stop = true }
			if stop { return ctx.Err() } }
	}`, []string{"time.After => mu.After"}, ""},
	{"a wait is put in beside that for a context", `func wait(ctx context.Context, mu *concurrency.Mutex) {
		for mu.TryLock(ctx) != nil { c, cancel := context.WithTimeout(ctx, time.Second); <-c.Done(); cancel() }
	}`, []string{"cancel() } => cancel(); mu.Sleep(100*time.Millisecond) }"}, "beside one that was there"},
	{"the result of Stop tells that the clock fired", `func wait(ctx context.Context, mu *concurrency.Mutex) error {
		for mu.TryLock(ctx) != nil { t := time.NewTimer(time.Minute)
			select { case <-ctx.Done(): case <-t.C: }
			if !t.Stop() { return errors.New("late") } }
		return nil
	}`, []string{"time.NewTimer => mu.NewTimer"}, "something else"},
	{"the end of the wait is the end of the loop", `func wait(ctx context.Context, mu *concurrency.Mutex) error {
		for { if mu.TryLock(ctx) == nil { return nil }; time.Sleep(time.Minute); if ctx.Err() == nil { return errors.New("a minute is over") } }
	}`, []string{"time.Sleep => mu.Sleep"}, "ends behind its wait"},
	{"the end of the context is the end of the loop", `func wait(ctx context.Context, mu *concurrency.Mutex) error {
		for { if mu.TryLock(ctx) == nil { return nil }; time.Sleep(time.Minute); if err := ctx.Err(); err != nil { return err } }
	}`, []string{"time.Sleep => mu.Sleep"}, ""},
	{"a timer that fires once", `func wait(ctx context.Context, mu *concurrency.Mutex) {
		t := time.NewTimer(time.Second)
		for mu.TryLock(ctx) != nil { <-t.C }
	}`, []string{"time.NewTimer => mu.NewTimer"}, "fires once"},
	{"a timer that is set again now and then", `func wait(ctx context.Context, mu *concurrency.Mutex, fast bool) {
		t := time.NewTimer(time.Second)
		for mu.TryLock(ctx) != nil { <-t.C; if fast { t.Reset(time.Second) } }
	}`, []string{"time.NewTimer => mu.NewTimer"}, "fires once"},
	{"a timer that is set again", `func wait(ctx context.Context, mu *concurrency.Mutex) {
		t := time.NewTimer(time.Second)
		for mu.TryLock(ctx) != nil { <-t.C; t.Reset(time.Second) }
	}`, []string{"time.NewTimer => mu.NewTimer"}, ""},
	{"a channel that fires once", `func wait(ctx context.Context, mu *concurrency.Mutex) {
		once := time.After(time.Second)
		for mu.TryLock(ctx) != nil { <-once }
	}`, []string{"time.After => mu.After"}, "fires once"},
	{"a call when the context ends", `func wait(ctx context.Context, mu *concurrency.Mutex, f func()) {
		for mu.TryLock(ctx) != nil { context.AfterFunc(ctx, f); time.Sleep(time.Second) }
	}`, []string{"time.Sleep => mu.Sleep"}, "AfterFunc is called"},
	{"that there was a wait", `func wait(ctx context.Context, mu *concurrency.Mutex, refresh func()) {
		waited := false
		for mu.TryLock(ctx) != nil { waited = true; time.Sleep(time.Second) }
		if waited { refresh() }
	}`, []string{"time.Sleep => mu.Sleep"}, ""},
	{"chance ends the loop", `func wait(ctx context.Context, mu *concurrency.Mutex) error {
		for mu.TryLock(ctx) != nil { if rand.Intn(100) == 0 { return errors.New("unlucky") }; time.Sleep(time.Second) }
		return nil
	}`, []string{"time.Sleep => mu.Sleep"}, "chance"},
	{"chance spreads the tries", `func wait(ctx context.Context, mu *concurrency.Mutex) {
		for mu.TryLock(ctx) != nil { time.Sleep(time.Second + time.Duration(rand.Intn(1000))) }
	}`, []string{"time.Sleep => mu.Sleep"}, ""},

	// what is logged may count
	{"a stringer that counts", `type name struct{ n *int }
	func (s name) String() string { *s.n++; return "x" }
	func wait(ctx context.Context, mu *concurrency.Mutex, s name) {
		for mu.TryLock(ctx) != nil { log.Print(s); time.Sleep(time.Second) }
	}`, []string{"time.Sleep => mu.Sleep"}, "log.Print is called"},
	{"an error that counts", `type seen struct{ n int }
	func (s *seen) Error() string { s.n++; return "x" }
	func wait(ctx context.Context, mu *concurrency.Mutex) {
		for { err := mu.TryLock(ctx); if err == nil { return }; log.Print(err.Error()); time.Sleep(time.Second) }
	}`, []string{"time.Sleep => mu.Sleep"}, "Error is called"},
	{"a stringer that counts, beside a number", `type name struct{ n *int }
	func (s name) String() string { *s.n++; return "x" }
	func wait(ctx context.Context, mu *concurrency.Mutex, s name) {
		for mu.TryLock(ctx) != nil { log.Print("try again in ", time.Second); time.Sleep(time.Second) }
	}`, []string{"Second); time.Sleep => Second); mu.Sleep"}, ""},

	// sorted by code of others
	{"sorted in place", `type slot struct { key int; mu *concurrency.Mutex }
	func wait(ctx context.Context, slots []slot) {
		s := &slots[0]
		go sort.Slice(slots, func(i, j int) bool { return slots[i].key < slots[j].key })
		t := time.NewTicker(time.Second)
		for s.mu.TryLock(ctx) != nil { <-t.C }
	}`, []string{"time.NewTicker => s.mu.NewTicker"}, "may be replaced"},

	{"another interval", `func wait(ctx context.Context, mu *concurrency.Mutex) {
		for mu.TryLock(ctx) != nil { time.Sleep(time.Second) }
	}`, []string{"time.Sleep(time.Second) => mu.Sleep(2*time.Second)"}, "the function differs"},
}

func TestGates(t *testing.T) {
	b := newBench(t)
	for _, g := range gates {
		t.Run(g.name, func(t *testing.T) {
			b.t = t
			src := prelude + g.body + "\n"
			got := b.gate(src, b.edited(src, g.edits))
			switch {
			case g.want == "" && got != "":
				t.Errorf("does not pass: %s", got)
			case g.want != "" && !strings.Contains(got, g.want):
				t.Errorf("says %q, want %q", got, g.want)
			}
		})
	}
}

// TestAxioms demands that the tests which show the axioms exist.
func TestAxioms(t *testing.T) {
	names, err := filepath.Glob("../../../../e2e/helper/*_test.go")
	if err != nil || len(names) == 0 {
		t.Fatal("no tests of the helper: ", err)
	}
	var text strings.Builder
	for _, name := range names {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(src)
	}
	for _, a := range axioms {
		if !strings.Contains(text.String(), "func "+a.test+"(") {
			t.Errorf("%s: there is no %s", a.method, a.test)
		}
	}
	// and the one for a mutex that is nil
	if !strings.Contains(text.String(), "func TestClocksOfANilMutexAreThoseOfPackageTime(") {
		t.Error("nothing shows that a clock may be asked of a nil mutex")
	}
}
