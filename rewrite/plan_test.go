package rewrite

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"etcdmod/internal/finding"
	"etcdmod/rewrite/internal/sourcetest"
)

const poll = `
func wait(ctx context.Context, mu *concurrency.Mutex) {
	for mu.TryLock(ctx) != nil {
		time.Sleep(time.Second)
	}
}
`

func analyze(t *testing.T, archive string) []*finding.Finding {
	t.Helper()
	return Analyze(sourcetest.Input(t, archive)).Findings
}

func TestRefusedCodes(t *testing.T) {
	tests := []struct {
		code    finding.Code
		archive string
	}{
		{finding.CgoFile, strings.Replace(sourcetest.Archive("context time concurrency", poll+`func run() { wait(nil, concurrency.NewMutex(nil, "x")) }`), "import (", "import \"C\"\n\nimport (", 1)},
		{finding.LeavesModule, sourcetest.Archive("context time concurrency", poll+`func run() { wait(nil, concurrency.NewMutex(nil, "x")) }`) +
			"-- m/vendor/x/x.go --\npackage x\n\nimport \"go.etcd.io/etcd/client/v3/concurrency\"\n\nvar Mu = concurrency.NewMutex(nil, \"x\")\n"},
	}
	for _, test := range tests {
		t.Run(string(test.code), func(t *testing.T) {
			if test.code == finding.LeavesModule {
				test.archive = strings.Replace(test.archive, `concurrency.NewMutex(nil, "x")) }`, `x.Mu) }`, 1)
				test.archive = strings.Replace(test.archive, "import (", "import (\n\t\"m/vendor/x\"", 1)
			}
			fs := analyze(t, test.archive)
			if len(fs) != 1 || fs[0].Tier != finding.Refuse || !refusedFor(fs[0], test.code) {
				t.Fatalf("got %+v", fs)
			}
		})
	}
}

func refusedFor(f *finding.Finding, code finding.Code) bool {
	for _, r := range f.Refused {
		if r.Code == code {
			return true
		}
	}
	return false
}

// TestSeveralClients has two modules' clients in one program: the helper serves only one.
func TestSeveralClients(t *testing.T) {
	fs := analyze(t, sourcetest.Archive("context time concurrency", poll+`func run() { wait(nil, concurrency.NewMutex(nil, "x")) }`)+
		"-- m/old/main.go --\n"+strings.SplitN(strings.Replace(sourcetest.Archive("context time concurrency", poll+`func run() { wait(nil, concurrency.NewMutex(nil, "x")) }`),
		"go.etcd.io/etcd/client/v3/", "go.etcd.io/etcd/clientv3/", 1), "\n", 2)[1])
	if len(fs) != 2 {
		t.Fatalf("%d findings, want 2", len(fs))
	}
	for _, f := range fs {
		if old := f.Package == "m/old"; old != (f.Tier == finding.Refuse && refusedFor(f, finding.MixedClients)) {
			t.Errorf("%s: tier %s, refused %v", f.Package, f.Tier, f.Refused)
		}
	}
}

// TestRepeaters finds tries that a library repeats.
func TestRepeaters(t *testing.T) {
	fs := analyze(t, sourcetest.Archive("context time wait concurrency", `
func run(ctx context.Context, mu *concurrency.Mutex) {
	wait.Until(func() { _ = mu.TryLock(ctx) }, time.Second, ctx.Done())
}

func start() { run(nil, concurrency.NewMutex(nil, "x")) }`))
	if len(fs) != 1 || fs[0].Tier != finding.Guard || fs[0].NotHigher.Code != finding.TriesThroughFn {
		t.Fatalf("got %+v", fs)
	}
}

// TestCycles has types and functions that contain or call themselves.
func TestCycles(t *testing.T) {
	fs := analyze(t, sourcetest.Archive("context time concurrency", `
type tree map[string]tree2
type tree2 struct { next tree; mu *concurrency.Mutex; all list }
type list []list
type fn func(*concurrency.Mutex, fn) fn

func copied(s *concurrency.Session) {
	p := concurrency.NewMutex(s, "x")
	c := *p
	mu := &c
	for mu.TryLock(nil) != nil { time.Sleep(time.Second) }
}

func a(mu *concurrency.Mutex) { if mu.TryLock(nil) != nil { b(mu) } }
func b(mu *concurrency.Mutex) { a(mu); for mu.TryLock(context.TODO()) != nil { time.Sleep(time.Second) } }
func run(f fn) { f(concurrency.NewMutex(nil, "x"), f); a(concurrency.NewMutex(nil, "y")) }`))
	if len(fs) < 2 {
		t.Errorf("%d findings, want 2 at least", len(fs))
	}
}

// TestCodes demands that every reason code is provoked by a script, a row of loops or a test of this
// package.
func TestCodes(t *testing.T) {
	elsewhere := map[finding.Code]string{
		finding.StaleHelper:    "in the tests of package helper",
		finding.ReplacedTarget: "in the tests of modbump",
		finding.Untyped:        "needs a program that does not type-check",
		finding.CommentLost:    "a safeguard behind the splicer",
		finding.WatchNotPaced:  "sends a loop that watches on to collapse, which has a reason of its own",
	}
	skips := map[finding.Code]bool{} // about what is not loaded, or not verified
	for _, code := range []finding.Code{
		finding.SkipNotRefreshed, finding.SkipUnreadable, finding.SkipSyntax, finding.SkipDependency, finding.SkipMetadata, finding.SkipTypes, finding.SkipConstraints,
		finding.SkipBazel, finding.SkipGoMod, finding.SkipUnverified, finding.SkipBuildList, finding.SkipNoModule, finding.SkipPins,
	} {
		skips[code] = true
	}
	text := ruleScripts(t)
	for _, pattern := range []string{"../testdata/script/*.txtar", "../testdata/script/*/*.txtar", "../testdata/loops/*.txtar", "plan_test.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			text += string(data)
		}
	}
	inTests := map[finding.Code]string{finding.CgoFile: "CgoFile", finding.MixedClients: "MixedClients"}
	for _, code := range finding.Codes() {
		name := inTests[code]
		if name == "" {
			name = ": " + string(code)
		}
		if elsewhere[code] == "" && !skips[code] && !strings.Contains(text, name) {
			t.Errorf("nothing provokes %s", code)
		}
	}
}
