package rewrite

import (
	"fmt"
	"math/rand"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/source"
	"etcdmod/rewrite/internal/sourcetest"
)

// shapes are functions that name the method TryLock in every way there is. # stands for a
// number that makes names unique.
var shapes = []string{
	`func f#(ctx context.Context, mu *concurrency.Mutex) { for mu.TryLock(ctx) != nil { time.Sleep(time.Second) } }`,
	`func f#(ctx context.Context, mu *concurrency.Mutex) { _ = mu.TryLock(ctx) }`,
	`func F#(ctx context.Context, mu *concurrency.Mutex) error { return mu.TryLock(ctx) }
func f#(ctx context.Context, mu *concurrency.Mutex) { for range 3 { F#(ctx, mu) } }`,
	`func f#(ctx context.Context, mu *concurrency.Mutex) { return; mu.TryLock(ctx) }`,
	`func f#(ctx context.Context, mu *concurrency.Mutex) { if false { mu.TryLock(ctx) }; panic("no"); for mu.TryLock(ctx) != nil {} }`,
	`func _(ctx context.Context, mu *concurrency.Mutex) { for mu.TryLock(ctx) != nil {} }
func f#(ctx context.Context, mu *concurrency.Mutex) {}`,
	`func m#(mu *concurrency.Mutex) func(context.Context) error { return mu.TryLock }
func f#(ctx context.Context, mu *concurrency.Mutex) { for m#(mu)(ctx) != nil { time.Sleep(time.Second) } }`,
	`var e# = (*concurrency.Mutex).TryLock
func f#(ctx context.Context, mu *concurrency.Mutex) { for e#(mu, ctx) != nil {} }`,
	`var e# = (*concurrency.Mutex).TryLock
func f#(ctx context.Context, mu *concurrency.Mutex) {}`,
	`type l# interface { TryLock(context.Context) error }
func i#(ctx context.Context, l l#) { for l.TryLock(ctx) != nil {} }
func f#(ctx context.Context, mu *concurrency.Mutex) { i#(ctx, mu) }`,
	`type l# interface { TryLock(context.Context) error }
func I#(ctx context.Context, l l#) { l.TryLock(ctx) }
func f#(ctx context.Context, mu *concurrency.Mutex) {}`,
	`func g#[T interface { TryLock(context.Context) error }](ctx context.Context, v T) { for v.TryLock(ctx) != nil { time.Sleep(time.Second) } }
func f#(ctx context.Context, mu *concurrency.Mutex) { g#(ctx, mu) }`,
	`func g#[T any](ctx context.Context, v T, mu *concurrency.Mutex) { for mu.TryLock(ctx) != nil { _ = v } }
func f#(ctx context.Context, mu *concurrency.Mutex) { g#(ctx, 1, mu); g#(ctx, "a", mu); g#(ctx, mu, mu) }`,
	`type b#[T any] struct { v T; mu *concurrency.Mutex }
func (b *b#[T]) try(ctx context.Context) error { return b.mu.TryLock(ctx) }
func f#(ctx context.Context, mu *concurrency.Mutex) { for (&b#[int]{1, mu}).try(ctx) != nil { time.Sleep(time.Second) }; (&b#[string]{"", mu}).try(ctx) }`,
	`type s# struct { *concurrency.Mutex }
func f#(ctx context.Context, mu *concurrency.Mutex) { s := s#{mu}; go s.TryLock(ctx); defer s.TryLock(ctx) }`,
	`func f#(ctx context.Context, mu *concurrency.Mutex) { if mu.TryLock(ctx) != nil { go func() { f#(ctx, mu) }() } }`,
	`func f#(ctx context.Context, mu *concurrency.Mutex) { time.AfterFunc(time.Second, func() { mu.TryLock(ctx) }) }`,
	`func f#(ctx context.Context, mu *concurrency.Mutex) { var t *time.Timer; t = time.AfterFunc(time.Second, func() { if mu.TryLock(ctx) != nil { t.Reset(time.Second) } }) }`,
	`func f#(ctx context.Context, mu *concurrency.Mutex) { wait.Until(func() { mu.TryLock(ctx) }, time.Second, nil) }`,
	`func f#(ctx context.Context, mu *concurrency.Mutex) { var m sync.Map; m.Store(1, mu.TryLock); m.Store(2, func() { mu.TryLock(ctx) }) }`,
	`func f#(ctx context.Context, mu *concurrency.Mutex) { c := make(chan func() error); go func() { for g := range c { g() } }(); c <- func() error { return mu.TryLock(ctx) } }`,
	`func f#(ctx context.Context, mu *concurrency.Mutex) { for _, k := range []string{"a", "b"} { concurrency.NewMutex(nil, k).TryLock(ctx) }; _ = mu }`,
	`func f#(ctx context.Context, mu *concurrency.Mutex) { for range slices.Values([]int{1}) { mu.TryLock(ctx) } }`,
	`func f#(ctx context.Context, mu *concurrency.Mutex) { again: if mu.TryLock(ctx) != nil { goto again } }`,
	`func f#(ctx context.Context, mu *concurrency.Mutex) { switch { case mu.TryLock(ctx) == nil: case mu.TryLock(ctx) != nil: } }`,
	`func f#(ctx context.Context, mu *concurrency.Mutex) { var try func() error; try = func() error { if err := mu.TryLock(ctx); err != nil { return try() }; return nil }; try() }`,
	`func f#(ctx context.Context, mu *concurrency.Mutex) { _ = func() error { return mu.TryLock(ctx) } }`,
	`func init() { concurrency.NewMutex(nil, "#").TryLock(nil) }
func f#(ctx context.Context, mu *concurrency.Mutex) {}`,
}

