// Command etcdmod moves Go services off polling etcd locks.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"etcdmod/internal/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.Getwd()
	if err != nil {
		fmt.Fprintf(os.Stderr, "etcdmod: cannot tell the working directory: %v\n", err)
		os.Exit(command.ExitUsage)
	}
	code := command.Main(ctx, os.Args[1:], command.Env{
		Dir: dir, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	})
	stop()
	os.Exit(code)
}
