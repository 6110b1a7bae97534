package command

import (
	"fmt"
	"io"
	"time"

	"etcdmod/internal/gocmd"
	"etcdmod/internal/scratch"
)

// Exit codes.
const (
	ExitOK         = 0 // nothing to do, or done
	ExitFindings   = 1 // findings, or a diff that is not empty
	ExitUsage      = 2 // wrong usage, or nothing could be said about the module
	ExitIncomplete = 3 // done, but something was not covered or was refused
	ExitFailed     = 4 // there was something to write, but verification or the file system refused it all
)

// An Env is what a run gets from its process.
type Env struct {
	Dir     string   // working directory
	Environ []string // nil means that of this process
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
	// Terminal reports whether Stdout or Stderr is a terminal; nil means to find out.
	Terminal func(io.Writer) bool
	// Ticks says when a run tells what it waits for; nil means never.
	Ticks <-chan time.Time

	temp *scratch.Dir // nil before it is needed
}

// commands returns the environment of the commands that a run starts. They keep their temporary
// files in one directory, and so does the run. Where none can be made they keep them as ever: to
// need one and have none is an error then.
func (env *Env) commands() []string {
	if env.temp == nil {
		temp, err := scratch.New(gocmd.Runner{Env: env.Environ}.TempDir(), env.Dir)
		if err != nil {
			return env.Environ
		}
		env.temp = temp
	}
	return gocmd.Runner{Env: env.Environ}.WithTemp(env.temp.Name()).Env
}

// exit is an error with an exit code. A nil err has been reported already.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

func usage(format string, args ...any) error {
	return &exit{ExitUsage, fmt.Errorf(format, args...)}
}
