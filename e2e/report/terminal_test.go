package report_test

import (
	"bytes"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"etcdmod/e2e/internal/browser"
	"etcdmod/internal/command"
)

// What "diff" shows on a terminal: the files of people first, a line for the generated ones, and
// what to do next. -update makes the picture in docs again.
func TestTerminalScreenshot(t *testing.T) {
	dir, err := filepath.Abs("../../testdata/example")
	if err != nil {
		t.Fatal(err)
	}
	var screen bytes.Buffer
	environ := append(os.Environ(), "TERM=xterm", "NO_COLOR=", "GIT_PAGER=cat", "GOFLAGS=")
	env := command.Env{Dir: dir, Environ: environ, Stdin: strings.NewReader(""), Stdout: &screen, Stderr: &screen, Terminal: func(io.Writer) bool { return true }}
	if code := command.Main(t.Context(), []string{"diff", "-vet=false"}, env); code != command.ExitFindings {
		t.Fatalf("exit code %d: %s", code, &screen)
	}
	text := screen.String()
	for _, want := range []string{"\x1b[31m-func awaitLock(", "internal/etcdlock/mutex.go: +", ", generated, sha256 ", "; -helper shows it\n", "\n1 finding; ", "\nNext, with the same flags: \"etcdmod apply\" writes this; "} {
		if !strings.Contains(text, want) {
			t.Errorf("the terminal does not show %q: %s", want, text)
		}
	}
	b := browser.Open(t, []byte(`<!doctype html><meta charset="utf-8"><title>terminal</title><style>
body { margin: 0; background: #0d1117; } pre { margin: 0; padding: 1rem; color: #d0d7de; white-space: pre-wrap; overflow-wrap: anywhere; font: 13px/1.35 "DejaVu Sans Mono", monospace; }
.c1 { font-weight: bold; } .c31 { color: #ff8a80; } .c32 { color: #56d364; } .c36 { color: #76e3ea; } .c31.c7 { background: #ff8a80; color: #0d1117; } .c32.c7 { background: #56d364; color: #0d1117; }
</style><pre id="shown">$ etcdmod diff
`+coloured(text)+`</pre>`))
	b.Run(chromedp.EmulateViewport(1000, 1420)) // to the last line
	shoot(b, "terminal.png", `scrollTo(0, 0)`)
	b.Quiet()
}

var escape = regexp.MustCompile("\x1b\\[([0-9;]*)m")

// coloured makes HTML of what a program has written to a terminal.
func coloured(text string) string {
	var out strings.Builder
	var styles []string
	at := 0
	piece := func(end int) {
		if s := template.HTMLEscapeString(text[at:end]); len(styles) > 0 {
			fmt.Fprintf(&out, `<span class="%s">%s</span>`, strings.Join(styles, " "), s)
		} else {
			out.WriteString(s)
		}
	}
	for _, m := range escape.FindAllStringSubmatchIndex(text, -1) {
		piece(m[0])
		at = m[1]
		codes := strings.Split(text[m[2]:m[3]], ";")
		if slices.Contains(codes, "0") || slices.Contains(codes, "") {
			styles = nil
			continue
		}
		for _, code := range codes {
			styles = append(styles, "c"+code)
		}
	}
	piece(len(text))
	return out.String()
}
