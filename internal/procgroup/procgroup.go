// Package procgroup ends commands together with the programs that they run.
//
// It takes a command that has not started and makes it the leader of a process group, where
// the system has that.
package procgroup
