package command

import (
	"context"
	"errors"
	"fmt"

	"etcdmod/internal/quote"

	"github.com/urfave/cli/v3"

	"etcdmod/internal/change"
	"etcdmod/internal/journal"
	"etcdmod/internal/modules"
	"etcdmod/internal/patch"
	"etcdmod/internal/pipeline"
	"etcdmod/internal/report"
)

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
			s, err := readSettings(env, cmd, true)
			if err != nil {
				return err
			}
			_, err = s.apply(ctx, env)
			return err
		},
	}
}

// apply makes the changes of one module, writes them, and returns what was written.
func (s *settings) apply(ctx context.Context, env *Env) ([]change.Change, error) {
	if err := s.recover(env); err != nil {
		return nil, err
	}
	res, err := s.run(ctx, env)
	if err != nil {
		return nil, err
	}
	stats, err := patch.Stats(patchChanges(res))
	if err != nil {
		return nil, &exit{ExitFailed, fmt.Errorf("cannot make the patch: %w; nothing was written", err)}
	}
	if err := write(res); err != nil {
		return nil, err
	}
	if err := s.printApplied(env, res, stats); err != nil {
		return res.Changes, &exit{ExitIncomplete, fmt.Errorf("the changes are written, but %w", err)}
	}
	return res.Changes, outcome(res, false)
}

// recover finishes or undoes what a killed run left.
func (s *settings) recover(env *Env) error {
	root, err := modules.Root(s.dir)
	if errors.Is(err, modules.ErrNoModule) {
		return nil // nothing is written there
	}
	if err != nil {
		return err
	}
	done, err := journal.Recover(root)
	switch {
	case errors.Is(err, journal.ErrBusy):
		return err
	case err != nil:
		return &exit{ExitIncomplete, fmt.Errorf("cannot recover an interrupted run: %w", err)}
	}
	if text := done.String(); text != "" {
		say(env.Stderr, "etcdmod: %s\n", text)
	}
	return nil
}

// write applies the changes, all or nothing.
func write(res *pipeline.Result) error {
	err := journal.Apply(res.Module.Root, res.Changes)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, journal.ErrPending):
		return &exit{ExitIncomplete, err}
	}
	return &exit{ExitFailed, fmt.Errorf("nothing was written: %w", err)}
}

// printApplied writes the report, and what was written to stderr.
func (s *settings) printApplied(env *Env, res *pipeline.Result, stats []patch.Stat) error {
	switch {
	case s.whole():
		return s.render(env, res, report.Written)
	case s.format == formatJSON:
		return report.JSON(env.Stdout, res, nil, stats)
	}
	if err := s.print(env, env.Stdout, res); err != nil {
		return err
	}
	for _, st := range stats {
		if _, err := say(env.Stderr, "wrote %s (+%d -%d)\n", quote.Name(st.Path), st.Added, st.Removed); err != nil {
			return err
		}
	}
	return nil
}
