package rewrite

import (
	"strings"
	"testing"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/sourcetest"
)

type boxTest struct {
	name, beside string
	files        string       // of other packages
	ignored      string       // a file that the build configuration leaves out
	want         finding.Code // of the refusal, or ""
}

// TestBoxes puts a mutex into an interface and takes it out again, beside something that
// may meet it there without the compiler's knowledge.
func TestBoxes(t *testing.T) {
	const boxed = `
func run(ctx context.Context) {
	var box any = concurrency.NewMutex(nil, "/box")
	mu := box.(*concurrency.Mutex)
	for mu.TryLock(ctx) != nil {
		time.Sleep(time.Second)
	}
}
`
	tests := []boxTest{
		{name: "nothing"},
		{name: "another mutex", beside: `func other() any { return concurrency.NewMutex(nil, "/other") }`},
		{name: "asks for the helper's methods", beside: `func ask(v any) bool { _, ok := v.(interface{ Sleep(time.Duration) }); return ok }`, want: finding.EscapesInterface},
		{name: "a string names the type", beside: `var name = "*concurrency.Mutex"`, want: finding.EscapesInterface},
		{name: "printed", beside: `func print() { log.Print(concurrency.NewMutex(nil, "/other")) }; var _ = log.Print`, want: finding.EscapesInterface},
		{name: "generic", beside: `func box[T any](v T) any { return v }; var _ = box(concurrency.NewMutex(nil, "/other"))`},
		{name: "generic and printed", want: finding.EscapesInterface,
			beside: `func box[T any](v T) any { log.Print(v); return v }; var _ = box(concurrency.NewMutex(nil, "/other"))`},
		{name: "generic in turn", want: finding.EscapesInterface,
			beside: `func show[T any](vs ...T) { log.Print(vs) }; func box[U any](v U) { show(v) }; func use() { box(concurrency.NewMutex(nil, "/other")) }`},
		{name: "generic in a list", beside: `func keep[T any](v T) []any { return append([]any{}, v) }; func use() { keep(concurrency.NewMutex(nil, "/other")) }`},
		{name: "generic in a list, and asked for", want: finding.EscapesInterface,
			beside: `func keep[T any](v T) []any { return append([]any{}, v) }; func use() { _, _ = keep(concurrency.NewMutex(nil, "/other"))[0].([]*concurrency.Mutex) }`},
		{name: "generic among results that are printed", want: finding.EscapesInterface,
			beside: `func two[T any](v T) (T, error) { return v, nil }; func show[T any](v T) { log.Print(two(v)) }; func use() { show(concurrency.NewMutex(nil, "/other")) }`},
		{name: "ranged over", want: finding.EscapesInterface,
			beside: `func show(all []*concurrency.Mutex) { var v any; for _, v = range all { _ = v } }; func use() { show([]*concurrency.Mutex{concurrency.NewMutex(nil, "/other")}) }`},
		{name: "generic for something else", beside: `func show[K, V any](k K, v V) { log.Print(k) }; func use() { show(1, concurrency.NewMutex(nil, "/other")) }`},
		{name: "generic of another module", want: finding.EscapesInterface, beside: `var _ = lib.Same(concurrency.NewMutex(nil, "/other"))`,
			files: "-- other.example/lib/lib.go --\npackage lib\n\nfunc Same[T any](v T) T { return v }\n"},
		{name: "slice", beside: `var all any = []*concurrency.Mutex{}`, want: finding.EscapesInterface},
		{name: "reflect", beside: `var _ = reflect.TypeOf(1)`, want: finding.EscapesInterface},
		{name: "a field of another module", want: finding.EscapesInterface, beside: `var _ = lib.Options{}; func set(o *lib.Options) { o.Value = concurrency.NewMutex(nil, "/other") }`,
			files: "-- other.example/lib/lib.go --\npackage lib\n\ntype Options struct{ Value any }\n"},
		{name: "a literal of another module", want: finding.EscapesInterface, beside: `func set() lib.Options { return lib.Options{Value: concurrency.NewMutex(nil, "/other")} }`,
			files: "-- other.example/lib/lib.go --\npackage lib\n\ntype Options struct{ Value any }\n"},
		{name: "a field of this module", beside: `type options struct{ value any }; func set(o *options) { o.value = concurrency.NewMutex(nil, "/other") }`},
		{name: "several results", beside: `func two() (*concurrency.Mutex, error) { return nil, nil }; func use() { var v any; var err error; v, err = two(); _, _ = v, err }`, want: finding.EscapesInterface},
		{name: "a package for others", want: finding.EscapesInterface, files: `-- m/lib/lib.go --
package lib

import "go.etcd.io/etcd/client/v3/concurrency"

func Key(v any) string { return v.(*concurrency.Mutex).Key() }
`},
		{name: "an internal package", files: `-- m/internal/lib/lib.go --
package lib

import "go.etcd.io/etcd/client/v3/concurrency"

func Key(v any) string { return v.(*concurrency.Mutex).Key() }
`},
		{name: "a dependency with mutexes", want: finding.EscapesInterface, beside: "var _ = lib.New", files: `-- other.example/lib/lib.go --
package lib

import "go.etcd.io/etcd/client/v3/concurrency"

func New() any { return concurrency.NewMutex(nil, "/theirs") }
`},
		{name: "a file of another build, of another package", ignored: "//go:build ignore\n\npackage gen\n\nimport \"go.etcd.io/etcd/client/v3/concurrency\"\n\nvar _ any = concurrency.NewMutex(nil, \"\")\n"},
		{name: "a file of another build", want: finding.BuildTagged, ignored: "//go:build windows\n\npackage main\n\nimport \"go.etcd.io/etcd/client/v3/concurrency\"\n\nvar _ any = concurrency.NewMutex(nil, \"\")\n"},
	}
	const lib = "-- other.example/lib/lib.go --\npackage lib\n\n"
	for _, row := range []struct {
		beside, files string
		want          finding.Code
	}{
		// what lies in something that is no interface
		{`func use(m map[string]any) { lib.Show(m) }`, "func Show(m map[string]any) {}", finding.EscapesInterface},
		{`func use(m [][]any) { lib.Show(m) }`, "func Show(m [][]any) {}", finding.EscapesInterface},
		{`func use(m chan any) { lib.Show(m) }`, "func Show(m <-chan any) {}", finding.EscapesInterface},
		{`func use(m *[2]any) { lib.Show(m) }`, "func Show(m *[2]any) {}", finding.EscapesInterface},
		{`func use(e entry) { lib.Show(lib.Entry(e)) }; type entry struct{ V any }`, "func Show(e Entry) {}; type Entry struct{ V any }", finding.EscapesInterface},
		{`func use(set func(*any)) { e := new(lib.Entry); set(&e.V); lib.Show(e) }`, "func Show(e *Entry) {}; type Entry struct{ V any }", finding.EscapesInterface},
		{`func use(v any) { lib.Show(func() []any { return []any{v} }) }`, "func Show(func() []any) {}", finding.EscapesInterface},
		{`func use(m map[string]int) { lib.Show(m) }`, "func Show(m map[string]int) {}", ""},
		{`func use() { lib.Show(map[string]any{"a": 1}); lib.Each(func(context.Context) error { return nil }) }`,
			"import \"context\"; func Show(m map[string]any) {}; func Each(func(context.Context) error) {}", finding.EscapesInterface},
		{`func use() { lib.Each(func(ctx context.Context) (context.Context, error) { return ctx, nil }) }`,
			"import \"context\"; func Each(func(context.Context) (context.Context, error)) {}", ""},
		// places that another module gives
		{`func use(v any) { lib.Each(func(yield func(any) bool) { yield(v) }) }`, "func Each(func(yield func(any) bool)) {}", finding.EscapesInterface},
		{`func use(v any) { lib.Each(func(out chan<- any) { out <- v }) }`, "func Each(func(out chan<- any)) {}", finding.EscapesInterface},
		{`func use(v any) { show := lib.Printer(); show("%T", v) }`, "func Printer() func(string, ...any) string { return nil }", finding.EscapesInterface},
		{`func use(v any) { lib.Printer()("%T", v) }`, "func Printer() func(string, ...any) string { return nil }", finding.EscapesInterface},
		{`func use(v any) { out, _ := lib.Out(); out <- v }`, "func Out() (chan any, error) { return nil, nil }", finding.EscapesInterface},
		{`func use(v any) { *lib.Slot() = v }`, "func Slot() *any { return nil }", finding.EscapesInterface},
		{`func use(v any) { lib.Registry()["a"] = v }`, "func Registry() map[string]any { return nil }", finding.EscapesInterface},
		{`func use(v any) { r := lib.Default.All; r["a"]["b"] = v }`, "var Default struct{ All map[string]map[string]any }", finding.EscapesInterface},
		{`func use() { out := lib.Out(); out <- 1; own := make(chan any, 1); put := func(v any) { own <- v }; put(2) }`, "func Out() chan int { return nil }", ""},
		// methods of another module, called by an interface of this one
		{`type logger interface{ Logf(string, ...any) }; func use(v any, l any) { if l, ok := l.(logger); ok { l.Logf("%T", v) } }; var _ any = lib.New()`,
			"type L struct{}; func (*L) Logf(string, ...any) {}; func New() *L { return nil }", finding.EscapesInterface},
		{`type logger interface{ Logf(string, ...any) }; func use(v any) { var l logger = lib.New(); l.Logf("%T", v) }`,
			"type L interface{ Logf(string, ...any); More() }; func New() L { return nil }", finding.EscapesInterface},
		{`type logger interface{ Logf(string, ...any) }; func emit[T logger](l T, v any) { l.Logf("%T", v) }; func use(v any) { emit(lib.New(), v) }`,
			"type L struct{}; func (*L) Logf(string, ...any) {}; func New() *L { return nil }", finding.EscapesInterface},
		{`type namer interface{ Name() string }; func use(l any) string { if l, ok := l.(namer); ok { return l.Name() }; return lib.Name }`, "var Name string", ""},
		// interfaces that are type arguments
		{`func show[T any](v T) { log.Printf("%T", v) }; func use(v any) { show(v) }; var _ = lib.Name`, "var Name string", finding.EscapesInterface},
		{`type cell[T any] struct{ v T }; func (c cell[T]) dump() { log.Printf("%T", c.v) }; func use(v any) { cell[any]{v}.dump() }; var _ = lib.Name`, "var Name string", finding.EscapesInterface},
		{`func all[T any](vs ...T) { log.Printf("%#v", vs) }; func use(v any) { all(v) }; var _ = lib.Name`, "var Name string", finding.EscapesInterface},
		{`func use(v any) { lib.Show(v) }`, "func Show[T any](v T) {}", finding.EscapesInterface},
		{`type keyed interface{ Key() string }; func box[T any](v T) any { return v }; func use(k keyed) { log.Printf("%T", box(k)) }; var _ = lib.Name`, "var Name string", finding.EscapesInterface},
		{`func keep[T any](v T) []T { return []T{v} }; func use(v any) { keep(v); log.Print(keep("a")) }; var _ = lib.Name`, "var Name string", ""},
		// panics
		{`func use(v any) { panic(v) }; var _ = lib.Name`, "var Name string", finding.EscapesInterface},
		{`func use(mu *concurrency.Mutex) { panic(mu) }; func other() { use(concurrency.NewMutex(nil, "/other")) }; var _ = lib.Name`, "var Name string", finding.EscapesInterface},
		{`func fail[T any](v T) { panic(v) }; func use(mu *concurrency.Mutex) { fail(mu) }; func other() { use(concurrency.NewMutex(nil, "/other")) }; var _ = lib.Name`, "var Name string", finding.EscapesInterface},
		{`func use(err error) { if err != nil { panic(err) }; panic("a" + lib.Name) }`, "var Name string", ""},
		{`func use(w http.ResponseWriter, v any) { v.(*concurrency.Mutex).Key() }; var _ = lib.Name`, "var Name string", finding.EscapesInterface},
		{`func use(w http.ResponseWriter, v any) { if mu, ok := v.(*concurrency.Mutex); ok { mu.Key() } }; var _ = lib.Name`, "var Name string", ""},
		// assertions by another module
		{`func use(err error) bool { var s lib.Sleeper; return errors.As(err, &s) }`, "import \"time\"; type Sleeper interface{ Sleep(time.Duration) }", finding.EscapesInterface},
		{`func use(v any) { s := new(lib.Sleeper); lib.Find(v, s) }`, "import \"time\"; type Sleeper interface{ Sleep(time.Duration) }; func Find(v any, to *Sleeper) {}", finding.EscapesInterface},
		{`func use(err error) bool { var s lib.Temporary; return errors.As(err, &s) }`, "type Temporary interface{ Temporary() bool }", ""},
		// patches
		{`func use() { lib.Patch((*concurrency.Mutex)(nil), "TryLock", 1) }`, "func Patch(v any, name string, double any) {}", finding.Patched},
		{`func use(all []*concurrency.Mutex) { lib.Patch(all[0], "Lock") }`, "func Patch(v any, name string) {}", finding.Patched},
		{`func use() { lib.Patch(1, "TryLock") }`, "func Patch(v any, name string) {}", ""},
	} {
		tests = append(tests, boxTest{name: row.beside, beside: row.beside + "; var _ = use", files: lib + row.files + "\n", want: row.want})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			imports := "context time concurrency"
			if strings.Contains(test.beside, "reflect.") {
				imports += " reflect"
			}
			if strings.Contains(test.beside, "http.") {
				imports += " net/http"
			}
			if strings.Contains(test.beside, "errors.") {
				imports += " errors"
			}
			if strings.Contains(test.beside, "log.") {
				imports += " log"
			}
			if strings.Contains(test.beside, "lib.") {
				imports += " other.example/lib"
			}
			in := sourcetest.Input(t, sourcetest.Archive(imports, boxed+test.beside)+test.files)
			if test.ignored != "" {
				in.Ignored = map[string][]byte{"/m/main_windows.go": []byte(test.ignored)}
			}
			fs := Analyze(in).Findings
			if len(fs) != 1 {
				t.Fatalf("%d findings, want 1", len(fs))
			}
			switch f := fs[0]; {
			case test.want == "" && f.Tier == finding.Refuse:
				t.Errorf("refused: %v", f.Refused)
			case test.want != "" && (f.Tier != finding.Refuse || !refusedFor(f, test.want)):
				t.Errorf("%v %v, want a refusal for %s", f.Tier, f.Refused, test.want)
			}
		})
	}
}
