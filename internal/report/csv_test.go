package report_test

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"etcdmod/internal/finding"
	"etcdmod/internal/report"
	"etcdmod/internal/testkit/sample"
)

func TestCSV(t *testing.T) {
	u := sample.Unit(t, sample.Result(t), report.Reported)
	u.Name, u.Owners = "a, \"b\"", []string{"@team", "x@example.com"}
	u.State = report.Reported
	u.Ignored = []report.Finding{{Rule: "trylock-poll", Path: "i.go", Line: 1, Tier: "ignored", Message: "i polls", Ignored: "one replica"}}
	var b bytes.Buffer
	if err := report.CSV(&b, report.Page{Units: []report.Unit{u}, Modules: []report.Module{{Dir: "m", Path: u.Module, State: report.Rejected, Reason: "vet: no"}}, Notes: []finding.Note{{Path: "sub", Detail: "not ours"}}}); err != nil {
		t.Fatal(err)
	}
	const want = `type,module,unit,owners,state,rule,path,line,col,package,func,tier,codes,message,detail,call_path,version,target,differences
module,example.com/m,,,rejected,,m,,,,,,,,vet: no,,,,
bump,example.com/m,"a, ""b""",'@team x@example.com,reported,unsafe-client,go.mod,3,9,,,bump,,example.com/etcd@v1.0.0 leaks <maps>,,,example.com/etcd@v1.0.0,v1.1.0,
bump,example.com/m,"a, ""b""",'@team x@example.com,reported,unsafe-client,go.mod,4,9,,,report,not-by-default,example.com/etcd@v1.0.0 leaks <maps>,not-by-default,,example.com/etcd@v1.0.0,v1.1.0,
bump,example.com/m,"a, ""b""",'@team x@example.com,reported,unsafe-client,go.mod,5,9,,,refuse,needs-more-requirements,example.com/etcd@v1.0.0 leaks <maps>,"needs-more-requirements: needs more:
	example.com/x: cannot find it",,example.com/etcd@v1.0.0,v1.1.0,
bump,example.com/m,"a, ""b""",'@team x@example.com,reported,unsafe-client,go.mod,6,9,,,refuse,replaced,example.com/etcd@v1.0.0 leaks <maps>,replaced,,example.com/etcd@v1.0.0,,
finding,example.com/m,"a, ""b""",'@team x@example.com,reported,trylock-poll,a/a.go,7,2,example.com/m/a,wait,gate,logs-per-round,wait polls,logs-per-round: log.Print() (a/a.go:9:3),a/a.go:8:5 wait calls try; a/a.go:20:9 mu.TryLock,,,once-more: log.Print() is done once more for each try at a release that fails. (a/a.go:9:3)
finding,example.com/m,"a, ""b""",'@team x@example.com,reported,watch-storm,a/a.go,30,2,example.com/m/a,storm,guard,shape-unknown,storm tries,shape-unknown,,,,
finding,example.com/m,"a, ""b""",'@team x@example.com,reported,trylock-spin,a/a.go,40,2,example.com/m/a,spin,refuse,cgo-file does-not-build,spin tries,"cgo-file (a/a.go:1:1); does-not-build: two
lines",,,,
ignored,example.com/m,"a, ""b""",'@team x@example.com,reported,trylock-poll,i.go,1,,,,ignored,,i polls,one replica,,,,
skipped,example.com/m,"a, ""b""",'@team x@example.com,reported,,b/b.go,3,4,,,,syntax-error,,"expected ';'
found x",,,,
skipped,example.com/m,"a, ""b""",'@team x@example.com,reported,,c,,,,,,unreadable,,,,,,
skipped,example.com/m,"a, ""b""",'@team x@example.com,reported,,,,,example.com/m/d,,,package-error,,import cycle,,,,
problem,example.com/m,"a, ""b""",'@team x@example.com,reported,,a/a.go,7,2,example.com/m/a,,,vet,"two
lines",,,,,
problem,example.com/m,"a, ""b""",'@team x@example.com,reported,,,,,,,,load,no,,,,,
note,,,,,,sub,,,,,,,,not ours,,,,
`
	if diff := cmp.Diff(strings.ReplaceAll(want, "\n", "\r\n"), b.String()); diff != "" {
		t.Error(diff)
	}
	if rows, err := csv.NewReader(&b).ReadAll(); err != nil || len(rows) != 16 {
		t.Errorf("%d rows, %v; want 16", len(rows), err)
	}
}

// Nothing that comes from source code may run in a spreadsheet, and all of it is told: what
// begins like a formula behind an apostrophe, control characters by their numbers.
func TestCSVFormulas(t *testing.T) {
	for _, text := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠1"} {
		u := report.Unit{
			Module: text, Name: text, Owners: []string{text}, State: report.State(text),
			Findings: []report.Finding{{
				Rule: text, Path: text, Package: text, Func: text, Message: text, Tier: text,
				Refused:  []report.Reason{{Code: text, Detail: text}},
				CallPath: []report.Frame{{At: text, Call: text}},
				Bump:     &report.Bump{Module: text, Target: text},
			}},
			Skipped:  []report.Skip{{Path: text, Reason: text, Detail: text}, {Package: text}},
			Problems: []report.Problem{{Path: text, Phase: text, Message: text, Package: text}},
		}
		var b bytes.Buffer
		if err := report.CSV(&b, report.Page{Units: []report.Unit{u}}); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&b).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, row := range rows[1:] {
			for i, cell := range row {
				if cell != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(cell)[0]) {
					t.Errorf("%s: %q is a formula", rows[0][i], cell)
				}
				found = found || strings.HasPrefix(cell, "'") || strings.HasPrefix(cell, `\x`)
			}
		}
		if !found {
			t.Errorf("%q is lost: %q", text, rows)
		}
	}
}
