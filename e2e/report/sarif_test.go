package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"etcdmod/internal/change"
	"etcdmod/internal/finding"
	"etcdmod/internal/pipeline"
	"etcdmod/internal/report"
	"etcdmod/internal/testkit/sample"
)

// A sarifLog is what the tests read of SARIF.
type sarifLog struct {
	Runs []struct {
		AutomationDetails struct{ ID string }
		Tool              struct {
			Driver struct {
				Rules []struct {
					ID   string
					Help struct{ Text, Markdown string }
				}
				Notifications []struct{ ID string }
			}
		}
		Invocations []struct{ ToolExecutionNotifications []json.RawMessage }
		Results     []result
	}
}

type result struct {
	RuleID           string
	RuleIndex        int
	Level            string
	Message          struct{ Text string }
	Locations        []location
	RelatedLocations []location
	CodeFlows        []struct {
		ThreadFlows []struct{ Locations []struct{ Location location } }
	}
	PartialFingerprints map[string]string
	Suppressions        *[]struct{ Kind, Justification string }
	Fixes               []struct{ ArtifactChanges []artifactChange }
}

type location struct {
	PhysicalLocation struct {
		ArtifactLocation artifact
		Region           region
	}
	Message struct{ Text string }
}

type artifact struct{ URI, URIBaseID string }

type region struct{ StartLine, StartColumn, EndLine, EndColumn int }

type artifactChange struct {
	ArtifactLocation artifact
	Replacements     []struct {
		DeletedRegion   region
		InsertedContent struct{ Text string }
	}
}

func (l location) String() string {
	p := l.PhysicalLocation
	return fmt.Sprintf("%s:%d:%d %s", p.ArtifactLocation.URI, p.Region.StartLine, p.Region.StartColumn, l.Message.Text)
}

// sample.Topics explain what sample has.
var schema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	return jsonschema.NewCompiler().Compile("testdata/sarif-schema-2.1.0.json")
})

// sarif renders units, and demands that the result follows the schema.
func sarif(t *testing.T, units ...report.Unit) (sarifLog, string) {
	t.Helper()
	var b bytes.Buffer
	if err := report.SARIF(&b, report.Page{Units: units, Topics: sample.Topics}); err != nil {
		t.Fatal(err)
	}
	valid(t, b.Bytes())
	var l sarifLog
	if err := json.Unmarshal(b.Bytes(), &l); err != nil {
		t.Fatal(err)
	}
	return l, b.String()
}

// valid demands that a log follows the schema.
func valid(t *testing.T, log []byte) {
	t.Helper()
	schema, err := schema()
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		t.Error(err)
	}
}

