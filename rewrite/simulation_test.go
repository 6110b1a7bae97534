package rewrite

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/types"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"etcdmod/internal/finding"
	"etcdmod/internal/helper"
	"etcdmod/rewrite/internal/edit"
	"etcdmod/rewrite/internal/source"
)

// A simulated function is a generated one, as it was and in each tier that it may get.
type simulated struct {
	polling
	name     string
	versions map[string][]byte // by package
}

// TestSimulation runs generated functions and what becomes of them side by side, with the
// generated helper, against a client in memory and in virtual time: see
// testdata/simulation/sim. It says what the tiers promise of behaviour; TestProperties
// what they promise of the text.
func TestSimulation(t *testing.T) {
	t.Parallel()
	sample, schedules, limit := 20, 6, "2m"
	if os.Getenv("ETCDMOD_E2E_LONG") != "" {
		sample, schedules, limit = 250, 20, "30m"
	}
	b := newBench(t)
	quota := map[finding.Tier]int{finding.Guard: sample, finding.Gate: 3 * sample, finding.Collapse: 4 * sample}
	var all []*simulated
	for _, i := range rand.New(rand.NewSource(2)).Perm(pollings()) {
		p := pollingAt(i)
		if quota[p.max()] == 0 || !p.runs() {
			continue
		}
		if f := b.simulated(t, p, fmt.Sprint("_", len(all))); f != nil {
			quota[p.max()]--
			all = append(all, f)
		}
		if quota[finding.Guard]+quota[finding.Gate]+quota[finding.Collapse] == 0 {
			break
		}
	}
	dir := t.TempDir()
	layOut(t, dir, all, schedules)
	// Time stands still while anything spins without a wait: the limit is for that.
	cmd := exec.Command("go", "test", "-vet=off", "-count=1", "-v", "-timeout="+limit, "./all")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off")
	out, err := cmd.CombinedOutput()
	report := strings.TrimSpace(regexp.MustCompile(`(?m)^(=== RUN|\s*--- PASS: Test/).*\n`).ReplaceAllString(string(out), ""))
	if err != nil {
		t.Fatalf("%v\n%s", err, report)
	}
	t.Log(report)
}

// runs reports whether a function can be brought to an end in a simulation, and differs
// there from others.
func (p polling) runs() bool {
	return p.clock.name != "timer-once" && // its second wait has no end
		p.origin.name != "package" // without a session: "set-later" is the same with one
}

// simulated rewrites a function in all tiers that it may get. It returns nil if it has no
// finding.
func (b *bench) simulated(t *testing.T, p polling, suffix string) *simulated {
	t.Helper()
	p.crlf = false
	src := []byte(p.source())
	in, err := b.input(src)
	if err != nil {
		t.Fatal(err)
	}
	pl := Analyze(in)
	if len(pl.Findings) != 1 {
		return nil
	}
	f := &simulated{polling: p, name: p.String(), versions: map[string][]byte{"old": prepared(t, in, src, "old", suffix)}}
	found := pl.Findings[0]
	for tier := found.Tier; tier > finding.Refuse; tier = found.Tier - 1 {
		pl.Limit(tier)
		out := rewritten(t, pl)
		if in, err = b.input(out); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		f.versions[found.Tier.String()] = prepared(t, in, out, found.Tier.String(), suffix)
		if found.Tier == finding.Guard {
			break
		}
	}
	return f
}

// prepared makes a file of the package pkg of the scratch module: what it declares gets
// the suffix, since many files share the package, and what it does is recorded.
func prepared(t *testing.T, in *source.Input, src []byte, pkg, suffix string) []byte {
	t.Helper()
	info, scope := in.Packages[0].TypesInfo, in.Packages[0].Types.Scope()
	var es edit.Edits
	rename := func(id *ast.Ident, obj types.Object) {
		if obj != nil && obj.Parent() == scope {
			at := in.Fset.Position(id.End()).Offset
			es = append(es, edit.Edit{Start: at, End: at, Text: suffix})
		}
	}
	for id, obj := range info.Defs {
		rename(id, obj)
	}
	for id, obj := range info.Uses {
		rename(id, obj)
	}
	renamed, err := es.Apply(src)
	if err != nil {
		t.Fatal(err)
	}
	text := string(renamed)
	once := func(old, new string) {
		if strings.Count(text, old) != 1 {
			t.Fatalf("%q is not there once:\n%s", old, text)
		}
		text = strings.Replace(text, old, new, 1)
	}
	once("package p\n", "package "+pkg+"\n")
	once("\t\"log\"\n", "\tlog \"m/sim\"\n")
	once("work"+suffix+"() {}", "work"+suffix+"() { log.Work() }")
	once("\treturn poll"+suffix+"(ctx, time.Second, nil, nil,", "\tshared"+suffix+".ticker = log.Ticker()\n"+
		"\treturn poll"+suffix+"(ctx, log.Interval(), log.Ticker().C, log.Beats(),")
	once("func run"+suffix, "func Run"+suffix)
	if pkg != finding.Collapse.String() {
		once("err := ", "err := log.Begin().Answer(")
		once(".TryLock(ctx)\n", ".TryLock(ctx))\n")
	}
	return []byte(text)
}

// layOut writes the scratch module.
func layOut(t *testing.T, dir string, all []*simulated, schedules int) {
	t.Helper()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "simulation"))); err != nil {
		t.Fatal(err)
	}
	write := func(name string, text []byte) {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	files, err := helper.Generate(helper.Config{Package: "etcdlock", Concurrency: source.ConcurrencyPaths[0], Version: "test", Parts: helper.Clocks})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		write(filepath.Join(helper.DefaultDir, name), text)
	}
	var table bytes.Buffer
	for i, f := range all {
		fmt.Fprintf(&table, "\t{Name: %q, Phased: %v, Spins: %v", f.name, f.phased(), f.spins())
		for _, pkg := range []string{"old", finding.Guard.String(), finding.Gate.String(), finding.Collapse.String()} {
			text, ok := f.versions[pkg]
			if !ok {
				continue
			}
			write(filepath.Join(pkg, fmt.Sprintf("f%d.go", i)), text)
			fmt.Fprintf(&table, ", %s: %s.Run_%d", strings.ToUpper(pkg[:1])+pkg[1:], pkg, i)
		}
		table.WriteString("},\n")
	}
	write("all/all_test.go", fmt.Appendf(nil, `package all

import (
	"testing"

	"m/collapse"
	"m/gate"
	"m/guard"
	"m/old"
	"m/sim"
)

var functions = []sim.Function{
%s}

func Test(t *testing.T) { sim.CompareAll(t, functions, %d) }
`, table.String(), schedules))
}

// phased reports whether the clock ticks at fixed times, whenever the loop comes to wait.
func (p polling) phased() bool { return strings.HasPrefix(p.clock.name, "tick") }

// spins reports whether there is no clock.
func (p polling) spins() bool {
	switch p.clock.name {
	case "none", "context-only", "held-only", "goto":
		return true
	}
	return false
}
