package command

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"
)

// columns is how long the lines of help are at most.
const columns = 80

// The printer of the library puts each flag on one line, of up to 200 columns.
func init() {
	cli.HelpPrinter = func(w io.Writer, _ string, data any) {
		if cmd, ok := data.(*cli.Command); ok {
			_, _ = io.WriteString(w, help(cmd))
		}
	}
}

// help is what a command says of itself.
func help(cmd *cli.Command) string {
	var b strings.Builder
	section := func(title string) { fmt.Fprintf(&b, "\n%s:\n", title) }
	b.WriteString("NAME:\n" + indented("   ", cmd.FullName()+" - "+cmd.Usage))

	section("USAGE")
	use, options := cmd.FullName()+" [options]", "OPTIONS"
	if cmd.Root() == cmd {
		use, options = use+" command [command options]", "GLOBAL OPTIONS"
	}
	b.WriteString(indented("   ", strings.TrimSpace(use+" "+cmd.ArgsUsage)))

	if cmd.Description != "" {
		section("DESCRIPTION")
		b.WriteString(indented("   ", cmd.Description))
	}
	if len(cmd.Commands) > 0 {
		section("COMMANDS")
		width := 0
		for _, c := range cmd.Commands {
			width = max(width, len(c.Name))
		}
		for _, c := range cmd.Commands {
			margin := strings.Repeat(" ", width+5)
			line := indented(margin, c.Usage)
			fmt.Fprintf(&b, "   %-*s  %s", width, c.Name, line[len(margin):])
		}
	}
	section(options)
	for _, f := range cmd.VisibleFlags() {
		b.WriteString("   " + flagNames(f) + "\n" + indented("       ", flagUsage(f)))
	}
	return b.String()
}

// flagNames is a flag as it is given, with a word for its value.
func flagNames(f cli.Flag) string {
	var names []string
	for _, name := range f.Names() {
		dash := "--"
		if len(name) == 1 {
			dash = "-"
		}
		names = append(names, dash+name)
	}
	text := strings.Join(names, ", ")
	doc, ok := f.(cli.DocGenerationFlag)
	if !ok || !doc.TakesValue() {
		return text
	}
	value := "word"
	if _, after, ok := strings.Cut(doc.GetUsage(), "`"); ok {
		value, _, _ = strings.Cut(after, "`")
	}
	return text + " " + value
}

// flagUsage is what a flag does, and its value where it is not given.
func flagUsage(f cli.Flag) string {
	doc, ok := f.(cli.DocGenerationFlag)
	if !ok {
		return ""
	}
	text := strings.ReplaceAll(doc.GetUsage(), "`", "")
	if value := strings.Trim(cmp.Or(doc.GetDefaultText(), doc.GetValue()), `"[]`); value != "" && doc.TakesValue() {
		text += " (default: " + value + ")"
	}
	return text
}

// indented puts text behind a margin, and breaks anew what would be too long there. Lines
// that begin with a space stay as they are.
func indented(margin, text string) string {
	var out strings.Builder
	for i, paragraph := range strings.Split(text, "\n\n") {
		if i > 0 {
			out.WriteString("\n")
		}
		var plain []string
		flush := func() {
			if len(plain) > 0 {
				lines, width := strings.Join(plain, "\n"), columns-len(margin)
				if slices.ContainsFunc(plain, func(line string) bool { return len(line) > width }) {
					lines = wrap(lines, width)
				}
				out.WriteString(margin + strings.ReplaceAll(lines, "\n", "\n"+margin) + "\n")
			}
			plain = nil
		}
		for line := range strings.SplitSeq(paragraph, "\n") {
			if strings.HasPrefix(line, " ") {
				flush()
				out.WriteString(margin + line + "\n")
				continue
			}
			plain = append(plain, line)
		}
		flush()
	}
	return out.String()
}

func helpCommand(env *Env) *cli.Command {
	return &cli.Command{
		Name:         "help",
		Usage:        "show help for a command",
		ArgsUsage:    "[command]",
		OnUsageError: usageError,
		ShellComplete: func(_ context.Context, cmd *cli.Command) {
			for _, c := range cmd.Root().Commands {
				fmt.Fprintf(env.Stdout, "%s:%s\n", c.Name, c.Usage)
			}
		},
		Action: func(ctx context.Context, cmd *cli.Command) error {
			name := cmd.Args().First()
			switch {
			case name == "":
				return cli.ShowRootCommandHelp(cmd.Root())
			case cmd.Root().Command(name) == nil:
				return unknown(cmd.Root(), name)
			}
			return cli.ShowCommandHelp(ctx, cmd.Root(), name)
		},
	}
}

// unknown is the error for a command that there is not.
func unknown(root *cli.Command, name string) error {
	var names []string
	for _, c := range root.Commands {
		names = append(names, c.Name)
	}
	return usage("unknown command %q%s; \"etcdmod help\" lists the commands", name, suggestion(name, names))
}

// usageError is the error for flags that are not as a command wants them.
func usageError(_ context.Context, cmd *cli.Command, err error, _ bool) error {
	hint := ""
	if _, flag, ok := strings.Cut(err.Error(), "not defined: "); ok {
		var names []string
		for _, f := range cmd.VisibleFlags() {
			names = append(names, f.Names()...)
		}
		hint = suggestion(strings.TrimLeft(flag, "-"), names)
	}
	return usage("%w%s; see \"%s --help\"", err, hint, cmd.FullName())
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
