package command

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// patience is how long a run may take before it shows that it is alive.
const patience = 400 * time.Millisecond

// progress returns a function that tells what is being done, and one that ends it: as
// lines with -v, as one line that moves on a terminal, and not at all otherwise.
func (s *settings) progress(env *Env) (log func(format string, args ...any), stop func()) {
	start := time.Now()
	if s.verbose {
		return func(format string, args ...any) {
			say(env.Stderr, "etcdmod: %5.1fs  %s\n", time.Since(start).Seconds(), fmt.Sprintf(format, args...))
		}, func() {}
	}
	f, ok := env.Stderr.(*os.File)
	if !ok || !env.terminal(f) {
		return nil, func() {}
	}
	line := &liveLine{out: f}
	timer := time.AfterFunc(patience, line.show)
	return line.say, func() {
		timer.Stop()
		line.end()
	}
}

// A liveLine is the line on a terminal that says what is being done. It is not there before it
// is shown: most runs are over by then.
type liveLine struct {
	out  *os.File
	mu   sync.Mutex // a timer that fires late must not show what has ended
	text string
	bar  *progressbar.ProgressBar // nil before it is shown
	over bool
}

func (l *liveLine) show() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return
	}
	l.bar = progressbar.NewOptions(-1, // nobody knows how long it takes
		progressbar.OptionSetWriter(l.out),
		progressbar.OptionSetDescription(l.text),
		progressbar.OptionSpinnerType(14),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionClearOnFinish(),
	)
}

func (l *liveLine) say(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = fmt.Sprintf(format, args...)
	if l.bar != nil {
		l.bar.Describe(l.text)
	}
}

func (l *liveLine) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	if l.bar != nil {
		_ = l.bar.Finish()
	}
}
