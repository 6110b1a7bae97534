package rollout

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"etcdmod/internal/change"
	"etcdmod/internal/finding"
	"etcdmod/internal/owners"
)

// The files of a module by their keys: which end up in one part. Each file is named after its
// key, a slash, and the findings that change it.
func TestSplit(t *testing.T) {
	findings := map[rune]*finding.Finding{}
	named := func(name string) change.Change {
		c := change.Change{Path: name}
		_, letters, _ := strings.Cut(name, "/")
		for _, l := range letters {
			if findings[l] == nil {
				findings[l] = &finding.Finding{}
			}
			c.Findings = append(c.Findings, findings[l])
		}
		return c
	}
	for _, c := range []struct{ name, files, want string }{
		{"nothing", "", ""},
		{"one part takes what nobody shares with it", "go.mod/ a/x", "a: go.mod/ a/x"},
		{"two parts share a prelude", "go.mod/ a/x b/y", "^: go.mod/; a: a/x; b: b/y"},
		{"a finding ties files", "a/x b/xy c/y d/z", "a b c: a/x b/xy c/y; d: d/z"},
		{"a key ties files", "a/x a/y b/z", "a: a/x a/y; b: b/z"},
		{"a tie that shows late", "a/x b/y c/z c/xy", "a b c: a/x b/y c/z c/xy"},
		{"no findings, as after a bump", "go.mod/ go.sum/", ": go.mod/ go.sum/"},
	} {
		var changes []change.Change
		for _, f := range strings.Fields(c.files) {
			changes = append(changes, named(f))
		}
		var got []string
		for _, p := range split(changes, func(file string) string { key, _, _ := strings.Cut(file, "/"); return key }) {
			name := strings.Join(p.keys, " ")
			if p.prelude {
				name = "^"
			}
			name += ":"
			for _, c := range p.changes {
				name += " " + c.Path
			}
			got = append(got, name)
		}
		if d := cmp.Diff(c.want, strings.Join(got, "; ")); d != "" {
			t.Errorf("%s: -want +got:\n%s", c.name, d)
		}
	}
}

func TestWhole(t *testing.T) {
	f := &finding.Finding{}
	got := whole([]part{
		{prelude: true, changes: []change.Change{{Path: "go.mod"}}},
		{keys: []string{"b"}, changes: []change.Change{{Path: "x", Findings: []*finding.Finding{f}}}},
		{keys: []string{"a"}, changes: []change.Change{{Path: "y", Findings: []*finding.Finding{f}}}},
	})
	if len(got) != 1 || got[0].prelude || len(got[0].changes) != 3 || len(got[0].findings) != 1 {
		t.Errorf("%+v", got)
	}
	if d := cmp.Diff([]string{"a", "b"}, got[0].keys); d != "" {
		t.Errorf("keys: -want +got:\n%s", d)
	}
}

func TestKeys(t *testing.T) {
	who := parseOwners("/svc/ @b @a\n*.md @a @b\n/svc/free/\n")
	for _, c := range []struct {
		by         By
		services   string
		file, want string
	}{
		{ByModule, "", "svc/a/x.go", "svc"},
		{ByDir, "", "svc/a/x.go", "svc/a"},
		{ByDir, "", "x.go", "."},
		{ByOwner, "", "svc/a/x.go", "@a @b"},
		{ByOwner, "", "svc/free/x.go", Unowned},
		{ByOwner, "", "other/x.go", Unowned},
		{ByService, "svc/*", "svc/a/b/x.go", "svc/a"},
		{ByService, "svc/*/", "svc/a/b/x.go", "svc/a"},
		{ByService, "svc/* svc/*/*", "svc/a/b/x.go", "svc/a/b"},
		{ByService, "**/cmd/*", "svc/a/cmd/b/x.go", "svc/a/cmd/b"},
		{ByService, "cmd/*", "svc/a/x.go", "svc"},
	} {
		o := &Options{By: c.by, Services: strings.Fields(c.services), Owners: who}
		if err := o.check(); err != nil {
			t.Error(err)
		}
		if got := o.key(c.file, "svc"); got != c.want {
			t.Errorf("%s %s %s: %q, want %q", c.by, c.services, c.file, got, c.want)
		}
	}
	for _, o := range []Options{{}, {By: "line"}, {By: ByService}, {By: ByService, Services: []string{"a["}}, {By: ByService, Services: []string{"/a"}}, {By: ByDir, Services: []string{"a"}}} {
		if o.check() == nil {
			t.Errorf("%+v makes sense", o)
		}
	}
}

func TestUnitID(t *testing.T) {
	ids := map[string]bool{}
	for _, c := range []struct {
		dir  string
		p    part
		want string
	}{
		{"services/billing", part{keys: []string{"services/billing"}}, "services-billing-"},
		{"services/billing", part{prelude: true}, "services-billing-prelude-"},
		{"services/billing", part{keys: []string{"services/billing/cmd/API"}}, "services-billing-cmd-api-"},
		{"services/billing", part{keys: []string{"services/billing/cmd/api"}}, "services-billing-cmd-api-"},
		{"services-billing", part{keys: []string{"@org/a @org/b"}}, "services-billing-org-a-org-b-"},
		{".", part{keys: []string{"."}}, "root-"},
		{".", part{keys: []string{"ü"}}, "root-"},
		{strings.Repeat("x", 300), part{}, strings.Repeat("x", 60) + "-"},
	} {
		id := unitID(c.dir, c.p)
		if !strings.HasPrefix(id, c.want) || len(id) != len(c.want)+10 || ids[id] {
			t.Errorf("%s: %q, want %q and 10 digits that no other has", c.dir, id, c.want)
		}
		ids[id] = true
	}
}

// parseOwners gives what a CODEOWNERS file of a test says.
func parseOwners(text string) *owners.File {
	file, err := owners.Parse("CODEOWNERS", text, owners.Auto)
	if err != nil {
		panic(err)
	}
	return file
}
