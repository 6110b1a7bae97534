package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"etcdmod/internal/pipeline"
	"etcdmod/internal/quote"
)

// Forms are the JSON forms of a result, for those who write a document of their own.
type Forms struct {
	State    State  // of the module
	Reason   string // why something of it is not done: the first one; empty where all is
	Bumps    []Finding
	Findings []Finding
	Ignored  []Finding
	Tries    []Try
	Lost     []Try // those of Tries that are not followed
	Skipped  []Skip
	Problems []Problem
	// Columns has, by "path:line:col", the columns that are not the same in characters as in
	// bytes.
	Columns map[string]int
}

// FormsOf gives the JSON forms of a result.
func FormsOf(res *pipeline.Result) *Forms {
	f := &Forms{}
	for _, b := range res.Bumps {
		f.Bumps = append(f.Bumps, bumpJSON(res, b))
	}
	for _, p := range res.Findings {
		f.Findings = append(f.Findings, findingJSON(res, p))
	}
	for _, p := range res.Ignored {
		f.Ignored = append(f.Ignored, findingJSON(res, p))
	}
	for _, t := range res.Tries {
		f.Tries = append(f.Tries, tryJSON(res, t))
		if t.Lost() {
			f.Lost = append(f.Lost, f.Tries[len(f.Tries)-1])
		}
	}
	for _, s := range res.Skipped {
		f.Skipped = append(f.Skipped, skipJSON(res, s))
	}
	for _, p := range res.Failed {
		f.Problems = append(f.Problems, problemJSON(res, p))
	}
	f.Columns = f.columns(res)
	switch {
	case len(res.Written()) > 0:
		f.State = Changed
	case len(res.Failed) > 0:
		f.State = Rejected
	default:
		f.State = Unchanged(slices.Concat(f.Bumps, f.Findings), res.Incomplete)
	}
	f.Reason = f.reason(res)
	return f
}

// reason gives the first reason for which something is not done: what verification said, what
// is refused, what was not looked at, what is only reported.
func (f *Forms) reason(res *pipeline.Result) string {
	found := slices.Concat(f.Findings, f.Bumps)
	at := func(text, path string, line int) string {
		text, more, _ := strings.Cut(text, "\n")
		if next, _, _ := strings.Cut(more, "\n"); strings.HasSuffix(text, ":") {
			text += " " + strings.TrimSpace(next) // alone it would announce what is not there
		}
		if path == "" {
			return text
		}
		if path = quote.Name(path); line > 0 {
			path = fmt.Sprintf("%s:%d", path, line)
		}
		return path + ": " + text
	}
	for _, p := range f.Problems {
		return at(p.Phase+": "+p.Message, cmp.Or(p.Path, p.Package), p.Line)
	}
	for _, finding := range found {
		for _, r := range finding.Refused {
			return at(r.text(), finding.Path, finding.Line)
		}
	}
	for _, s := range f.Skipped {
		return at(Reason{Code: s.Reason, Detail: s.Detail}.text(), s.Path, s.Line)
	}
	for _, t := range f.Lost {
		return at(t.Call+" is not followed: "+t.Why, t.Path, t.Line)
	}
	for _, finding := range found {
		if finding.Tier == "report" && finding.NotHigher != nil {
			return at(finding.NotHigher.text(), finding.Path, finding.Line)
		}
	}
	return ""
}
