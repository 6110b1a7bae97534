package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"etcdmod/internal/finding"
	"etcdmod/internal/quote"
	"etcdmod/internal/rollout"
	"etcdmod/modbump"
	"etcdmod/rewrite"
)

// choices are the flags that take one of a few words.
var choices = map[string][]string{
	"tier":         {finding.Guard.String(), finding.Gate.String(), finding.Collapse.String()},
	"strategy":     {rewrite.WatchStrategy.String(), rewrite.LockStrategy.String()},
	"exported-api": {rewrite.RefuseExported.String(), rewrite.RewriteExported.String()},
	"format":       formats(),
	"only-tier":    {finding.Refuse.String(), finding.Guard.String(), finding.Gate.String(), finding.Collapse.String()},
	"rule":         ruleNames(),
	"by":           {string(rollout.ByModule), string(rollout.ByOwner), string(rollout.ByDir), string(rollout.ByService)},
}

// ruleNames lists the rules, that about go.mod as well.
func ruleNames() (out []string) {
	for _, r := range rewrite.Rules {
		out = append(out, r.ID)
	}
	return append(out, modbump.Rule)
}

// parseChoice reads a flag that takes one of a few words, with the function that knows them.
func parseChoice[T any](cmd *cli.Command, flag string, parse func(string) (T, bool)) (T, error) {
	value, ok := parse(cmd.String(flag))
	if !ok {
		return value, usage("-%s=%w", flag, noChoice(flag, cmd.String(flag)))
	}
	return value, nil
}

// checkChoice fails for a word that a flag does not take. Other flags take any.
func checkChoice(flag, word string) error {
	if words := choices[flag]; words != nil && !slices.Contains(words, word) {
		return noChoice(flag, word)
	}
	return nil
}

// noChoice is the error for a word that a flag does not take.
func noChoice(flag, word string) error {
	words := choices[flag]
	last := len(words) - 1
	return errors.New(quote.Name(word) + ": want " + strings.Join(words[:last], ", ") + " or " + words[last] + suggestion(word, words))
}

// completeFlags completes flags, and the words that the last of them takes.
func completeFlags(env *Env) cli.ShellCompleteFunc {
	return func(ctx context.Context, cmd *cli.Command) {
		cli.DefaultCompleteWithFlags(ctx, cmd)
		if args := cmd.Args().Slice(); len(args) > 0 {
			last := args[len(args)-1]
			if flag := strings.TrimLeft(last, "-"); flag != last {
				for _, word := range choices[flag] {
					fmt.Fprintln(env.Stdout, word)
				}
			}
		}
	}
}
