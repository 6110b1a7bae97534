package verify

import (
	"errors"
	"os/exec"
)

// fatal reports whether a command did not even run to its end. A command that ended
// with another exit code than 0 has said something.
func fatal(err error) bool {
	var exit *exec.ExitError
	return err != nil && (!errors.As(err, &exit) || !exit.Exited())
}
