package report_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"etcdmod/e2e/internal/browser"
	"etcdmod/internal/finding"
	"etcdmod/internal/report"
	"etcdmod/internal/testkit/sample"
)

var update = flag.Bool("update", false, "make the screenshot in docs again")

func show(t testing.TB, page report.Page) *browser.Browser {
	t.Helper()
	return browser.Open(t, html(t, page))
}

func TestBrowserFilters(t *testing.T) {
	b := show(t, example(t))
	all := []string{"lock-service", "reports", "tiers", "search"}
	units, findings, says := b.Shown()
	if !cmp.Equal(units, all) || len(findings) != 5 || says != "5 of 5 findings in 4 of 4 units" {
		t.Fatalf("at first: %q, %q, %q", units, findings, says)
	}
	for _, tc := range []struct {
		filters map[string]string
		units   []string
		says    string
	}{
		{map[string]string{"owner": "@storage"}, []string{"lock-service", "tiers"}, "3 of 5 findings in 2 of 4 units"},
		{map[string]string{"state": "failed"}, []string{"search"}, "1 of 5 findings in 1 of 4 units"},
		{map[string]string{"rule": "watch-storm"}, []string{"reports"}, "1 of 5 findings in 1 of 4 units"},
		{map[string]string{"tier": "guard"}, []string{"tiers"}, "1 of 5 findings in 1 of 4 units"},
		{map[string]string{"owner": "@storage", "tier": "gate"}, []string{"tiers"}, "1 of 5 findings in 1 of 4 units"},
		{map[string]string{"text": "ELECT"}, []string{"search"}, "1 of 5 findings in 1 of 4 units"},
		{map[string]string{"text": "tier"}, []string{"tiers"}, "2 of 5 findings in 1 of 4 units"},
		{map[string]string{"text": "does-not-build"}, []string{"search"}, "1 of 5 findings in 1 of 4 units"},
		{map[string]string{"owner": "@infra", "rule": "watch-storm"}, nil, "0 of 5 findings in 0 of 4 units"},
	} {
		units, findings, says := b.Choose(tc.filters)
		if len(units) == 0 {
			units = nil
		}
		if !cmp.Equal(units, tc.units) || says != tc.says || !strings.HasPrefix(says, fmt.Sprintf("%d of ", len(findings))) {
			t.Errorf("%v: %q, %q, %q; want %q, %q", tc.filters, units, findings, says, tc.units, tc.says)
		}
		if shown := browser.Eval[bool](b, `!document.getElementById("nothing").hidden`); shown != (len(tc.units) == 0) {
			t.Errorf("%v: the note that nothing is left is shown: %v", tc.filters, shown)
		}
	}

	// The address keeps the filters.
	b.Choose(map[string]string{"owner": "@storage", "rule": "periodic-job"})
	b.Run(chromedp.Reload(), chromedp.WaitReady(chromedp.CSS("#shown")))
	if units, _, says := b.Shown(); !cmp.Equal(units, []string{"tiers"}) {
		t.Errorf("after a reload: %q, %q", units, says)
	}
	if owner := browser.Eval[string](b, `document.querySelector("[name=owner]").value`); owner != "@storage" {
		t.Errorf("after a reload the owner is %q", owner)
	}
	// A number in the summary is a filter.
	b.Choose(nil)
	b.Run(chromedp.Click(chromedp.CSS(`.summary button[data-rule=trylock-poll][data-tier=gate]`)))
	if units, _, says := b.Shown(); !cmp.Equal(units, []string{"tiers"}) || says != "1 of 5 findings in 1 of 4 units" {
		t.Errorf("after a click in the summary: %q, %q", units, says)
	}
	b.Quiet()
}

// cells reads one side of the diff of a finding: "number text", line by line.
func cells(b *browser.Browser, path string, side int) []string {
	b.Helper()
	return browser.Eval[[]string](b, fmt.Sprintf(`(() => {
		const file = [...document.querySelectorAll(".finding[open] .file[open]")].find(f => f.querySelector("code").textContent === %q);
		return [...file.querySelectorAll(".diff tbody tr")].map(r => r.cells).filter(c => c.length > 1 && !c[%d].classList.contains("none"))
			.map(c => c[%d].textContent + (c[%d].dataset.op ?? " ") + c[%d].textContent);
	})()`, path, 2*side+1, 2*side, 2*side+1, 2*side+1))
}