// program generates a module of one to three packages from shapes, some of which call each
// other; one of the packages may have a type error of its own.
func accountedProgram(r *rand.Rand) string {
	var b strings.Builder
	packages := 1 + r.Intn(3)
	for p := range packages {
		name := fmt.Sprintf("p%d", p)
		main := p == 0 && r.Intn(2) == 0
		if main {
			name = "main"
		}
		fmt.Fprintf(&b, "-- m/p%d/a.go --\npackage %s\n\nimport (\n\t\"context\"\n\t\"slices\"\n\t\"sync\"\n\t\"time\"\n\n\t\"go.etcd.io/etcd/client/v3/concurrency\"\n\t\"k8s.io/apimachinery/pkg/util/wait\"\n", p, name)
		if p > 0 {
			fmt.Fprintf(&b, "\t\"m/p%d\"\n", p-1)
		}
		b.WriteString(")\n\nvar (\n\t_ context.Context\n\t_ = slices.Sort[[]int]\n\t_ sync.Mutex\n\t_ time.Time\n\t_ *concurrency.Mutex\n\t_ = wait.Until\n)\n")
		if p > 0 {
			fmt.Fprintf(&b, "var _ = p%d.X\n", p-1)
		}
		if !main {
			b.WriteString("const X = 1\n")
		} else {
			b.WriteString("func main() {}\n")
		}
		var names []string
		for i := range 1 + r.Intn(5) {
			n := fmt.Sprintf("%d_%d", p, i)
			b.WriteString(strings.ReplaceAll(shapes[r.Intn(len(shapes))], "#", n) + "\n")
			names = append(names, "f"+n)
		}
		for i, n := range names {
			switch r.Intn(4) {
			case 0:
				fmt.Fprintf(&b, "func Call%d_%d(ctx context.Context, mu *concurrency.Mutex) { %s(ctx, mu) }\n", p, i, n)
			case 1:
				fmt.Fprintf(&b, "func loop%d_%d(ctx context.Context, mu *concurrency.Mutex, in chan int) { for range in { %s(ctx, mu) } }\n", p, i, n)
			case 2:
				fmt.Fprintf(&b, "var v%d_%d = map[string]func(context.Context, *concurrency.Mutex){\"a\": %s}\n", p, i, n)
			}
		}
		if r.Intn(4) == 0 && !main {
			b.WriteString("func broken() int { return \"no\" }\n")
		}
	}
	// A package whose main is imported by nobody.
	return strings.ReplaceAll(b.String(), "import (\n", "import (\n")
}

var mention = regexp.MustCompile(`\.TryLock\b`)

// TestAccounting demands of generated programs that every mention of the method stands
// exactly once among the tries, in a finding or with a verdict, and never with both.
func TestAccounting(t *testing.T) {
	n := 150
	if testing.Short() {
		n = 20
	}
	for seed := range n {
		archive := accountedProgram(rand.New(rand.NewSource(int64(seed))))
		if strings.Contains(archive, "package main") && strings.Contains(archive, `"m/p0"`) {
			archive = strings.Replace(strings.ReplaceAll(archive, "package main", "package p0"), "func main() {}", "const X = 1", 1)
		}
		ok := t.Run(fmt.Sprint(seed), func(t *testing.T) {
			p := sourcetest.Load(t, archive)
			in := &source.Input{
				Fset: p.Fset, Packages: p.Packages, Sources: p.Sources, ModulePath: "m", ModuleDir: filepath.FromSlash("/m"),
				HelperDir: "internal/etcdlock", HelperFiles: map[string][]byte{}, Version: "test",
			}
			plan := Analyze(in)
			want := map[string]int{}
			total := 0
			for name, src := range p.Sources {
				if strings.HasPrefix(filepath.ToSlash(name), "/m/") {
					want[name] = len(mention.FindAll(src, -1))
					total += want[name]
				}
			}
			ids := map[string]bool{}
			for _, f := range plan.Findings {
				if f.ID == "" || ids[f.ID] {
					t.Errorf("the ID %q of %s is not its own", f.ID, f.Key())
				}
				ids[f.ID] = true
			}
			seen := map[string]bool{}
			for _, try := range plan.Tries {
				at := try.Pos.String() + try.Call
				if seen[at] {
					t.Errorf("%s is there twice", at)
				}
				seen[at] = true
				want[try.Pos.Filename]--
				if (len(try.Findings) > 0) == (try.Verdict != "") {
					t.Errorf("%s: %d findings, verdict %q", at, len(try.Findings), try.Verdict)
				}
				for _, id := range try.Findings {
					if !ids[id] {
						t.Errorf("%s is in a finding that is not there", at)
					}
				}
				if try.Verdict != "" && try.Why == "" {
					t.Errorf("%s: %s without a reason", at, try.Verdict)
				}
				if try.Verdict == finding.Unknown && strings.Contains(try.Why, "what makes it go round") {
					t.Errorf("%s: a loop was not judged: %s", at, try.At)
				}
			}
			if len(plan.Tries) != total {
				t.Errorf("%d of %d tries; missing by file: %v", len(plan.Tries), total, want)
			}
		})
		if !ok {
			t.Logf("seed %d:\n%s", seed, archive)
			break
		}
	}
}