func TestSARIF(t *testing.T) {
	u := sample.Unit(t, sample.Result(t), report.Reported)
	u.Owners = []string{"@team"}
	l, text := sarif(t, u)
	run := l.Runs[0]
	var rules, results []string
	for _, r := range run.Tool.Driver.Rules {
		rules = append(rules, r.ID)
	}
	for _, r := range run.Results {
		if rules[r.RuleIndex] != r.RuleID {
			t.Errorf("result of %s points to rule %s", r.RuleID, rules[r.RuleIndex])
		}
		if len(r.Fixes) > 0 {
			t.Errorf("%s has a fix without any change", r.RuleID)
		}
		line := fmt.Sprintf("%s %s %s: %s", r.Level, r.RuleID, r.Locations[0], r.Message.Text)
		for _, f := range r.CodeFlows {
			line += "\n flow"
			for _, at := range f.ThreadFlows[0].Locations {
				line += " | " + at.Location.String()
			}
		}
		for _, at := range r.RelatedLocations {
			line += "\n related " + at.String()
		}
		results = append(results, line)
	}
	wantResults := []string{
		"warning unsafe-client go.mod:3:9 : example.com/etcd@v1.0.0 leaks <maps> (bump to v1.1.0)",
		"note unsafe-client go.mod:4:9 : example.com/etcd@v1.0.0 leaks <maps> (report: not-by-default)",
		"warning unsafe-client go.mod:5:9 : example.com/etcd@v1.0.0 leaks <maps> (refuse: needs-more-requirements)",
		"warning unsafe-client go.mod:6:9 : example.com/etcd@v1.0.0 leaks <maps> (refuse: replaced)",
		"warning trylock-poll a/a.go:7:2 : wait polls (gate)\n flow | a/a.go:7:2 wait polls | a/a.go:8:5 wait calls try | a/a.go:20:9 mu.TryLock\n related a/a.go:9:3 logs-per-round: log.Print()\n related a/a.go:9:3 log.Print() is done once more for each try at a release that fails.",
		"warning watch-storm a/a.go:30:2 : storm tries (guard)",
		"warning trylock-spin a/a.go:40:2 : spin tries (refuse: cgo-file)\n related a/a.go:1:1 cgo-file",
	}
	if diff := cmp.Diff(wantResults, results); diff != "" {
		t.Error(diff)
	}
	if want := []string{"trylock-poll", "trylock-spin", "watch-storm", "unsafe-client"}; !cmp.Equal(want, rules) {
		t.Errorf("rules %s, want all: %s", rules, want)
	}
	if got, want := run.Tool.Driver.Rules[0].Help.Markdown, "A \\*loop\\*  \npolls.\n\n\tmu *Mutex\n\nBad."; got != want {
		t.Errorf("help %q, want %q", got, want)
	}
	if n := len(run.Invocations[0].ToolExecutionNotifications); n != 5 {
		t.Errorf("%d notifications, want 3 for what was not covered and 2 for what verification said", n)
	}
	if strings.Contains(text, "null") || strings.Contains(text, "fixes") || strings.Contains(text, "[]") {
		t.Errorf("empty members in %s", text)
	}
	for _, other := range []report.State{report.Ready, report.Written} {
		if _, again := sarif(t, func() report.Unit {
			u := sample.Unit(t, sample.Result(t), other)
			u.Owners = []string{"@team"}
			return u
		}()); again != text {
			t.Errorf("the same findings give other bytes: %s", cmp.Diff(text, again))
		}
	}
}

func TestSARIFOfNothing(t *testing.T) {
	l, text := sarif(t, report.Unit{Module: "example.com/m", State: report.Clean})
	if len(l.Runs) != 1 || !strings.Contains(text, `"results": []`) {
		t.Errorf("a run that found nothing must say so: %s", text)
	}
	if got, want := l.Runs[0].AutomationDetails.ID, "etcdmod/example.com/m/"; got != want {
		t.Errorf("id of the run %s, want %s, or runs over other modules would replace it", got, want)
	}
	l, _ = sarif(t, report.Unit{Module: "a"}, report.Unit{Module: "b"})
	if got, want := l.Runs[0].AutomationDetails.ID, "etcdmod/"; got != want {
		t.Errorf("id of the run %s, want %s", got, want)
	}
}

// A service shows a finding as new when its fingerprint is.
func TestSARIFFingerprints(t *testing.T) {
	prints := func(res *pipeline.Result) []string {
		l, _ := sarif(t, sample.Unit(t, res, report.Reported))
		var out []string
		for _, r := range l.Runs[0].Results {
			out = append(out, r.PartialFingerprints["etcdmodFinding/v1"])
		}
		return out
	}
	before := prints(sample.Result(t))
	moved := sample.Result(t)
	for _, f := range moved.Findings {
		f.Pos.Line += 100
		f.Pos.Column++
		f.Tier = finding.Guard
	}
	moved.Bumps[0].Line++
	moved.Bumps[0].Version, moved.Bumps[0].Message = "v1.0.1", "example.com/etcd@v1.0.1 leaks"
	if diff := cmp.Diff(before, prints(moved)); diff != "" {
		t.Errorf("fingerprints changed with the lines: %s", diff)
	}
	other := sample.Result(t)
	other.Findings[0].Func = "another"
	if after := prints(other); after[4] == before[4] {
		t.Error("a finding in another function has the same fingerprint")
	}
	twice := sample.Result(t)
	again := *twice.Findings[0]
	twice.Findings = append(twice.Findings, &again)
	seen := map[string]bool{}
	for _, p := range prints(twice) {
		if p == "" || seen[p] {
			t.Errorf("fingerprint %q twice", p)
		}
		seen[p] = true
	}
}

