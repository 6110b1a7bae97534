// Package gocmd runs the go command in a module directory.
//
// It takes a directory, an environment and arguments, and gives the command's
// standard output. A failure becomes an [Error] that carries what the go
// command said. It never interprets the output and never changes a file by
// itself.
package gocmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// ErrNoGo is wrapped by errors of a machine on which there is no go command.
var ErrNoGo = errors.New("the go command was not found in PATH; install Go or add it to PATH")

// A Runner runs the go command.
type Runner struct {
	// Dir is the directory to run in.
	Dir string
	// Env is the environment; nil means that of this process.
	Env []string
	// Layer is laid over the files on disk; nil means that they are as they are.
	Layer *Layer
}

// With returns a Runner with more settings ("GOWORK=off") added to its environment.
func (r Runner) With(settings ...string) Runner {
	env := r.Env
	if env == nil {
		env = os.Environ()
	}
	r.Env = append(env[:len(env):len(env)], settings...)
	return r
}

// In returns a Runner for another directory.
func (r Runner) In(dir string) Runner {
	r.Dir = dir
	return r
}

// Environ returns the environment that the go command gets.
func (r Runner) Environ() []string {
	env := r.Env
	if env == nil {
		env = os.Environ()
	}
	// PWD keeps symbolic links in Dir as the user wrote them.
	return append(env[:len(env):len(env)], "PWD="+r.Dir)
}

// Find reports whether there is a go command: nil, or an error that wraps [ErrNoGo].
func Find() error {
	if _, err := exec.LookPath("go"); err != nil {
		return fmt.Errorf("%w (%v)", ErrNoGo, err)
	}
	return nil
}

// An Error is a go command that did not end with exit code 0.
type Error struct {
	Args   []string // without "go"
	Dir    string
	Stderr string // what it said, trimmed
	Err    error
}

func (e *Error) Error() string {
	msg := e.Stderr
	if msg == "" {
		msg = e.Err.Error()
	}
	verb := "go"
	if len(e.Args) > 0 {
		verb += " " + e.Args[0]
	}
	return fmt.Sprintf("%s (in %s): %s", verb, e.Dir, msg)
}

func (e *Error) Unwrap() error { return e.Err }

// Run runs "go args..." and returns its standard output, also when it fails:
// "go list -e" prints what it knows before it exits with 1. Ending ctx interrupts the
// command, and kills it when it takes more than two seconds to clean up.
func (r Runner) Run(ctx context.Context, args ...string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", r.layered(args)...)
	cmd.Dir = r.Dir
	cmd.Env = r.Environ()
	cmd.Stdout = &stdout
	cmd.Stderr = &stderr
	// After an interrupt the go command starts nothing more and removes its temporary
	// files; a kill would leave them.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	if err == nil {
		return stdout.Bytes(), nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if errors.Is(err, exec.ErrNotFound) {
		err = fmt.Errorf("%w (%v)", ErrNoGo, err)
	}
	return stdout.Bytes(), &Error{Args: args, Dir: r.Dir, Stderr: strings.TrimSpace(stderr.String()), Err: err}
}
