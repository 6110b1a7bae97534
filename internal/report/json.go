package report

import (
	"encoding/json"
	"io"
	"path/filepath"

	"etcdmod/internal/bump"
	"etcdmod/internal/finding"
	"etcdmod/internal/patch"
	"etcdmod/internal/pipeline"
	"etcdmod/internal/quote"
	"etcdmod/modbump"
)

// A Finding is the JSON form of a finding; Type is "finding".
type Finding struct {
	Type      string   `json:"type"`
	ID        string   `json:"id,omitempty"` // the same in later runs, while the rule, the function and its order there stay
	Rule      string   `json:"rule"`
	Path      string   `json:"path"`
	Line      int      `json:"line"`
	Col       int      `json:"col"`
	Package   string   `json:"package,omitempty"`
	Func      string   `json:"func,omitempty"`
	Message   string   `json:"message"`
	Tier      string   `json:"tier"`
	Refused   []Reason `json:"refused,omitempty"`
	NotHigher *Reason  `json:"notHigher,omitempty"`
	CallPath  []Frame  `json:"callPath,omitempty"`
	// Exported are the exported declarations that change although other modules may compile
	// against them.
	Exported []string `json:"exported,omitempty"`
	// Differences are what the program does otherwise with the tier.
	Differences []Difference `json:"differences,omitempty"`
	Bump        *Bump        `json:"bump,omitempty"`
	// Ignored is the reason that a comment in the source gives for ignoring the finding.
	Ignored string `json:"ignored,omitempty"`
}

// A Reason is the JSON form of a reason.
type Reason struct {
	Code   string `json:"code"`
	Detail string `json:"detail,omitempty"`
	At     string `json:"at,omitempty"`
}

// A Difference is the JSON form of what a program does otherwise; Text is a sentence.
type Difference struct {
	Kind  string `json:"kind"`
	Text  string `json:"text"`
	Value string `json:"value,omitempty"`
	At    string `json:"at"`
}

// A Frame is the JSON form of a call.
type Frame struct {
	At   string `json:"at"`
	Call string `json:"call"`
}

// A Bump is the part of a finding that only findings in go.mod have.
type Bump struct {
	Module   string   `json:"module"`
	Version  string   `json:"version"`
	Target   string   `json:"target,omitempty"`
	Indirect bool     `json:"indirect,omitempty"`
	Evidence []string `json:"evidence,omitempty"`
	Remains  []string `json:"remains,omitempty"`
	Wanted   []string `json:"wanted,omitempty"` // "module@version"
	Via      []string `json:"via,omitempty"`    // "module@version"
	Plan     []string `json:"plan,omitempty"`
	Calls    []Call   `json:"calls,omitempty"`
}

// A Call is the JSON form of a call that leaks; Known is false where it may.
type Call struct {
	At    string  `json:"at"`
	Name  string  `json:"name"`
	Known bool    `json:"known"`
	Path  []Frame `json:"path,omitempty"` // from the deadline to the call
}

// A Skip is the JSON form of what was not covered; Type is "skipped".
type Skip struct {
	Type    string `json:"type"`
	Path    string `json:"path"`
	Package string `json:"package,omitempty"` // where a package was not covered, not a file
	Line    int    `json:"line,omitempty"`
	Col     int    `json:"col,omitempty"`
	Reason  string `json:"reason"`
	Detail  string `json:"detail,omitempty"`
}

// A Problem is the JSON form of what verification said; Type is "problem".
type Problem struct {
	Type    string `json:"type"`
	Phase   string `json:"phase"`
	Package string `json:"package,omitempty"`
	Path    string `json:"path,omitempty"`
	Line    int    `json:"line,omitempty"`
	Col     int    `json:"col,omitempty"`
	Message string `json:"message"`
}

// A Patch is the JSON form of the patch; Type is "patch".
type Patch struct {
	Type  string `json:"type"`
	Patch string `json:"patch"`
}

// A Wrote is the JSON form of a file that was written; Type is "wrote".
type Wrote struct {
	Type    string `json:"type"`
	Path    string `json:"path"`
	Added   int    `json:"added"`
	Removed int    `json:"removed"`
}

