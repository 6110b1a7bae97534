package rewrite

import (
	"strings"
	"testing"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/sourcetest"
)

// TestHolders hands what holds a mutex, or a context with one, to code that is not read, or to code that a
// build leaves out, which may see what type the mutex has.
func TestHolders(t *testing.T) {
	const held = `
type job struct{ n int; mu *concurrency.Mutex }
func (j job) Run() {}
func (j job) Close() error    { return nil }
func (j job) String() string  { return "" }
var j = job{mu: concurrency.NewMutex(nil, "/a")}
var mu = concurrency.NewMutex(nil, "/b")
func run(ctx context.Context) {
	for j.mu.TryLock(ctx) != nil {
		time.Sleep(time.Second)
	}
}
func locks(ctx context.Context) {
	for mu.TryLock(ctx) != nil {
		time.Sleep(time.Second)
	}
}
type key struct{}
type withContext struct{ Ctx context.Context }

var _, _ = run, locks
`
	const grpc = `-- google.golang.org/grpc/grpc.go --
package grpc

type ServiceRegistrar interface{ RegisterService(desc int, srv any) }
type Server struct{}

func (*Server) RegisterService(desc int, srv any) {}
`
	const serves = "func (j job) ServeHTTP(http.ResponseWriter, *http.Request) {}; "
	const worker = "type Worker interface{ Run() }; "
	for _, test := range []struct {
		name, beside string
		lib          string
		ignored      string // a file that no build has
		job, mu      finding.Code
	}{
		{name: "a parameter", beside: `func use() { lib.Go(j) }`, lib: worker + `func Go(Worker) {}`, job: finding.EscapesInterface},
		{name: "a pointer", beside: `func use() { lib.Go(&j) }`, lib: worker + `func Go(Worker) {}`, job: finding.EscapesInterface},
		{name: "a parameter with another's interface", beside: `func use() { lib.Serve(j) }`, lib: `func Serve(h interface{ Close() error }) {}`, job: finding.EscapesInterface},
		{name: "a field", beside: `func use(p *lib.Pool) { p.W = j }`, lib: worker + `type Pool struct{ W Worker }`, job: finding.EscapesInterface},
		{name: "a literal", beside: `func use() any { return lib.Pool{W: j} }`, lib: worker + `type Pool struct{ W Worker }`, job: finding.EscapesInterface},
		{name: "a result", beside: `func use() { lib.Go(func() lib.Worker { return j }) }`, lib: worker + `func Go(func() Worker) {}`, job: finding.EscapesInterface},
		{name: "a map", beside: `func use() { lib.Go(map[string]lib.Worker{"a": j}) }`, lib: worker + `func Go(map[string]Worker) {}`, job: finding.EscapesInterface},
		{name: "something that has one", beside: `func use() { lib.Go(outer{&j}) }; type outer struct{ *job }`, lib: worker + `func Go(Worker) {}`, job: finding.EscapesInterface},
		{name: "a channel that a library gives", beside: `func use() { lib.Queue() <- j }`, lib: worker + `func Queue() chan<- Worker { return nil }`, job: finding.EscapesInterface},
		{name: "a map that a library gives", beside: `func use() { lib.All()["a"] = j }`, lib: worker + `func All() map[string]Worker { return nil }`, job: finding.EscapesInterface},
		{name: "a function that a library gives", beside: `func use() { lib.Each(func(add func(lib.Worker)) { add(j) }) }`, lib: worker + `func Each(func(func(Worker))) {}`, job: finding.EscapesInterface},
		{name: "a method that is called by an interface", beside: `type adder interface{ Add(lib.Worker) }; func use() { var a adder = lib.Pool{}; a.Add(j) }`, lib: worker + `type Pool struct{}; func (Pool) Add(Worker) {}`, job: finding.EscapesInterface},
		{name: "a function that is a value", beside: `func use() { f := lib.Go; f(j) }`, lib: worker + `func Go(Worker) {}`, job: finding.EscapesInterface},
		{name: "its method", beside: `func use() { lib.Go(j.Run) }`, lib: `func Go(func()) {}`},
		{name: "something else", beside: `func use() { lib.Go(other{}) }; type other struct{}; func (other) Run() {}`, lib: worker + `func Go(Worker) {}`},
		{name: "another result", beside: `func use() { lib.Go(func() lib.Worker { return other{} }); keep(j) }; type other struct{}; func (other) Run() {}; func keep(interface{ Run() }) {}`, lib: worker + `func Go(func() Worker) {}`},
		{name: "the standard library", beside: serves + `func use() { http.Handle("/a", j); h := http.Handler(j); http.Handle("/b", h); lib.Go() }`, lib: `func Go() {}`},
		{name: "the standard library, and back", beside: serves + `func use() { http.Handle("/a", j); h, _ := http.DefaultServeMux.Handler(nil); lib.Go(h) }`, lib: `func Go(any) {}`, job: finding.EscapesInterface},
		{name: "the standard library, and printed there", beside: serves + `func use() { s := &http.Server{Handler: j}; log.Printf("%#v", s) }`, job: finding.EscapesInterface},
		{name: "the standard library, and printed without fields", beside: serves + `func use() { s := &http.Server{Handler: j}; log.Printf("%v", s.Addr) }`},
		{name: "a service of grpc", beside: `func use() { lib.RegisterJobServer(nil, j) }`, lib: `import "google.golang.org/grpc"; ` + worker + `func RegisterJobServer(s grpc.ServiceRegistrar, srv Worker) {}`},
		{name: "not a service", beside: `func use() { lib.RegisterJobServer(nil, j) }`, lib: worker + `func RegisterJobServer(s any, srv Worker) {}`, job: finding.EscapesInterface},

		{name: "an element as any", beside: `func use() { v := lo.Any([]job{j}); log.Printf("%#v", v[0]) }`, lib: `func Any[T any](s []T) []any { return nil }`, job: finding.EscapesInterface},
		{name: "a result as any", beside: `func use() { log.Printf("%#v", lo.Any(j)()) }`, lib: `func Any[T any](s T) func() any { return nil }`, job: finding.EscapesInterface},
		{name: "a field as any", beside: `func use() { log.Printf("%#v", lo.Any(j).V) }`, lib: `type Pair struct { V any }; func Any[T any](s T) *Pair { return nil }`, job: finding.EscapesInterface},
		{name: "an argument as any", beside: `func use() { lo.Any(j, func(v any) { log.Printf("%#v", v) }) }`, lib: `func Any[T any](s T, f func(any)) {}`, job: finding.EscapesInterface},
		{name: "a method's result as any", beside: `func use() { log.Printf("%#v", lo.New(j).Get()) }`, lib: `type Cell[T any] struct{}; func (Cell[T]) Get() any { return nil }; func New[T any](v T) Cell[T] { return Cell[T]{} }`, job: finding.EscapesInterface},
		{name: "no result as any", beside: `func use(v any) { log.Printf("%#v", v); lo.Filter([]job{j}) }`, lib: `func Filter[T any](s []T) []T { return nil }`},

		{name: "a context in a field", beside: `func use() { log.Print(withContext{ctx()}) }`, mu: finding.EscapesInterface},
		{name: "a context in a list", beside: `func use() { log.Print([]context.Context{ctx()}) }`, mu: finding.EscapesInterface},
		{name: "a context in generic code", beside: `func show[T any](v T) { log.Print(v) }; func use() { show(ctx()) }`, mu: finding.EscapesInterface},
		{name: "a context in a field in generic code", beside: `func show[T any](v T) { log.Print(v) }; func use() { show(withContext{ctx()}) }`, mu: finding.EscapesInterface},
		{name: "a context asked in generic code", beside: `func name[T any](v T) string { if s, ok := any(v).(interface{ String() string }); ok { return s.String() }; return "" }; func use() string { return name(ctx()) }`, mu: finding.EscapesInterface},
		{name: "a context that is not shown", beside: `func name[T any](v T) string { if s, ok := any(v).(interface{ String() string }); ok { return s.String() }; return "" }; func use() string { return name(1) }`},
		{name: "a context in a field of its own", beside: `type hidden struct{ ctx context.Context }; func use() { log.Print(hidden{ctx()}) }`},

		{name: "left out: prints an argument", ignored: `import "fmt"; func show(v any) { fmt.Println(v) }`, beside: `var kept any = mu`, mu: finding.EscapesInterface},
		{name: "left out: prints what is kept", ignored: `import "log"; func show() { v := kept; log.Print(v) }`, beside: `var kept any = mu`, mu: finding.EscapesInterface},
		{name: "left out: makes an error of what is kept", ignored: `import "fmt"; func show() error { v, _ := all.Load("a"); return fmt.Errorf("%v", v) }`, beside: `var all sync.Map; func use() { all.Store("a", mu) }`, mu: finding.EscapesInterface},
		{name: "left out: prints a number", ignored: `import "log"; func show(n int) { v := n; log.Print(v, len(kept), j.n) }`, beside: `var kept = []any{mu}`},
		{name: "left out: hands on to a library", ignored: `import "other.example/dump"; func show() { dump.It(j) }`, job: finding.EscapesInterface},
		{name: "left out: hands on to what a library gives", ignored: `import "other.example/dump"; func (j *job) show() { d := dump.New(); d.It(*j) }`, job: finding.EscapesInterface},
		{name: "left out: hands on in a literal", ignored: `import "other.example/dump"; func show() { dump.It(&dump.Options{V: j}) }`, job: finding.EscapesInterface},
		{name: "left out: hands on by a field", ignored: `import "other.example/dump"; func show() { dump.V = j }`, job: finding.EscapesInterface},
		{name: "left out: hands a number on", ignored: `import "other.example/dump"; func (j *job) show(n int) { dump.It(n, j.n) }`},
		{name: "left out: calls with what is kept", ignored: `func init() { describe(kept) }`, beside: `var kept any = mu; func describe(v any) { log.Printf("%T", v) }; func use() { describe(1) }`, mu: finding.EscapesInterface},
		{name: "called with numbers", beside: `var kept any = mu; func describe(v any) { log.Printf("%T", v) }; func use() { describe(1) }`},

		{name: "fails, and ends the program", beside: `var kept any = mu; func use() { kept.(*concurrency.Mutex).Key() }`},
		{name: "fails in what a library calls", beside: `var kept any = mu; func use() { lib.Do(func() { get().Key() }) }; func get() *concurrency.Mutex { return kept.(*concurrency.Mutex) }`, lib: `func Do(func()) {}`, mu: finding.EscapesInterface},
		{name: "fails in a method that a library calls", beside: `var kept any = mu; type task struct{}; func (task) Run() { kept.(*concurrency.Mutex).Key() }; func use() { lib.Do(task{}) }`, lib: worker + `func Do(Worker) {}`, mu: finding.EscapesInterface},
		{name: "fails in what a text is made of", beside: `var kept any = mu; type named struct{}; func (named) String() string { return get().Key() }; func get() *concurrency.Mutex { return kept.(*concurrency.Mutex) }`, mu: finding.EscapesInterface},
		{name: "fails in what serves requests", beside: `var kept any = mu; func serve(w http.ResponseWriter, r *http.Request) { get().Key() }; func get() *concurrency.Mutex { return kept.(*concurrency.Mutex) }`, mu: finding.EscapesInterface},
		{name: "holds in what a library calls", beside: `func use() { lib.Do(func() { var v any = mu; v.(*concurrency.Mutex).Key() }) }`, lib: `func Do(func()) {}`},
		{name: "holds for an argument", beside: `func use() { lib.Do(func() { get(mu).Key() }) }; func get(v any) *concurrency.Mutex { return v.(*concurrency.Mutex) }`, lib: `func Do(func()) {}`},
		{name: "fails where there is none", beside: `func use() { lib.Do(func() { var v any; if j.n > 0 { v = mu }; v.(*concurrency.Mutex).Key() }) }`, lib: `func Do(func()) {}`, mu: finding.EscapesInterface},

		{name: "the address of a part, converted later", beside: `func use() { p := &j.n; _ = unsafe.Add(unsafe.Pointer(p), 8) }`, job: finding.UnsafeUse},
		{name: "the address of a part, converted elsewhere", beside: `func next(p *int) unsafe.Pointer { return unsafe.Add(unsafe.Pointer(p), 8) }; func use() { next(&j.n) }`, job: finding.UnsafeUse},
		{name: "the address of a part, converted in generic code", beside: `func next[T any](p *T) unsafe.Pointer { return unsafe.Add(unsafe.Pointer(p), 8) }; func use() { next(&j.n) }`, job: finding.UnsafeUse},
		{name: "the address of a part of what has one", beside: `type outer struct{ a [2]int; j job }; var o outer; func use() { s := o.a[:]; _ = unsafe.Add(unsafe.Pointer(&s[0]), 16) }`, job: finding.UnsafeUse},
		{name: "the address of a part of a part", beside: `type in struct{ a, b int }; type outer struct{ in in; j job }; var o outer; func use() { p := &o.in; _ = unsafe.Add(unsafe.Pointer(&p.b), 8) }`, job: finding.UnsafeUse},
		{name: "the address of a part, and only that is read", beside: `func use() { p := &j.n; _ = *(*int32)(unsafe.Pointer(p)) }`},
		{name: "the address of something else", beside: `type other struct{ a, b int }; var o other; func use() { p := &o.a; _ = unsafe.Add(unsafe.Pointer(p), 8) }`},
		{name: "an address of another type", beside: `func use() { q := &j.n; *q = 1; p := new(string); _ = unsafe.Pointer(p) }`},

		{name: "a pool that is filled later", beside: `var pool sync.Pool; func init() { pool.New = func() any { return mu } }; func use() { if m, ok := pool.Get().(*concurrency.Mutex); ok { m.Key() } }`},
	} {
		t.Run(test.name, func(t *testing.T) {
			imports, files := "context time concurrency", grpc
			for name, path := range map[string]string{"log.": "log", "http.": "net/http", "sync.": "sync", "unsafe.": "unsafe", "lib.": "other.example/lib", "lo.": "github.com/samber/lo"} {
				if strings.Contains(test.beside, name) {
					imports += " " + path
				}
			}
			if test.lib != "" {
				path := "other.example/lib"
				if strings.Contains(test.beside, "lo.") {
					path = "github.com/samber/lo"
				}
				files += "-- " + path + "/lib.go --\npackage " + path[strings.LastIndex(path, "/")+1:] + "\n\n" + test.lib + "\n"
			}
			beside := test.beside
			if strings.Contains(beside, "ctx()") {
				beside += "\nfunc ctx() context.Context { return context.WithValue(context.Background(), key{}, mu) }"
			}
			in := sourcetest.Input(t, sourcetest.Archive(imports, held+beside)+files)
			if test.ignored != "" {
				in.Ignored = map[string][]byte{"/m/main_windows.go": []byte("//go:build windows\n\npackage main\n\n" + test.ignored + "\n")}
			}
			fs := Analyze(in).Findings
			if len(fs) != 2 {
				t.Fatalf("%d findings, want 2", len(fs))
			}
			for i, want := range []finding.Code{test.job, test.mu} {
				switch f := fs[i]; {
				case want == "" && f.Tier == finding.Refuse:
					t.Errorf("%s is refused: %v", f.Func, f.Refused)
				case want != "" && (f.Tier != finding.Refuse || !refusedFor(f, want)):
					t.Errorf("%s: %v %v, want a refusal for %s", f.Func, f.Tier, f.Refused, want)
				}
			}
		})
	}
}

