package command

import (
	"context"
	"errors"

	"github.com/urfave/cli/v3"

	"etcdmod/internal/rollout"
)

func mergeCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:      "merge",
		Usage:     "join what the machines of one rollout have written",
		ArgsUsage: "dir...",
		Description: "Takes the directories that \"rollout -shard i/n -o dir\" has written on n machines, in any order, and\n" +
			"makes of them the one that a single machine would have written. The summary and the exit code are\n" +
			"those of the whole. All shards have to be there, complete, and of one commit and the same flags.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "C", Usage: "work in `dir`", TakesFile: true},
			formatFlag(),
			&cli.BoolFlag{Name: "json", Usage: "write JSON instead of text, as -format json"},
			&cli.StringFlag{Name: "o", Usage: "write patches, descriptions, index.json and reports of the whole into `dir`", TakesFile: true},
		},
		OnUsageError: usageError,
		Action: func(_ context.Context, cmd *cli.Command) error {
			dir := changeDir(env.Dir, cmd.String("C"))
			var shards []string
			for _, arg := range cmd.Args().Slice() {
				shards = append(shards, changeDir(dir, arg))
			}
			out := cmd.String("o")
			if out != "" {
				out = changeDir(dir, out)
			}
			return runMerge(env, cmd, out, shards)
		},
	}
}

// runMerge merges and says what came of the rollout.
func runMerge(env *Env, cmd *cli.Command, out string, shards []string) error {
	format, err := readFormat(cmd)
	if err != nil {
		return err
	}
	opts := &rollout.Options{Out: out}
	done, err := patchesFor(format, opts)
	if err != nil {
		return err
	}
	defer done()
	index, took, err := rollout.Merge(opts.Out, shards)
	switch {
	case errors.Is(err, rollout.ErrUsage):
		return usage("%w", err)
	case err != nil:
		return err
	}
	return finishRollout(env, index, format, opts.Out, out != "", took)
}