// What a comment ignores is there, suppressed; then all results say whether they are.
func TestSARIFSuppressions(t *testing.T) {
	res := sample.Result(t)
	ignored := *res.Findings[0]
	ignored.Ignored, ignored.Refused = "only one <replica>", []finding.Reason{{Code: finding.DoesNotBuild}}
	res.Ignored = []*finding.Finding{&ignored}
	l, _ := sarif(t, sample.Unit(t, res, report.Reported))
	results := l.Runs[0].Results
	if len(results) != len(res.Bumps)+len(res.Findings)+1 {
		t.Fatalf("%d results", len(results))
	}
	prints := map[string]bool{}
	for i, r := range results {
		prints[r.PartialFingerprints["etcdmodFinding/v1"]] = true
		switch {
		case r.Suppressions == nil:
			t.Errorf("result %d does not say whether it is suppressed", i)
		case i < len(results)-1 && len(*r.Suppressions) > 0:
			t.Errorf("result %d is suppressed", i)
		}
	}
	last := results[len(results)-1]
	if diff := cmp.Diff(&[]struct{ Kind, Justification string }{{"inSource", "only one <replica>"}}, last.Suppressions); diff != "" {
		t.Error(diff)
	}
	if want := "wait polls (ignored: only one <replica>)"; last.Message.Text != want || len(last.RelatedLocations) > 0 {
		t.Errorf("it says %q, with %v; want %q", last.Message.Text, last.RelatedLocations, want)
	}
	if len(prints) != len(results) {
		t.Errorf("%d fingerprints of %d results", len(prints), len(results))
	}
}

// What is noted about no module is a notification. A category tells runs apart, whatever is in
// them.
func TestSARIFOfManyModules(t *testing.T) {
	var b bytes.Buffer
	page := report.Page{
		Units: []report.Unit{{Module: "a"}}, Topics: sample.Topics, Category: "rollout/shard-1-of-2",
		Notes: []finding.Note{{Path: "a b", Detail: "a repository of its own"}, {Path: ".github/CODEOWNERS:7", Detail: "bad"}},
	}
	if err := report.SARIF(&b, page); err != nil {
		t.Fatal(err)
	}
	valid(t, b.Bytes())
	for _, want := range []string{`"id": "etcdmod/rollout/shard-1-of-2/"`, `"uri": "a%20b"`, `"uri": ".github/CODEOWNERS"`, `"startLine": 7`, "a repository of its own"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s in %s", want, &b)
		}
	}
}

// The helper is in every fix: so many of them are too much for code scanning services.
func TestSARIFLimitsFixes(t *testing.T) {
	one := report.Unit{
		Module: "m", Findings: []report.Finding{{ID: "f", Rule: "trylock-poll", Path: "a.go", Line: 1, Tier: "guard"}},
		Files: []report.File{{Path: "a.go", Findings: []string{"f"}, Hunks: []report.Hunk{{Old: 1, New: 1, Lines: []report.Line{{Op: "+", Text: "x\n"}}}}}},
	}
	for n, want := range map[int]int{250: 250, 251: 0} {
		units := make([]report.Unit, n)
		for i := range units {
			units[i] = one
		}
		l, _ := sarif(t, units...)
		got := 0
		for _, r := range l.Runs[0].Results {
			got += len(r.Fixes)
		}
		if got != want {
			t.Errorf("%d findings have %d fixes, want %d", n, got, want)
		}
	}
}

