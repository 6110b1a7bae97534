package command

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"etcdmod/internal/finding"
	"etcdmod/modbump"
	"etcdmod/rewrite"
)

func explainCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:         "explain",
		Usage:        "explain a rule, a reason code or a version of etcd's client",
		ArgsUsage:    "[RULE|CODE|MODULE@VERSION]",
		Description:  "Without an argument: list what can be explained.",
		OnUsageError: usageError,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "table", Usage: "print the whole policy on versions of etcd's client, with its evidence"},
		},
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
			if cmd.Bool("table") {
				if cmd.Args().Present() {
					return usage("explain -table takes no argument")
				}
				_, err := io.WriteString(env.Stdout, policyEvidence())
				return err
			}
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
			if path, version, ok := strings.Cut(name, "@"); modbump.KnownPath(path) {
				if !ok {
					return usage("%s needs a version, as %s@v3.2.26; \"etcdmod explain -table\" prints all that is known", path, path)
				}
				text, err := explainVersion(path, version)
				if err != nil {
					return usage("%v", err)
				}
				_, err = fmt.Fprintln(env.Stdout, text)
				return err
			}
			if path, _, ok := strings.Cut(name, "@"); ok {
				return usage("%s is no module path of etcd's client; \"etcdmod explain -table\" lists them", path)
			}
			if bare := strings.TrimPrefix(name, "v"); bare != "" && bare[0] >= '0' && bare[0] <= '9' {
				return usage("%q is a version of which module? Name it as in \"etcdmod explain github.com/coreos/etcd@v3.2.9\"", name)
			}
			var names []string
			for _, t := range all {
				names = append(names, t.name)
			}
			return usage("%q is no rule and no reason code%s; \"etcdmod explain\" lists them", name, suggestion(name, names))
		},
	}
}

// A topic is something that reports name and that can be explained.
type topic struct {
	name  string
	title string // one line
	text  string
	rule  bool
	group string // of codes
}

const unsafeClient = `Clients from 3.0.0 to 3.2.9 leak one map entry for each watch whose context has a deadline
(etcd#8338). 3.2.10 to 3.2.24 and 3.3.0 to 3.3.9 do not, but their Mutex.Lock can return nil
with its key deleted (etcd#10111). Requirements of github.com/coreos/etcd from 3.1.0 to 3.2.19
are bumped, those of 3.2.20 to 3.2.24 and of 3.3.0 to 3.3.9 with "bump -all"; older ones have another
API and are left to a person.

What is built counts, not what go.mod says: other requirements, replace directives and the
workspace are followed. A client that only other modules require gets a line of its own,
where one of its packages is built. go.mod and go.sum also get what the new version cannot
do without; a vendor directory is made again. The plan below the finding says all of it, and
nothing is written that does not build as before.

Only go.etcd.io/etcd/client/v3 from 3.5.15 on has all the fixes. That is no bump: import
paths change (clientv3 to go.etcd.io/etcd/client/v3, mvcc/mvccpb and auth/authpb to
go.etcd.io/etcd/api/v3, pkg/transport and the like to go.etcd.io/etcd/client/pkg/v3), in
every linked package at once, dependencies included, since two of etcd's clients in one
program do not compile or panic at start. clientv3/naming and clientv3/balancer have no
successor; SetLogger, transport.TLSInfo.CAFile and, before 3.1, NewMutex have another form;
New no longer waits for a connection unless grpc.WithBlock is given.

"etcdmod explain module@version" shows what is known of a version. All that is known:
`

// policyTable is the table of the policy, a line for each row.
func policyTable() string {
	var b strings.Builder
	for _, row := range modbump.Policy() {
		b.WriteString("\n" + policyRow(row))
	}
	return b.String()
}

// policyEvidence is the table with the sources of each row.
func policyEvidence() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Checked against etcd's repository on %s.\n", modbump.Checked)
	for _, row := range modbump.Policy() {
		fmt.Fprintf(&b, "\n%s\n", policyRow(row))
		if row.Only.Path != "" {
			fmt.Fprintf(&b, "\tonly with %s\n", row.Only)
		}
		for _, d := range row.Broken {
			fmt.Fprintf(&b, "\t%s: %s: %s\n", d.Name, d.Does, d.Evidence)
		}
		if len(row.Targets) > 1 {
			fmt.Fprintf(&b, "\tor to %s\n", strings.Join(row.Targets[1:], ", "))
		}
		for _, d := range row.Remains {
			fmt.Fprintf(&b, "\tremains there: %s: %s\n", d.Name, d.Evidence)
		}
		if row.Advice != "" {
			fmt.Fprintf(&b, "\t%s\n", row.Advice)
		}
	}
	return b.String()
}

