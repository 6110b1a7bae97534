//go:build !unix

package verify

import "os/exec"

// group does nothing: there are no process groups. The end of the context kills the
// go command, and a test that it runs ends with its own timeout.
func group(*exec.Cmd) {}

func endGroup(*exec.Cmd) {}
