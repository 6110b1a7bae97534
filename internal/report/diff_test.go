package report_test

import (
	"go/token"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"etcdmod/internal/change"
	"etcdmod/internal/patch"
	"etcdmod/internal/report"
	"etcdmod/internal/testkit/sample"
)

// A patch on disk says what the result of the pipeline did, colours included.
func TestDiffs(t *testing.T) {
	all, err := sample.Fixtures()
	if err != nil {
		t.Fatal(err)
	}
	for name, res := range all {
		u, err := report.New(res, report.Ready)
		if err != nil {
			t.Fatal(err)
		}
		var changes []change.Change
		for _, c := range res.Changes {
			changes = append(changes, c.At(res.Module.Rel(c.Path)))
		}
		text, err := patch.Unified(changes)
		if err != nil {
			t.Fatal(err)
		}
		got, err := report.Diffs(text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(u.Files, got, cmpopts.IgnoreFields(report.File{}, "Findings", "Shared")); diff != "" || len(got) == 0 {
			t.Errorf("%s: -result +patch:\n%s", name, diff)
		}
		keywords := 0
		for _, f := range got {
			for _, h := range f.Hunks {
				for _, l := range h.Lines {
					for _, tok := range l.Syntax { // those of another line would not fit
						if tok.To > len(l.Text) || tok.Kind == "k" && !token.IsKeyword(l.Text[tok.From:tok.To]) {
							t.Errorf("%s: %v is no token of %q", f.Path, tok, l.Text)
						}
						if tok.Kind == "k" {
							keywords++
						}
					}
				}
			}
		}
		if keywords < 10 {
			t.Errorf("%s: %d keywords have a colour", name, keywords)
		}
	}
}

// What cannot be shown is named.
func TestDiffsOmitted(t *testing.T) {
	long := make([]byte, 0, 20_000)
	for range 6000 {
		long = append(long, "x\n"...)
	}
	text, err := patch.Unified([]change.Change{
		{Path: "a/vendor/b.go", New: []byte("x\n"), Created: true},
		{Path: "latin1.go", Old: []byte("// \xe4\n"), New: []byte("// a\n")},
		{Path: "long.go", Old: long, Deleted: true},
		{Path: "z.go", Old: []byte("x\n"), New: []byte("y\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	files, err := report.Diffs(text)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range files {
		got[f.Path] = f.Omitted
		if (f.Omitted == "") != (len(f.Hunks) > 0) || f.Added+f.Removed == 0 {
			t.Errorf("%s: %d hunks, +%d -%d, omitted as %q", f.Path, len(f.Hunks), f.Added, f.Removed, f.Omitted)
		}
	}
	if diff := cmp.Diff(map[string]string{"a/vendor/b.go": "vendored", "latin1.go": "not text", "long.go": "too long", "z.go": ""}, got); diff != "" {
		t.Error(diff)
	}
}