// A reviewer opens a finding with the keyboard, reads the call path and the reason, and both
// sides of the diff, which has the lines of the patch.
func TestBrowserDiff(t *testing.T) {
	page := example(t)
	b := show(t, page)
	if n := browser.Eval[int](b, `document.querySelectorAll(".diff").length`); n != 0 {
		t.Errorf("%d diffs are built before anybody opened one", n)
	}
	b.Choose(map[string]string{"owner": "@storage", "tier": "gate"})
	focused := func(class string) bool {
		return browser.Eval[bool](b, fmt.Sprintf(`document.activeElement.matches(".%s > summary")`, class))
	}
	b.Do(`document.activeElement.blur()`)
	b.Run(chromedp.KeyEvent("j"))
	if !focused("unit") {
		t.Fatal("j does not go to the first unit")
	}
	b.Run(chromedp.KeyEvent(kb.Enter), chromedp.KeyEvent("j"))
	if !focused("finding") {
		t.Fatal("j does not go on to its finding")
	}
	b.Run(chromedp.KeyEvent(kb.Enter))
	b.Until(`document.querySelector(".finding[open] .diff") !== null`)
	text := browser.Eval[string](b, `document.querySelector(".finding[open] .detail").innerText`)
	for _, want := range []string{"Call path", "w.active.TryLock", "Why not more: logs-per-round", `fmt.Println("not active:", err)`, "A failed round logs or counts"} {
		if !strings.Contains(text, want) {
			t.Errorf("the finding does not say %q: %s", want, text)
		}
	}

	path := ""
	for _, u := range page.Units {
		if u.Name != "tiers" {
			continue
		}
		for _, f := range u.Files {
			if f.Shared || f.Created {
				continue
			}
			path = f.Path
			var before, after []string
			for _, h := range f.Hunks {
				old, now := h.Old, h.New
				for _, l := range h.Lines {
					line := strings.TrimSuffix(l.Text, "\n")
					if l.Op != "+" {
						before = append(before, fmt.Sprint(old, strings.ReplaceAll(l.Op, "-", "−"), line))
						old++
					}
					if l.Op != "-" {
						after = append(after, fmt.Sprint(now, l.Op, line))
						now++
					}
				}
			}
			if diff := cmp.Diff(before, cells(b, f.Path, 0)); diff != "" {
				t.Errorf("%s before: %s", f.Path, diff)
			}
			if diff := cmp.Diff(after, cells(b, f.Path, 1)); diff != "" {
				t.Errorf("%s after: %s", f.Path, diff)
			}
		}
	}
	if path == "" {
		t.Fatal("no file of the finding changes")
	}
	for selector, want := range map[string]string{
		"td.gone del": "concurrency", "td.come ins": "etcdlock", "td .k": "for", "td .f": "NewTicker", "td .b": "error",
	} {
		if found := browser.Eval[[]string](b, fmt.Sprintf(`[...document.querySelectorAll(".finding[open] %s")].map(e => e.textContent)`, selector)); !strings.Contains(strings.Join(found, " "), want) {
			t.Errorf("%s is %q, want %q among it", selector, found, want)
		}
	}
	colour := func(selector string) string {
		return browser.Eval[string](b, fmt.Sprintf(`getComputedStyle(document.querySelector(%q)).color`, selector))
	}
	if plain := colour(".diff td:not(.no)"); colour(".diff .k") == plain || colour(".diff .f") == plain {
		t.Error("the tokens have no colours")
	}
	if n := browser.Eval[int](b, `document.querySelectorAll(".unit:not([open]) .diff").length`); n != 0 {
		t.Errorf("%d diffs of other units are built", n)
	}
	// The helper is there, and folded.
	b.Run(chromedp.Click(chromedp.CSS(`.finding[open] .file:not([open]) > summary`)))
	b.Until(`document.querySelectorAll(".finding[open] .file[data-side=after] .diff tbody tr").length > 100`)
	b.Quiet()
}

