package rewrite

import (
	"bytes"
	"go/format"
	"go/parser"
	"go/token"
	"math/rand"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"

	"etcdmod/internal/finding"
	"etcdmod/internal/helper"
	"etcdmod/rewrite/internal/edit"
	"etcdmod/rewrite/internal/source"
	"etcdmod/rewrite/internal/sourcetest"
)

// helperStub has the methods of the helper package, which is type-checked for itself in
// its own tests, and the names beside them that a rewrite may use.
const helperStub = `
-- m/internal/etcdlock/mutex.go --
package etcdlock

import (
	"context"
	"time"

	"go.etcd.io/etcd/client/v3/concurrency"
)

const RetryInterval = time.Second

type Mutex struct{ *concurrency.Mutex }

type Ticker struct{ C <-chan time.Time }
type Timer struct{ C <-chan time.Time }

func NewMutex(s *concurrency.Session, pfx string) *Mutex { return nil }

func (*Mutex) TryLock(context.Context) error                              { return nil }
func (*Mutex) Lock(context.Context) error                                 { return nil }
func (*Mutex) Unlock(context.Context) error                               { return nil }
func (*Mutex) Key() string                                                { return "" }
func (*Mutex) WatchLock(context.Context) error                            { return nil }
func (*Mutex) WatchLockEvery(context.Context, time.Duration) error        { return nil }
func (*Mutex) WatchLockRetry(context.Context, time.Duration) error        { return nil }
func (*Mutex) NewTicker(time.Duration) *Ticker                            { return nil }
func (*Mutex) NewTimer(time.Duration) *Timer                              { return nil }
func (*Mutex) After(time.Duration) <-chan time.Time                       { return nil }
func (*Mutex) Tick(time.Duration) <-chan time.Time                        { return nil }
func (*Mutex) Sleep(time.Duration)                                        {}
func (*Mutex) Released() <-chan struct{}                                  { return nil }
func (*Ticker) Stop()                                                     {}
func (*Ticker) Reset(time.Duration)                                       {}
func (*Timer) Stop() bool                                                 { return false }
func (*Timer) Reset(time.Duration) bool                                   { return false }
`

// A bench type-checks many versions of one package against the same stubs.
type bench struct{ *sourcetest.Bench }

func newBench(t *testing.T) *bench { return &bench{sourcetest.NewBench(t, helperStub)} }

// input makes an Input of the package m/p. The error is that of the parser or the type
// checker.
func (b *bench) input(src []byte) (*source.Input, error) { return b.inputOf("m/p", src) }

// inputOf makes an Input of a package of that path.
func (b *bench) inputOf(path string, src []byte) (*source.Input, error) {
	const name = "/m/p/p.go"
	pkg, err := b.Package(path, name, src)
	if err != nil {
		return nil, err
	}
	return &source.Input{
		Fset: b.Fset, Packages: []*packages.Package{pkg}, Sources: map[string][]byte{name: src}, ModulePath: "m", ModuleDir: "/m",
		HelperDir: helper.DefaultDir, HelperFiles: map[string][]byte{}, Version: "test", Exported: source.RewriteExported,
	}, nil
}

// rewritten returns the file after the changes, or nil if there are none.
func rewritten(t *testing.T, pl *Plan) []byte {
	t.Helper()
	changes, err := pl.Changes()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		if c.Path == "/m/p/p.go" {
			return c.New
		}
	}
	return nil
}

// sampled is how many functions a short run looks at.
const sampled = 600

