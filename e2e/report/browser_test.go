package report_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"etcdmod/e2e/internal/browser"
	"etcdmod/internal/finding"
	"etcdmod/internal/report"
	"etcdmod/internal/testkit/sample"
	"etcdmod/internal/version"
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
		{map[string]string{"state": "rejected"}, []string{"search"}, "1 of 5 findings in 1 of 4 units"},
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
	if got := browser.Eval[string](b, `getComputedStyle(document.getElementById("bar")).display`); got != "none" {
		t.Errorf("printed, the filters have display %s", got)
	}
	// Every control has a name for those who cannot see it.
	for _, control := range browser.Eval[[]string](b, `[...document.querySelectorAll("select,input,button")]
		.filter(e => !(e.labels?.[0]?.textContent ?? e.textContent).trim()).map(e => e.outerHTML)`) {
		t.Errorf("%s has no label", control)
	}
	b.Quiet()
}

// openAll opens everything that can be opened.
func openAll(b *browser.Browser) {
	b.Helper()
	b.Do(`for (const e of document.querySelectorAll("details")) e.open = true`)
	b.Until(`[...document.querySelectorAll(".file[data-diff]")].every(f => f.querySelector(".diff"))`)
}

// stays demands that nothing of the page has to be scrolled sideways. What is out of sight is
// laid out when the browser comes to it (content-visibility), and has its old width until then;
// so what reaches out has a while to come in.
func stays(b *browser.Browser, when string) {
	b.Helper()
	var out []string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		out = browser.Eval[[]string](b, `[...document.querySelectorAll("*")]
			.filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1 || e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX !== "visible")
			.filter(e => !e.matches(".unseen, .unseen *, select, input, option, head *"))
			.map(e => e.outerHTML.slice(0, 120))`)
		if browser.Eval[bool](b, `document.documentElement.scrollWidth > document.documentElement.clientWidth`) {
			out = append(out, "the page, which scrolls sideways")
		}
		if len(out) == 0 {
			return
		}
	}
	for _, e := range out {
		b.Errorf("%s, this reaches out of the page: %s", when, e)
	}
}

// patchLines are the lines of a file's hunks as a patch has them.
func patchLines(f report.File) (out []string) {
	for _, h := range f.Hunks {
		for _, l := range h.Lines {
			out = append(out, strings.ReplaceAll(l.Op, "-", "−")+strings.TrimSuffix(l.Text, "\n"))
		}
	}
	return out
}

// unified reads an open diff with one side.
func unified(b *browser.Browser, path string) []string {
	b.Helper()
	return browser.Eval[[]string](b, fmt.Sprintf(`[...[...document.querySelectorAll(".file[open]")].find(f => f.querySelector("code").textContent === %q && f.querySelector(".diff.unified"))
		.querySelectorAll(".diff tbody tr")].map(r => r.cells[2]).filter(c => c).map(c => (c.dataset.op ?? " ") + c.textContent)`, path))
}

// On a small screen the diff has one side, the filters are folded, and nothing has to be
// scrolled sideways; on a wide one again it is as before. Paper has one side as well, and what
// the filters leave is open there.
func TestBrowserNarrow(t *testing.T) {
	page := example(t)
	b := show(t, page)
	folded := func() bool { return !browser.Eval[bool](b, `document.getElementById("folded").open`) }
	sides := func() (one, two int) {
		return browser.Eval[int](b, `document.querySelectorAll(".diff.unified").length`), browser.Eval[int](b, `document.querySelectorAll(".file:not([data-side]) .diff:not(.unified)").length`)
	}
	if folded() {
		t.Error("the filters are folded on a wide screen")
	}
	openAll(b)
	stays(b, "at 1280 px")
	if one, two := sides(); one > 0 || two == 0 {
		t.Errorf("wide: %d diffs of one side, %d of two", one, two)
	}
	for _, width := range []int64{400, 320} {
		b.Run(chromedp.EmulateViewport(width, 800))
		b.Until(`document.querySelector(".diff.unified") !== null`)
		if width == 400 && !folded() { // later they have been opened
			t.Error("the filters are not folded on a small screen")
		}
		openAll(b)
		stays(b, fmt.Sprintf("at %d px", width))
		if one, two := sides(); one == 0 || two > 0 {
			t.Errorf("%d px: %d diffs of one side, %d of two", width, one, two)
		}
	}
	checked := 0
	for _, u := range page.Units {
		for _, f := range u.Files {
			if f.Created || f.Shared || len(f.Hunks) == 0 {
				continue
			}
			checked++
			if diff := cmp.Diff(patchLines(f), unified(b, f.Path)); diff != "" {
				t.Errorf("%s: -patch +page: %s", f.Path, diff)
			}
		}
	}
	if checked < 3 {
		t.Errorf("only %d files were compared", checked)
	}
	b.Run(chromedp.EmulateViewport(1280, 860))
	b.Until(`document.querySelector(".diff.unified") === null`)
	if folded() {
		t.Error("the filters stay folded on a screen that has become wide")
	}

	b.Run(chromedp.Click(chromedp.CSS("#close")))
	b.Choose(map[string]string{"owner": "@storage"})
	browser.Call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	b.Run(chromedp.EmulateViewport(700, 990))
	b.Do(`dispatchEvent(new Event("beforeprint"))`)
	open := func() []string {
		return browser.Eval[[]string](b, `[...document.querySelectorAll(".finding[open]")].map(e => e.querySelector("code").textContent)`)
	}
	if _, shown, _ := b.Shown(); !cmp.Equal(open(), shown) || len(shown) != 3 {
		t.Errorf("printed are %q, want what the filters leave: %q", open(), shown)
	}
	if one, two := sides(); one == 0 || two > 0 {
		t.Errorf("printed: %d diffs of one side, %d of two", one, two)
	}
	stays(b, "printed")
	b.Do(`dispatchEvent(new Event("afterprint"))`)
	if left := open(); len(left) > 0 {
		t.Errorf("after printing %q are open", left)
	}
	b.Quiet()
}

