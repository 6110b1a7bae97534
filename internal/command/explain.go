package command

import (
	"context"
	"fmt"
	"sort"

	"github.com/urfave/cli/v3"

	"etcdmod/modbump"
	"etcdmod/rewrite"
)

func explainCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:         "explain",
		Usage:        "explain a rule or a reason code",
		ArgsUsage:    "[RULE|REASON]",
		Description:  "Without an argument: list what can be explained.",
		OnUsageError: usageError,
		Action: func(_ context.Context, cmd *cli.Command) error {
			if cmd.Args().Len() > 1 {
				return &exit{ExitUsage, fmt.Errorf("explain takes one rule or reason code")}
			}
			topics := explanations()
			if !cmd.Args().Present() {
				names := make([]string, 0, len(topics))
				for name := range topics {
					names = append(names, name)
				}
				sort.Strings(names)
				for _, r := range rewrite.Rules {
					fmt.Fprintf(env.Stdout, "%-22s %s\n", r.ID, r.Title)
				}
				fmt.Fprintf(env.Stdout, "%-22s %s\n\nReason codes:\n", modbump.Rule, unsafeClientTitle)
				for _, name := range names {
					if !isRule(name) {
						fmt.Fprintf(env.Stdout, "\t%s\n", name)
					}
				}
				return nil
			}
			name := cmd.Args().First()
			text, ok := topics[name]
			if !ok {
				return &exit{ExitUsage, fmt.Errorf("%q is no rule and no reason code; \"etcdmod explain\" lists them", name)}
			}
			fmt.Fprintf(env.Stdout, "%s: %s\n", name, text)
			return nil
		},
	}
}

const unsafeClientTitle = "go.mod requires an etcd client that is not safe to lock with"

func isRule(name string) bool {
	for _, r := range rewrite.Rules {
		if r.ID == name {
			return true
		}
	}
	return name == modbump.Rule
}

// explanations gathers everything that reports may name.
func explanations() map[string]string {
	out := map[string]string{}
	for _, r := range rewrite.Rules {
		out[r.ID] = r.Title + "\n\n" + r.Doc
	}
	out[modbump.Rule] = unsafeClientTitle + "\n\n" +
		"Clients at or below 3.2.9 leak one map entry for each watch whose context has a deadline\n" +
		"(etcd#8338). 3.2.10 to 3.2.24 and 3.3.0 to 3.3.9 do not, but their Mutex.Lock can return nil\n" +
		"with its key deleted (etcd#10111). Requirements of github.com/coreos/etcd up to 3.2.19 are\n" +
		"bumped; only the version in go.mod changes, and the missing lines of go.sum are added."
	for _, c := range rewrite.Codes() {
		out[string(c)] = rewrite.Reasons[c]
	}
	for _, r := range modbump.Reasons() {
		if text, ok := r.Explain(); ok {
			out[string(r)] = text
		}
	}
	return out
}
