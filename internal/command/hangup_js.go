package command

import "os"

var hangup os.Signal
