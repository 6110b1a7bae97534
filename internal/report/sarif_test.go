package report_test

import (
	"bytes"
	"strings"
	"testing"

	"etcdmod/internal/finding"
	"etcdmod/internal/report"
	"etcdmod/internal/testkit/sample"
)

// What a compiler quotes of a file is no link where viewers make links of messages.
func TestSARIFHasNoLinks(t *testing.T) {
	const text = "[click](https://example.com/elsewhere)"
	u := sample.Unit(t, sample.Result(t), report.Reported)
	for i := range u.Findings {
		u.Findings[i].Message = text
		if r := u.Findings[i].NotHigher; r != nil {
			r.Detail = text
		}
	}
	for i := range u.Skipped {
		u.Skipped[i].Detail = text
	}
	for i := range u.Problems {
		u.Problems[i].Message = text
	}
	if len(u.Findings) == 0 || len(u.Skipped) == 0 || len(u.Problems) == 0 {
		t.Fatal("the sample has not all of it")
	}
	var b bytes.Buffer
	if err := report.SARIF(&b, report.Page{Units: []report.Unit{u}, Topics: sample.Topics, Notes: []finding.Note{{Path: "sub", Detail: text}}}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if strings.Contains(line, "](") {
			t.Error(line)
		}
	}
	if !strings.Contains(b.String(), `[click]\\x28https://example.com/elsewhere)`) {
		t.Error("the text is not there")
	}
}
