// Package browser opens pages of reports in a headless Chromium, for tests.
//
// It takes a page as a whole and shows it from a file. It notes what a page must not do, and
// knows the filters that the pages of package report have.
package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// A Browser is a headless Chromium that shows one page. It notes what a page must not do: ask
// for anything, throw, or break its own security policy.
type Browser struct {
	testing.TB
	Ctx  context.Context // for actions of chromedp
	url  string
	mu   sync.Mutex
	bad  []string
	asks []string
}

// Open shows a page of HTML. Without Chromium the test is skipped, which the log says.
func Open(t testing.TB, text []byte) *Browser {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			program = found
			break
		}
	}
	if program == "" {
		t.Skip("NOT TESTED: there is no chromium in the PATH, so the page was opened in no browser")
	}
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program),
		chromedp.NoSandbox, // it shows our own page, and may run as root
		chromedp.WindowSize(1280, 860), chromedp.WSURLReadTimeout(time.Minute))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // a busy machine is slow
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &Browser{TB: t, Ctx: ctx, url: "file://" + file}
	if err := chromedp.Listen(ctx, b.event); err != nil {
		t.Fatal(err)
	}
	Call(b, network.Enable, network.EnableParams{})
	Call(b, log.Enable, cdp.Empty{})
	b.Run(chromedp.Navigate(b.url), chromedp.WaitReady(chromedp.CSS("#shown")))
	return b
}

// event notes what a page does behind the back of its reader.
func (b *Browser) event(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.bad = append(b.bad, fmt.Sprint(e.ExceptionDetails.Text, " ", e.ExceptionDetails.Exception))
	case *log.EventEntryAdded:
		b.bad = append(b.bad, e.Entry.Text)
	case *cdppage.EventJavascriptDialogOpening:
		b.bad = append(b.bad, "a dialog: "+e.Message)
	case *network.EventRequestWillBeSent:
		if url, _, _ := strings.Cut(e.Request.URL, "#"); url != b.url {
			b.asks = append(b.asks, e.Request.URL)
		}
	}
}

// Quiet demands that nothing bad has happened.
func (b *Browser) Quiet() {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.bad) > 0 {
		b.Errorf("the page is in trouble: %s", b.bad)
	}
	if len(b.asks) > 0 {
		b.Errorf("the page asked for %s; it must stand alone", b.asks)
	}
}

// Run does actions of chromedp.
func (b *Browser) Run(actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.Ctx, actions...); err != nil {
		b.Fatal(err)
	}
}

// Call sends a command of the protocol.
func Call[P, R any](b *Browser, command cdp.Command[P, R], params P) R {
	b.Helper()
	out, err := chromedp.Call(b.Ctx, command, params)
	if err != nil {
		b.Fatal(err)
	}
	return out
}

// Eval returns the value of an expression.
func Eval[T any](b *Browser, expression string) T {
	b.Helper()
	out, err := chromedp.Run(b.Ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.Fatalf("%s: %v", expression, err)
	}
	return out
}

// Do evaluates statements.
func (b *Browser) Do(format string, args ...any) {
	b.Helper()
	b.Run(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(format, args...)))
}

// Until waits for an expression to be true. The library's own way makes a function of the
// text, which the page's policy forbids.
func (b *Browser) Until(expression string) {
	b.Helper()
	for deadline := time.Now().Add(time.Minute); !Eval[bool](b, expression); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatalf("never: %s", expression)
		}
	}
}

// Choose sets filters, and returns the titles of the units and the places of the findings that
// are shown then, and what the page says about them.
func (b *Browser) Choose(filters map[string]string) (units, findings []string, says string) {
	b.Helper()
	b.Run(chromedp.Click(chromedp.CSS(`#filters button[type=reset]`)))
	b.Until(`location.hash === "" && ![...document.querySelectorAll(".unit,.finding")].some(e => e.hidden)`)
	for name, value := range filters {
		b.Do(`{
			const control = document.querySelector("#filters [name=%s]");
			control.value = %q;
			control.dispatchEvent(new Event("input", {bubbles: true}));
		}`, name, value)
	}
	// The first may take effect before the last one is set.
	b.Until(fmt.Sprintf(`new URLSearchParams(location.hash.slice(1)).size === %d`, len(filters)))
	return b.Shown()
}

// Shown returns what Choose does, for the filters as they are.
func (b *Browser) Shown() (units, findings []string, says string) {
	b.Helper()
	units = Eval[[]string](b, `[...document.querySelectorAll(".unit:not([hidden]) > summary .name")].map(e => e.textContent)`)
	findings = Eval[[]string](b, `[...document.querySelectorAll(".unit:not([hidden]) > .finding:not([hidden]) > summary > code")].map(e => e.textContent)`)
	return units, findings, Eval[string](b, `document.getElementById("shown").textContent`)
}
