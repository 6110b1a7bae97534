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

	"etcdmod/internal/goenv"
	"etcdmod/internal/procgroup"
	"etcdmod/internal/quote"
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

// Environ returns the environment that the go command gets: that of the Runner, without the
// flags in GOFLAGS that make go commands talk or instrument what they compile, and with one that
// keeps them from asking git for the state of the repository. That takes a while in a big one,
// fails where git refuses to look, runs what the configuration of the repository says, and is for
// binaries alone.
func (r Runner) Environ() []string {
	env := r.Env
	if env == nil {
		env = os.Environ()
	}
	// PWD keeps symbolic links in Dir as the user wrote them.
	env = append(env[:len(env):len(env)], "PWD="+r.Dir, "GOPACKAGESDRIVER=off") // no program of a tree lists its packages
	kept, _ := goenv.Flags(goenv.Setting(env)("GOFLAGS"))
	return append(env, "GOFLAGS="+strings.Join(append(kept, "-buildvcs=false"), " "))
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
	return fmt.Sprintf("%s (in %s): %s", verb, quote.Name(e.Dir), msg)
}

func (e *Error) Unwrap() error { return e.Err }

// Run runs "go args..." and returns its standard output, also when it fails:
// "go list -e" prints what it knows before it exits with 1. Ending ctx interrupts the
// command, and kills it when it takes more than two seconds to clean up.
func (r Runner) Run(ctx context.Context, args ...string) ([]byte, error) {
	stdout, _, err := r.RunBoth(ctx, args...)
	return stdout, err
}

// watching is the key of the function that [Watching] puts into a context.
type watching struct{}

// Watching returns a context whose go commands tell a function their arguments when they begin,
// and call what it returns when they end.
func Watching(ctx context.Context, began func(args []string) (ended func())) context.Context {
	return context.WithValue(ctx, watching{}, began)
}

// maxOutput bounds what is kept of each stream of a command, in bytes.
const maxOutput = 1 << 30

// RunBoth is [Runner.Run] and also gives what the command wrote to standard error. Neither has
// more of the address of a proxy than its host.
//
// The go command does not pass an interrupt on to the compilers and tests that it runs, and
// a test that outlives it would go on in a directory that is removed. So they form a process
// group, where the system has that, and the end of ctx ends the group.
func (r Runner) RunBoth(ctx context.Context, args ...string) (stdout, stderr []byte, err error) {
	if err := r.Check(); err != nil {
		return nil, nil, &Error{Args: args, Dir: r.Dir, Stderr: err.Error(), Err: err}
	}
	if began, ok := ctx.Value(watching{}).(func([]string) func()); ok {
		defer began(args)()
	}
	ctx, stop := r.Unblock(ctx)
	defer stop()
	out, errs := &output{}, &output{}
	cmd := exec.CommandContext(ctx, "go", r.layered(args)...)
	cmd.Dir = r.Dir
	cmd.Env = r.Environ()
	cmd.Stdout = out
	cmd.Stderr = errs
	// After an interrupt the go command starts nothing more and removes its temporary
	// files; a kill would leave them.
	cmd.WaitDelay = 2 * time.Second
	procgroup.Set(cmd)
	err = cmd.Run()
	if ctx.Err() != nil {
		procgroup.End(cmd)
		if err = context.Cause(ctx); err != ctx.Err() {
			errs.Reset() // it says that it was interrupted
		}
	}
	if errors.Is(err, exec.ErrNotFound) {
		err = fmt.Errorf("%w (%v)", ErrNoGo, err)
	}
	if err == nil && (out.more || errs.more) {
		err = fmt.Errorf("it printed more than %d bytes", maxOutput)
	}
	stdout, stderr = r.conceal(out.Bytes(), errs.Bytes())
	if err != nil {
		err = &Error{Args: args, Dir: r.Dir, Stderr: strings.TrimSpace(string(stderr)), Err: err}
	}
	return stdout, stderr, err
}

// An output keeps what a command prints, up to a bound.
type output struct {
	bytes.Buffer
	more bool // was printed
}

func (o *output) Write(p []byte) (int, error) {
	if o.Len()+len(p) > maxOutput {
		o.more = true
		return 0, errors.New("too much output")
	}
	return o.Buffer.Write(p)
}
