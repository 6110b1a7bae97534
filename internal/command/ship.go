package command

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"

	"etcdmod/internal/rollout"
	"etcdmod/internal/ship"
)

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
		Progress: func(e ship.Event) { fmt.Fprintf(env.Stderr, "etcdmod: %s\n", shipped(e)) },
	})
	if err != nil {
		return nil, usage("%w", err)
	}
	return s, nil
}

// shipped is what there is to say about a step of a unit. What a command printed is shown
// below it.
func shipped(e ship.Event) string {
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
