package command

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"etcdmod/internal/report"
	"etcdmod/internal/rooted"

	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v3"

	"etcdmod/internal/modules"
	"etcdmod/internal/owners"
	"etcdmod/internal/rollout"
	"etcdmod/internal/ship"
)

func rolloutCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:      "rollout",
		Usage:     "make reviewable changes for every module below a directory",
		ArgsUsage: "[root]",
		Description: "Every module is analysed as diff does it; what is found is divided into units, each with a patch that\n" +
			"git apply takes in the root of the repository and the text of a pull request. What the units of a\n" +
			"module share is a patch of its own, which goes first. Nothing is written but the directories of -o\n" +
			"and -state; -branch makes a branch of each unit besides, and -publish runs a command for it.\n\n" + environment,
		Flags:        rolloutFlags(),
		OnUsageError: usageError,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			opts, err := rolloutOptions(env, cmd)
			if err != nil {
				return err
			}
			s, err := openShipper(ctx, env, cmd, opts)
			if err != nil {
				return err
			}
			return runRollout(ctx, env, cmd, opts, s)
		},
	}
}

func rolloutFlags() []cli.Flag {
	return slices.Concat(editFlags(), shipFlags(), []cli.Flag{
		&cli.StringFlag{Name: "o", Usage: "write patches, descriptions, index.json and reports into `dir`", TakesFile: true},
		&cli.StringFlag{Name: "by", Value: string(rollout.ByModule), Usage: "what one `change` is for: module, owner, dir or service-glob"},
		&cli.StringSliceFlag{Name: "service", Usage: "with -by service-glob: directories that match `pattern` are services; may be given more than once"},
		&cli.StringFlag{Name: "codeowners", Usage: "take the owners from `file` instead of the CODEOWNERS of the repository", TakesFile: true},
		&cli.BoolFlag{Name: "ignored", Usage: "also look at modules that .gitignore leaves out"},
		&cli.IntFlag{Name: "j", Usage: "look at `n` modules at a time; 0 is one per processor"},
		&cli.DurationFlag{Name: "timeout", Value: 15 * time.Minute, Usage: "give up on a module after `time`; 0 never does"},
		&cli.StringFlag{Name: "state", Usage: "record in `dir` what is done, so that a run that was killed can be gone on with", TakesFile: true},
		&cli.BoolFlag{Name: "resume", Usage: "with -state: go on with the recorded run, and do again what has changed since; begin one where there is none"},
		&cli.BoolFlag{Name: "failed", Usage: "as -resume, and do again the modules that failed"},
		&cli.StringFlag{Name: "shard", Usage: "look at the part of the modules that is for machine `i/n`; auto, or auto/n, takes i from CI_NODE_INDEX or JOB_COMPLETION_INDEX"},
	})
}

func rolloutOptions(env *Env, cmd *cli.Command) (*rollout.Options, error) {
	if cmd.Args().Len() > 1 {
		return nil, usage("rollout takes one directory")
	}
	s, err := readSettings(env, cmd, true)
	if err != nil {
		return nil, err
	}
	if cmd.Int("j") < 0 {
		return nil, usage("-j=%d: want a number of modules", cmd.Int("j"))
	}
	if cmd.Duration("timeout") < 0 {
		return nil, usage("-timeout=%s: want a time", cmd.Duration("timeout"))
	}
	opts := &rollout.Options{
		Root:     changeDir(s.dir, cmd.Args().First()),
		Ignored:  cmd.Bool("ignored"),
		By:       rollout.By(cmd.String("by")),
		Services: cmd.StringSlice("service"),
		Jobs:     cmd.Int("j"),
		Timeout:  cmd.Duration("timeout"),
		Resume:   cmd.Bool("resume"),
		Failed:   cmd.Bool("failed"),
		Pipeline: s.pipeline(env),
	}
	if text := cmd.String("shard"); text != "" {
		shard, err := rollout.ParseShard(text, env.getenv)
		if err != nil {
			return nil, usage("-shard=%w", err)
		}
		opts.Shard = shard
	}
	if state := cmd.String("state"); state != "" {
		opts.State = changeDir(s.dir, state)
	}
	if out := cmd.String("o"); out != "" {
		opts.Out = changeDir(s.dir, out)
	}
	if name := cmd.String("codeowners"); name != "" {
		file, err := readOwners(opts.Root, changeDir(s.dir, name))
		if err != nil {
			return nil, usage("-codeowners: %w", err)
		}
		opts.Owners = file
	}
	return opts, nil
}

