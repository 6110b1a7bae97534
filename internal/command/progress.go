package command

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/briandowns/spinner"
)

// patience is how long a run may take before it shows that it is alive.
const patience = 400 * time.Millisecond

// progress returns a function that tells what is being done, and one that ends it: as
// lines with -v, as one line that moves on a terminal, and not at all otherwise.
func (s *settings) progress(env *Env) (log func(format string, args ...any), stop func()) {
	start := time.Now()
	if s.verbose {
		return func(format string, args ...any) {
			fmt.Fprintf(env.Stderr, "etcdmod: %5.1fs  %s\n", time.Since(start).Seconds(), fmt.Sprintf(format, args...))
		}, func() {}
	}
	f, ok := env.Stderr.(*os.File)
	if !ok || !env.terminal(f) {
		return nil, func() {}
	}
	sp := spinner.New(spinner.CharSets[14], 120*time.Millisecond, spinner.WithWriterFile(f))
	var mu sync.Mutex // a timer that fires late must not start what was stopped
	stopped := false
	timer := time.AfterFunc(patience, func() {
		mu.Lock()
		defer mu.Unlock()
		if !stopped {
			sp.Start()
		}
	})
	log = func(format string, args ...any) {
		sp.Lock()
		sp.Suffix = " " + fmt.Sprintf(format, args...)
		sp.Unlock()
	}
	return log, func() {
		timer.Stop()
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		sp.Stop()
	}
}
