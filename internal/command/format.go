package command

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"etcdmod/internal/gitcmd"
	"etcdmod/internal/modules"
	"etcdmod/internal/pipeline"
	"etcdmod/internal/report"
)

const (
	formatText = "text"
	formatJSON = "json"
)

// renderers write a whole report at once. Text and JSON lines come in parts.
var renderers = map[string]func(io.Writer, report.Page) error{
	"sarif":   report.SARIF,
	"summary": report.Summary,
	"csv":     report.CSV,
	"html":    report.HTML,
}

// formats lists what -format takes.
func formats() []string {
	return append([]string{formatText, formatJSON}, slices.Sorted(maps.Keys(renderers))...)
}

// formatFlag is the -format of commands that report on one module.
func formatFlag() cli.Flag {
	return &cli.StringFlag{Name: "format", Value: formatText, Usage: "write the report as `form`: " + strings.Join(formats(), ", ")}
}

// readFormat reads -format and -json, which means -format json.
func readFormat(cmd *cli.Command) (string, error) {
	format := cmd.String("format")
	switch {
	case !cmd.IsSet("format") && cmd.Bool("json"):
		return formatJSON, nil
	case !cmd.IsSet("format"): // also a command that has no such flag
		return formatText, nil
	case cmd.Bool("json") && format != formatJSON:
		return "", usage("-json means -format json; it cannot go with -format %s", format)
	}
	if err := checkChoice("format", format); err != nil {
		return "", usage("-format=%w", err)
	}
	return format, nil
}

// render writes the whole report to stdout. done is the state that a change has now.
func (s *settings) render(ctx context.Context, env *Env, res *pipeline.Result, done report.State) error {
	page, err := report.Of(res, done)
	if err != nil {
		return &exit{ExitFailed, fmt.Errorf("cannot make the report: %w", err)}
	}
	page.Topics, page.Source = reportTopics(), s.source(ctx, env, res)
	if err := renderers[s.format](env.Stdout, page); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	return nil
}

// source says what a report on a module is made of.
func (s *settings) source(ctx context.Context, env *Env, res *pipeline.Result) report.Source {
	opts := s.pipeline(env)
	out := report.Source{Settings: report.SettingsOf(opts.Settings())}
	if root := modules.Resolved(res.Module.Root); modules.Repository(root) != "" {
		out.Commit, out.Date = gitcmd.New(root, env.Environ).Head(ctx)
	}
	return out
}

// reportTopics are the topics as reports have them.
func reportTopics() (out []report.Topic) {
	for _, t := range topics() {
		out = append(out, report.Topic{Name: t.name, Title: t.title, Text: t.text, Rule: t.rule})
	}
	return out
}

// whole reports whether the report is written at once.
func (s *settings) whole() bool { return renderers[s.format] != nil }
