package command

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

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

// render writes the whole report to stdout. done is the state of a module with which all
// went well.
func (s *settings) render(env *Env, res *pipeline.Result, done report.State) error {
	unit, err := report.New(res, done)
	if err != nil {
		return &exit{ExitFailed, fmt.Errorf("cannot make the report: %w", err)}
	}
	page := report.Page{Title: unit.Title(), Units: []report.Unit{unit}, Topics: reportTopics()}
	if err := renderers[s.format](env.Stdout, page); err != nil {
		return fmt.Errorf("cannot write the report: %w", err)
	}
	return nil
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
