// Package report prints what was found in a module.
//
// It takes the result of the pipeline and writes text for people or JSON lines for
// programs. It never decides anything, and the same result gives the same bytes.
package report

import (
	"encoding/json"
	"fmt"
	"go/token"
	"io"
	"strings"

	"etcdmod/internal/pipeline"
	"etcdmod/modbump"
	"etcdmod/rewrite"
)

// Text writes one line per finding, "path:line:col: RULE: message (tier)", with the call
// path and the reasons indented below it. Paths are relative to the repository.
func Text(w io.Writer, res *pipeline.Result) error {
	p := &printer{w: w, res: res}
	for _, b := range res.Bumps {
		p.bump(b)
	}
	for _, f := range res.Findings {
		p.finding(f)
	}
	return p.err
}

// Skipped writes one line for everything that was not covered.
func Skipped(w io.Writer, res *pipeline.Result) error {
	p := &printer{w: w, res: res}
	for _, s := range res.Skipped {
		p.printf("not covered: %s: %s", p.rel(s.Path), s.Reason)
		if s.Detail != "" {
			p.printf(": %s", strings.ReplaceAll(s.Detail, "\n", "\n\t"))
		}
		p.printf("\n")
	}
	return p.err
}

type printer struct {
	w   io.Writer
	res *pipeline.Result
	err error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

// rel makes a path, also one with a position, relative to the repository.
func (p *printer) rel(path string) string {
	if strings.HasPrefix(path, "/") || strings.Contains(path, `:\`) {
		return p.res.Module.Rel(path)
	}
	return path
}

func (p *printer) at(pos token.Position) string {
	return fmt.Sprintf("%s:%d:%d", p.rel(pos.Filename), pos.Line, pos.Column)
}

func (p *printer) finding(f *rewrite.Finding) {
	tier := f.Tier.String()
	if f.Tier == rewrite.Refuse && len(f.Refused) > 0 {
		tier += ": " + string(f.Refused[0].Code)
	}
	p.printf("%s: %s: %s (%s)\n", p.at(f.Pos), f.Rule, f.Message, tier)
	for _, frame := range f.Path {
		p.printf("\t%s: %s\n", p.at(frame.Pos), frame.Call)
	}
	for _, r := range f.Refused {
		p.reason("refused", r)
	}
	if f.Kept != nil {
		next := f.Tier + 1
		if f.Rule == "watch-storm" {
			next = rewrite.Collapse // there is no clock to swap
		}
		p.reason("not "+next.String(), *f.Kept)
	}
}

func (p *printer) reason(why string, r rewrite.Reason) {
	p.printf("\t%s: %s", why, r.Code)
	if r.Pos.IsValid() {
		p.printf(" at %s", p.at(r.Pos))
	}
	if r.Detail != "" {
		p.printf(": %s", strings.ReplaceAll(r.Detail, "\n", "\n\t\t"))
	}
	p.printf("\n")
}

// bumpTier says what is done about a requirement, in the place of a tier.
func bumpTier(b pipeline.Bump) string {
	switch {
	case b.Refused != "":
		return "refuse: " + firstWord(b.Refused)
	case b.Action == modbump.Refuse:
		return "refuse: " + string(b.Reason)
	case b.Action == modbump.Report:
		return "report: " + string(b.Reason)
	}
	return "bump to " + b.Target
}

func firstWord(s string) string {
	if i := strings.IndexByte(s, ':'); i >= 0 {
		return s[:i]
	}
	return s
}

func (p *printer) bump(b pipeline.Bump) {
	p.printf("%s:%d:%d: %s: %s (%s)\n", p.rel(p.res.Module.GoModFile), b.Line, b.Col, b.Rule, b.Message, bumpTier(b))
	for _, e := range b.Evidence {
		p.printf("\t%s\n", e)
	}
	for _, e := range b.Remains {
		p.printf("\tremains in %s: %s\n", b.Target, e)
	}
	if b.Refused != "" {
		p.printf("\trefused: %s\n", strings.ReplaceAll(b.Refused, "\n", "\n\t\t"))
	}
}

// Finding is the JSON form of a finding; Type is "finding".
type Finding struct {
	Type     string    `json:"type"`
	Rule     string    `json:"rule"`
	Path     string    `json:"path"`
	Line     int       `json:"line"`
	Col      int       `json:"col"`
	Package  string    `json:"package,omitempty"`
	Func     string    `json:"func,omitempty"`
	Message  string    `json:"message"`
	Tier     string    `json:"tier"`
	Refused  []Reason  `json:"refused,omitempty"`
	Kept     *Reason   `json:"notHigher,omitempty"`
	CallPath []Frame   `json:"callPath,omitempty"`
	Bump     *BumpJSON `json:"bump,omitempty"`
}

// Reason is the JSON form of a reason.
type Reason struct {
	Code   string `json:"code"`
	Detail string `json:"detail,omitempty"`
	At     string `json:"at,omitempty"`
}

// Frame is the JSON form of a call.
type Frame struct {
	At   string `json:"at"`
	Call string `json:"call"`
}

// BumpJSON is what is special to a finding in go.mod.
type BumpJSON struct {
	Module   string   `json:"module"`
	Version  string   `json:"version"`
	Target   string   `json:"target,omitempty"`
	Evidence []string `json:"evidence,omitempty"`
	Remains  []string `json:"remains,omitempty"`
	Indirect bool     `json:"indirect,omitempty"`
}

// Skip is the JSON form of what was not covered; Type is "skipped".
type Skip struct {
	Type   string `json:"type"`
	Path   string `json:"path"`
	Reason string `json:"reason"`
	Detail string `json:"detail,omitempty"`
}

// Patch is the JSON form of the patch; Type is "patch".
type Patch struct {
	Type  string `json:"type"`
	Patch string `json:"patch"`
}

// JSON writes one object per line: findings, then what was not covered, then the patch
// if there is one.
func JSON(w io.Writer, res *pipeline.Result, patch []byte) error {
	p := &printer{res: res}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, b := range res.Bumps {
		f := Finding{
			Type: "finding", Rule: b.Rule, Path: p.rel(res.Module.GoModFile), Line: b.Line, Col: b.Col,
			Message: b.Message, Tier: firstWord(bumpTier(b)),
			Bump: &BumpJSON{b.Module, b.Version, b.Target, b.Evidence, b.Remains, b.Indirect},
		}
		if b.Action == modbump.Bump && b.Refused == "" {
			f.Tier = "bump"
		}
		switch {
		case b.Refused != "":
			f.Refused = []Reason{{Code: firstWord(b.Refused), Detail: b.Refused}}
		case b.Reason != "":
			f.Refused = []Reason{{Code: string(b.Reason)}}
		}
		if err := enc.Encode(f); err != nil {
			return err
		}
	}
	for _, f := range res.Findings {
		out := Finding{
			Type: "finding", Rule: f.Rule, Path: p.rel(f.Pos.Filename), Line: f.Pos.Line, Col: f.Pos.Column,
			Package: f.Package, Func: f.Func, Message: f.Message, Tier: f.Tier.String(),
		}
		for _, r := range f.Refused {
			out.Refused = append(out.Refused, p.json(r))
		}
		if f.Kept != nil {
			r := p.json(*f.Kept)
			out.Kept = &r
		}
		for _, frame := range f.Path {
			out.CallPath = append(out.CallPath, Frame{p.at(frame.Pos), frame.Call})
		}
		if err := enc.Encode(out); err != nil {
			return err
		}
	}
	for _, s := range res.Skipped {
		if err := enc.Encode(Skip{"skipped", p.rel(s.Path), s.Reason, s.Detail}); err != nil {
			return err
		}
	}
	if len(patch) > 0 {
		return enc.Encode(Patch{"patch", string(patch)})
	}
	return nil
}

func (p *printer) json(r rewrite.Reason) Reason {
	out := Reason{Code: string(r.Code), Detail: r.Detail}
	if r.Pos.IsValid() {
		out.At = p.at(r.Pos)
	}
	return out
}
