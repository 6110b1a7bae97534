//go:build !linux

package procgroup

// Watches reports false: there is nothing to tell the processes of a run from others by.
func Watches() bool { return false }

// Own does nothing.
func Own() {}

// Finish does nothing.
func Finish() {}

// EndIn does nothing.
func EndIn(string) {}

// Unmarked returns the environment as it is.
func Unmarked(env []string) []string { return env }

func watch() {}
