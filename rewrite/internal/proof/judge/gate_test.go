package judge

import (
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
	"os"
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
	files, err := helper.Generate(helper.Config{Package: "etcdlock", Concurrency: clientPath, Version: "test", Clocks: true})
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
	g := callgraph.New(b.Fset, []*packages.Package{pkg}, nil)
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
