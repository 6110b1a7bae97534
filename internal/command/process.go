package command

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"etcdmod/internal/procgroup"
)

// patience with a run that was told to end: whatever it waits for, the process does not wait
// longer.
const endsWithin = 4 * time.Second

// Process runs etcdmod as the process that it is in, and returns the exit code. The first
// interrupt ends the run in good order. A second one ends it at once, and so do some seconds
// that it takes to end: what is half written then is finished or undone by the next run, as
// after a kill. ticks says when a run tells what it waits for; nil means never.
func Process(ticks <-chan time.Time) int {
	if procgroup.Watches() {
		return ExitOK
	}
	procgroup.Own()
	defer procgroup.Finish()
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if hangup != nil && !signal.Ignored(hangup) { // as under nohup
		signals = append(signals, hangup)
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	defer stop()
	context.AfterFunc(ctx, stop)
	dir, err := os.Getwd()
	if err != nil {
		fmt.Fprintf(os.Stderr, "etcdmod: cannot tell the working directory: %v\n", err)
		return ExitUsage
	}
	code := make(chan int, 1)
	go func() {
		code <- Main(ctx, os.Args[1:], Env{Dir: dir, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Ticks: ticks})
	}()
	select {
	case c := <-code:
		return c
	case <-ctx.Done():
	}
	select {
	case c := <-code:
		return c
	case <-time.After(endsWithin):
		fmt.Fprintf(os.Stderr, "etcdmod: interrupted; it did not end within %s, and was ended; the next run finishes or undoes what is half written\n", endsWithin)
		return ExitUsage
	}
}
