// Package command is the command line of etcdmod.
//
// It takes arguments, streams and a directory, and gives an exit code; tests call it in
// their own process. It never calls os.Exit and keeps no state between calls.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/briandowns/spinner"
	"github.com/urfave/cli/v3"
	"golang.org/x/term"

	"etcdmod/internal/version"
	"etcdmod/rewrite"
)

// Exit codes.
const (
	ExitOK         = 0 // nothing to do, or done
	ExitFindings   = 1 // findings, or a diff that is not empty
	ExitUsage      = 2 // wrong usage, or nothing could be said about the module
	ExitIncomplete = 3 // done, but something was not covered or was refused
	ExitFailed     = 4 // verification failed, and nothing was written
)

// An Env is what a run gets from its process.
type Env struct {
	Dir     string   // working directory
	Environ []string // nil means that of this process
	Stdin   io.Reader
	Stdout  io.Writer
	Stderr  io.Writer
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

// Main runs etcdmod with args, which do not include the name of the program, and returns
// the exit code.
func Main(ctx context.Context, args []string, env Env) int {
	err := root(&env).Run(ctx, append([]string{"etcdmod"}, args...))
	if err == nil {
		return ExitOK
	}
	code := ExitUsage
	var e *exit
	if errors.As(err, &e) {
		code = e.code
		if e.err == nil {
			return code
		}
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("interrupted: %w", err)
	}
	fmt.Fprintf(env.Stderr, "etcdmod: %v\n", err)
	return code
}

func root(env *Env) *cli.Command {
	return &cli.Command{
		Name:    "etcdmod",
		Usage:   "moves Go services off polling etcd locks",
		Version: version.Version,
		Description: "etcdmod finds loops that poll TryLock of an etcd mutex, rewrites them so that waiting\n" +
			"costs etcd nothing, and bumps etcd client modules that are not safe to lock with.\n\n" +
			"Exit codes: 0 nothing to do, or done; 1 findings, or a diff that is not empty; 2 wrong usage;\n" +
			"3 done, but something was refused or not covered; 4 verification failed, nothing was written.",
		Commands:              []*cli.Command{checkCommand(env), diffCommand(env), applyCommand(env), explainCommand(env)},
		EnableShellCompletion: true,
		Suggest:               true,
		HideHelpCommand:       true,
		Reader:                env.Stdin,
		Writer:                env.Stdout,
		ErrWriter:             env.Stderr,
		ExitErrHandler:        func(context.Context, *cli.Command, error) {},
		OnUsageError:          usageError,
		Action: func(_ context.Context, cmd *cli.Command) error {
			if cmd.Args().Present() {
				return &exit{ExitUsage, fmt.Errorf("unknown command %q; see etcdmod --help", cmd.Args().First())}
			}
			_ = cli.ShowRootCommandHelp(cmd)
			return &exit{code: ExitUsage}
		},
	}
}

func usageError(_ context.Context, cmd *cli.Command, err error, _ bool) error {
	return &exit{ExitUsage, fmt.Errorf("%w; see %s --help", err, cmd.FullName())}
}

// commonFlags are the flags of every command that looks at a module.
func commonFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "C", Usage: "work in `dir`", TakesFile: true},
		&cli.BoolFlag{Name: "v", Usage: "say on stderr what is being done"},
		&cli.BoolFlag{Name: "json", Usage: "write JSON lines instead of text"},
		&cli.StringFlag{Name: "tags", Usage: "comma-separated build `tags`"},
		&cli.StringFlag{Name: "tier", Value: "collapse", Usage: "the strongest `tier` to use: guard, gate or collapse"},
	}
}

// editFlags are those of commands that make changes.
func editFlags() []cli.Flag {
	return append(commonFlags(),
		&cli.BoolFlag{Name: "vet", Value: true, Usage: "verify with go vet as well as with the compiler"},
		&cli.BoolFlag{Name: "test", Usage: "run the tests of the changed packages before and after, and refuse what makes one fail"},
	)
}

// settings are the common flags as given.
type settings struct {
	dir      string
	patterns []string
	verbose  bool
	json     bool
	tags     string
	tier     rewrite.Tier
	log      func(string, ...any)
	stop     func() // ends the progress display
}

func readSettings(env *Env, cmd *cli.Command) (*settings, error) {
	s := &settings{
		dir:      env.Dir,
		patterns: cmd.Args().Slice(),
		verbose:  cmd.Bool("v"),
		json:     cmd.Bool("json"),
		tags:     cmd.String("tags"),
		stop:     func() {},
	}
	if c := cmd.String("C"); c != "" {
		if filepath.IsAbs(c) {
			s.dir = filepath.Clean(c)
		} else {
			s.dir = filepath.Join(s.dir, c)
		}
	}
	var ok bool
	if s.tier, ok = rewrite.ParseTier(cmd.String("tier")); !ok {
		return nil, &exit{ExitUsage, fmt.Errorf("-tier=%s: want guard, gate or collapse", cmd.String("tier"))}
	}
	s.progress(env)
	return s, nil
}

// progress shows what is being done: as lines with -v, as one line that moves on a
// terminal, and not at all otherwise.
func (s *settings) progress(env *Env) {
	start := time.Now()
	if s.verbose {
		s.log = func(format string, args ...any) {
			fmt.Fprintf(env.Stderr, "etcdmod: %5.1fs  %s\n", time.Since(start).Seconds(), fmt.Sprintf(format, args...))
		}
		return
	}
	if f, ok := env.Stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		sp := spinner.New(spinner.CharSets[14], 120*time.Millisecond, spinner.WithWriterFile(f))
		sp.Start()
		s.log = func(format string, args ...any) {
			sp.Lock()
			sp.Suffix = " " + fmt.Sprintf(format, args...)
			sp.Unlock()
		}
		s.stop = sp.Stop
	}
}

// colourful reports whether w is a terminal that wants colours.
func colourful(env *Env, w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return false
	}
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
