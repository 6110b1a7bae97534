// Package command is the command line of etcdmod.
//
// It takes arguments, streams and a directory, and gives an exit code; tests call it in
// their own process. It never calls os.Exit and keeps no state between calls.
package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v3"

	"etcdmod/internal/version"
)

// Main runs etcdmod with args, which do not include the name of the program, and returns
// the exit code.
func Main(ctx context.Context, args []string, env Env) int {
	defer func() {
		if env.temp != nil {
			env.temp.Remove()
		}
	}()
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
	if ctx.Err() != nil && code == ExitUsage && !errors.Is(err, errRecorded) {
		err = errors.New("interrupted; nothing was written")
	}
	say(env.Stderr, "etcdmod: %v\n", err)
	return code
}

const description = `etcdmod finds loops that try again and again for a lock of etcd, rewrites them to ask
before they write, and bumps etcd client modules that are not safe to lock with.

Flags may begin with one dash or two (-json, --json) and may come before or after the
packages; "--" ends them. Packages are named as for the go command, default to ./...
and may be of several modules that a go.work uses; what go.mod requires is looked at in any case.

Exit codes:
   0  nothing to do, or done
   1  findings, or changes that are not written yet
   2  wrong usage, interrupted, or nothing could be said about the module
   3  done, but something was refused or not covered; or a killed run has to
      be recovered
   4  nothing was written: verification, or the file system, refused all
      there was

Tab completion: source <(etcdmod completion bash); see etcdmod completion --help for zsh,
fish and pwsh.`

// versionCommand is there because the go command has one; so is the flag, as elsewhere.
func versionCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:         "version",
		Usage:        "print the version, and the commit that it was built from",
		OnUsageError: usageError,
		Action:       func(context.Context, *cli.Command) error { return printVersion(env) },
	}
}

func printVersion(env *Env) error {
	_, err := fmt.Fprintln(env.Stdout, "etcdmod "+version.Full())
	return err
}

func root(env *Env) *cli.Command {
	commands := []*cli.Command{
		checkCommand(env), diffCommand(env), applyCommand(env), bumpCommand(env), rolloutCommand(env), mergeCommand(env), shipCommand(env),
		explainCommand(env), helperCommand(env), helpCommand(env), versionCommand(env),
	}
	for _, c := range commands {
		if c.ShellComplete == nil {
			c.ShellComplete = completeFlags(env)
		}
	}
	return &cli.Command{
		Name:                            "etcdmod",
		Usage:                           "moves Go services off polling etcd locks",
		Version:                         version.Version,
		HideVersion:                     true, // its -v would mean another thing than that of the commands
		Description:                     description,
		Flags:                           []cli.Flag{&cli.BoolFlag{Name: "version", Usage: "print the version", Local: true}},
		Commands:                        commands,
		EnableShellCompletion:           true,
		ConfigureShellCompletionCommand: func(c *cli.Command) { c.Hidden, c.Usage = false, "print a script that completes commands and flags" },
		HideHelpCommand:                 true, // every command would get one, in the place of a package of that name
		Reader:                          env.Stdin,
		Writer:                          env.Stdout,
		ErrWriter:                       env.Stderr,
		ExitErrHandler:                  func(context.Context, *cli.Command, error) {},
		OnUsageError:                    usageError,
		Action: func(_ context.Context, cmd *cli.Command) error {
			if cmd.Bool("version") {
				return printVersion(env)
			}
			if cmd.Args().Present() {
				return unknown(cmd, cmd.Args().First())
			}
			cmd.Writer = env.Stderr
			_ = cli.ShowRootCommandHelp(cmd)
			return &exit{code: ExitUsage}
		},
	}
}
