package command

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// Process runs etcdmod as the process that it is in, and returns the exit code. The first
// interrupt ends the run in good order, a second one at once.
func Process() int {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	defer stop()
	context.AfterFunc(ctx, stop)
	dir, err := os.Getwd()
	if err != nil {
		fmt.Fprintf(os.Stderr, "etcdmod: cannot tell the working directory: %v\n", err)
		return ExitUsage
	}
	return Main(ctx, os.Args[1:], Env{Dir: dir, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr})
}
