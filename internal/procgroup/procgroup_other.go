//go:build !unix

package procgroup

import "os/exec"

// Set does nothing: there are no process groups. The end of the context kills cmd alone.
func Set(*exec.Cmd) {}

// End does nothing.
func End(*exec.Cmd) {}
