package loop

import (
	"fmt"
	"go/ast"
	"sort"
	"strings"
	"testing"

	"etcdmod/rewrite/internal/source"
	"etcdmod/rewrite/internal/sourcetest"
)

var (
	outcomeNames = [...]string{"untried", "won", "locked", "failed"}
	endingNames  = [...]string{"falls", "next", "broke", "left", "outward"}
	stepNames    = [...]string{"acts", "waits", "done", "recv", "polls"}
)

func (q *Path) String() string {
	s := outcomeNames[q.Outcome] + ":"
	for _, st := range q.Steps {
		if _, isExpr := st.Node.(ast.Expr); isExpr && st.Kind == Acts {
			continue // a condition
		}
		s += " " + stepNames[st.Kind]
	}
	return s + " -> " + endingNames[q.End]
}

// TestPaths walks one round of each loop. The expected paths are sorted, and equal ones
// are given once.
func TestPaths(t *testing.T) {
	tests := []struct {
		name, loop string
		want       []string // nil: the walk gives up
	}{
		{"condition", `for mu.TryLock(ctx) != nil { time.Sleep(d) }`,
			[]string{"failed: waits -> next", "locked: waits -> next", "won: -> broke"}},
		{"equal nil", `for { if mu.TryLock(ctx) == nil { return }; time.Sleep(d) }`,
			[]string{"failed: waits -> next", "locked: waits -> next", "won: -> left"}},
		{"init and else", `for { if err := mu.TryLock(ctx); err != nil { time.Sleep(d) } else { break } }`,
			[]string{"failed: waits -> next", "locked: waits -> next", "won: -> broke"}},
		{"variable", `for { ok := mu.TryLock(ctx) == nil; if !ok { time.Sleep(d); continue }; return }`,
			[]string{"failed: waits -> next", "locked: waits -> next", "won: -> left"}},
		{"flag", `for held := false; !held; { if err := mu.TryLock(ctx); err == nil { held = true }; time.Sleep(d) }`,
			[]string{"failed: waits -> next", "locked: waits -> next", "untried: -> broke", "won: acts waits -> broke"}},
		{"ErrLocked", `for { err := mu.TryLock(ctx); if err != concurrency.ErrLocked { return }; time.Sleep(d) }`,
			[]string{"failed: -> left", "locked: waits -> next", "won: -> left"}},
		{"errors.Is", `for { err := mu.TryLock(ctx); if errors.Is(err, concurrency.ErrLocked) { time.Sleep(d); continue }; return }`,
			[]string{"failed: -> left", "locked: waits -> next", "won: -> left"}},
		{"other name for ErrLocked", `for { err := mu.TryLock(ctx); if err == busy { time.Sleep(d); continue }; return }`,
			[]string{"failed: -> left", "failed: waits -> next", "locked: -> left", "locked: waits -> next", "won: -> left", "won: waits -> next"}},
		{"context error", `for { err := mu.TryLock(ctx); if err == context.Canceled { return }; if err == nil { break }; time.Sleep(d) }`,
			[]string{"failed: -> left", "failed: waits -> next", "locked: waits -> next", "won: -> broke"}},
		{"break in select", `for { select { case <-ctx.Done(): return; case <-time.After(d): if mu.TryLock(ctx) == nil { break } } }`,
			[]string{"failed: waits -> next", "locked: waits -> next", "untried: done -> left", "won: waits -> next"}},
		{"labelled break", `loop: for { select { case <-ctx.Done(): return; case <-time.After(d): if mu.TryLock(ctx) == nil { break loop } } }`,
			[]string{"failed: waits -> next", "locked: waits -> next", "untried: done -> left", "won: waits -> broke"}},
		{"labelled inner select", `for { inner: select { case <-time.After(d): if mu.TryLock(ctx) == nil { break inner }; default: } }`,
			[]string{"failed: waits -> next", "locked: waits -> next", "untried: polls -> next", "won: waits -> next"}},
		{"outer label", `outer: for { for { if mu.TryLock(ctx) == nil { continue outer }; time.Sleep(d) } }`,
			[]string{"failed: waits -> next", "locked: waits -> next", "won: -> outward"}},
		{"switch", `for { switch err := mu.TryLock(ctx); { case err == nil: return; case err == concurrency.ErrLocked: time.Sleep(d); default: panic(err) } }`,
			[]string{"failed: -> left", "locked: waits -> next", "won: -> left"}},
		{"switch on the try", `for { switch mu.TryLock(ctx) { case nil: return; default: time.Sleep(d) } }`,
			[]string{"failed: waits -> next", "locked: waits -> next", "won: -> left"}},
		{"and", `for { if ready && mu.TryLock(ctx) == nil { return }; time.Sleep(d) }`,
			[]string{"failed: waits -> next", "locked: waits -> next", "untried: waits -> next", "won: -> left"}},
		{"post", `for i := 0; i < 3; i++ { if mu.TryLock(ctx) == nil { return }; time.Sleep(d) }`,
			[]string{"failed: waits acts -> next", "locked: waits acts -> next", "untried: -> broke", "won: -> left"}},
		{"receive", `for mu.TryLock(ctx) != nil { <-ch }`,
			[]string{"failed: recv -> next", "locked: recv -> next", "won: -> broke"}},
		{"send", `for mu.TryLock(ctx) != nil { ch <- 1 }`,
			[]string{"failed: recv -> next", "locked: recv -> next", "won: -> broke"}},
		{"nested loop", `for mu.TryLock(ctx) != nil { for i := range 3 { _ = i }; time.Sleep(d) }`,
			[]string{"failed: acts waits -> next", "locked: acts waits -> next", "won: -> broke"}},
		{"literal", `for mu.TryLock(ctx) != nil { f := func() { return }; f(); time.Sleep(d) }`,
			[]string{"failed: acts acts waits -> next", "locked: acts acts waits -> next", "won: -> broke"}},
		{"fatal", `for { if err := mu.TryLock(ctx); err == nil { return } else if err != concurrency.ErrLocked { os.Exit(1) }; time.Sleep(d) }`,
			[]string{"failed: -> left", "locked: waits -> next", "won: -> left"}},

		{"clock of a field", `for mu.TryLock(ctx) != nil { <-x.ticker.C }`,
			[]string{"failed: waits -> next", "locked: waits -> next", "won: -> broke"}},
		{"channel of times from a call", `for mu.TryLock(ctx) != nil { <-x.after(d) }`,
			[]string{"failed: waits -> next", "locked: waits -> next", "won: -> broke"}},
		{"goto", `retry: if err := mu.TryLock(ctx); err != nil { goto retry }`,
			[]string{"failed: -> next", "locked: -> next", "won: -> broke"}},
		{"goto with a clock", `retry: err := mu.TryLock(ctx); if err == concurrency.ErrLocked { time.Sleep(d); goto retry }; return`,
			[]string{"failed: -> broke", "locked: waits -> next", "won: -> broke"}},
		{"goto in a loop", `for ready { retry: if !ready { continue }; if x.err != nil { break }; if mu.TryLock(ctx) != nil { goto retry } }`,
			[]string{"failed: -> next", "locked: -> next", "untried: -> outward", "won: -> broke"}},
		{"goto out of the loop", `for { if mu.TryLock(ctx) == nil { goto held }; time.Sleep(d) }; held: println()`,
			[]string{"failed: waits -> next", "locked: waits -> next", "won: -> outward"}},

		{"goto inside the loop", `for { if ready { goto skip }; if mu.TryLock(ctx) == nil { return }; skip: time.Sleep(d) }`, nil},
		{"two gotos", `first: if ready { println() }; second: if mu.TryLock(ctx) != nil { goto second }; if x.err != nil { goto first }`,
			[]string{"failed: -> next", "locked: -> next", "won: -> broke"}},
		{"goto into a nested loop", `retry: for range 3 { if mu.TryLock(ctx) != nil { goto retry } }`, nil},
		{"try in post", `for err := mu.TryLock(ctx); err != nil; err = mu.TryLock(ctx) { time.Sleep(d) }`, nil},
		{"wait in a nested loop", `for mu.TryLock(ctx) != nil { for i := range 3 { _ = i; time.Sleep(d) } }`, nil},
		{"return in a nested loop", `for mu.TryLock(ctx) != nil { for range 3 { return } }`, nil},
		{"fallthrough", `for { switch { case mu.TryLock(ctx) == nil: fallthrough; default: return } }`, nil},
		{"field", `for { x.err = mu.TryLock(ctx); if x.err == nil { return }; time.Sleep(d) }`, nil},
		{"argument", `for { fmt.Println(mu.TryLock(ctx)); time.Sleep(d) }`, nil},
		{"receive in an argument", `for mu.TryLock(ctx) != nil { fmt.Println(<-ch) }`, nil},
		{"receive in a condition", `for mu.TryLock(ctx) != nil { if <-ch > 1 { time.Sleep(d) } }`, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := sourcetest.Input(t, sourcetest.Archive("context errors fmt os time concurrency", `
var busy = concurrency.ErrLocked
var _, _ = errors.Is, os.Exit
var _ = fmt.Sprint

type state struct {
	err    error
	ticker *time.Ticker
}

func (*state) after(d time.Duration) <-chan time.Time { return time.After(d) }

func f(ctx context.Context, mu *concurrency.Mutex, d time.Duration, ch chan int, ready bool, x *state) {
`+test.loop+`
}`))
			all, _ := source.Load(in)
			p := NewFunctions(all)
			var s *Site
			for _, f := range p.Files {
				found, _ := p.sitesIn(search{file: f, attempt: TryLocks(p), isTry: f.IsTryLock})
				for _, one := range found {
					s = one
				}
			}
			if s == nil {
				// Not a site: no locked try comes round. Walk the loop nevertheless.
				s = &Site{Functions: p, File: p.Files[0]}
				ast.Inspect(p.Files[0].Syntax, func(n ast.Node) bool {
					switch n := n.(type) {
					case *ast.FuncDecl:
						s.Func = n
					case *ast.ForStmt:
						s.Cycle.Node = n
					}
					return true
				})
				s.walk(search{file: p.Files[0], attempt: TryLocks(p), isTry: p.Files[0].IsTryLock})
			}
			if test.want == nil {
				if s.Walker.Bad == nil {
					t.Fatalf("walked to %v, want it to give up", s.Paths)
				}
				return
			}
			if s.Walker.Bad != nil {
				t.Fatalf("gave up at %s", p.Text(s.Walker.Bad))
			}
			seen := map[string]bool{}
			var got []string
			for _, q := range s.Paths {
				if text := q.String(); !seen[text] {
					seen[text] = true
					got = append(got, text)
				}
			}
			sort.Strings(got)
			if a, b := strings.Join(got, "\n"), strings.Join(test.want, "\n"); a != b {
				t.Errorf("got\n%s\nwant\n%s", a, b)
			}
		})
	}
}

// TestManyPaths bounds the walk: it must give up rather than take for ever.
func TestManyPaths(t *testing.T) {
	body := "for mu.TryLock(ctx) != nil {\n"
	for i := range 20 {
		body += fmt.Sprintf("if ready[%d] { println() }\n", i)
	}
	in := sourcetest.Input(t, sourcetest.Archive("context concurrency", "func f(ctx context.Context, mu *concurrency.Mutex, ready []bool) {\n"+body+"}\n}\n"))
	all, _ := source.Load(in)
	p := NewFunctions(all)
	found, _ := p.sitesIn(search{file: p.Files[0], attempt: TryLocks(p), isTry: p.Files[0].IsTryLock})
	if len(found) != 1 || found[0].Walker.Bad == nil {
		t.Error("walked a million paths")
	}
}
