// Package procgroup ends commands together with the programs that they run.
//
// It takes a command that has not started and makes it the leader of a process group, where
// the system has that. On Linux it also sees to it that nothing outlives this process, however
// that ends: what it starts has a mark in its environment, and a process that does nothing else
// waits for the end of this one and kills what has the mark. It never touches what has not.
package procgroup

import "sync/atomic"

// stopped says that a command was told to end, and may take its time.
var stopped atomic.Bool
