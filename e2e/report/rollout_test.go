package report_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"etcdmod/e2e/internal/browser"
	"etcdmod/internal/finding"
	"etcdmod/internal/patch"
	"etcdmod/internal/pipeline"
	"etcdmod/internal/report"
	"etcdmod/internal/rollout"
	"etcdmod/internal/testkit/synthetic"
	"etcdmod/rewrite"
)

// A rollout's reports, as their readers get them.
func TestRollout(t *testing.T) {
	env := synthetic.Environment(t)
	root, _ := synthetic.Repository(t, env, synthetic.Config{Modules: 60, Affected: 0.15, Broken: 0.1, Seed: 1})
	out := filepath.Join(t.TempDir(), "out")
	index, err := rollout.Run(t.Context(), rollout.Options{
		Root: root, By: rollout.ByDir, Out: out, Jobs: 2, Timeout: 5 * time.Minute,
		Pipeline: pipeline.Options{Env: env, Tier: finding.Collapse},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := index.WriteReports(out, ruleTopics()); err != nil {
		t.Fatal(err)
	}
	read := func(name string) []byte {
		text, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	t.Run("SARIF", func(t *testing.T) { sarifHasAll(t, index, read("report.sarif")) })
	t.Run("Browser", func(t *testing.T) { readInBrowser(t, index, out, read("report.html")) })
}

// sarifHasAll demands that the log follows the schema, and that a finding that a unit changes
// has a fix of all the files of that unit, with the helper.
func sarifHasAll(t *testing.T, index *rollout.Index, text []byte) {
	valid(t, text)
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
		{map[string]string{"state": "failed"}, has(func(u report.Unit) bool { return u.State == report.Failed })},
		{map[string]string{"state": "refused"}, has(func(u report.Unit) bool { return u.State == report.Refused })},
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
	picture(b)
	b.Quiet()
}

// picture makes the screenshot in docs: what one team has to review, with a finding opened.
func picture(b *browser.Browser) {
	browser.Call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "light"}},
	})
	b.Run(chromedp.EmulateViewport(1280, 1500), chromedp.Click(chromedp.CSS("#close")))
	b.Choose(map[string]string{"owner": "@org/services", "tier": "gate"})
	b.Run(chromedp.Click(chromedp.CSS(`.unit:not([hidden]) > summary`)), chromedp.Click(chromedp.CSS(`.unit:not([hidden]) > .finding > summary`)))
	b.Until(`document.querySelector(".finding[open] .diff") !== null`)
	shoot(b, "rollout.png", `scrollTo(0, 0)`)
}
