package command

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"etcdmod/internal/quote"
	"etcdmod/internal/report"
	"etcdmod/internal/rollout"
	"etcdmod/internal/ship"
)

// environment is what help says of the command of -publish.
const environment = `The command of -publish finds in its environment:
  ETCDMOD_UNIT         the ID of the unit, the same in every run
  ETCDMOD_TITLE        one line
  ETCDMOD_DESCRIPTION  a file: the text of a pull request, in Markdown
  ETCDMOD_PATCH        a file: the patch
  ETCDMOD_MODULE       the directory of the module
  ETCDMOD_OWNERS       who owns the changed files, with spaces between them
  ETCDMOD_AFTER        the IDs of the units that go before it
  ETCDMOD_PRELUDE      1 for a prelude, else empty
  ETCDMOD_BRANCH       its branch; empty without -branch
  ETCDMOD_COMMIT       the commit of that
  ETCDMOD_BASE         the branch to merge it into
Where it prints a line that is nothing but a link, the texts of the units behind it have that link.`

func shipCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:      "ship",
		Usage:     "make branches of what a rollout has found, and publish them",
		ArgsUsage: "dir",
		Description: "Takes the directory that \"rollout -o dir\" or \"merge -o dir\" has written, and does what -branch and\n" +
			"-publish of rollout do, on another day or another machine: where the modules are compiled and tested,\n" +
			"nobody needs to be allowed to push. The checkout has to be of the commit that was looked at, or of\n" +
			"one with the same files. The exit code is 3 where a unit has not left, or a module failed: that has none.\n\n" + environment,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "C", Usage: "ship from the repository that `dir` is in", TakesFile: true},
			&cli.BoolFlag{Name: "trust", Usage: "take a directory that no run of this user has written on this machine"},
			&cli.DurationFlag{Name: "timeout", Value: 15 * time.Minute, Usage: "end a command of -publish after `time`; 0 never does"},
		}, shipFlags()...),
		OnUsageError: usageError,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			if cmd.Args().Len() != 1 {
				return usage("ship takes the directory that a rollout has written")
			}
			opts := &rollout.Options{
				Root: changeDir(env.Dir, cmd.String("C")), Out: changeDir(env.Dir, cmd.Args().First()), Timeout: cmd.Duration("timeout"),
			}
			index, err := ship.ReadIndex(ctx, opts.Out, cmd.Bool("trust"))
			if err != nil {
				return usage("%s: %w", quote.Name(cmd.Args().First()), err)
			}
			s, err := openShipper(ctx, env, cmd, opts)
			if err != nil {
				return err
			}
			if s == nil {
				return usage("ship does nothing without -branch or -publish")
			}
			if err := runShip(ctx, env, s, index); err != nil {
				return err
			}
			if err := index.WriteReports(opts.Out, reportTopics()); err != nil { // with what has left
				return err
			}
			lacks := lacking(index)
			for _, text := range lacks {
				say(env.Stderr, "etcdmod: no unit: %s\n", text)
			}
			if len(lacks) > 0 || unshipped(index) {
				return &exit{code: ExitIncomplete}
			}
			return nil
		},
	}
}

// shipFlags say where units go.
func shipFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "branch", Usage: "make a branch of each unit, named `prefix` and the unit; the checkout stays as it is"},
		&cli.BoolFlag{Name: "force", Usage: "with -branch: make branches anew that exist with other changes"},
		&cli.StringFlag{Name: "publish", Usage: "run `command` with sh for each unit that it has not published, preludes first"},
		&cli.StringFlag{Name: "base", Usage: "with -publish: the `branch` that the changes are for (default: that of HEAD)"},
	}
}

// unshipped reports whether a unit has not left that should.
func unshipped(index *rollout.Index) bool {
	for _, m := range index.Modules {
		if slices.ContainsFunc(m.Units, func(u rollout.Unit) bool { return u.Unshipped != "" }) {
			return true
		}
	}
	return false
}

// lacking names what a rollout has no units of because nothing can be said about it: all that there is
// may have left, and the whole has not.
func lacking(index *rollout.Index) (out []string) {
	for _, m := range index.Modules {
		if m.State == report.Failed {
			out = append(out, quote.Name(m.Dir)+": "+quote.Line(cmp.Or(m.Reason, report.Failed.Explain())))
		}
	}
	for _, n := range index.Notes {
		if n.Fault {
			out = append(out, quote.Name(n.Path)+": "+quote.Line(n.Detail))
		}
	}
	return out
}

// openShipper gives what takes the units of a rollout further; nil where nothing is asked for.
func openShipper(ctx context.Context, env *Env, cmd *cli.Command, opts *rollout.Options) (*ship.Shipper, error) {
	branch, command := cmd.String("branch"), cmd.String("publish")
	switch {
	case cmd.IsSet("branch") && branch == "":
		return nil, usage("-branch: want what the names of branches begin with, such as etcdmod/")
	case cmd.IsSet("publish") && strings.TrimSpace(command) == "":
		return nil, usage("-publish: want a command")
	case cmd.Bool("force") && branch == "":
		return nil, usage("-force says what becomes of branches, and means nothing without -branch")
	case cmd.IsSet("base") && command == "":
		return nil, usage("-base is for the command of -publish, and means nothing without it")
	case branch == "" && command == "":
		return nil, nil
	case opts.Out == "":
		return nil, usage("-branch and -publish need the patches; say with -o where they go")
	}
	s, err := ship.Open(ctx, ship.Options{
		Root: opts.Root, Out: opts.Out, Env: env.Environ, Timeout: opts.Timeout,
		Prefix: branch, Force: cmd.Bool("force"), Command: command, Base: cmd.String("base"),
		Progress: func(e ship.Event) { say(env.Stderr, "etcdmod: %s\n", shipped(e)) },
	})
	if err != nil {
		return nil, usage("%w", err)
	}
	return s, nil
}

// runShip ships units and says what became of them as a whole.
func runShip(ctx context.Context, env *Env, s *ship.Shipper, index *rollout.Index) error {
	err := s.Ship(ctx, index)
	if ctx.Err() != nil {
		return &exit{ExitIncomplete, errors.New("interrupted; what has left so far stays, and the next run goes on")}
	}
	if err != nil {
		return err
	}
	units, branches, published, left := 0, 0, 0, 0
	for _, m := range index.Modules {
		for _, u := range m.Units {
			units++
			if u.Branch != "" {
				branches++
			}
			if u.Published {
				published++
			}
			if u.Unshipped != "" {
				left++
			}
		}
	}
	say(env.Stderr, "etcdmod: units %d, with a branch %d, published %d, refused or failed %d\n", units, branches, published, left)
	return nil
}

// shipped is what there is to say about a step of a unit. What a command printed is shown
// below it.
func shipped(e ship.Event) string {
	switch e.What {
	case ship.Waiting:
		return "waiting for another run that makes branches in this repository"
	case ship.Unbelieved:
		return e.Text
	}
	head := e.Unit.ID + ": "
	switch e.What {
	case ship.Made:
		return head + "made branch " + e.Text
	case ship.Replaced:
		return head + "made branch " + e.Text + " anew"
	case ship.Kept:
		return head + "branch " + e.Text + " has this change already"
	case ship.Refused:
		head += "no branch: "
	case ship.PublishedEarlier:
		return head + "was published before"
	case ship.Published:
		if e.Text == "" {
			return head + "published"
		}
		head += "published: "
	default:
		head += "not published: "
	}
	return head + strings.ReplaceAll(e.Text, "\n", "\n  ")
}