// JSON writes one object per line: the schema, findings, then the places that try a lock, then what was not covered, then what
// verification said when it accepted nothing, then the patch if there is one, then the
// files that were written.
func JSON(w io.Writer, res *pipeline.Result, diff []byte, wrote []patch.Stat) error {
	enc := json.NewEncoder(quote.JSON(w))
	enc.SetEscapeHTML(false)
	lines := []any{schema}
	forms := FormsOf(res)
	for _, f := range append(forms.Bumps, forms.Findings...) {
		lines = append(lines, f)
	}
	for _, t := range forms.Tries {
		lines = append(lines, t)
	}
	for _, s := range forms.Skipped {
		lines = append(lines, s)
	}
	for _, p := range forms.Problems {
		lines = append(lines, p)
	}
	if len(diff) > 0 {
		lines = append(lines, Patch{"patch", string(diff)})
	}
	for _, st := range wrote {
		lines = append(lines, Wrote{"wrote", st.Path, st.Added, st.Removed})
	}
	for _, line := range lines {
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

// tierIgnored is the tier of findings that comments in the source ignore.
const tierIgnored = "ignored"

func findingJSON(res *pipeline.Result, f *finding.Finding) Finding {
	out := Finding{
		Type: "finding", ID: f.ID, Rule: f.Rule, Path: rel(res, f.Pos.Filename), Line: f.Pos.Line, Col: f.Pos.Column,
		Package: f.Package, Func: f.Func, Message: f.Message, Tier: f.Tier.String(), Ignored: f.Ignored,
	}
	for _, frame := range f.Path {
		out.CallPath = append(out.CallPath, Frame{at(res, frame.Pos), frame.Call})
	}
	if f.Ignored != "" {
		out.Tier = tierIgnored // nothing is done about it, whatever could be
		return out
	}
	out.Exported = f.Exported
	for _, d := range f.Differences {
		out.Differences = append(out.Differences, Difference{string(d.Kind), d.Text(), d.Value, at(res, d.Pos)})
	}
	for _, r := range f.Refused {
		out.Refused = append(out.Refused, reasonJSON(res, r))
	}
	if f.NotHigher != nil {
		r := reasonJSON(res, *f.NotHigher)
		out.NotHigher = &r
	}
	return out
}

// skipJSON also says whether it is a package, not a file, that was not covered.
func skipJSON(res *pipeline.Result, s finding.Skip) Skip {
	pos := s.Position()
	out := Skip{Type: "skipped", Path: rel(res, pos.Filename), Line: pos.Line, Col: pos.Column, Reason: string(s.Reason), Detail: s.Detail}
	if !filepath.IsAbs(pos.Filename) {
		out.Package = pos.Filename
	}
	return out
}

func problemJSON(res *pipeline.Result, p finding.Problem) Problem {
	return Problem{"problem", p.Phase, p.Package, rel(res, p.File), p.Line, p.Col, p.Message}
}

func reasonJSON(res *pipeline.Result, r finding.Reason) Reason {
	out := Reason{Code: string(r.Code), Detail: r.Detail}
	if r.Pos.IsValid() {
		out.At = at(res, r.Pos)
	}
	return out
}

func bumpJSON(res *pipeline.Result, b bump.Bump) Finding {
	out := Finding{
		Type: "finding", ID: b.ID, Rule: b.Rule, Path: rel(res, file(res, b)), Line: b.Line, Col: b.Col,
		Message: b.Message, Tier: string(action(b)),
		Bump: &Bump{
			Module: b.Module, Version: b.Version, Target: b.Target, Indirect: b.Indirect,
			Evidence: b.Evidence, Plan: b.Plan,
		},
	}
	for _, c := range b.Calls {
		call := Call{At: at(res, c.Pos), Name: c.Name, Known: c.Known}
		for _, f := range c.Path {
			call.Path = append(call.Path, Frame{at(res, f.Pos), f.Call})
		}
		out.Bump.Calls = append(out.Bump.Calls, call)
	}
	for _, m := range b.Via {
		out.Bump.Via = append(out.Bump.Via, m.String())
	}
	if b.Target != "" {
		out.Bump.Remains = b.Remains
	}
	switch {
	case b.Refused != nil:
		out.Refused = []Reason{{Code: string(b.Refused.Code), Detail: b.Refused.Detail}}
		for _, m := range b.Refused.Wanted {
			out.Bump.Wanted = append(out.Bump.Wanted, m.String())
		}
	case b.Action == modbump.Refuse:
		out.Refused = []Reason{{Code: string(b.Reason)}}
	case b.Action == modbump.Report:
		out.NotHigher = &Reason{Code: string(b.Reason)}
	}
	return out
}

// verdict is what a report says in brackets behind a finding: its tier, and why it is
// refused.
func (f Finding) verdict() string {
	switch {
	case f.Ignored != "":
		return f.Tier + ": " + f.Ignored
	case f.Tier == string(modbump.Bump) && f.Bump != nil:
		return "bump to " + f.Bump.Target
	case f.Tier == finding.Refuse.String() && len(f.Refused) > 0:
		return f.Tier + ": " + f.Refused[0].Code
	case f.Tier == string(modbump.Report) && f.NotHigher != nil:
		return f.Tier + ": " + f.NotHigher.Code
	}
	return f.Tier
}

// text is a reason in one line.
func (r Reason) text() string {
	if r.Detail == "" {
		return r.Code
	}
	return r.Code + ": " + r.Detail
}

// text says what a call does, in one line.
func (c Call) text() string {
	if c.Known {
		return c.Name + " with a deadline leaks"
	}
	return c.Name + " may leak, if its context has a deadline"
}