// The page explains its words where they stand, and says what it was made of.
func TestBrowserExplains(t *testing.T) {
	page := example(t)
	b := show(t, page)
	openAll(b)
	text := func(selector string) string {
		return browser.Eval[string](b, fmt.Sprintf(`[...document.querySelectorAll(%q)].map(e => e.textContent).join("\n")`, selector))
	}
	for _, want := range append([]string{version.Version, page.Source.Commit, page.Source.Date}, page.Source.Settings...) {
		if !strings.Contains(text("header"), want) {
			t.Errorf("the page does not say that it was made of %q", want)
		}
	}
	topics := map[string]report.Topic{}
	for _, topic := range page.Topics {
		topics[topic.Name] = topic
	}
	for _, u := range page.Units {
		said := text(fmt.Sprintf(".unit[data-text^=%q]", u.Name))
		for _, want := range []string{u.State.Explain()} {
			if want == "" || !strings.Contains(said, want) {
				t.Errorf("%s does not explain that it is %s", u.Name, u.State)
			}
		}
		for _, f := range u.Findings {
			reasons := f.Refused
			if f.NotHigher != nil {
				reasons = append(reasons, *f.NotHigher)
			}
			for _, want := range []string{report.TierText(f.Tier), topics[f.Rule].Title} {
				if want == "" || !strings.Contains(said, want) {
					t.Errorf("%s does not say %q of %s %s", u.Name, want, f.Rule, f.Tier)
				}
			}
			for _, r := range reasons {
				if want := topics[r.Code].Text; want == "" || !strings.Contains(said, want) {
					t.Errorf("%s does not explain %s", u.Name, r.Code)
				}
			}
		}
		for _, s := range u.Skipped {
			if want := topics[s.Reason].Text; want == "" || !strings.Contains(said, want) {
				t.Errorf("%s does not explain %s", u.Name, s.Reason)
			}
		}
		var own, helper [2]int
		for _, f := range u.Files {
			of := &own
			if f.Shared {
				of = &helper
			}
			of[0], of[1] = of[0]+f.Added, of[1]+f.Removed
		}
		if len(u.Files) == 0 {
			continue
		}
		size := text(fmt.Sprintf(".unit[data-text^=%q] > summary .size", u.Name))
		if want := fmt.Sprintf("+%d −%d · helper +%d −%d", own[0], own[1], helper[0], helper[1]); !strings.HasSuffix(size, want) || helper[0] == 0 {
			t.Errorf("%s has the size %q, want %q", u.Name, size, want)
		}
	}
	for _, m := range page.Modules {
		if said := text("#modules"); !strings.Contains(said, m.Title()+" "+string(m.State)) || !strings.Contains(said, m.Reason) {
			t.Errorf("the list of modules does not have %v: %s", m, said)
		}
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
			ID: "f", Rule: "trylock-poll", Tier: bad, Path: bad, Line: 1, Func: bad, Package: bad, Message: bad,
			Refused:  []report.Reason{{Code: bad, Detail: bad, At: bad}},
			CallPath: []report.Frame{{At: bad, Call: bad}},
		}},
		Files: []report.File{{
			Path: bad, Findings: []string{"f"}, Added: 1, Removed: 1,
			Hunks: []report.Hunk{{Old: 1, New: 1, Heading: bad, Lines: []report.Line{{Op: "-", Text: bad}, {Op: "+", Text: bad + "\n"}}}},
		}},
		Skipped:  []report.Skip{{Path: bad, Reason: bad, Detail: bad}},
		Problems: []report.Problem{{Phase: bad, Message: bad, Path: bad}},
	}
	b := show(t, report.Page{Title: bad, Units: []report.Unit{u}, Modules: []report.Module{{Dir: bad, State: report.State(bad), Reason: bad}, {Path: bad}}, Source: report.Source{Commit: bad, Date: bad, Settings: []string{bad}}, Notes: []finding.Note{{Path: bad, Detail: bad}}, Topics: append([]report.Topic{{Name: bad, Title: bad, Text: bad}}, sample.Topics...)})
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
	b.Run(chromedp.EmulateViewport(400, 800))
	openAll(b)
	stays(b, "hostile text at 400 px")
	b.Quiet()
}

// The screenshots in docs are of the example page, at two widths; -update makes them again.
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
	shoot(b, "report.png", `scrollTo(0, 0)`)
	b.Run(chromedp.EmulateViewport(400, 900))
	b.Until(`document.querySelector(".diff.unified") !== null`)
	shoot(b, "report-narrow.png", `document.querySelector(".unit[open]").scrollIntoView()`)
	b.Quiet()
}

// shoot makes a picture of the page as a script has left it, and with -update puts it into docs.
func shoot(b *browser.Browser, name, script string) {
	b.Helper()
	b.Do(`document.activeElement.blur(); %s`, script)
	picture, err := chromedp.Run(b.Ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.Fatal(err)
	}
	if !bytes.HasPrefix(picture, []byte("\x89PNG")) || len(picture) < 20_000 || len(picture) > 300_000 {
		b.Errorf("a picture of %d bytes", len(picture))
	}
	if *update {
		if err := os.WriteFile("../../docs/"+name, picture, 0o644); err != nil {
			b.Fatal(err)
		}
	}
}
