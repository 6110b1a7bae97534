package command

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"etcdmod/internal/gocmd"
)

// patience is how long a run may take before it shows that it is alive.
const patience = 400 * time.Millisecond

// progress returns a context for the run, a function that tells what is being done, and one that
// ends it: as lines with -v, as one line that moves on a terminal, and otherwise only what is
// waited for when that takes long.
func (s *settings) progress(ctx context.Context, env *Env) (_ context.Context, log func(format string, args ...any), stop func()) {
	start := time.Now()
	if s.verbose {
		log := func(format string, args ...any) {
			say(env.Stderr, "etcdmod: %5.1fs  %s\n", time.Since(start).Seconds(), fmt.Sprintf(format, args...))
		}
		ctx, stop := env.waiting(ctx, func(text string) { log("%s", text) })
		return ctx, log, stop
	}
	f, ok := env.Stderr.(*os.File)
	if !ok || !env.terminal(f) {
		if s.format != formatText {
			return ctx, nil, func() {}
		}
		ctx, stop := env.waiting(ctx, env.sayWaiting)
		return ctx, nil, stop
	}
	line := &liveLine{out: f}
	timer := time.AfterFunc(patience, line.show)
	ctx, over := env.waiting(ctx, func(text string) { line.say("%s", text) })
	return ctx, line.say, func() {
		over()
		timer.Stop()
		line.end()
	}
}

// sayWaiting writes what is waited for as a line.
func (env *Env) sayWaiting(text string) { say(env.Stderr, "etcdmod: %s\n", text) }

// waiting returns a context that is watched for go commands: as often as env.Ticks says, and one
// of them runs, tell gets a text about the one that runs longest. The first run on a machine
// downloads and compiles for minutes. Nothing is told once stop has returned.
func (env *Env) waiting(ctx context.Context, tell func(text string)) (_ context.Context, stop func()) {
	if env.Ticks == nil {
		return ctx, func() {}
	}
	type command struct {
		verb  string
		began time.Time
	}
	var mu sync.Mutex
	var running []*command // in the order in which they began
	watched := gocmd.Watching(ctx, func(args []string) func() {
		c := &command{args[0], time.Now()}
		mu.Lock()
		defer mu.Unlock()
		running = append(running, c)
		return func() {
			mu.Lock()
			defer mu.Unlock()
			running = slices.DeleteFunc(running, func(other *command) bool { return other == c })
		}
	})
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-over:
				return
			case <-env.Ticks:
			}
			mu.Lock()
			text := ""
			if len(running) > 0 {
				text = fmt.Sprintf("waiting for \"go %s\"", running[0].verb)
				if long := time.Since(running[0].began).Round(time.Second); long > 0 {
					text += fmt.Sprintf(" for %.0f s", long.Seconds())
				}
				text += "; the go command downloads and compiles what its caches lack"
			}
			mu.Unlock()
			if text != "" {
				tell(text)
			}
		}
	}()
	return watched, func() {
		close(over)
		<-ended
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
