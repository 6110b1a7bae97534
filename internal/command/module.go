package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v3"

	"etcdmod/internal/change"
	"etcdmod/internal/finding"
	"etcdmod/internal/journal"
	"etcdmod/internal/modules"
	"etcdmod/internal/patch"
	"etcdmod/internal/pipeline"
	"etcdmod/internal/report"
)

func checkCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:      "check",
		Usage:     "report findings and change nothing",
		ArgsUsage: "[packages]",
		Description: "A finding is a line on stdout, path:line:col: RULE: message (tier); below it stands how the loop\n" +
			"tries, what the program does otherwise after the change, and why there is no higher tier. The tier\n" +
			"is what can be proved from the source; diff compiles the change as well.",
		Flags:        append(commonFlags(), findingFlag()),
		OnUsageError: usageError,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			s, err := readSettings(env, cmd, false)
			if err != nil {
				return err
			}
			return s.each(ctx, env, func(s *settings) error { return s.check(ctx, env) })
		},
	}
}

// check reports on one module.
func (s *settings) check(ctx context.Context, env *Env) error {
	res, err := s.run(ctx, env)
	if err != nil {
		return err
	}
	if s.whole() {
		err = s.render(ctx, env, res, report.Reported)
	} else {
		err = s.print(env, env.Stdout, res)
	}
	if err != nil {
		return err
	}
	return outcome(res, len(res.Bumps) > 0 || slices.ContainsFunc(res.Findings, (*finding.Finding).Counts))
}

func diffCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:      "diff",
		Usage:     "print the patch, which git apply takes, and change nothing",
		ArgsUsage: "[packages]",
		Description: "The patch goes to stdout, with paths relative to the root of the repository; the findings go\n" +
			"to stderr. What is printed has been compiled. On a terminal the patch is shown in colour, by\n" +
			"the pager that git would use, with a line for each generated file.",
		Flags:        append(editFlags(), findingFlag(), helperFlag()),
		OnUsageError: usageError,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			s, err := readSettings(env, cmd, true)
			if err != nil {
				return err
			}
			return s.each(ctx, env, func(s *settings) error {
				res, err := s.run(ctx, env)
				if err != nil {
					return err
				}
				return s.printPatch(ctx, env, res)
			})
		},
	}
}

// printPatch writes the patch to stdout and the findings to stderr.
func (s *settings) printPatch(ctx context.Context, env *Env, res *pipeline.Result) error {
	refresh, changes := patchChanges(res, res.Refresh), patchChanges(res, res.Changes)
	first, err1 := patch.Unified(refresh)
	plain, err2 := patch.Unified(changes)
	if err := errors.Join(err1, err2); err != nil {
		return &exit{ExitFailed, fmt.Errorf("cannot make the patch: %w", err)}
	}
	plain = slices.Concat(first, plain)
	var err error
	switch {
	case s.whole():
		err = s.render(ctx, env, res, report.Ready)
	case s.format == formatJSON:
		err = report.JSON(env.Stdout, res, plain, nil)
	default:
		if err = s.print(env, env.Stderr, res); err != nil {
			break
		}
		if env.terminal(env.Stdout) {
			err = s.show(ctx, env, res, refresh, changes)
		} else {
			_, err = env.Stdout.Write(plain)
		}
	}
	if err != nil {
		return fmt.Errorf("cannot write the patch: %w", err)
	}
	return outcome(res, len(plain) > 0)
}

// pipeline is how the pipeline looks at a module.
func (s *settings) pipeline(env *Env) pipeline.Options {
	return pipeline.Options{
		Dir: s.dir, Repo: s.repo, Layer: s.layer, Patterns: s.patterns, Env: env.commands(), Tags: s.tags, Configurations: s.configs, Tier: s.tier, Strategy: s.strategy, Exported: s.exported, Forks: s.forks,
		HelperDir: s.helper.dir, HelperImport: s.helper.imported, HelperHeader: s.helper.header,
		Only: s.only, Edit: s.edit, Vet: s.vet, Test: s.test, Bump: s.bump,
	}
}

// run is the pipeline with its errors as exit codes.
func (s *settings) run(ctx context.Context, env *Env) (*pipeline.Result, error) {
	ctx, log, stop := s.progress(ctx, env)
	defer stop()
	if s.file != "" && log != nil {
		log("settings are from %s", s.file)
	}
	opts := s.pipeline(env)
	opts.Log = log
	res, err := pipeline.Run(ctx, opts)
	if errors.Is(err, pipeline.ErrPending) || errors.Is(err, journal.ErrPending) || errors.Is(err, journal.ErrDamaged) {
		return nil, &exit{ExitIncomplete, err}
	}
	if errors.Is(err, modules.ErrNoModule) {
		err = s.pointBelow(ctx, env, err)
	}
	return res, err
}

// pointBelow adds to the error of a directory in no module which modules are below it. Only where
// git lists them: a walk could be one over a whole disk.
func (s *settings) pointBelow(ctx context.Context, env *Env, err error) error {
	if modules.Repository(modules.Resolved(s.dir)) == "" {
		return err
	}
	tree, notFound := modules.Find(ctx, s.dir, modules.Options{Env: env.Environ})
	if notFound != nil || len(tree.Modules) == 0 {
		return err
	}
	var below []string
	for _, m := range tree.Modules {
		below = append(below, filepath.Join(s.dir, filepath.FromSlash(m.Dir)))
	}
	return fmt.Errorf("%w; there are %s", err, report.Modules(below, env.Dir, "it", s.forAll()))
}

// forAll is the command that does for all modules below a directory what is done here for one.
func (s *settings) forAll() string {
	if s.bump.Only {
		return "etcdmod bump ./..."
	}
	return "etcdmod rollout"
}

// print writes the findings to out, and what was not covered and what verification said
// to stderr.
func (s *settings) print(env *Env, out io.Writer, res *pipeline.Result) error {
	var found, rest bytes.Buffer
	var err error
	if s.format == formatJSON {
		err = report.JSON(&found, res, nil, nil)
	} else {
		err = errors.Join(report.Text(&found, res), report.Skipped(&rest, res), report.Tries(&rest, res, s.verbose), report.Problems(&rest, res), report.Ways(&rest, res))
		switch {
		case !s.bump.Only:
			err = errors.Join(err, report.Unselected(&rest, res), report.Looked(&rest, res), report.Below(&rest, res, env.Dir, s.forAll()))
		case s.idle == nil:
			err = errors.Join(err, report.LookedAtModule(&rest, res), report.Below(&rest, res, env.Dir, s.forAll()))
		case report.NothingToBump(res):
			*s.idle = append(*s.idle, s.dir)
		}
	}
	if err == nil {
		_, err = out.Write(found.Bytes())
	}
	if err == nil {
		_, err = env.Stderr.Write(rest.Bytes())
	}
	if err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	return nil
}

// outcome gives the exit code of a run that has reported everything.
func outcome(res *pipeline.Result, found bool) error {
	switch {
	case len(res.Failed) > 0:
		return &exit{ExitFailed, errors.New("verification accepted none of the changes; nothing was written")}
	case res.Incomplete:
		return &exit{code: ExitIncomplete}
	case found:
		return &exit{code: ExitFindings}
	}
	return nil
}

// patchChanges gives changes of a module as a patch has them.
func patchChanges(res *pipeline.Result, changes []change.Change) []change.Change {
	var out []change.Change
	for _, c := range changes {
		out = append(out, c.At(res.Module.Rel(c.Path)))
	}
	return out
}
