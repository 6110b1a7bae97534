package rewrite

import (
	"embed"
	"strings"

	"etcdmod/internal/finding"
)

//go:embed rule_*.go
var ruleFiles embed.FS

// Rules lists the rules of this package by id. The documentation of a rule is the comment at
// the top of the file that is named after it: rule_session_per_try.go has that of
// session-per-try.
var Rules = readRules()

// readRules reads the rules off their source files, so that no rule can be without a
// file, and no file without its rule.
func readRules() (out []finding.Rule) {
	files, err := ruleFiles.ReadDir(".")
	if err != nil {
		panic(err) // they are part of the binary
	}
	for _, f := range files {
		name, ok := strings.CutSuffix(strings.TrimPrefix(f.Name(), "rule_"), ".go")
		if !ok || strings.HasSuffix(name, "_test") {
			continue
		}
		text, err := ruleFiles.ReadFile(f.Name())
		if err != nil {
			panic(err)
		}
		out = append(out, newRule(strings.ReplaceAll(name, "_", "-"), string(text)))
	}
	return out
}

// newRule takes a rule's documentation from the comment that opens its source file: the
// text cannot drift from the code below it.
func newRule(id, text string) finding.Rule {
	var lines []string
	for line := range strings.Lines(text) {
		comment, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "//")
		if !ok {
			break
		}
		lines = append(lines, strings.TrimPrefix(comment, " "))
	}
	title, doc, _ := strings.Cut(strings.Join(lines, "\n"), "\n")
	title = strings.TrimSuffix(strings.TrimPrefix(title, id+": "), ".")
	return finding.Rule{ID: id, Title: title, Doc: strings.TrimSpace(doc)}
}
