//go:build !js

package command

import (
	"os"
	"syscall"
)

// hangup is the signal that a terminal sends when it goes away; nil where there is none.
var hangup os.Signal = syscall.SIGHUP
