package rewrite

import (
	_ "embed"
	"strings"
)

// A Rule is one kind of finding. Its documentation is the comment at the top of the file
// that is named after it.
type Rule struct {
	ID    string
	Title string // one line
	Doc   string
}

//go:embed rule_trylock_poll.go
var trylockPollSource string

//go:embed rule_trylock_spin.go
var trylockSpinSource string

//go:embed rule_watch_storm.go
var watchStormSource string

// Rules lists the rules of this package by id.
var Rules = []Rule{
	newRule("trylock-poll", trylockPollSource),
	newRule("trylock-spin", trylockSpinSource),
	newRule("watch-storm", watchStormSource),
}

// newRule takes a rule's documentation from the comment that opens its source file: the
// text cannot drift from the code below it.
func newRule(id, source string) Rule {
	var lines []string
	for _, line := range strings.Split(source, "\n") {
		text, ok := strings.CutPrefix(line, "//")
		if !ok {
			break
		}
		lines = append(lines, strings.TrimPrefix(text, " "))
	}
	title := strings.TrimSuffix(strings.TrimPrefix(lines[0], id+": "), ".")
	return Rule{ID: id, Title: title, Doc: strings.TrimSpace(strings.Join(lines[1:], "\n"))}
}