// policyRow is one line: what the row covers, what is wrong, what is done.
func policyRow(row modbump.Row) string {
	what := row.Releases
	if what == (modbump.Range{}) {
		what = row.Commits
	}
	var broken []string
	for _, d := range row.Broken {
		broken = append(broken, d.Name)
	}
	outcome := string(row.Action) + ": " + string(row.Reason)
	switch {
	case row.Action == modbump.Bump:
		outcome = "bump to " + row.Targets[0]
	case len(row.Targets) > 0:
		outcome += ", fixed in " + row.Targets[0]
	}
	first := strings.TrimSuffix(what.From, "-0")
	from := "from " + first
	switch {
	case what.From == "":
		from = "from the first"
	case strings.HasPrefix(what.To, first+"-"):
		from = "from the first pre-release of " + first // which has the fix itself
	}
	to := " to before " + strings.TrimSuffix(what.To, "-0")
	if what.To == modbump.Open {
		to = " on"
	}
	if row.NoGoMod {
		to += ", without a go.mod"
	}
	return fmt.Sprintf("%s %s%s: %s (%s)", row.Path, from, to, strings.Join(broken, ", "), outcome)
}

// explainVersion says what the policy knows of a version of one of etcd's modules.
func explainVersion(path, version string) (string, error) {
	mod, err := modbump.ParseTo(path + "@" + version)
	if err != nil {
		return "", err
	}
	row, bad := modbump.Judge(path, mod.Version)
	switch {
	case !bad && modbump.Older(mod.Version):
		return fmt.Sprintf("%s: the policy has nothing to say of it; package concurrency came with v2.3.0", mod), nil
	case !bad && !modbump.Released(mod.Version):
		return fmt.Sprintf("%s: nothing is known of it; etcd had no such version on %s, when the policy was checked", mod, modbump.Checked), nil
	case !bad:
		return fmt.Sprintf("%s: the policy has nothing against it", mod), nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s.\n", mod, row.Does())
	for _, d := range row.Broken {
		fmt.Fprintf(&b, "\n%s: %s.", d.Name, d.Evidence)
	}
	switch {
	case len(row.Targets) > 0:
		fmt.Fprintf(&b, "\n\nSafe: %s.", strings.Join(row.Targets, ", then "))
	case row.Advice != "":
		fmt.Fprintf(&b, "\n\n%s.", row.Advice)
	}
	for _, d := range row.Remains {
		fmt.Fprintf(&b, "\nRemains there: a client that %s (%s).", d.Does, d.Evidence)
	}
	return b.String(), nil
}

// topics lists the rules, then the reason codes by their groups.
func topics() []topic {
	var rules []topic
	for _, r := range rewrite.Rules {
		rules = append(rules, topic{name: r.ID, title: r.Title, text: r.Title + "\n\n" + r.Doc, rule: true})
	}
	const title = "go.mod requires an etcd client that is not safe to lock with"
	rules = append(rules, topic{name: modbump.Rule, title: title, text: title + "\n\n" + unsafeClient + policyTable(), rule: true})

	for _, g := range finding.Groups {
		codes := slices.Clone(g.Codes)
		slices.Sort(codes)
		for _, code := range codes {
			text, _ := code.Explain()
			title := firstClause(text)
			text = wrap(text, 90) + "\n" + wrap("What to do: "+code.Earn()+".", 90)
			rules = append(rules, topic{name: string(code), title: title, text: text, group: g.Title})
		}
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
	if first, _, _ := strings.Cut(clause, " "); slices.Contains([]string{"Campaign", "Lock", "NewSession"}, first) {
		return clause // they are names
	}
	return strings.ToLower(clause[:1]) + clause[1:]
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
			b.WriteString("\nReason codes, by what they stand for:\n")
		}
		if !t.rule && t.group != all[i-1].group {
			fmt.Fprintf(&b, "\n%s:\n", t.group)
		}
		fmt.Fprintf(&b, "  %-*s  %s\n", width, t.name, t.title)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
