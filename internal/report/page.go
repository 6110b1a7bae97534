package report

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"etcdmod/internal/discover"
	"etcdmod/internal/pipeline"
	"etcdmod/modbump"
	"etcdmod/rewrite"
)

// A Page is what the renderers for many modules show: [SARIF], [CSV], [Summary] and [HTML].
type Page struct {
	Title  string
	Units  []Unit
	Topics []Topic // what the rules and codes in it mean, rules first
}

// A Topic explains a rule or a reason code.
type Topic struct {
	Name  string
	Title string // one line
	Text  string
	Rule  bool
}

// A Unit is what is reviewed as one: a module, or the part of it that has one owner. It
// survives JSON, so that what several machines found can be shown on one page.
type Unit struct {
	Name     string    `json:"name,omitempty"` // empty: the whole module
	Module   string    `json:"module"`         // its path, or its directory where it has none
	Owners   []string  `json:"owners,omitempty"`
	State    State     `json:"state"`
	Findings []Finding `json:"findings,omitempty"`
	Skipped  []Skip    `json:"skipped,omitempty"`
	Problems []Problem `json:"problems,omitempty"`
	Files    []File    `json:"files,omitempty"` // sorted by path
	// Columns has, by "path:line:col", the columns that are not the same in characters as in
	// bytes.
	Columns map[string]int `json:"columns,omitempty"`
}

// Title is the name of a unit for people.
func (u Unit) Title() string {
	if u.Name != "" {
		return u.Name
	}
	return u.Module
}

// A State is what has become of a unit. There may be others than those named here.
type State string

// The states of a module of its own, the worst first.
const (
	Failed  State = "failed"  // verification accepted none of the changes
	Refused State = "refused" // something was found and nothing of it can be changed
	Found   State = "found"   // something was found; no change was asked for
	Ready   State = "ready"   // the changes are made and verified
	Written State = "written"
	Clean   State = "clean" // nothing was found
)

// New makes a unit of a whole module. done is the state that it has when all went well:
// [Found] where no change was asked for, otherwise [Ready] or [Written].
func New(res *pipeline.Result, done State) (Unit, error) {
	u := Unit{Module: res.Module.Path, State: done}
	if u.Module == "" {
		u.Module = res.Module.Rel(res.Module.Root)
	}
	for _, b := range res.Bumps {
		u.Findings = append(u.Findings, bumpJSON(res, b))
	}
	for _, f := range res.Findings {
		u.Findings = append(u.Findings, findingJSON(res, f))
	}
	for _, s := range res.Skipped {
		u.Skipped = append(u.Skipped, skipJSON(res, s))
	}
	for _, p := range res.Failed {
		u.Problems = append(u.Problems, problemJSON(res, p))
	}
	var err error
	if u.Files, err = diffs(res); err != nil {
		return Unit{}, err
	}
	switch {
	case len(res.Failed) > 0:
		u.State = Failed
	case len(u.Findings) == 0:
		u.State = Clean
	case done != Found && len(res.Changes) == 0:
		u.State = Refused
	}
	u.Columns = columns(res, u)
	return u, nil
}

// served gives the indices, among the findings of a unit, of those that a change is for.
// shared says that it is for all of them: the change is the helper's own file.
func served(res *pipeline.Result, c rewrite.Change) (findings []int, shared bool) {
	if len(c.Findings) == 0 {
		vendor := filepath.Join(res.Module.Root, "vendor") + string(filepath.Separator)
		shared = filepath.Ext(c.Path) == ".go" && !strings.HasPrefix(c.Path, vendor)
	}
	if len(c.Findings) == 0 && !shared { // go.mod and what follows from it
		for i, b := range res.Bumps {
			if action(b) == modbump.Bump {
				findings = append(findings, i)
			}
		}
		return findings, false
	}
	mine := map[*rewrite.Finding]bool{}
	for _, f := range c.Findings {
		mine[f] = true
	}
	for i, f := range res.Findings {
		if f.Tier > rewrite.Refuse && (shared || mine[f]) {
			findings = append(findings, len(res.Bumps)+i)
		}
	}
	return findings, shared
}

// places lists the positions that a finding names, "path:line:col".
func (f Finding) places() []string {
	places := []string{fmt.Sprintf("%s:%d:%d", f.Path, f.Line, f.Col)}
	add := func(frames []Frame) {
		for _, frame := range frames {
			places = append(places, frame.At)
		}
	}
	add(f.CallPath)
	for _, r := range f.reasons() {
		places = append(places, r.At)
	}
	if f.Bump != nil {
		for _, c := range f.Bump.Calls {
			places = append(places, c.At)
			add(c.Path)
		}
	}
	return places
}

// reasons lists why a finding is refused, or why its tier is not the next one up.
func (f Finding) reasons() []Reason {
	if f.Kept != nil {
		return append(f.Refused[:len(f.Refused):len(f.Refused)], *f.Kept)
	}
	return f.Refused
}

// columns finds the positions in a unit whose columns are others in characters.
func columns(res *pipeline.Result, u Unit) map[string]int {
	var out map[string]int
	files := newSource(res)
	add := func(place string) {
		name, line, col := splitPlace(place)
		if chars := files.chars(name, line, col); chars != col {
			if out == nil {
				out = map[string]int{}
			}
			out[place] = chars
		}
	}
	for _, f := range u.Findings {
		for _, place := range f.places() {
			add(place)
		}
	}
	for _, s := range u.Skipped {
		add(fmt.Sprintf("%s:%d:%d", s.Path, s.Line, s.Col))
	}
	for _, p := range u.Problems {
		add(fmt.Sprintf("%s:%d:%d", p.Path, p.Line, p.Col))
	}
	return out
}

// splitPlace is the inverse of "path:line:col". What is no such thing has line 0.
func splitPlace(place string) (name string, line, col int) {
	if i := strings.LastIndexByte(place, ':'); i > 0 {
		if j := strings.LastIndexByte(place[:i], ':'); j > 0 {
			line, err1 := strconv.Atoi(place[j+1 : i])
			col, err2 := strconv.Atoi(place[i+1:])
			if err1 == nil && err2 == nil {
				return place[:j], line, col
			}
		}
	}
	return place, 0, 0
}

// A source reads the files of a module as they were before any change.
type source struct {
	module *discover.Module
	lines  map[string][][]byte
}

func newSource(res *pipeline.Result) *source {
	s := &source{res.Module, map[string][][]byte{}}
	for _, c := range res.Changes {
		s.lines[res.Module.Rel(c.Path)] = bytes.Split(c.Old, []byte("\n"))
	}
	return s
}

// chars counts in characters the column that col is in bytes. It is col where the file
// cannot be read or has no such place.
func (s *source) chars(name string, line, col int) int {
	if line < 1 || col < 2 {
		return col
	}
	lines, ok := s.lines[name]
	if !ok {
		file := filepath.FromSlash(name)
		if !filepath.IsAbs(file) {
			file = filepath.Join(s.module.Repo, file)
		}
		if data, err := os.ReadFile(file); err == nil {
			lines = bytes.Split(data, []byte("\n"))
		}
		s.lines[name] = lines
	}
	if line > len(lines) || col-1 > len(lines[line-1]) {
		return col
	}
	return 1 + utf8.RuneCount(lines[line-1][:col-1])
}