// TestProperties rewrites generated polling functions. Each is found, and gets a guard at
// least and no more than its parts allow; what comes out type-checks, is not changed by a
// second run, has the same comments, and the same bytes outside the declarations that
// concern the lock. All of them take minutes and are for ETCDMOD_E2E_LONG=1; otherwise it
// is a sample, the same one every time.
func TestProperties(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var sample []polling
	all, guards := os.Getenv("ETCDMOD_E2E_LONG") != "", 0
	for _, i := range rand.New(rand.NewSource(1)).Perm(pollings()) {
		p := pollingAt(i)
		if guard := p.max() == finding.Guard; !all && guard { // most of them are
			if guards++; guards > sampled/2 {
				continue
			}
		}
		if sample = append(sample, p); !all && len(sample) == sampled {
			break
		}
	}
	got := map[finding.Tier]int{}
	bad := 0
	for _, p := range sample {
		tier, problem, src := b.check(t, p)
		got[tier]++
		if problem != "" {
			t.Errorf("%v: %s\n%s", p, problem, src)
			if bad++; bad == 5 {
				t.Fatal("too many")
			}
		}
	}
	t.Logf("%d functions: %d guarded, %d gated, %d collapsed", len(sample), got[finding.Guard], got[finding.Gate], got[finding.Collapse])
	for tier := finding.Guard; tier <= finding.Collapse; tier++ {
		if got[tier] < len(sample)/200 {
			t.Errorf("only %d of %d got %v: the test says little about it", got[tier], len(sample), tier)
		}
	}
}

// check rewrites one function and says what is wrong with the outcome, if anything is,
// and with which text.
func (b *bench) check(t *testing.T, p polling) (tier finding.Tier, problem string, src []byte) {
	t.Helper()
	src = []byte(p.source())
	in, err := b.input(src)
	if err != nil {
		return finding.Refuse, "generated: " + err.Error(), src
	}
	pl := Analyze(in)
	if len(pl.Findings) == 0 && p.mayHide() {
		return finding.Guard, "", src
	}
	if len(pl.Findings) != 1 {
		return finding.Refuse, "it is not found", src
	}
	f := pl.Findings[0]
	out := rewritten(t, pl)
	switch {
	case f.Tier == finding.Refuse:
		return f.Tier, "refused: " + f.Refused[0].String(), src
	case f.Tier > p.max():
		return f.Tier, f.Tier.String() + " is more than " + p.max().String(), out
	case f.Tier < finding.Collapse && f.NotHigher == nil:
		return f.Tier, "nothing says why it is no more than " + f.Tier.String(), src
	case len(f.Path) == 0:
		return f.Tier, "no call path", src
	}
	again, err := b.input(out)
	if err != nil {
		return f.Tier, "rewritten: " + err.Error(), out
	}
	if second := Analyze(again); len(second.Findings) > 0 {
		return f.Tier, "a second run finds it again", out
	}
	if !slices.Equal(edit.CommentsOf(src), edit.CommentsOf(out)) {
		return f.Tier, "comments were lost or doubled", out
	}
	if bytes.Contains(src, []byte("\r\n")) && strings.Contains(strings.ReplaceAll(string(out), "\r\n", ""), "\n") {
		return f.Tier, "a line end is not like the others", out
	}
	if at := b.strayed(src, out); at != "" {
		return f.Tier, "changed besides: " + at, out
	}
	return f.Tier, "", out
}

// strayed returns a part of the file that changed although it does not concern the lock:
// what is between declarations, the order of these, and those that do not name it.
func (b *bench) strayed(src, out []byte) string {
	before, after := pieces(src), pieces(out)
	if len(before) != len(after) {
		return "the number of declarations"
	}
	for i := range before {
		if before[i] == after[i] {
			continue
		}
		isDecl := i%2 == 1
		switch {
		case !isDecl:
			return before[i]
		case strings.HasPrefix(before[i], "import"):
			if i := strings.Index(after[i], ")"); i < 0 {
				return "the import block"
			}
		case !strings.Contains(before[i], "Mutex") && !strings.Contains(before[i], "TryLock"):
			return before[i]
		case gofmted(before[i]) && !gofmted(after[i]):
			return "the layout of " + after[i]
		}
	}
	return ""
}

// pieces splits a file into what is before, in and between its declarations.
func pieces(src []byte) (out []string) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", src, parser.ParseComments)
	if err != nil {
		return nil
	}
	at := 0
	for _, d := range f.Decls {
		start, end := fset.Position(d.Pos()).Offset, fset.Position(d.End()).Offset
		out = append(out, string(src[at:start]), string(src[start:end]))
		at = end
	}
	return append(out, string(src[at:]))
}

// gofmted reports whether gofmt would leave a declaration as it is.
func gofmted(decl string) bool {
	decl = strings.ReplaceAll(decl, "\r\n", "\n")
	out, err := format.Source([]byte(decl))
	return err == nil && string(out) == decl
}
