package load

import (
	"fmt"
	"runtime/debug"
	"sync"
)

// A together runs functions at once. What panics in one of them, such as a parser or a type checker
// that a file brings down, panics where it is waited for: whoever looks at many modules recovers there,
// and nobody can elsewhere.
type together struct {
	running sync.WaitGroup
	mu      sync.Mutex
	said    string // of the first panic, with its stack
}

func (t *together) run(f func()) {
	t.running.Go(func() {
		defer func() {
			if v := recover(); v != nil {
				t.mu.Lock()
				defer t.mu.Unlock()
				if t.said == "" {
					t.said = fmt.Sprintf("%v\n%s", v, debug.Stack())
				}
			}
		}()
		f()
	})
}

func (t *together) wait() {
	t.running.Wait()
	if t.said != "" {
		panic(t.said)
	}
}
