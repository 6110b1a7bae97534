package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"etcdmod/internal/finding"
	"etcdmod/internal/patch"
	"etcdmod/internal/report"
	"etcdmod/internal/testkit/sample"
)

func TestText(t *testing.T) {
	res := sample.Result(t)
	var b bytes.Buffer
	for _, write := range []func() error{
		func() error { return report.Text(&b, res) },
		func() error { return report.Skipped(&b, res) },
		func() error { return report.Problems(&b, res) },
	} {
		if err := write(); err != nil {
			t.Fatal(err)
		}
	}
	const want = `go.mod:3:9: unsafe-client: example.com/etcd@v1.0.0 leaks <maps> (bump to v1.1.0)
	etcd issue #1
	remains in v1.1.0: a client that is slow: etcd issue #2
go.mod:4:9: unsafe-client: example.com/etcd@v1.0.0 leaks <maps> (report: not-by-default)
	etcd issue #1
go.mod:5:9: unsafe-client: example.com/etcd@v1.0.0 leaks <maps> (refuse: needs-more-requirements)
	etcd issue #1
	refused: needs-more-requirements: needs more:
		example.com/x: cannot find it
	missing: example.com/x@v0.1.0
go.mod:6:9: unsafe-client: example.com/etcd@v1.0.0 leaks <maps> (refuse: replaced)
	etcd issue #1
a/a.go:7:2: trylock-poll: wait polls (gate)
	a/a.go:8:5: wait calls try
	a/a.go:20:9: mu.TryLock
	differs: log.Print() is done once more for each try at a release that fails.
	not collapse: logs-per-round at a/a.go:9:3: log.Print()
a/a.go:30:2: watch-storm: storm tries (guard)
	not collapse: shape-unknown
a/a.go:40:2: trylock-spin: spin tries (refuse: cgo-file)
	refused: cgo-file at a/a.go:1:1
	refused: does-not-build: two
		lines
not covered: b/b.go:3:4: syntax-error: expected ';'
	found x
not covered: c: unreadable
not covered: example.com/m/d: package-error: import cycle
vet: a/a.go:7:2: two
	lines
load: no
`
	if got := b.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// What is refused at many places for one reason is told at some of them.
func TestTextOfManyPlaces(t *testing.T) {
	res := sample.Result(t)
	f := &finding.Finding{Rule: "trylock-poll", Message: "wait polls", Pos: res.Findings[0].Pos}
	for i := range 40 {
		code := finding.EscapesInterface
		if i%10 == 0 {
			code = finding.CgoFile
		}
		f.Refused = append(f.Refused, finding.Reason{Code: code, Detail: fmt.Sprint("case ", i)})
	}
	res.Bumps, res.Findings = nil, []*finding.Finding{f}
	var b bytes.Buffer
	if err := report.Text(&b, res); err != nil {
		t.Fatal(err)
	}
	const want = `a/a.go:7:2: trylock-poll: wait polls (refuse: cgo-file)
	refused: cgo-file: case 0
	refused: escapes-to-interface: case 1
	refused: escapes-to-interface: case 2
	refused: escapes-to-interface: case 3
	refused: escapes-to-interface: case 4
	refused: escapes-to-interface: case 5
	refused: escapes-to-interface: case 6
	refused: escapes-to-interface: case 7
	refused: escapes-to-interface: case 8
	refused: cgo-file: case 10
	refused: cgo-file: case 20
	refused: cgo-file: case 30
	refused: escapes-to-interface at 28 more places
`
	if got := b.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// The schema is what the package comment documents; programs rely on it.
func TestJSON(t *testing.T) {
	var b bytes.Buffer
	err := report.JSON(&b, sample.Result(t), []byte("diff --git a/x b/x\n"), []patch.Stat{{Path: "a/a.go", Added: 1, Removed: 2}})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"type":"schema","version":1}
{"type":"finding","id":"b0","rule":"unsafe-client","path":"go.mod","line":3,"col":9,"message":"example.com/etcd@v1.0.0 leaks <maps>","tier":"bump","bump":{"module":"example.com/etcd","version":"v1.0.0","target":"v1.1.0","evidence":["etcd issue #1"],"remains":["a client that is slow: etcd issue #2"]}}
{"type":"finding","id":"b1","rule":"unsafe-client","path":"go.mod","line":4,"col":9,"message":"example.com/etcd@v1.0.0 leaks <maps>","tier":"report","notHigher":{"code":"not-by-default"},"bump":{"module":"example.com/etcd","version":"v1.0.0","target":"v1.1.0","evidence":["etcd issue #1"]}}
{"type":"finding","id":"b2","rule":"unsafe-client","path":"go.mod","line":5,"col":9,"message":"example.com/etcd@v1.0.0 leaks <maps>","tier":"refuse","refused":[{"code":"needs-more-requirements","detail":"needs more:\n\texample.com/x: cannot find it"}],"bump":{"module":"example.com/etcd","version":"v1.0.0","target":"v1.1.0","evidence":["etcd issue #1"],"wanted":["example.com/x@v0.1.0"]}}
{"type":"finding","id":"b3","rule":"unsafe-client","path":"go.mod","line":6,"col":9,"message":"example.com/etcd@v1.0.0 leaks <maps>","tier":"refuse","refused":[{"code":"replaced"}],"bump":{"module":"example.com/etcd","version":"v1.0.0","indirect":true,"evidence":["etcd issue #1"]}}
{"type":"finding","id":"f0","rule":"trylock-poll","path":"a/a.go","line":7,"col":2,"package":"example.com/m/a","func":"wait","message":"wait polls","tier":"gate","notHigher":{"code":"logs-per-round","detail":"log.Print()","at":"a/a.go:9:3"},"callPath":[{"at":"a/a.go:8:5","call":"wait calls try"},{"at":"a/a.go:20:9","call":"mu.TryLock"}],"differences":[{"kind":"once-more","text":"log.Print() is done once more for each try at a release that fails.","value":"log.Print()","at":"a/a.go:9:3"}]}
{"type":"finding","id":"f1","rule":"watch-storm","path":"a/a.go","line":30,"col":2,"package":"example.com/m/a","func":"storm","message":"storm tries","tier":"guard","notHigher":{"code":"shape-unknown"}}
{"type":"finding","id":"f2","rule":"trylock-spin","path":"a/a.go","line":40,"col":2,"package":"example.com/m/a","func":"spin","message":"spin tries","tier":"refuse","refused":[{"code":"cgo-file","at":"a/a.go:1:1"},{"code":"does-not-build","detail":"two\nlines"}]}
{"type":"skipped","path":"b/b.go","line":3,"col":4,"reason":"syntax-error","detail":"expected ';'\nfound x"}
{"type":"skipped","path":"c","reason":"unreadable"}
{"type":"skipped","path":"example.com/m/d","package":"example.com/m/d","reason":"package-error","detail":"import cycle"}
{"type":"problem","phase":"vet","package":"example.com/m/a","path":"a/a.go","line":7,"col":2,"message":"two\nlines"}
{"type":"problem","phase":"load","message":"no"}
{"type":"patch","patch":"diff --git a/x b/x\n"}
{"type":"wrote","path":"a/a.go","added":1,"removed":2}
`
	if got := b.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	for line := range bytes.Lines(b.Bytes()) {
		var object struct{ Type string }
		if err := json.Unmarshal(line, &object); err != nil || object.Type == "" {
			t.Errorf("%v: %s", err, line)
		}
	}
}
