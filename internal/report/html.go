package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"etcdmod/internal/finding"
	"etcdmod/internal/quote"
	"etcdmod/internal/version"
)

//go:embed page/page.html.tmpl
var pageTemplate string

//go:embed page/page.css
var pageStyle string

//go:embed page/page.js
var pageScript string

var htmlPage = template.Must(template.New("page").Funcs(template.FuncMap{
	"plural": Plural,
	"number": thousands,
	"tier":   TierText,
	"state":  func(name string) string { return State(name).Explain() },
}).Parse(pageTemplate))

// unfolded is how many lines a diff may have that is shown as soon as its finding is opened.
const unfolded = 400

// HTML writes one page that needs nothing else: no network, no other file. The findings are
// in its text; the diffs are data until somebody opens them, so that a page of thousands of
// units stays quick, and the same change in many units is in it once.
func HTML(w io.Writer, page Page) error {
	v := pageView{
		Title: page.Title, Source: page.Source, Modules: page.Modules, Notes: page.Notes,
		Version: version.Version, Counts: Count(page), Topics: map[string]Topic{},
		Style: template.CSS(pageStyle), Script: template.JS(pageScript),
		Policy: fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'", integrity(pageStyle), integrity(pageScript)),
	}
	for _, t := range page.Topics {
		v.Topics[t.Name] = t
		if t.Rule && v.Counts.Matrix[t.Name] != nil {
			v.Rules = append(v.Rules, t)
		}
	}
	known := map[string]string{}
	for _, u := range page.Units {
		u, err := page.loaded(u)
		if err != nil {
			return err
		}
		unit, err := v.unit(u, known)
		if err != nil {
			return err
		}
		v.Units = append(v.Units, unit)
	}
	var b strings.Builder
	if err := htmlPage.Execute(&b, v); err != nil {
		return err
	}
	// Names and messages may have characters that nobody sees, and what runs a job takes lines of what
	// it prints for commands. The page has neither of its own.
	_, err := io.WriteString(w, quote.Message(b.String()))
	return err
}

