package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v3"

	"etcdmod/internal/discover"
	"etcdmod/internal/journal"
	"etcdmod/internal/patch"
	"etcdmod/internal/pipeline"
	"etcdmod/internal/report"
)

func checkCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:         "check",
		Usage:        "report findings and change nothing",
		ArgsUsage:    "[packages]",
		Description:  "One line per finding: path:line:col: RULE: message (tier). Packages default to ./...",
		Flags:        commonFlags(),
		OnUsageError: usageError,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			s, err := readSettings(env, cmd)
			if err != nil {
				return err
			}
			res, err := runPipeline(ctx, env, cmd, s, false)
			if err != nil {
				return err
			}
			if err := printReport(env.Stdout, env.Stderr, s, res, nil); err != nil {
				return err
			}
			return outcome(res, len(res.Findings)+len(res.Bumps) > 0)
		},
	}
}

func diffCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:      "diff",
		Usage:     "print the patch, which git apply takes, and change nothing",
		ArgsUsage: "[packages]",
		Description: "The patch goes to stdout, with paths relative to the root of the repository; the findings go\n" +
			"to stderr. What is printed has been compiled.",
		Flags:        editFlags(),
		OnUsageError: usageError,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			s, err := readSettings(env, cmd)
			if err != nil {
				return err
			}
			res, err := runPipeline(ctx, env, cmd, s, true)
			if err != nil {
				return err
			}
			changes := patchChanges(res)
			plain, err := patch.Unified(changes)
			if err != nil {
				return &exit{ExitFailed, err}
			}
			if err := printReport(env.Stderr, env.Stderr, s, res, nil); err != nil {
				return err
			}
			switch {
			case s.json:
				err = report.JSON(env.Stdout, res, plain)
			case colourful(env, env.Stdout):
				err = patch.Colour(env.Stdout, changes)
			default:
				_, err = env.Stdout.Write(plain)
			}
			if err != nil {
				return fmt.Errorf("cannot write the patch: %w", err)
			}
			return outcome(res, len(plain) > 0)
		},
	}
}

func applyCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:      "apply",
		Usage:     "write the changes",
		ArgsUsage: "[packages]",
		Description: "All files of the module are written, or none. A run that was killed is finished or undone by\n" +
			"the next one.",
		Flags:        editFlags(),
		OnUsageError: usageError,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			s, err := readSettings(env, cmd)
			if err != nil {
				return err
			}
			if err := recoverJournal(env, s); err != nil {
				return err
			}
			res, err := runPipeline(ctx, env, cmd, s, true)
			if err != nil {
				return err
			}
			if err := write(res); err != nil {
				return err
			}
			if err := printReport(env.Stdout, env.Stderr, s, res, nil); err != nil {
				return err
			}
			if len(res.Changes) > 0 && !s.json {
				stats, err := patch.Stats(patchChanges(res))
				if err != nil {
					return err
				}
				for _, st := range stats {
					fmt.Fprintf(env.Stderr, "wrote %s (+%d -%d)\n", st.Path, st.Added, st.Removed)
				}
			}
			return outcome(res, false)
		},
	}
}

// runPipeline does what check, diff and apply have in common.
func runPipeline(ctx context.Context, env *Env, cmd *cli.Command, s *settings, edit bool) (*pipeline.Result, error) {
	defer s.stop()
	opts := pipeline.Options{
		Dir: s.dir, Patterns: s.patterns, Env: env.Environ, Tags: s.tags, Tier: s.tier, Edit: edit, Log: s.log,
	}
	if edit {
		opts.Vet, opts.Test = cmd.Bool("vet"), cmd.Bool("test")
	}
	res, err := pipeline.Run(ctx, opts)
	switch {
	case errors.Is(err, pipeline.ErrPending):
		return nil, &exit{ExitIncomplete, err}
	case err != nil:
		return nil, err
	case len(res.Failed) > 0:
		for _, p := range res.Failed {
			fmt.Fprintf(env.Stderr, "%s\n", p)
		}
		return nil, &exit{ExitFailed, errors.New("verification failed: the changed module does not build; nothing was written")}
	}
	return res, nil
}

// printReport writes the findings to out and what was not covered to stderr.
func printReport(out, stderr io.Writer, s *settings, res *pipeline.Result, plain []byte) error {
	if s.json {
		if out == stderr {
			return nil // diff writes them together with the patch
		}
		return report.JSON(out, res, plain)
	}
	var b bytes.Buffer
	if err := report.Text(&b, res); err != nil {
		return err
	}
	if _, err := out.Write(b.Bytes()); err != nil {
		return err
	}
	return report.Skipped(stderr, res)
}

// outcome gives the exit code of a run that has reported everything.
func outcome(res *pipeline.Result, found bool) error {
	switch {
	case res.Incomplete:
		return &exit{code: ExitIncomplete}
	case found:
		return &exit{code: ExitFindings}
	}
	return nil
}

func patchChanges(res *pipeline.Result) []patch.Change {
	var out []patch.Change
	for _, c := range res.Changes {
		out = append(out, patch.Change{Path: res.Module.Rel(c.Path), Old: c.Old, New: c.New, Created: c.Created})
	}
	return out
}

// write applies the changes, all or nothing.
func write(res *pipeline.Result) error {
	if len(res.Changes) == 0 {
		return nil
	}
	files := make([]journal.File, len(res.Changes))
	for i, c := range res.Changes {
		files[i] = journal.File{Path: c.Path, Old: c.Old, New: c.New, Create: c.Created}
	}
	if err := journal.Apply(res.Module.Root, files); err != nil {
		if errors.Is(err, journal.ErrPending) {
			return &exit{ExitIncomplete, err}
		}
		return err
	}
	return nil
}

// recoverJournal finishes or undoes what a killed run left.
func recoverJournal(env *Env, s *settings) error {
	mod, err := discover.Root(s.dir)
	if err != nil {
		return err
	}
	done, err := journal.Recover(mod)
	if err != nil {
		return &exit{ExitIncomplete, err}
	}
	if text := done.String(); text != "" {
		fmt.Fprintf(env.Stderr, "etcdmod: %s\n", text)
	}
	return nil
}
