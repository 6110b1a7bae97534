package command

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"etcdmod/internal/pipeline"
	"etcdmod/modbump"
	"etcdmod/rewrite"
)

func explainCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:         "explain",
		Usage:        "explain a rule or a reason code",
		ArgsUsage:    "[RULE|CODE]",
		Description:  "Without an argument: list what can be explained.",
		OnUsageError: usageError,
		ShellComplete: func(_ context.Context, cmd *cli.Command) {
			if cmd.Args().Present() {
				return
			}
			for _, t := range topics() {
				fmt.Fprintf(env.Stdout, "%s:%s\n", t.name, t.title)
			}
		},
		Action: func(_ context.Context, cmd *cli.Command) error {
			all := topics()
			if cmd.Args().Len() > 1 {
				return usage("explain takes one rule or reason code")
			}
			if !cmd.Args().Present() {
				return list(env.Stdout, all)
			}
			name := cmd.Args().First()
			for _, t := range all {
				if t.name == name {
					_, err := fmt.Fprintf(env.Stdout, "%s: %s\n", t.name, t.text)
					return err
				}
			}
			return usage("%q is no rule and no reason code; \"etcdmod explain\" lists them", name)
		},
	}
}

// A topic is something that reports name and that can be explained.
type topic struct {
	name  string
	title string // one line
	text  string
	rule  bool
}

const unsafeClient = `Clients at or below 3.2.9 leak one map entry for each watch whose context has a deadline
(etcd#8338). 3.2.10 to 3.2.24 and 3.3.0 to 3.3.9 do not, but their Mutex.Lock can return nil
with its key deleted (etcd#10111). Requirements of github.com/coreos/etcd up to 3.2.19 are
bumped; only the version in go.mod changes, and the missing lines of go.sum are added.`

// topics lists the rules, then the reason codes in order.
func topics() []topic {
	var rules []topic
	for _, r := range rewrite.Rules {
		rules = append(rules, topic{r.ID, r.Title, r.Title + "\n\n" + r.Doc, true})
	}
	const title = "go.mod requires an etcd client that is not safe to lock with"
	rules = append(rules, topic{modbump.Rule, title, title + "\n\n" + unsafeClient, true})

	texts := maps.Clone(pipeline.Reasons)
	for code, text := range rewrite.Reasons {
		texts[string(code)] = text
	}
	for _, r := range modbump.Reasons() {
		if text, ok := r.Explain(); ok {
			texts[string(r)] = text
		}
	}
	for _, code := range slices.Sorted(maps.Keys(texts)) {
		text := strings.TrimSuffix(texts[code], ".") + "."
		rules = append(rules, topic{code, firstClause(text), wrap(text, 90), false})
	}
	return rules
}

// firstClause returns what a text says first.
func firstClause(text string) string {
	end := len(text)
	for _, stop := range []string{". ", "; ", ": "} {
		if i := strings.Index(text, stop); i >= 0 {
			end = min(end, i)
		}
	}
	clause := strings.TrimSuffix(text[:end], ".")
	return strings.ToLower(clause[:1]) + clause[1:]
}

// wrap breaks text into lines of at most width bytes, where it has spaces.
func wrap(text string, width int) string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return strings.Join(append(lines, line), "\n")
}

func list(w io.Writer, all []topic) error {
	var b strings.Builder
	width := 0
	for _, t := range all {
		width = max(width, len(t.name))
	}
	b.WriteString("Rules:\n")
	for i, t := range all {
		if !t.rule && all[i-1].rule {
			b.WriteString("\nReason codes:\n")
		}
		fmt.Fprintf(&b, "  %-*s  %s\n", width, t.name, t.title)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
