package load

import (
	"strings"
	"testing"
)

// A panic arrives where it can be recovered, after all that runs has ended.
func TestTogether(t *testing.T) {
	var all together
	done := false
	all.run(func() { panic("a file brings it down") })
	all.run(func() { done = true })
	defer func() {
		said, _ := recover().(string)
		if !strings.HasPrefix(said, "a file brings it down\n") || !strings.Contains(said, "together_test.go") || !done {
			t.Errorf("got %q, %v", said, done)
		}
	}()
	all.wait()
}
