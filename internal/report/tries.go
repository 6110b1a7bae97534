package report

import (
	"fmt"
	"io"
	"strings"

	"etcdmod/internal/finding"
	"etcdmod/internal/pipeline"
)

// A Try is the JSON form of a place that tries a lock; Type is "try".
type Try struct {
	Type     string   `json:"type"`
	Path     string   `json:"path"`
	Line     int      `json:"line"`
	Col      int      `json:"col"`
	Kind     string   `json:"kind"` // the method that tries: TryLock, Lock, Campaign or Commit
	Call     string   `json:"call"`
	Package  string   `json:"package,omitempty"`
	Func     string   `json:"func,omitempty"`
	Findings []string `json:"findings,omitempty"` // the ids of those that it is in
	Verdict  string   `json:"verdict,omitempty"`  // why it is in none
	Why      string   `json:"why,omitempty"`
	At       string   `json:"at,omitempty"` // where that is seen
}

// A Schema says which form the lines of a JSON report have; Type is "schema". Version
// changes where a field changes its meaning or goes, not where one is added.
type Schema struct {
	Type    string `json:"type"`
	Version int    `json:"version"`
}

// schema is the form of the lines today.
var schema = Schema{"schema", 1}

func tryJSON(res *pipeline.Result, t finding.Try) Try {
	out := Try{
		Type: "try", Path: rel(res, t.Pos.Filename), Line: t.Pos.Line, Col: t.Pos.Column, Kind: t.Kind, Call: t.Call,
		Package: t.Package, Func: t.Func, Findings: t.Findings, Verdict: string(t.Verdict), Why: t.Why,
	}
	if t.At.IsValid() {
		out.At = at(res, t.At)
	}
	return out
}

// said says that a try is not followed, and why.
func (t Try) said() string {
	text := t.Call + " is not followed: " + t.Why
	if t.At != "" {
		text += " at " + t.At
	}
	return text
}

// Tries writes one line that sums up the places that try a lock, where one of them is not
// followed. With all, it writes the line whenever there are any, and each place below.
func Tries(w io.Writer, res *pipeline.Result, all bool) error {
	p := &printer{w: w, res: res}
	in, lost := 0, 0
	for _, t := range res.Tries {
		switch {
		case len(t.Findings) > 0:
			in++
		case t.Lost():
			lost++
		}
	}
	if len(res.Tries) == 0 || lost == 0 && !all {
		return nil
	}
	var parts []string
	note := func(n int, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	note(in, "in findings")
	note(len(res.Tries)-in-lost, "harmless")
	note(lost, "not followed")
	hint := ""
	if !all {
		hint = "; -v lists them"
	}
	p.printf("%s: %s%s\n", countTries(len(res.Tries)), strings.Join(parts, ", "), hint)
	if !all {
		return p.err
	}
	for _, t := range res.Tries {
		verdict := "in a finding"
		if len(t.Findings) == 0 {
			verdict = why(res, t)
		}
		p.printf("\t%s: %s: %s\n", at(res, t.Pos), t.Call, verdict)
	}
	return p.err
}

// Lost writes one line for every place that tries a lock and is not followed.
func Lost(w io.Writer, res *pipeline.Result) error {
	p := &printer{w: w, res: res}
	for _, t := range res.Tries {
		if t.Lost() {
			p.printf("not followed: %s: %s: %s\n", at(res, t.Pos), t.Call, why(res, t))
		}
	}
	return p.err
}

// why says what is known of a try that is in no finding.
func why(res *pipeline.Result, t finding.Try) string {
	text := string(t.Verdict) + ": " + t.Why
	if t.At.IsValid() && t.At != t.Pos {
		text += " at " + at(res, t.At)
	}
	return text
}

func countTries(n int) string {
	if n == 1 {
		return "1 try"
	}
	return fmt.Sprintf("%d tries", n)
}
