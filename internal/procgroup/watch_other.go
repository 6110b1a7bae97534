//go:build !linux

package procgroup

// Watches reports false: there is nothing to tell the processes of a run from others by.
func Watches() bool { return false }

// Own does nothing.
func Own() {}

// Finish does nothing.
func Finish() {}

// Unmarked returns the environment as it is.
func Unmarked(env []string) []string { return env }

func watch() {}