// readOwners reads a CODEOWNERS file by any name. One within the repository keeps its place,
// which tells its syntax.
func readOwners(root, name string) (*owners.File, error) {
	data, err := rooted.ReadNamed(name, rooted.Owners)
	if err != nil {
		return nil, err
	}
	shown := name
	if repo := modules.Repository(modules.Resolved(root)); repo != "" {
		real := filepath.Join(modules.Resolved(filepath.Dir(name)), filepath.Base(name))
		if rel, err := filepath.Rel(repo, real); err == nil && filepath.IsLocal(rel) {
			shown = filepath.ToSlash(rel)
		}
	}
	return owners.Parse(shown, string(data), owners.Auto)
}

// errRecorded says that an interrupted run need not begin anew.
var errRecorded = errors.New("interrupted; what is done is recorded in")

// runRollout runs a rollout and says what came of it.
func runRollout(ctx context.Context, env *Env, cmd *cli.Command, opts *rollout.Options, shipper *ship.Shipper) error {
	began := time.Now()
	bar := &rolloutBar{out: env.Stderr, all: cmd.Bool("v")}
	if env.terminal(env.Stderr) && !bar.all {
		bar.start = func(total int) *progressbar.ProgressBar { return newBar(env.Stderr, total) }
	}
	opts.Progress = bar.event
	format, err := readFormat(cmd)
	if err != nil {
		return err
	}
	kept := opts.Out != ""
	if opts.State != "" && !kept && (format == "html" || format == "sarif") {
		return usage("-format %s shows patches, and with -state they have to be where a killed run is gone on with; say with -o", format)
	}
	done, err := patchesFor(format, opts)
	if err != nil {
		return err
	}
	defer done()
	watched, stop := ctx, func() {}
	if format == formatText {
		watched, stop = env.waiting(ctx, bar.waits)
	}
	index, err := rollout.Run(watched, *opts)
	stop()
	bar.end()
	if text := bar.resumed(); text != "" && err == nil {
		say(env.Stderr, "etcdmod: %s\n", text)
	}
	switch {
	case errors.Is(err, rollout.ErrUsage):
		return usage("%w", err)
	case ctx.Err() != nil && opts.State != "":
		return usage("%w %s; -resume goes on with it", errRecorded, opts.State)
	case err != nil:
		return err
	}
	if shipper != nil {
		if err := runShip(ctx, env, shipper, index); err != nil {
			return err
		}
	}
	return finishRollout(env, index, format, opts.Out, kept, time.Since(began))
}

// finishRollout writes the reports of an index, into its output directory dir if that is
// kept, and gives the exit code.
func finishRollout(env *Env, index *rollout.Index, format, dir string, kept bool, took time.Duration) error {
	if kept {
		if err := index.WriteReports(dir, reportTopics()); err != nil {
			return err
		}
	}
	if err := printIndex(env.Stdout, index, format, dir, kept, took); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	if kept {
		say(env.Stderr, "etcdmod: wrote %s\n", dir)
	}
	return rolloutOutcome(index)
}

// rolloutOutcome gives the exit code. What could not be done in one module of many makes the
// whole incomplete; only where nothing came of any, it is that of a single module.
func rolloutOutcome(index *rollout.Index) error {
	states := map[report.State]int{}
	incomplete := unshipped(index) || slices.ContainsFunc(index.Notes, func(n rollout.Note) bool { return n.Fault })
	for _, m := range index.Modules {
		states[m.State]++
		incomplete = incomplete || m.Incomplete
	}
	switch n := len(index.Modules); {
	case n == 0 && index.Shard.Count > 0 && !incomplete:
		return nil // more machines than there is work for
	case index.Shard.Count > 0 && states[report.Failed] == n:
		return &exit{code: ExitIncomplete} // the others may have more to say
	case n == 0:
		return &exit{ExitUsage, errors.New("there is no module")}
	case states[report.Failed] == n:
		return &exit{ExitUsage, errors.New("nothing can be said about any module")}
	case states[report.Changed] == 0 && states[report.Rejected] > 0:
		return &exit{ExitFailed, errors.New("verification accepted none of the changes")}
	case incomplete:
		return &exit{code: ExitIncomplete}
	case states[report.Changed] > 0 || states[report.Reported] > 0:
		return &exit{code: ExitFindings}
	}
	return nil
}