func TestBrowserLooks(t *testing.T) {
	b := show(t, example(t))
	back := func() string { return browser.Eval[string](b, `getComputedStyle(document.body).backgroundColor`) }
	media := func(name, scheme string) {
		browser.Call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Media: name, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
	}
	const white, dark = "rgb(255, 255, 255)", "rgb(13, 17, 23)"
	media("", "light")
	if got := back(); got != white {
		t.Errorf("light: %s", got)
	}
	media("", "dark")
	if got := back(); got != dark {
		t.Errorf("dark: %s", got)
	}
	theme := func(name string) {
		b.Do(`{const e = document.getElementById("theme"); e.value = %q; e.dispatchEvent(new Event("change"))}`, name)
	}
	theme("light")
	if got := back(); got != white {
		t.Errorf("light, chosen on a dark system: %s", got)
	}
	media("print", "dark")
	theme("")
	if got := back(); got != white {
		t.Errorf("printed: %s", got)
	}
	if got := browser.Eval[string](b, `getComputedStyle(document.getElementById("filters")).display`); got != "none" {
		t.Errorf("printed, the filters have display %s", got)
	}
	// Every control has a name for those who cannot see it.
	for _, control := range browser.Eval[[]string](b, `[...document.querySelectorAll("select,input,button")]
		.filter(e => !(e.labels?.[0]?.textContent ?? e.textContent).trim()).map(e => e.outerHTML)`) {
		t.Errorf("%s has no label", control)
	}
	b.Quiet()
}

// Source code, messages and names are text, whatever is in them.
func TestBrowserShowsHostileText(t *testing.T) {
	const bad = `</script></style><img src=x onerror=alert(1)><script>alert(2)</script>{{.}}"'&lt; ` + "`${alert(3)}`"
	u := report.Unit{
		Module: bad, Name: bad, Owners: []string{bad}, State: report.State(bad),
		Dir: bad, About: bad, Patch: bad, After: []string{bad}, Branch: bad,
		Ignored: []report.Finding{{Rule: bad, Path: bad, Line: 1, Message: bad, Ignored: bad}},
		Findings: []report.Finding{{
			Rule: "trylock-poll", Tier: bad, Path: bad, Line: 1, Func: bad, Package: bad, Message: bad,
			Refused:  []report.Reason{{Code: bad, Detail: bad, At: bad}},
			CallPath: []report.Frame{{At: bad, Call: bad}},
		}},
		Files: []report.File{{
			Path: bad, Findings: []int{0}, Added: 1, Removed: 1,
			Hunks: []report.Hunk{{Old: 1, New: 1, Heading: bad, Lines: []report.Line{{Op: "-", Text: bad}, {Op: "+", Text: bad + "\n"}}}},
		}},
		Skipped:  []report.Skip{{Path: bad, Reason: bad, Detail: bad}},
		Problems: []report.Problem{{Phase: bad, Message: bad, Path: bad}},
	}
	b := show(t, report.Page{Title: bad, Units: []report.Unit{u}, Clean: []string{bad}, Notes: []finding.Note{{Path: bad, Detail: bad}}, Topics: append([]report.Topic{{Name: bad, Title: bad, Text: bad}}, sample.Topics...)})
	b.Run(chromedp.Click(chromedp.CSS(".finding > summary")))
	b.Until(`document.querySelector(".diff") !== null`)
	if got := browser.Eval[string](b, `document.querySelector(".diff td.come:not(.no)").textContent`); got != bad {
		t.Errorf("the diff shows %q, want %q", got, bad)
	}
	if got := browser.Eval[string](b, `document.querySelector(".unit > summary .name").textContent`); got != bad {
		t.Errorf("the title is %q, want %q", got, bad)
	}
	if n := browser.Eval[int](b, `document.images.length`); n != 0 {
		t.Errorf("%d images", n)
	}
	if units, _, _ := b.Choose(map[string]string{"owner": bad}); len(units) != 1 {
		t.Errorf("its owner cannot be chosen: %q", units)
	}
	b.Quiet()
}

// The screenshot in docs is of the example page; -update makes it again.
func TestBrowserScreenshot(t *testing.T) {
	b := show(t, example(t))
	browser.Call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "light"}},
	})
	b.Run(chromedp.EmulateViewport(1280, 1320))
	b.Choose(map[string]string{"owner": "@storage"})
	b.Run(
		chromedp.Click(chromedp.CSS(`.unit:not([hidden]) ~ .unit:not([hidden]) > summary`)),
		chromedp.Click(chromedp.CSS(`.unit[open] > .finding > summary`)),
	)
	b.Until(`document.querySelector(".diff") !== null`)
	b.Do(`document.activeElement.blur(); scrollTo(0, 0)`)
	picture, err := chromedp.Run(b.Ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(picture, []byte("\x89PNG")) || len(picture) < 20_000 || len(picture) > 300_000 {
		t.Errorf("a picture of %d bytes", len(picture))
	}
	if *update {
		if err := os.WriteFile("../../docs/report.png", picture, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b.Quiet()
}
