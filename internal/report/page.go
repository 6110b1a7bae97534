package report

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"etcdmod/internal/modules"
	"etcdmod/internal/rooted"

	"etcdmod/internal/change"
	"etcdmod/internal/discover"
	"etcdmod/internal/finding"
	"etcdmod/internal/pipeline"
	"etcdmod/modbump"
)

// A Page is what the renderers for many modules show: [SARIF], [CSV], [Summary] and [HTML].
type Page struct {
	Title  string
	Units  []Unit
	Topics []Topic // what the rules and codes in it mean, rules first
	// Category tells, for code scanning services, the runs that take each other's place; ""
	// means one for the module of the page.
	Category string
	Source   Source
	Modules  []Module // all that were looked at, also those that have no unit
	Notes    []finding.Note
	// Load fills in the hunks of a unit's files. It is called when the unit is rendered, so
	// that the changes of all units need not be in memory; nil where Units have them.
	Load func(*Unit) error
}

// loaded gives a unit with the hunks of its files. The page does not keep them.
func (p Page) loaded(u Unit) (Unit, error) {
	if p.Load == nil || len(u.Files) == 0 {
		return u, nil
	}
	u.Files = slices.Clone(u.Files)
	return u, p.Load(&u)
}

// A Source says what a page was made of.
type Source struct {
	Commit   string   // what git had checked out, which the files may differ from; "" outside of a repository
	Date     string   // when that was committed
	Settings []string // "name=value", in order: flags, and what the go command builds for
}

// SettingsOf lists settings as [Source] has them.
func SettingsOf(settings map[string]string) (out []string) {
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		out = append(out, name+"="+settings[name])
	}
	return out
}

// A Module is what became of one module.
type Module struct {
	Dir    string // empty where the page is about one
	Path   string // its path, or its directory where it has none
	State  State
	Reason string // why something of it is not done: the first one; empty where all is
}

// Title is the name of a module for people.
func (m Module) Title() string { return cmp.Or(m.Dir, m.Path) }

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
	Dir      string    `json:"dir,omitempty"`  // of the module, where there are many
	About    string    `json:"about,omitempty"`
	Prelude  bool      `json:"prelude,omitempty"` // it is what the others of the module share
	Patch    string    `json:"patch,omitempty"`   // the file that has it
	After    []string  `json:"after,omitempty"`   // units whose patches go first
	Branch   string    `json:"branch,omitempty"`
	Owners   []string  `json:"owners,omitempty"`
	State    State     `json:"state"`
	Findings []Finding `json:"findings,omitempty"`
	Ignored  []Finding `json:"ignored,omitempty"` // as comments in the source ask for
	Lost     []Try     `json:"lost,omitempty"`    // tries of a lock that are not followed
	Skipped  []Skip    `json:"skipped,omitempty"`
	Problems []Problem `json:"problems,omitempty"`
	Files    []File    `json:"files,omitempty"` // sorted by path
	// Columns has, by "path:line:col", the columns that are not the same in characters as in
	// bytes.
	Columns map[string]int `json:"columns,omitempty"`
}

// Title is the name of a unit for people.
func (u Unit) Title() string { return cmp.Or(u.About, u.Name, u.Dir, u.Module) }

// Of makes the page of one module. done is the state that its change has: [Ready] or
// [Written].
func Of(res *pipeline.Result, done State) (Page, error) {
	forms := FormsOf(res)
	u, err := newUnit(res, forms, done)
	m := Module{Path: u.Module, State: forms.State, Reason: forms.Reason}
	return Page{Title: u.Title(), Units: []Unit{u}, Modules: []Module{m}}, err
}

// New makes a unit of a whole module, as [Of] does.
func New(res *pipeline.Result, done State) (Unit, error) { return newUnit(res, FormsOf(res), done) }

func newUnit(res *pipeline.Result, forms *Forms, done State) (Unit, error) {
	u := Unit{
		Module: cmp.Or(res.Module.Path, res.Module.Rel(res.Module.Root)), State: forms.State,
		Findings: slices.Concat(forms.Bumps, forms.Findings), Ignored: forms.Ignored, Lost: forms.Lost, Skipped: forms.Skipped, Problems: forms.Problems, Columns: forms.Columns,
	}
	if u.State == Changed {
		u.State = done
	}
	var err error
	u.Files, err = diffs(res)
	return u, err
}

// Served gives the IDs of the findings that a change is for. shared says that it is for all that
// are rewritten: the change is the helper's own file.
func Served(res *pipeline.Result, c change.Change) (findings []string, shared bool) {
	if len(c.Findings) == 0 {
		vendor := filepath.Join(res.Module.Root, "vendor") + string(filepath.Separator)
		shared = filepath.Ext(c.Path) == ".go" && !strings.HasPrefix(c.Path, vendor)
	}
	if len(c.Findings) == 0 && !shared { // go.mod and what follows from it
		for _, b := range res.Bumps {
			if action(b) == modbump.Bump {
				findings = append(findings, b.ID)
			}
		}
		return findings, false
	}
	mine := map[*finding.Finding]bool{}
	for _, f := range c.Findings {
		mine[f] = true
	}
	for _, f := range res.Findings {
		if f.Tier > finding.Refuse && (shared || mine[f]) {
			findings = append(findings, f.ID)
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
	if f.NotHigher != nil {
		return append(f.Refused[:len(f.Refused):len(f.Refused)], *f.NotHigher)
	}
	return f.Refused
}

// columns finds the positions whose columns are others in characters.
func (f *Forms) columns(res *pipeline.Result) map[string]int {
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
	for _, found := range [][]Finding{f.Bumps, f.Findings, f.Ignored} {
		for _, f := range found {
			for _, place := range f.places() {
				add(place)
			}
		}
	}
	for _, t := range f.Lost {
		add(fmt.Sprintf("%s:%d:%d", t.Path, t.Line, t.Col))
	}
	for _, s := range f.Skipped {
		add(fmt.Sprintf("%s:%d:%d", s.Path, s.Line, s.Col))
	}
	for _, p := range f.Problems {
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
	for _, c := range res.Written() {
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
		if data, err := modules.ReadFile(file, rooted.GoFile); err == nil {
			lines = bytes.Split(data, []byte("\n"))
		}
		s.lines[name] = lines
	}
	if line > len(lines) || col-1 > len(lines[line-1]) {
		return col
	}
	return 1 + utf8.RuneCount(lines[line-1][:col-1])
}
