package report

import "etcdmod/internal/pipeline"

// Forms are the JSON forms of a result, for those who write a document of their own.
type Forms struct {
	Bumps    []Finding // in the order of those of the result
	Findings []Finding // in the order of those of the result
	Ignored  []Finding
	Tries    []Try
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
	}
	for _, s := range res.Skipped {
		f.Skipped = append(f.Skipped, skipJSON(res, s))
	}
	for _, p := range res.Failed {
		f.Problems = append(f.Problems, problemJSON(res, p))
	}
	f.Columns = f.columns(res)
	return f
}
