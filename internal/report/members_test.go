package report_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"etcdmod/internal/report"
)

// Readers of JSON lines have the documentation of this package: it names every type of line, and
// every member.
func TestMembersAreDocumented(t *testing.T) {
	data, err := os.ReadFile("report.go")
	if err != nil {
		t.Fatal(err)
	}
	doc, _, _ := strings.Cut(string(data), "\npackage report\n")
	word := func(w string) bool { return regexp.MustCompile(`\b` + w + `\b`).MatchString(doc) }
	var read func(of reflect.Type)
	read = func(of reflect.Type) {
		for f := range of.Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if !word(name) && name != "ignored" { // no line has that one
				t.Errorf("the documentation of package report lacks the member %s of %s", name, of.Name())
			}
			member := f.Type
			for member.Kind() == reflect.Slice || member.Kind() == reflect.Pointer {
				member = member.Elem()
			}
			if member.Kind() == reflect.Struct {
				read(member)
			}
		}
	}
	for _, line := range []any{
		report.Schema{}, report.Finding{}, report.Try{}, report.Skip{}, report.Problem{}, report.Patch{}, report.Wrote{},
	} {
		read(reflect.TypeOf(line))
	}
	for _, kind := range []string{"schema", "finding", "try", "skipped", "problem", "patch", "wrote"} {
		if !strings.Contains(doc, "\n//\t"+kind+" ") {
			t.Errorf("the documentation of package report lacks lines of the type %s", kind)
		}
	}
}
