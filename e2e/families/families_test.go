// Package families_test runs the families of loops that poll etcd locks, the programs
// testdata/loops/family_*.txtar, against a real server, as they are and as the etcdmod binary
// rewrites them, and counts the raft log entries of a try that fails while another session has the
// lock, and of one of the holder. It compares them with what the findings say, and with
// the table in docs/PERFORMANCE.md.
package families_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"etcdmod/e2e/internal/cluster"
)

var update = flag.Bool("update", false, "write the table in docs/PERFORMANCE.md")

const tries = 2 // that are measured, of each kind: a wait that has taken the place of a loop asks more and more seldom

// A measure is the entries of a try, before and after the rewrite.
type measure [2]uint64

func TestEntriesPerTryOfEachFamily(t *testing.T) {
	paths, err := filepath.Glob(loops + "family_*.txtar")
	if err != nil || len(paths) != 26 {
		t.Fatalf("%d families, %v", len(paths), err)
	}
	var names []string
	for _, path := range append(paths, loops+"point_04_session_per_try.txtar") {
		names = append(names, strings.TrimSuffix(filepath.Base(path), ".txtar"))
	}
	before, after := filepath.Join(t.TempDir(), "before"), filepath.Join(t.TempDir(), "after")
	prepare(t, before, names)
	prepare(t, after, names)
	all := apply(t, after, names)
	c := cluster.Start(t, 1)
	drivers := []*driver{start(t, link(t, before, names), c), start(t, link(t, after, names), c)}
	var rows []string
	for _, p := range all {
		p.golden(t)
		var failing, holding measure
		for i, d := range drivers {
			failing[i] = d.failing(p.name)
			if p.rule == "leader-check" {
				holding[i] = d.holding(p.name)
			}
			d.leave()
		}
		rows = append(rows, p.row(t, failing, holding))
	}
	table(t, rows)
}

// golden demands the tier that testdata/loops has for it: being given something changes none.
func (p *program) golden(t *testing.T) {
	t.Helper()
	archive, err := txtar.ParseFile(loops + p.name + ".txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		first, _, _ := strings.Cut(string(f.Data), "\n")
		if f.Name == "report" && !strings.HasSuffix(first, p.message+" ("+p.tier+")") {
			t.Errorf("%s: %s (%s), want %s", p.name, p.message, p.tier, first)
		}
	}
}

// What findings say of entries.
var (
	ofTries  = regexp.MustCompile(`write[s]? (two|a) raft (entries|entry)`)
	ofHolder = regexp.MustCompile(`and the holder (one)\b`)
	ofLeases = regexp.MustCompile(`each is granted a (lease)`)
	numbers  = map[string]uint64{"two": 2, "one": 1, "a": 1, "lease": 1}
)

func said(pattern *regexp.Regexp, text string) (n uint64) {
	if m := pattern.FindStringSubmatch(text); m != nil {
		n = numbers[m[1]]
	}
	return n
}

// row compares what was measured with what the findings say, and is a line of the table.
// A try that is rewritten writes nothing. A session for each try is granted a lease as long as it
// is refused.
func (p *program) row(t *testing.T, failing, holding measure) string {
	t.Helper()
	want, tier := measure{said(ofTries, p.message), 0}, p.tier
	if p.tier == "refuse" {
		want[1] = want[0]
	}
	for _, f := range p.also {
		want[0] += said(ofLeases, f.Message)
		if f.Tier == "refuse" {
			want[1] += said(ofLeases, f.Message)
		}
		tier += fmt.Sprintf(", `%s`: %s", f.Rule, f.Tier)
	}
	if failing != want || failing[0] == 0 {
		t.Errorf("%s: %d entries per try that fails, before and after; the findings say %d", p.name, failing, want)
	}
	held := " | "
	if said := (measure{said(ofHolder, p.message), 0}); holding != said {
		t.Errorf("%s: %d entries per try of the holder, before and after; the finding says %d", p.name, holding, said)
	}
	if holding[0] > 0 {
		held = fmt.Sprintf("%d | %d", holding[0], holding[1])
	}
	return fmt.Sprintf("| `%s` | `%s` | %s | %d | %d | %s |\n", p.name, p.rule, tier, failing[0], failing[1], held)
}

const (
	document = "../../docs/PERFORMANCE.md"
	head     = `| program | rule | tier | before | after | holder, before | after |
|---|---|---|---|---|---|---|
`
)

// table demands that docs/PERFORMANCE.md has the rows.
func table(t *testing.T, rows []string) {
	t.Helper()
	data, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	start, rest, found := strings.Cut(string(data), head)
	if !found {
		t.Fatalf("%s has no table that begins with\n%s", document, head)
	}
	end := strings.Index(rest, "\n\n") + 1
	want := strings.Join(rows, "")
	if *update {
		if err := os.WriteFile(document, []byte(start+head+want+rest[end:]), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if d := cmp.Diff(want, rest[:end]); d != "" {
		t.Errorf("%s (-measured +there); -update writes it:\n%s", document, d)
	}
}