// TestStubs hands the address of a constructor to a library in a test. It can only set it to what has the same
// type, which is seen where it is handed over as that type.
func TestStubs(t *testing.T) {
	const lib = `-- other.example/stub/stub.go --
package stub

type Stubs struct{}

func Set(v, to any)                 {}
func On(v any) *Stubs               { return nil }
func (*Stubs) Set(v, to any) *Stubs { return nil }
func (*Stubs) Return(v ...any)      {}
`
	for _, test := range []struct {
		name, call string
		refused    bool
	}{
		{"a function", `stub.Set(&newMutex, fake)`, false},
		{"a result", `stub.Set(&newMutex, mu)`, false},
		{"a method of a set", `stub.On(1).Set(&newMutex, fake)`, false},
		{"an interface", `stub.Set(&newMutex, kept)`, true},
		{"a function in an interface", `stub.Set(&newMutex, box(fake))`, true},
		{"a list of interfaces", `stub.Set(&newMutex, []any{1})`, true},
		{"a function that is set later", `stub.On(&newMutex).Return(mu)`, true},
		{"a function that is set later to what is kept", `stub.On(&newMutex).Return(kept)`, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			fs := Analyze(sourcetest.Input(t, sourcetest.Archive("context time concurrency", `
var newMutex = concurrency.NewMutex
func run(ctx context.Context) {
	mu := newMutex(nil, "/a")
	for mu.TryLock(ctx) != nil {
		time.Sleep(time.Second)
	}
}`)+`-- m/main_test.go --
package main

import (
	"go.etcd.io/etcd/client/v3/concurrency"
	"other.example/stub"
)

func box[T any](v T) any { return v }

var kept any = 1

func use() {
	var mu *concurrency.Mutex
	fake := func(*concurrency.Session, string) *concurrency.Mutex { return mu }
	`+test.call+`
	_, _ = fake, mu
}
`+lib)).Findings
			if len(fs) != 1 {
				t.Fatalf("%d findings, want 1", len(fs))
			}
			if refused := fs[0].Tier == finding.Refuse; refused != test.refused {
				t.Errorf("%v %v", fs[0].Tier, fs[0].Refused)
			}
		})
	}
}