// integrity is the hash by which a content security policy knows an inline element.
func integrity(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

type pageView struct {
	Title, Version, Policy string
	Source                 Source
	Modules                []Module
	Notes                  []finding.Note
	Style                  template.CSS
	Script                 template.JS
	Counts                 Counts
	Rules                  []Topic // those that were found
	Topics                 map[string]Topic
	Units                  []unitView
	Diffs                  []diffView
}

// Only reports whether the page shows one unit.
func (v pageView) Only() bool { return len(v.Units) == 1 }

type unitView struct {
	Unit
	Search                string // what a search looks at
	Changed               bool
	Own, Helper, Vendored size
	Views                 []findingView
	Other                 []fileView // changes that are for no finding
	Uncovered             []skipView
}

// A size counts lines.
type size struct{ Added, Removed int }

func (s *size) add(f File) {
	s.Added += f.Added
	s.Removed += f.Removed
}

// A skipView is what was not covered for one reason.
type skipView struct {
	Topic
	Places []Skip
}

type findingView struct {
	Finding
	Why     []whyView
	Verdict string
	Text    string // what a search looks at
	Files   []fileView
}

type whyView struct {
	Reason
	Head  string // what the reason is for
	Topic Topic
}

type fileView struct {
	File
	Diff string // id of its diff; empty where it is not shown
	Open bool
}

// A diffView is the data of a diff: hunks as [old, new, heading, lines], and lines as
// [operation, pieces...], where a piece is a text, or a class with a text.
type diffView struct {
	ID   string
	Data template.JS
}

func (v *pageView) unit(u Unit, known map[string]string) (unitView, error) {
	out := unitView{Unit: u, Search: strings.ToLower(strings.Join([]string{u.Title(), u.Name, u.Dir}, " "))}
	files := make([]fileView, len(u.Files))
	used := make([]bool, len(u.Files))
	for i, f := range u.Files {
		switch {
		case f.From != "": // counted with the prelude
		case f.Shared:
			out.Helper.add(f)
		case vendored(f.Path):
			out.Vendored.add(f)
		default:
			out.Own.add(f)
		}
		id, err := v.diff(f, known)
		if err != nil {
			return unitView{}, err
		}
		files[i] = fileView{File: f, Diff: id, Open: !f.Shared && f.Added+f.Removed <= unfolded}
		files[i].Hunks = nil // nobody needs them any more
	}
	out.Unit.Files = nil
	out.Changed = len(files) > 0
	for _, f := range u.Findings {
		fv := findingView{Finding: f, Verdict: f.verdict(), Text: strings.ToLower(strings.Join([]string{f.Path, f.Package, f.Func, f.Message, strings.Join(f.codes(), " ")}, " "))}
		for _, r := range f.Refused {
			fv.Why = append(fv.Why, whyView{r, "Refused", v.Topics[r.Code]})
		}
		if f.NotHigher != nil {
			fv.Why = append(fv.Why, whyView{*f.NotHigher, "Why not more", v.Topics[f.NotHigher.Code]})
		}
		for _, shared := range []bool{false, true} { // its own changes first
			for j, file := range files {
				if file.Shared == shared && slices.Contains(file.Findings, f.ID) {
					fv.Files, used[j] = append(fv.Files, file), true
				}
			}
		}
		out.Views = append(out.Views, fv)
	}
	for j, file := range files {
		if !used[j] {
			out.Other = append(out.Other, file)
		}
	}
	at := map[string]int{}
	for _, s := range u.Skipped {
		i, ok := at[s.Reason]
		if !ok {
			i = len(out.Uncovered)
			at[s.Reason] = i
			topic := v.Topics[s.Reason]
			topic.Name = s.Reason
			out.Uncovered = append(out.Uncovered, skipView{Topic: topic})
		}
		out.Uncovered[i].Places = append(out.Uncovered[i].Places, s)
	}
	return out, nil
}

// diff gives the id of a diff. Diffs that are the same to the letter have the same.
func (v *pageView) diff(f File, known map[string]string) (string, error) {
	if f.Omitted != "" || len(f.Hunks) == 0 {
		return "", nil
	}
	hunks := []any{}
	for _, h := range f.Hunks {
		lines := []any{}
		for _, l := range h.Lines {
			lines = append(lines, append([]any{l.Op}, l.pieces()...))
		}
		hunks = append(hunks, []any{h.Old, h.New, h.Heading, lines})
	}
	// No member of the data can end the element that it is in: Marshal escapes "<".
	data, err := json.Marshal(hunks)
	if err != nil {
		return "", err
	}
	data = bytes.ReplaceAll(data, []byte("##"), []byte(`#\u0023`)) // it is no text in which that is shown
	id, ok := known[string(data)]
	if !ok {
		id = fmt.Sprintf("diff%d", len(v.Diffs))
		known[string(data)] = id
		v.Diffs = append(v.Diffs, diffView{id, template.JS(data)})
	}
	return id, nil
}

// pieces cuts a line where its colours or marks change. What cannot be seen in it is shown.
func (l Line) pieces() []any {
	text := strings.TrimSuffix(strings.TrimSuffix(l.Text, "\n"), "\r")
	var out []any
	for at := 0; at < len(text); {
		end, kind := len(text), ""
		for _, t := range l.Syntax {
			if at < t.From {
				end = min(end, t.From)
				break
			} else if at < t.To {
				end, kind = min(end, t.To), t.Kind
				break
			}
		}
		for _, m := range l.Marks {
			if at < m.From {
				end = min(end, m.From)
				break
			} else if at < m.To {
				end, kind = min(end, m.To), kind+"m"
				break
			}
		}
		if kind == "" {
			out = append(out, quote.Visible(text[at:end]))
		} else {
			out = append(out, []string{kind, quote.Visible(text[at:end])})
		}
		at = end
	}
	if !strings.HasSuffix(l.Text, "\n") {
		out = append(out, []string{"x", " no newline at the end of the file"})
	}
	return out
}

// thousands writes a number with separators.
func thousands(n int) string {
	digits := fmt.Sprint(n)
	var b bytes.Buffer
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}
