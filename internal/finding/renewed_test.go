package finding_test

import (
	"os"
	"strings"
	"testing"

	"etcdmod/internal/finding"
)

// TestRenewedIsTheChangelog: what the texts of pull requests and explain say of a renewed helper is
// what the changelog says, all of it.
func TestRenewedIsTheChangelog(t *testing.T) {
	data, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(data), "\n### The renewed helper package\n")
	section, _, _ = strings.Cut(section, "\n### ")
	var told []string
	for _, item := range strings.Split(section, "\n- ")[1:] {
		told = append(told, strings.Join(strings.Fields(item), " "))
	}
	if got, want := strings.Join(finding.Renewed, "\n"), strings.Join(told, "\n"); got != want {
		t.Errorf("%s\n\nthe changelog says:\n%s", got, want)
	}
}
