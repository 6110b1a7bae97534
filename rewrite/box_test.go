package rewrite

import (
	"strings"
	"testing"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/sourcetest"
)

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
	tests := []struct {
		name, beside string
		files        string       // of other packages
		ignored      string       // a file that the build configuration leaves out
		want         finding.Code // of the refusal, or ""
	}{
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
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			imports := "context time concurrency"
			if strings.Contains(test.beside, "reflect.") {
				imports += " reflect"
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
