package rollout_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"etcdmod/internal/browser"
	"etcdmod/internal/patch"
	"etcdmod/internal/report"
	"etcdmod/internal/rollout"
	"etcdmod/rewrite"
)

var update = flag.Bool("update", false, "make the screenshot in docs again")

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
	t.Run("SARIF", func(t *testing.T) { sarifHasAll(t, index, texts["report.sarif"]) })
	t.Run("Browser", func(t *testing.T) { readInBrowser(t, index, out, texts["report.html"]) })
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

// sarifHasAll demands that the log follows the schema, and that a finding that a unit changes
// has a fix of all the files of that unit, with the helper.
func sarifHasAll(t *testing.T, index *rollout.Index, text []byte) {
	schema, err := jsonschema.NewCompiler().Compile("../report/testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		t.Error(err)
	}
	type artifact struct{ URI, URIBaseID string }
	var log struct {
		Runs []struct {
			AutomationDetails struct{ ID string }
			Tool              struct{ Driver struct{ Rules []any } }
			Results           []struct {
				RuleID    string
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation artifact
						Region           struct{ StartLine int }
					}
				}
				PartialFingerprints map[string]string
				Properties          struct{ Owners []string }
				Fixes               []struct {
					ArtifactChanges []struct{ ArtifactLocation artifact }
				}
			}
		}
	}
	if err := json.Unmarshal(text, &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	if run.AutomationDetails.ID != "etcdmod/rollout/" || len(run.Tool.Driver.Rules) != len(rewrite.Rules) {
		t.Errorf("id %q, %d rules", run.AutomationDetails.ID, len(run.Tool.Driver.Rules))
	}
	want, got := map[string]string{}, map[string]string{}
	for _, m := range index.Modules {
		for _, f := range m.Findings {
			var files []string
			for _, u := range m.Units {
				for _, file := range u.Files {
					if f.Unit != "" && (u.ID == f.Unit || file.Shared) {
						files = append(files, file.Path)
					}
				}
			}
			slices.Sort(files)
			want[fmt.Sprintf("%s:%d %s", f.Path, f.Line, f.Rule)] = strings.Join(files, " ")
		}
	}
	prints := map[string]bool{}
	for _, r := range run.Results {
		at := r.Locations[0].PhysicalLocation
		if at.ArtifactLocation.URIBaseID != "%SRCROOT%" || len(r.Properties.Owners) == 0 {
			t.Errorf("%+v", r)
		}
		for _, p := range r.PartialFingerprints {
			if prints[p] {
				t.Errorf("fingerprint %s twice", p)
			}
			prints[p] = true
		}
		var files []string
		for _, f := range r.Fixes {
			for _, c := range f.ArtifactChanges {
				files = append(files, c.ArtifactLocation.URI)
			}
		}
		slices.Sort(files)
		got[fmt.Sprintf("%s:%d %s", at.ArtifactLocation.URI, at.Region.StartLine, r.RuleID)] = strings.Join(files, " ")
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("files that fixes change: -index +SARIF:\n%s", d)
	}
}

