package rollout_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

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
	numbersAgree(t, index, texts)
	t.Run("Damaged", func(t *testing.T) { damaged(t, index, out) })
}

// pageHasAll demands that the page has each finding once, with its unit, and each module.
func pageHasAll(t *testing.T, index *rollout.Index) {
	t.Helper()
	page := index.Page("")
	want, got := map[string]int{}, map[string]int{}
	modules := map[string]report.State{}
	for _, m := range page.Modules {
		modules[m.Dir] = m.State
	}
	for _, u := range page.Units {
		if u.State == "" || len(u.Owners) == 0 {
			t.Errorf("%s: state %q, owners %q", u.Title(), u.State, u.Owners)
		}
		for _, f := range u.Findings {
			got[fmt.Sprintf("%s %s:%d:%d %s", u.Name, f.Path, f.Line, f.Col, f.Rule)]++
		}
	}
	for _, m := range index.Modules {
		if modules[m.Dir] != m.State {
			t.Errorf("%s is %s on the page, want %s", m.Dir, modules[m.Dir], m.State)
		}
		if m.Incomplete && m.Reason == "" {
			t.Errorf("%s: nothing says why not all is done", m.Dir)
		}
		for _, f := range m.Findings {
			want[fmt.Sprintf("%s %s:%d:%d %s", f.Unit, f.Path, f.Line, f.Col, f.Rule)]++
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("findings by unit: -index +page:\n%s", d)
	}
}

// numbersAgree demands that the index, the summary, the page and the table count the same
// modules by the same states, and the same findings by the same tiers.
func numbersAgree(t *testing.T, index *rollout.Index, texts map[string][]byte) {
	t.Helper()
	states, tiers := map[string]int{}, map[string]int{}
	for _, m := range index.Modules {
		states[string(m.State)]++
		for _, f := range m.Findings {
			tiers[f.Tier]++
		}
	}
	number := func(text string) int {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	same := func(what string, want, got map[string]int) {
		t.Helper()
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: -index +report:\n%s", what, d)
		}
	}

	var summary bytes.Buffer
	if err := index.Summary(&summary, time.Second); err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^  ([a-z]+) +(\d+)  `).FindAllStringSubmatch(summary.String(), -1) {
		got[m[1]] = number(m[2])
	}
	same("states in the summary", states, got)
	got = map[string]int{}
	if m := regexp.MustCompile(`(?m)^Findings by tier: (.*)$`).FindStringSubmatch(summary.String()); m != nil {
		for _, pair := range strings.Split(m[1], ", ") {
			tier, n, _ := strings.Cut(pair, " ")
			got[tier] = number(n)
		}
	}
	same("tiers in the summary", tiers, got)

	rows, err := csv.NewReader(bytes.NewReader(texts["report.csv"])).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := func(row []string, name string) string { return row[slices.Index(rows[0], name)] }
	got, found := map[string]int{}, map[string]int{}
	for _, row := range rows[1:] {
		switch column(row, "type") {
		case "module":
			got[column(row, "state")]++
		case "finding", "bump":
			found[column(row, "tier")]++
		}
	}
	same("states in the table", states, got)
	same("tiers in the table", tiers, found)

	page := string(texts["report.html"])
	got, found = map[string]int{}, map[string]int{}
	_, list, _ := strings.Cut(page, `id="modules"`)
	list, _, _ = strings.Cut(list, "</ul>")
	for _, m := range regexp.MustCompile(`<li class="pre"><code>[^<]*</code> ([a-z]+)`).FindAllStringSubmatch(list, -1) {
		got[m[1]]++
	}
	for _, m := range regexp.MustCompile(`class="finding" data-rule="[^"]*" data-tier="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		found[m[1]]++
	}
	same("states in the list of the page", states, got)
	same("tiers of the findings on the page", tiers, found)
	counted := map[string]int{}
	_, table, _ := strings.Cut(page, `id="modules-by-state"`)
	table, _, _ = strings.Cut(table, "</table>")
	for _, m := range regexp.MustCompile(`<th scope="row">([a-z]+)<.*</th><td>(\d+)</td>`).FindAllStringSubmatch(table, -1) {
		counted[m[1]] = number(m[2])
	}
	same("states in the summary of the page", states, counted)
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
