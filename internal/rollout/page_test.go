package rollout_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"etcdmod/internal/report"
	"etcdmod/internal/rollout"
	"etcdmod/rewrite"
)

func topics() (out []report.Topic) {
	for _, r := range rewrite.Rules {
		out = append(out, report.Topic{Name: r.ID, Title: r.Title, Text: r.Doc, Rule: true})
	}
	return out
}

// written writes the reports of a run, and returns them by name.
func written(t testing.TB, index *rollout.Index, out string) map[string][]byte {
	t.Helper()
	if err := index.WriteReports(out, topics()); err != nil {
		t.Fatal(err)
	}
	texts := map[string][]byte{}
	for _, name := range []string{"report.html", "report.sarif", "report.csv"} {
		text, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = text
	}
	return texts
}

// reports checks what the reports of a run have.
func reports(t *testing.T, index *rollout.Index, out string) {
	texts := written(t, index, out)
	for name, again := range written(t, index, out) {
		if !bytes.Equal(texts[name], again) {
			t.Errorf("%s: the same run gives other bytes", name)
		}
	}
	pageHasAll(t, index)
	t.Run("Damaged", func(t *testing.T) { damaged(t, index, out) })
}

// pageHasAll demands that the page has each finding once, with its unit, and each module.
func pageHasAll(t *testing.T, index *rollout.Index) {
	t.Helper()
	page := index.Page("")
	want, got := map[string]int{}, map[string]int{}
	modules := map[string]bool{}
	for _, dir := range page.Clean {
		modules[dir] = true
	}
	for _, u := range page.Units {
		modules[u.Dir] = true
		if u.State == "" || len(u.Owners) == 0 {
			t.Errorf("%s: state %q, owners %q", u.Title(), u.State, u.Owners)
		}
		for _, f := range u.Findings {
			got[fmt.Sprintf("%s %s:%d:%d %s", u.Name, f.Path, f.Line, f.Col, f.Rule)]++
		}
	}
	for _, m := range index.Modules {
		if !modules[m.Dir] {
			t.Errorf("%s is not in the page", m.Dir)
		}
		for _, f := range m.Findings {
			want[fmt.Sprintf("%s %s:%d:%d %s", f.Unit, f.Path, f.Line, f.Col, f.Rule)]++
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("findings by unit: -index +page:\n%s", d)
	}
}

// damaged demands that reports of an index whose patches are others fail.
func damaged(t *testing.T, index *rollout.Index, out string) {
	for _, m := range index.Modules {
		if len(m.Units) < 2 {
			continue
		}
		name := filepath.Join(out, m.Units[1].Patch)
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := os.WriteFile(name, text, 0o644); err != nil {
				t.Error(err)
			}
		}()
		for _, bad := range []string{"", "no patch", strings.ReplaceAll(string(text), ".go", ".og")} {
			if err := os.WriteFile(name, []byte(bad), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := index.WriteReports(out, topics()); err == nil {
				t.Errorf("reports were made of the patch %.20q", bad)
			}
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		if err := index.WriteReports(out, topics()); err == nil {
			t.Error("reports were made without a patch")
		}
		return
	}
}