// readInBrowser does what a reviewer does: she looks for what is hers, opens a finding, and
// reads why and what changes.
func readInBrowser(t *testing.T, index *rollout.Index, out string, text []byte) {
	b := browser.Open(t, text)
	all, _, _ := b.Shown()
	page := index.Page("")
	if len(all) != len(page.Units) {
		t.Errorf("%d units are shown, want %d", len(all), len(page.Units))
	}
	has := func(match func(report.Unit) bool) (names []string) {
		for _, u := range page.Units {
			if match(u) {
				names = append(names, u.Title())
			}
		}
		return names
	}
	tier := func(name string) func(report.Unit) bool {
		return func(u report.Unit) bool {
			return slices.ContainsFunc(u.Findings, func(f report.Finding) bool { return f.Tier == name })
		}
	}
	for _, tc := range []struct {
		filters map[string]string
		want    []string
	}{
		{map[string]string{"owner": "@org/services"}, has(func(u report.Unit) bool { return slices.Contains(u.Owners, "@org/services") })},
		{map[string]string{"state": "error"}, has(func(u report.Unit) bool { return u.State == report.Error })},
		{map[string]string{"state": "failed"}, has(func(u report.Unit) bool { return u.State == report.Failed })},
		{map[string]string{"tier": "gate"}, has(tier("gate"))},
		{map[string]string{"tier": "refuse"}, has(tier("refuse"))},
		{map[string]string{"rule": "trylock-spin"}, has(func(u report.Unit) bool {
			return slices.ContainsFunc(u.Findings, func(f report.Finding) bool { return f.Rule == "trylock-spin" })
		})},
	} {
		got, _, says := b.Choose(tc.filters)
		if d := cmp.Diff(tc.want, got); d != "" || len(tc.want) == 0 || len(tc.want) == len(all) {
			t.Errorf("%v: %s: -want +got:\n%s", tc.filters, says, d)
		}
	}

	// A change that comes behind a prelude.
	unit := page.Units[slices.IndexFunc(page.Units, func(u report.Unit) bool { return len(u.After) > 0 && tier("gate")(u) })]
	b.Choose(map[string]string{"text": unit.Name})
	b.Run(chromedp.Click(chromedp.CSS(`.unit:not([hidden]) > summary`)), chromedp.Click(chromedp.CSS(`.unit:not([hidden]) > .finding > summary`)))
	b.Until(`document.querySelector(".finding[open] .diff") !== null`)
	said := browser.Eval[string](b, `document.querySelector(".unit[open]").innerText`)
	f := unit.Findings[0]
	for _, want := range []string{
		unit.About, unit.Module, unit.Dir, "patch " + unit.Patch, "after " + unit.After[0], unit.Owners[0], f.Message,
		"Call path", f.CallPath[0].At, "Why not more: " + f.NotHigher.Code, "for all findings in " + unit.After[0],
	} {
		if !strings.Contains(said, want) {
			t.Errorf("the unit does not say %q:\n%s", want, said)
		}
	}
	diff, err := os.ReadFile(filepath.Join(out, unit.Patch))
	if err != nil {
		t.Fatal(err)
	}
	files, err := patch.Parse(diff)
	if err != nil {
		t.Fatal(err)
	}
	var want [2][]string
	for _, l := range files[0].Hunks[0].Lines {
		line := strings.TrimSuffix(l.Text, "\n")
		if l.Op != patch.Insert {
			want[0] = append(want[0], line)
		}
		if l.Op != patch.Delete {
			want[1] = append(want[1], line)
		}
	}
	for side := range want {
		got := browser.Eval[[]string](b, fmt.Sprintf(`[...document.querySelector(".finding[open] .file[open] .diff").tBodies[0].rows]
			.map(r => r.cells).filter(c => c.length > 1 && !c[%d].classList.contains("none")).map(c => c[%d].textContent)`, 2*side+1, 2*side+1))
		if len(got) < len(want[side]) || !cmp.Equal(want[side], got[:len(want[side])]) {
			t.Errorf("side %d: -patch +page:\n%s", side, cmp.Diff(want[side], got))
		}
	}
	for selector, want := range map[string]string{"td.gone del": "concurrency", "td.come ins": "etcdlock", "td .k": "for"} {
		if got := browser.Eval[string](b, fmt.Sprintf(`[...document.querySelectorAll(".finding[open] %s")].map(e => e.textContent).join(" ")`, selector)); !strings.Contains(got, want) {
			t.Errorf("%s is %q, want %q among it", selector, got, want)
		}
	}
	picture(t, b)
	b.Quiet()
}

// picture makes the screenshot in docs: what one team has to review, with a finding opened.
func picture(t *testing.T, b *browser.Browser) {
	browser.Call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "light"}},
	})
	b.Run(chromedp.EmulateViewport(1280, 1180), chromedp.Click(chromedp.CSS("#close")))
	b.Choose(map[string]string{"owner": "@org/services", "tier": "gate"})
	b.Run(chromedp.Click(chromedp.CSS(`.unit:not([hidden]) > summary`)), chromedp.Click(chromedp.CSS(`.unit:not([hidden]) > .finding > summary`)))
	b.Until(`document.querySelector(".finding[open] .diff") !== null`)
	b.Do(`document.activeElement.blur(); scrollTo(0, 0)`)
	png, err := chromedp.Run(b.Ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(png, []byte("\x89PNG")) || len(png) < 20_000 || len(png) > 300_000 {
		t.Errorf("a picture of %d bytes", len(png))
	}
	if *update {
		if err := os.WriteFile("../../docs/rollout.png", png, 0o644); err != nil {
			t.Fatal(err)
		}
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
