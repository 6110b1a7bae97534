package command

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"etcdmod/internal/quote"
	"etcdmod/internal/report"
	"etcdmod/internal/rollout"
	"etcdmod/internal/rollout/state"

	"github.com/schollz/progressbar/v3"
)

// A rolloutBar shows how far a rollout is: as a bar on a terminal, else as a line for each
// module that there is something to say about, or for all.
type rolloutBar struct {
	out    io.Writer
	all    bool
	start  func(total int) *progressbar.ProgressBar // nil where lines are wanted
	bar    *progressbar.ProgressBar
	counts map[report.State]int
	drawn  atomic.Bool
	kept   int // modules of a recorded run
	again  map[rollout.Again]int
}

func newBar(out io.Writer, total int) *progressbar.ProgressBar {
	return progressbar.NewOptions(total,
		progressbar.OptionSetWriter(out),
		progressbar.OptionSetDescription("modules"),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionFullWidth(),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)
}

func (b *rolloutBar) event(e rollout.Event) {
	if b.counts == nil {
		b.counts = map[report.State]int{}
		if b.start != nil {
			b.bar = b.start(e.Total)
			b.drawn.Store(true)
		}
	}
	b.counts[e.Module.State]++
	if e.Kept {
		b.kept++
	}
	if e.Again != "" {
		if b.again == nil {
			b.again = map[rollout.Again]int{}
		}
		b.again[e.Again]++
	}
	if b.bar != nil {
		b.bar.Describe(fmt.Sprintf("%d changed, %d failed", b.counts[report.Changed], b.counts[report.Failed]))
		_ = b.bar.Set(e.Done)
		return
	}
	if !b.all && (e.Kept || e.Module.State == report.Clean && e.Again == "") {
		return
	}
	why := againText[e.Again]
	if e.Kept {
		why = " (as recorded)"
	}
	say(b.out, "etcdmod: [%d/%d] %s: %s%s\n", e.Done, e.Total, quote.Name(e.Module.Dir), said(e.Module), why)
}

// waits says what is waited for. A bar that is there says enough.
func (b *rolloutBar) waits(text string) {
	if !b.drawn.Load() {
		say(b.out, "etcdmod: %s\n", text)
	}
}

// againText says why a module that a recorded run has finished was done again.
var againText = map[rollout.Again]string{
	state.AgainChanged: " (done again: it has changed since it was recorded)",
	state.AgainFailed:  " (done again: it had failed)",
}

// resumed says what became of a recorded run.
func (b *rolloutBar) resumed() string {
	done := 0
	for _, n := range b.counts {
		done += n
	}
	if b.kept+len(b.again) == 0 {
		return ""
	}
	changed, failed := b.again[state.AgainChanged], b.again[state.AgainFailed]
	return fmt.Sprintf("of the recorded run %d are kept; done again, having changed: %d, having failed: %d; not done before: %d",
		b.kept, changed, failed, done-b.kept-changed-failed)
}

// said is what there is to say about a module, in a line.
func said(m *rollout.Module) string {
	switch {
	case m.Failure != nil:
		text, _, _ := strings.Cut(m.Failure.Message, "\n")
		return fmt.Sprintf("%s: %s: %s", m.State, m.Failure.Kind, text)
	case len(m.Findings)+len(m.Units) > 0:
		text := fmt.Sprintf("%s: findings %d, changes to review %d", m.State, len(m.Findings), len(m.Units))
		if m.Incomplete && m.Reason != "" {
			text += ": " + m.Reason
		}
		return text
	case m.Reason != "":
		return fmt.Sprintf("%s: %s", m.State, m.Reason)
	}
	return string(m.State)
}

func (b *rolloutBar) end() {
	if b.bar != nil {
		_ = b.bar.Finish()
	}
}
