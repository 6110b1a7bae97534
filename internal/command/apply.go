package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v3"

	"etcdmod/internal/change"
	"etcdmod/internal/gitcmd"
	"etcdmod/internal/journal"
	"etcdmod/internal/modules"
	"etcdmod/internal/patch"
	"etcdmod/internal/pipeline"
	"etcdmod/internal/quote"
	"etcdmod/internal/report"
)

func applyCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:      "apply",
		Usage:     "write the changes",
		ArgsUsage: "[packages]",
		Description: "All files of the module are written, or none. A run that was killed is finished or undone by\n" +
			"the next one.",
		Flags:        append(editFlags(), findingFlag()),
		OnUsageError: usageError,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			s, err := readSettings(env, cmd, true)
			if err != nil {
				return err
			}
			return s.each(ctx, env, func(s *settings) error {
				_, err := s.apply(ctx, env)
				return err
			})
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
	stats, err := patch.Stats(patchChanges(res, res.Written()))
	if err != nil {
		return nil, &exit{ExitFailed, fmt.Errorf("cannot make the patch: %w; nothing was written", err)}
	}
	if err := nameUncommitted(ctx, env, res); err != nil {
		return nil, err
	}
	if err := write(res); err != nil {
		return nil, err
	}
	if err := s.printApplied(ctx, env, res, stats); err != nil {
		return res.Written(), &exit{ExitIncomplete, fmt.Errorf("the changes are written, but %w", err)}
	}
	return res.Written(), outcome(res, false)
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
	dirs := []string{root}
	if work, _, _ := modules.Workspace(root, env.commands()); work != "" && filepath.Dir(work) != root {
		// The vendor directory of all of its modules is there. GOWORK may name what is nowhere.
		if _, err := os.Stat(filepath.Dir(work)); !errors.Is(err, fs.ErrNotExist) {
			dirs = append(dirs, filepath.Dir(work))
		}
	}
	for _, dir := range dirs {
		done, err := journal.Recover(dir)
		switch {
		case errors.Is(err, journal.ErrBusy):
			return err
		case err != nil:
			return &exit{ExitIncomplete, fmt.Errorf("cannot recover an interrupted run: %w", err)}
		}
		if text := done.String(); text != "" {
			say(env.Stderr, "etcdmod: %s\n", text)
		}
	}
	return nil
}

// nameUncommitted says which files are about to be written over although git could not give
// back what they hold.
func nameUncommitted(ctx context.Context, env *Env, res *pipeline.Result) error {
	root := modules.Resolved(res.Module.Root)
	if modules.Repository(root) == "" {
		return nil
	}
	var names []string
	for _, c := range res.Written() {
		if rel, err := filepath.Rel(res.Module.Root, c.Path); err == nil && !c.Created {
			names = append(names, rel)
		}
	}
	dirty, err := gitcmd.New(root, env.Environ).Uncommitted(ctx, names)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		say(env.Stderr, "etcdmod: which of the files that are written now have changes that are not committed is not known: %v\n", err)
	}
	for _, f := range dirty {
		if f.New {
			say(env.Stderr, "etcdmod: %s is in no commit: git cannot give back what it held\n", quote.Name(f.Name))
		} else {
			say(env.Stderr, "etcdmod: %s has changes that are not committed: they stay, with those that are written now\n", quote.Name(f.Name))
		}
	}
	return nil
}

// write applies the changes, all or nothing.
func write(res *pipeline.Result) error {
	err := journal.Apply(res.Home(), res.Written())
	switch {
	case err == nil:
		return nil
	case errors.Is(err, journal.ErrPending):
		return &exit{ExitIncomplete, err}
	}
	return &exit{ExitFailed, fmt.Errorf("nothing was written: %w", err)}
}

// printApplied writes the report, and what was written to stderr.
func (s *settings) printApplied(ctx context.Context, env *Env, res *pipeline.Result, stats []patch.Stat) error {
	switch {
	case s.whole():
		return s.render(ctx, env, res, report.Written)
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