func TestSARIFPaths(t *testing.T) {
	u := report.Unit{Module: "m", Findings: []report.Finding{
		{Rule: "trylock-poll", Path: "a dir/a#1%.go", Line: 1, Col: 1},
		{Rule: "trylock-poll", Path: "c:d.go", Line: 1, Col: 1},
		{Rule: "trylock-poll", Path: "/go/pkg/mod/a.go", Line: 1, Col: 1},
		{Rule: "trylock-poll", Path: "C:/pkg/a.go"},
	}}
	want := []artifact{
		{"a%20dir/a%231%25.go", "%SRCROOT%"}, {"./c:d.go", "%SRCROOT%"}, {"file:///go/pkg/mod/a.go", ""}, {"file:///C:/pkg/a.go", ""},
	}
	l, _ := sarif(t, u)
	for i, r := range l.Runs[0].Results {
		if got := r.Locations[0].PhysicalLocation.ArtifactLocation; got != want[i] {
			t.Errorf("%s: %v, want %v", u.Findings[i].Path, got, want[i])
		}
	}
}

// Positions in Go count bytes, those in SARIF characters.
func TestSARIFColumns(t *testing.T) {
	res := sample.Result(t)
	dir := t.TempDir()
	res.Module.Root, res.Module.Repo = dir, dir
	name := filepath.Join(dir, "a.go")
	if err := os.WriteFile(name, []byte("a\näöü; for {\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	res.Findings = res.Findings[:1]
	f := res.Findings[0]
	f.Pos.Filename, f.Pos.Line, f.Pos.Column = name, 2, 9
	f.Path[0].Pos = f.Pos
	f.Path[0].Pos.Column = 100 // not there any more
	f.Path[1].Pos = f.Pos
	f.Path[1].Pos.Line = 100
	want := func(col int) {
		t.Helper()
		l, _ := sarif(t, sample.Unit(t, res, report.Reported))
		r := l.Runs[0].Results[len(res.Bumps)]
		flow := r.CodeFlows[0].ThreadFlows[0].Locations
		got := []int{r.Locations[0].PhysicalLocation.Region.StartColumn, flow[1].Location.PhysicalLocation.Region.StartColumn, flow[2].Location.PhysicalLocation.Region.StartColumn}
		if !cmp.Equal(got, []int{col, 100, 9}) {
			t.Errorf("columns %d, want %d, 100, 9", got, col)
		}
	}
	want(6)
	// What a file was before it was written counts.
	res.Changes = []change.Change{{Path: name, Old: []byte("a\nä1234567890\n"), New: []byte("äöü")}}
	want(8)
}

// Every fix turns the old files into the new ones: of the finding that it is for, of those that
// share files with it, and of nobody else; the helper comes along.
func TestSARIFFixes(t *testing.T) {
	res := sample.Result(t)
	in := func(name ...string) string {
		return filepath.Join(append([]string{res.Module.Root}, name...)...)
	}
	one, two, refused := res.Findings[0], res.Findings[1], res.Findings[2]
	three := &finding.Finding{ID: "f3", Rule: "trylock-poll", Pos: one.Pos, Tier: finding.Collapse, Message: "another"}
	res.Findings = append(res.Findings, three)
	res.Failed = nil
	res.Changes = []change.Change{
		{Path: in("a", "a.go"), Old: []byte("package a\r\n\r\nfunc a() {\r\n}\r\n"), New: []byte("package a\r\n\r\nfunc ä() {\r\n\tb()\r\n}\r\n"), Findings: []*finding.Finding{one, two}},
		{Path: in("a", "0.go"), Old: []byte("one\ntwo ü"), New: []byte("one\nthree"), Findings: []*finding.Finding{two, refused}},
		{Path: in("c", "c.go"), Old: []byte("x\n"), New: []byte("x\ny\n"), Findings: []*finding.Finding{three}},
		{Path: in("go.mod"), Old: []byte("module m\n"), New: []byte("module m\n\nrequire x v1\n")},
		{Path: in("pkg", "etcdlock", "mutex.go"), New: []byte("package etcdlock\n"), Created: true},
	}
	want := [][]string{
		{"go.mod"}, nil, nil, nil, // bumps: one is made
		{"a/0.go", "a/a.go", "pkg/etcdlock/mutex.go"}, {"a/0.go", "a/a.go", "pkg/etcdlock/mutex.go"}, nil,
		{"c/c.go", "pkg/etcdlock/mutex.go"},
	}
	l, _ := sarif(t, sample.Unit(t, res, report.Ready))
	for i, r := range l.Runs[0].Results {
		var files []string
		for _, f := range r.Fixes {
			for _, c := range f.ArtifactChanges {
				files = append(files, c.ArtifactLocation.URI)
				for _, rc := range res.Changes {
					if filepath.ToSlash(rc.Path) == filepath.ToSlash(in(filepath.FromSlash(c.ArtifactLocation.URI))) {
						if got := c.apply(string(rc.Old)); got != string(rc.New) {
							t.Errorf("%s: the fix makes %q, want %q", rc.Path, got, rc.New)
						}
					}
				}
			}
		}
		if !cmp.Equal(files, want[i]) {
			t.Errorf("result %d, %s: the fix is for %q, want %q", i, r.RuleID, files, want[i])
		}
	}

	// A deleted file cannot be told in replacements, so the whole fix is left out.
	res.Changes[2].New, res.Changes[2].Deleted = nil, true
	l, _ = sarif(t, sample.Unit(t, res, report.Ready))
	if n := len(l.Runs[0].Results[7].Fixes); n > 0 {
		t.Error("a fix lacks the file that has to be deleted")
	}
}

// Fixes of all sorts of edits.
func TestSARIFReplacements(t *testing.T) {
	const seeds = 300
	for seed := range uint64(seeds) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		text := func() string {
			var b strings.Builder
			for range rnd.IntN(12) {
				b.WriteString([]string{"a", "ü", "", "}"}[rnd.IntN(4)] + []string{"\n", "\r\n"}[rnd.IntN(2)])
			}
			if rnd.IntN(2) == 0 {
				b.WriteString("end ö")
			}
			return b.String()
		}
		before, after := text(), text()
		if before == after {
			continue
		}
		res := sample.Result(t)
		res.Failed = nil
		res.Changes = []change.Change{{Path: filepath.Join(res.Module.Root, "x.go"), Old: []byte(before), New: []byte(after), Findings: res.Findings[:1]}}
		u, err := report.New(res, report.Ready)
		if err != nil {
			t.Fatal(err)
		}
		l, _ := sarif(t, u)
		if got := l.Runs[0].Results[4].Fixes[0].ArtifactChanges[0].apply(before); got != after {
			t.Fatalf("seed %d: %q becomes %q, want %q", seed, before, got, after)
		}
	}
}

// apply makes the replacements in a text. They are in order, and do not overlap.
func (c artifactChange) apply(text string) string {
	offset := func(line, col int) int {
		at := 0
		for ; line > 1; line-- {
			at += strings.Index(text[at:], "\n") + 1
		}
		for ; col > 1; col-- {
			_, n := utf8.DecodeRuneInString(text[at:])
			at += n
		}
		return at
	}
	var b strings.Builder
	done := 0
	for _, r := range c.Replacements {
		d := r.DeletedRegion
		from, to := offset(d.StartLine, d.StartColumn), offset(d.EndLine, d.EndColumn)
		if from < done || to < from {
			return fmt.Sprintf("replacement of %v out of order", d)
		}
		b.WriteString(text[done:from] + r.InsertedContent.Text)
		done = to
	}
	return b.String() + text[done:]
}
